//! A provider's list of its models, page by page, in whatever form it has one.

use std::collections::HashSet;

use serde::Deserialize;

/// One page of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// The models' ids, as the provider writes them.
    pub(super) ids: Vec<String>,
    /// The parameter that asks for the next page, with its value.
    pub(super) next: Option<(&'static str, String)>,
}

/// OpenAI and its like: `data`; Anthropic: `data` with `has_more` and `last_id`; Google: `models` with `nextPageToken`; some
/// hosts: a bare array.
#[derive(Deserialize)]
#[serde(untagged)]
enum Wire {
    Object(Object),
    Bare(Vec<Item>),
}

#[derive(Deserialize)]
struct Object {
    #[serde(alias = "models")]
    data: Vec<Item>,
    #[serde(default)]
    has_more: bool,
    #[serde(default)]
    last_id: Option<String>,
    #[serde(default, rename = "nextPageToken")]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(alias = "name")]
    id: String,
}

impl Page {
    /// Reads the body of one answer.
    pub(super) fn read(body: &str) -> Result<Page, serde_json::Error> {
        let object = match serde_json::from_str(body)? {
            Wire::Object(object) => object,
            Wire::Bare(data) => Object { data, has_more: false, last_id: None, next_page_token: None },
        };
        let next = match (object.next_page_token, object.last_id) {
            (Some(token), _) if !token.is_empty() => Some(("pageToken", token)),
            (_, Some(last)) if object.has_more => Some(("after_id", last)),
            _ => None,
        };
        Ok(Page { ids: object.data.into_iter().map(|item| item.id).collect(), next })
    }
}

/// The ids of a whole list, and what else they answer to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Models {
    count: usize,
    names: HashSet<String>,
}

impl Models {
    pub(super) fn add(&mut self, id: &str) {
        let id = id.strip_prefix("models/").unwrap_or(id).to_lowercase();
        self.count += 1;
        // Lists have dated ids only where requests also take the name without a date.
        if let Some(undated) = undated(&id) {
            self.names.insert(undated.to_owned());
        }
        self.names.insert(id);
    }

    /// How many models the list has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Every name, in lower case.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Whether the list has a model of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let name = name.strip_prefix("models/").unwrap_or(name);
        self.names.contains(&name.to_lowercase())
    }
}

/// `claude-haiku-4-5-20251001` and `gpt-4o-2024-08-06` without their dates.
fn undated(id: &str) -> Option<&str> {
    let is_date = |text: &str| text.len() == 8 && text.starts_with("20") && text.bytes().all(|b| b.is_ascii_digit());
    let compact = id.rsplit_once('-').filter(|(_, date)| is_date(date)).map(|(name, _)| name);
    compact.or_else(|| {
        let start = id.len().checked_sub("-2024-08-06".len()).filter(|start| *start > 0)?;
        let (name, date) = id.split_at_checked(start)?;
        let digits: String = date.split('-').collect();
        (date.starts_with('-') && date.matches('-').count() == 3 && is_date(&digits)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn every_form_of_a_list_is_read() {
        let cases = [
            (r#"{"object":"list","data":[{"id":"gpt-5","object":"model"}]}"#, vec!["gpt-5"], None),
            (
                r#"{"data":[{"type":"model","id":"claude-x"}],"has_more":true,"last_id":"claude-x"}"#,
                vec!["claude-x"],
                Some(("after_id", "claude-x")),
            ),
            (r#"{"data":[{"id":"claude-x"}],"has_more":false,"last_id":"claude-x"}"#, vec!["claude-x"], None),
            (
                r#"{"models":[{"name":"models/gemini-x"}],"nextPageToken":"t"}"#,
                vec!["models/gemini-x"],
                Some(("pageToken", "t")),
            ),
            (r#"[{"id":"a"},{"id":"b"}]"#, vec!["a", "b"], None),
            (r#"{"data":[]}"#, vec![], None),
        ];
        for (body, ids, next) in cases {
            let page = Page::read(body).unwrap();
            assert_eq!(page.ids, ids, "{body}");
            assert_eq!(page.next, next.map(|(name, value)| (name, value.to_owned())), "{body}");
        }
        for body in ["", "[1]", r#"{"data":"x"}"#, r#"{"error":{"message":"no"}}"#, "<html>"] {
            assert!(Page::read(body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_model_is_found_with_and_without_its_date() {
        let mut models = Models::default();
        for id in ["claude-haiku-4-5-20251001", "gpt-4o-2024-08-06", "models/Gemini-X", "gpt-4-0613"] {
            models.add(id);
        }
        assert_eq!(models.count(), 4);
        for name in ["claude-haiku-4-5", "claude-haiku-4-5-20251001", "gpt-4o", "gemini-x", "models/gemini-x"] {
            assert!(models.has(name), "{name}");
        }
        for name in ["claude-haiku-4", "gpt-4", "gpt-4o-2024-05-13", ""] {
            assert!(!models.has(name), "{name}");
        }
    }
}
