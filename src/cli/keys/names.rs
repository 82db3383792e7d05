//! From what a user calls a key to its id, and back.

use std::collections::HashMap;

use serde::Deserialize;

use super::MAX_KEYS;
use crate::cli::failure::Failure;
use crate::cli::figures::clean;
use crate::cli::remote::{Path, Remote};
use crate::keys::KeyId;

/// What is needed of a key to name it.
#[derive(Deserialize)]
struct Named {
    id: String,
    label: String,
    #[serde(default)]
    revoked_at: Option<u64>,
}

fn all(remote: &Remote) -> Result<Vec<Named>, Failure> {
    let path = Path { segments: &["admin", "keys"], query: &[("include_revoked", "true")] };
    let mut keys = Vec::new();
    remote.pages(path, "after", MAX_KEYS, |page| {
        for item in page {
            keys.push(serde_json::from_str(item.get())?);
        }
        Ok(())
    })?;
    Ok(keys)
}

/// The id of the key that is named by its id or its label. Labels of revoked keys count only where no other key has them.
pub(in crate::cli) fn find(remote: &Remote, name: &str) -> Result<String, Failure> {
    if KeyId::parse(name).is_some() {
        return Ok(name.to_owned());
    }
    pick(&all(remote)?, name)
}

fn pick(keys: &[Named], name: &str) -> Result<String, Failure> {
    let labelled = |revoked: bool| -> Vec<&Named> {
        keys.iter().filter(|key| key.label == name && key.revoked_at.is_some() == revoked).collect()
    };
    let mut found = labelled(false);
    if found.is_empty() {
        found = labelled(true);
    }
    match found.as_slice() {
        [key] => Ok(key.id.clone()),
        [] => Err(Failure::Said(format!(
            "no key has the id or the label `{}`; `ovth keys list` shows them all",
            clean(name)
        ))),
        several => {
            let ids: Vec<&str> = several.iter().map(|key| key.id.as_str()).collect();
            Err(Failure::Said(format!(
                "{} keys have the label `{}`; name one by its id: {}",
                several.len(),
                clean(name),
                clean(&ids.join(", "))
            )))
        }
    }
}

/// Labels by id, for tables.
#[derive(Default)]
pub(in crate::cli) struct Names(HashMap<String, String>);

impl Names {
    /// Asks for all of them. Tables do without where they cannot be had.
    pub(in crate::cli) fn of(remote: &Remote) -> Names {
        Names(all(remote).unwrap_or_default().into_iter().map(|key| (key.id, key.label)).collect())
    }

    /// Label and id of a key.
    pub(in crate::cli) fn show(&self, id: &str) -> String {
        self.0.get(id).map_or_else(|| id.to_owned(), |label| format!("{label} ({id})"))
    }

    /// The label of a key, or its id.
    pub(in crate::cli) fn label(&self, id: &str) -> String {
        self.0.get(id).map_or(id, String::as_str).to_owned()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn key(id: &str, label: &str, revoked: bool) -> Named {
        Named { id: id.into(), label: label.into(), revoked_at: revoked.then_some(1) }
    }

    #[test]
    fn a_label_must_be_of_one_key() {
        let keys =
            [key("key_1", "a", false), key("key_2", "a", true), key("key_3", "b", false), key("key_4", "b", false)];
        assert_eq!(pick(&keys, "a").unwrap(), "key_1", "the revoked one does not count");
        let error = pick(&keys, "b").unwrap_err().to_string();
        assert!(error.contains("key_3, key_4"), "{error}");
        assert!(pick(&keys, "c\u{1b}").unwrap_err().to_string().contains("`c\\u{1b}`"));
        assert_eq!(pick(&[key("key_9", "old", true)], "old").unwrap(), "key_9");
    }
}
