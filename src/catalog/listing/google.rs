//! The list of models in Google's form: <https://ai.google.dev/api/models>.

use serde::Serialize;

use super::{Entry, MAX_PAGE, PageError, distinct, encode, page_after};
use crate::catalog::{Kind, Model};

/// Entries on a page when the client does not say.
const DEFAULT_PAGE: usize = 50;

const GENERATES: &[&str] = &["generateContent", "countTokens"];
const EMBEDS: &[&str] = &["embedContent", "batchEmbedContents"];

/// Which part of Google's list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GooglePage {
    size: usize,
    /// The last name of the page before.
    after: Option<Box<str>>,
}

impl GooglePage {
    /// Reads `pageSize` and `pageToken` from the query of a request; other parameters are ignored. No size, or 0, is 50; above
    /// 1000 it is 1000, as with Google.
    ///
    /// # Errors
    /// When `pageSize` is no number from 0 up.
    pub fn from_query(query: Option<&str>) -> Result<GooglePage, PageError> {
        let mut page = GooglePage { size: DEFAULT_PAGE, after: None };
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "pageSize" | "page_size" if !value.is_empty() => {
                    let size = value.parse::<u32>().map_err(|_| PageError::Size(value.clone().into()))?;
                    page.size = match usize::try_from(size).unwrap_or(MAX_PAGE) {
                        0 => DEFAULT_PAGE,
                        size => size.min(MAX_PAGE),
                    };
                }
                "pageToken" | "page_token" if !value.is_empty() => page.after = Some(value.into()),
                _ => {}
            }
        }
        Ok(page)
    }
}

/// A page of Google's list of models.
///
/// # Errors
/// When the token is none that this list gives.
pub fn google_list(entries: &[Entry], page: &GooglePage) -> Result<Vec<u8>, PageError> {
    let all: Vec<&Entry> = distinct(entries).collect();
    let begins = match &page.after {
        None => 0,
        Some(id) => {
            let last = all.iter().position(|entry| entry.id() == &**id);
            last.ok_or_else(|| PageError::Token(id.clone()))? + 1
        }
    };
    let (shown, has_more) = page_after(all.get(begins..).unwrap_or_default(), page.size);
    let next_page_token = shown.last().filter(|_| has_more).map(|entry| entry.id());
    Ok(encode(&List { models: shown.iter().copied().map(GoogleModel::of).collect(), next_page_token }))
}

/// One model in Google's form.
#[must_use]
pub fn google_model(entry: &Entry) -> Vec<u8> {
    encode(&GoogleModel::of(entry))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    models: Vec<GoogleModel<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GoogleModel<'a> {
    name: String,
    base_model_id: &'a str,
    version: &'a str,
    display_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_token_limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_token_limit: Option<u64>,
    supported_generation_methods: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<bool>,
}

impl<'a> GoogleModel<'a> {
    fn of(entry: &'a Entry) -> GoogleModel<'a> {
        let model = entry.model();
        let embeds = model.is_some_and(|model| model.kind == Kind::Embedding);
        GoogleModel {
            name: format!("models/{}", entry.id()),
            base_model_id: entry.id(),
            version: "001",
            display_name: model.map_or(entry.id(), Model::display_name),
            input_token_limit: model.and_then(|model| model.max_input_tokens.or(model.context_window)),
            output_token_limit: model.and_then(|model| model.max_output_tokens).filter(|_| !embeds),
            supported_generation_methods: if embeds { EMBEDS } else { GENERATES },
            thinking: model.and_then(|model| model.capabilities.reasoning).filter(|_| !embeds),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::catalog::Catalog;

    fn entries() -> Vec<Entry> {
        let catalog = Catalog::embedded().unwrap();
        let model = |provider: &str, name: &str| Entry::Model(Arc::clone(catalog.lookup(provider, name).unwrap()));
        vec![
            Entry::Route("auto".into()),
            model("google", "gemini-embedding-001"),
            model("anthropic", "claude-haiku-5-5"),
        ]
    }

    fn list(query: &str) -> Result<Value, PageError> {
        let body = google_list(&entries(), &GooglePage::from_query(Some(query))?)?;
        Ok(serde_json::from_slice(&body).unwrap())
    }

    fn names(list: &Value) -> Vec<&str> {
        list["models"].as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap()).collect()
    }

    #[test]
    fn each_name_is_there_with_what_it_can_be_asked_for() {
        let whole = list("").unwrap();
        assert_eq!(names(&whole), ["models/auto", "models/gemini-embedding-001", "models/claude-haiku-5-5"]);
        assert_eq!(whole.get("nextPageToken"), None);
        assert_eq!(
            whole["models"][0],
            json!({"name": "models/auto", "baseModelId": "auto", "version": "001", "displayName": "auto",
                "supportedGenerationMethods": ["generateContent", "countTokens"]})
        );
        assert_eq!(whole["models"][1]["supportedGenerationMethods"], json!(["embedContent", "batchEmbedContents"]));
        assert_eq!(whole["models"][2]["inputTokenLimit"], 1_000_000);
        let one: Value = serde_json::from_slice(&google_model(&entries()[2])).unwrap();
        assert_eq!(one, whole["models"][2]);
    }

    #[test]
    fn pages_follow_each_other() {
        let first = list("pageSize=2").unwrap();
        assert_eq!(names(&first), ["models/auto", "models/gemini-embedding-001"]);
        let token = first["nextPageToken"].as_str().unwrap();
        let second = list(&format!("pageSize=2&pageToken={token}")).unwrap();
        assert_eq!((names(&second), second.get("nextPageToken")), (vec!["models/claude-haiku-5-5"], None));
        assert_eq!(names(&list("pageSize=0").unwrap()).len(), 3);
        assert_eq!(names(&list("pageSize=99999").unwrap()).len(), 3);
        assert_eq!(list("pageSize=-1"), Err(PageError::Size("-1".into())));
        assert_eq!(list("pageToken=nothing"), Err(PageError::Token("nothing".into())));
    }
}
