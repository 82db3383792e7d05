//! The bodies of `GET /v1/models` and `/v1/models/{id}`, in OpenAI's form (with a hosted router's fields), in Anthropic's and in Google's.

mod google;
mod router;

use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;

pub use google::{GooglePage, google_list, google_model};
pub use router::{
    Figures, ModelsQuery, Place, Priced, listed_model, router_count, router_endpoints, router_list, router_model,
    router_no_endpoints, router_providers,
};

use super::{Catalog, Date, Kind, Model, Status};

/// Who owns a route.
const ROUTE_OWNER: &str = "ovth";

/// Entries on a page when the client does not say: <https://docs.claude.com/en/api/models-list>.
const DEFAULT_PAGE: usize = 20;

/// The most entries a client may ask for.
const MAX_PAGE: usize = 1000;

/// A name that a client may send as `model`.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A route of the configuration.
    Route(Arc<str>),
    /// A model of the catalogue.
    Model(Arc<Model>),
    /// A model that only the configuration knows of.
    Listed {
        /// Its id.
        id: Arc<str>,
        /// Who serves it.
        provider: Arc<str>,
    },
}

impl Entry {
    /// The name.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Entry::Route(name) => name,
            Entry::Model(model) => &model.id,
            Entry::Listed { id, .. } => id,
        }
    }

    fn model(&self) -> Option<&Model> {
        match self {
            Entry::Route(_) | Entry::Listed { .. } => None,
            Entry::Model(model) => Some(model),
        }
    }

    fn embeds(&self) -> bool {
        self.model().is_some_and(|model| model.kind == Kind::Embedding)
    }

    fn owner(&self) -> &str {
        match self {
            Entry::Route(_) => ROUTE_OWNER,
            Entry::Model(model) => &model.provider,
            Entry::Listed { provider, .. } => provider,
        }
    }

    fn released(&self) -> Option<Date> {
        self.model().and_then(|model| model.released)
    }
}

/// The entry that a client means by this name: an exact one, else the model that the catalogue knows by it.
#[must_use]
pub fn find<'e>(entries: &'e [Entry], catalog: &Catalog, name: &str) -> Option<&'e Entry> {
    entries.iter().find(|entry| entry.id() == name).or_else(|| {
        catalog.named(name).into_iter().find_map(|model| {
            entries.iter().find(|entry| matches!(entry, Entry::Model(listed) if Arc::ptr_eq(listed, model)))
        })
    })
}

/// A page of Anthropic's list of models, which has none that embed text: <https://docs.claude.com/en/api/models-list>.
///
/// # Errors
/// When the page begins or ends at an id that is not in the list.
pub fn anthropic_list(entries: &[Entry], page: &Page) -> Result<Vec<u8>, PageError> {
    let all: Vec<&Entry> = distinct(entries).filter(|entry| !entry.embeds()).collect();
    let position =
        |id: &str| all.iter().position(|entry| entry.id() == id).ok_or_else(|| PageError::UnknownId(id.into()));
    let (shown, has_more) = match &page.cursor {
        Cursor::Start => page_after(&all, page.limit),
        Cursor::After(id) => page_after(all.get(position(id)? + 1..).unwrap_or_default(), page.limit),
        Cursor::Before(id) => page_before(all.get(..position(id)?).unwrap_or_default(), page.limit),
    };
    Ok(encode(&AnthropicList {
        data: shown.iter().copied().map(AnthropicModel::of).collect(),
        has_more,
        first_id: shown.first().map(|entry| entry.id()),
        last_id: shown.last().map(|entry| entry.id()),
    }))
}

/// One model in Anthropic's form.
#[must_use]
pub fn anthropic_model(entry: &Entry) -> Vec<u8> {
    encode(&AnthropicModel::of(entry))
}

/// Which part of Anthropic's list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    cursor: Cursor,
    limit: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cursor {
    Start,
    After(Box<str>),
    Before(Box<str>),
}

impl Default for Page {
    fn default() -> Page {
        Page { cursor: Cursor::Start, limit: DEFAULT_PAGE }
    }
}

impl Page {
    /// Reads `limit`, `after_id` and `before_id` from the query of a request; other parameters are ignored.
    ///
    /// # Errors
    /// When `limit` is not a number from 1 to 1000, or both ends are given.
    pub fn from_query(query: Option<&str>) -> Result<Page, PageError> {
        let mut page = Page::default();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let cursor = match &*name {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MAX_PAGE).contains(limit));
                    page.limit = limit.ok_or_else(|| PageError::Limit(value.into()))?;
                    continue;
                }
                "after_id" => Cursor::After(value.into()),
                "before_id" => Cursor::Before(value.into()),
                _ => continue,
            };
            if page.cursor != Cursor::Start {
                return Err(PageError::BothEnds);
            }
            page.cursor = cursor;
        }
        Ok(page)
    }
}

/// Why a page cannot be shown; the client's fault, a 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The number of entries is none.
    #[error("limit: `{0}` is not a number from 1 to {MAX_PAGE}")]
    Limit(Box<str>),
    /// `after_id` or `before_id` came more than once, or both did.
    #[error("give one of after_id and before_id, once")]
    BothEnds,
    /// The number of entries of a page of Google's list is none.
    #[error("pageSize: `{0}` is not a number of models")]
    Size(Box<str>),
    /// The token is none that Google's list gives.
    #[error("pageToken: `{0}` is not the nextPageToken of another page; ask for the first page without one")]
    Token(Box<str>),
    /// The page is to begin or end at an unknown model.
    #[error("`{0}` is not in the list of models")]
    UnknownId(Box<str>),
}

fn page_after<'s, 'e>(rest: &'s [&'e Entry], limit: usize) -> (&'s [&'e Entry], bool) {
    let (shown, more) = rest.split_at_checked(limit).unwrap_or((rest, &[]));
    (shown, !more.is_empty())
}

fn page_before<'s, 'e>(rest: &'s [&'e Entry], limit: usize) -> (&'s [&'e Entry], bool) {
    let (more, shown) = rest.split_at_checked(rest.len().saturating_sub(limit)).unwrap_or((&[], rest));
    (shown, !more.is_empty())
}

/// Each name once: two providers may serve a model under the same id, and a route may be called like a model.
pub(crate) fn distinct(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    let mut seen = HashSet::with_capacity(entries.len());
    entries.iter().filter(move |entry| seen.insert(entry.id()))
}

fn encode(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("strings, numbers and flags always serialise")
}

#[derive(Serialize)]
struct AnthropicList<'a> {
    data: Vec<AnthropicModel<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

#[derive(Serialize)]
struct AnthropicModel<'a> {
    r#type: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: String,
    lifecycle: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
}

impl<'a> AnthropicModel<'a> {
    fn of(entry: &'a Entry) -> AnthropicModel<'a> {
        let model = entry.model();
        let created = entry.released().unwrap_or_else(|| Date::from_unix_seconds(0));
        AnthropicModel {
            r#type: "model",
            id: entry.id(),
            display_name: model.map_or(entry.id(), Model::display_name),
            created_at: format!("{created}T00:00:00Z"),
            lifecycle: match model.map(|model| model.status) {
                Some(Status::Deprecated) => "deprecated",
                Some(Status::Retired) => "retired",
                Some(Status::Current | Status::Preview | Status::Unconfirmed) | None => "active",
            },
            max_input_tokens: model.and_then(|model| model.max_input_tokens.or(model.context_window)),
            max_tokens: model.and_then(|model| model.max_output_tokens),
        }
    }
}

#[cfg(test)]
mod tests;
