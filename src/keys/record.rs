//! Keys as rows of the database: id -> JSON, so that a later release can add a field.

use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use crate::config::Globs;

use super::limits::LimitsRow;
use super::secret::Digest;
use super::{Key, KeyId, KeySettings, KeysError, Label};

const KEYS: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("keys");

/// What is absent is as the configuration has it, or has not happened.
#[derive(Serialize, Deserialize)]
struct Row {
    label: String,
    /// At the top, where the first release had the only limit it knew.
    #[serde(flatten)]
    limits: LimitsRow,
    #[serde(default, skip_serializing_if = "LimitsRow::is_empty")]
    per_end_user: LimitsRow,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    routes: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    models: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
    created_at: u64,
    /// Of the whole secret, prefix included; base64url.
    sha256: String,
}

pub(super) fn create_table(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(KEYS)?;
    Ok(())
}

/// All rows, undecoded.
pub(super) fn rows(transaction: &ReadTransaction) -> Result<Vec<(String, Vec<u8>)>, redb::Error> {
    let table = transaction.open_table(KEYS)?;
    let mut rows = Vec::new();
    for entry in table.iter()? {
        let (id, row) = entry?;
        rows.push((id.value().to_owned(), row.value().to_owned()));
    }
    Ok(rows)
}

/// Adds a row; false when there is one with that id, which stays as it is.
pub(super) fn insert(transaction: &WriteTransaction, id: &KeyId, row: &[u8]) -> Result<bool, redb::Error> {
    let mut table = transaction.open_table(KEYS)?;
    if table.get(id.as_str())?.is_some() {
        return Ok(false);
    }
    table.insert(id.as_str(), row)?;
    Ok(true)
}

pub(super) fn encode(key: &Key) -> Vec<u8> {
    let patterns = |globs: &Option<Globs>| globs.as_ref().map(|globs| globs.patterns().collect());
    let row = Row {
        label: key.label.as_str().to_owned(),
        limits: LimitsRow::of(&key.settings.limits),
        per_end_user: LimitsRow::of(&key.settings.per_end_user),
        routes: patterns(&key.settings.routes),
        models: patterns(&key.settings.models),
        expires_at: key.settings.expires_at,
        strict: key.settings.strict,
        created_at: key.created_at,
        sha256: key.digest.to_text(),
    };
    serde_json::to_vec(&row).expect("a row of strings and numbers can be written as JSON")
}

pub(super) fn decode(id: &str, row: &[u8]) -> Result<Key, KeysError> {
    let broken = |reason: &str| KeysError::Record { id: id.to_owned(), reason: reason.to_owned() };
    let row: Row = serde_json::from_slice(row).map_err(|error| broken(&error.to_string()))?;
    let globs = |patterns: Option<Vec<String>>| patterns.map(|list| Globs::new(list.iter().map(String::as_str)));
    Ok(Key {
        id: KeyId::parse(id).ok_or_else(|| broken("its id is not one"))?,
        label: Label::parse(&row.label).map_err(|error| broken(&format!("its label {error}")))?,
        settings: KeySettings {
            limits: row.limits.allowance(),
            per_end_user: row.per_end_user.allowance(),
            routes: globs(row.routes),
            models: globs(row.models),
            expires_at: row.expires_at,
            strict: row.strict,
        },
        created_at: row.created_at,
        digest: Digest::from_text(&row.sha256).ok_or_else(|| broken("its hash is not one"))?,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use crate::config::{Allowance, Cap};

    use super::*;

    const ID: &str = "key_0123456789abcdef";

    #[test]
    fn rows_of_the_first_release_and_rows_with_more_fields_are_read() {
        let digest = Digest::of(b"x").to_text();
        let first = format!(r#"{{"label":"cursor","daily_tokens":100000,"created_at":1,"sha256":"{digest}"}}"#);
        let unlimited = format!(r#"{{"label":"cursor","daily_tokens":null,"created_at":1,"sha256":"{digest}"}}"#);
        let later = format!(r#"{{"label":"cursor","created_at":1,"sha256":"{digest}","colour":9}}"#);
        let key = decode(ID, first.as_bytes()).unwrap();
        let limits = Allowance { daily_tokens: Some(Cap::At(100_000)), ..Allowance::default() };
        assert_eq!(key.settings, KeySettings { limits, ..KeySettings::default() });
        assert_eq!(encode(&key), first.as_bytes());
        for row in [unlimited, later] {
            assert_eq!(decode(ID, row.as_bytes()).unwrap().settings, KeySettings::default());
        }
    }

    #[test]
    fn a_row_holds_all_settings() {
        let digest = Digest::of(b"x").to_text();
        let row = format!(
            "{{\"label\":\"cursor\",\"daily_tokens\":\"unlimited\",\"monthly_pico_usd\":12500000000000,\
             \"per_end_user\":{{\"requests_per_minute\":3}},\"routes\":[\"*\"],\"models\":[\"gpt-*\",\"a/?\"],\
             \"expires_at\":9,\"strict\":true,\"created_at\":1,\"sha256\":\"{digest}\"}}"
        );
        let key = decode(ID, row.as_bytes()).unwrap();
        assert_eq!(key.settings.limits.daily_tokens, Some(Cap::Unlimited));
        assert_eq!(key.settings.limits.monthly_usd, Some(Cap::At(12_500_000_000_000)));
        assert_eq!(key.settings.per_end_user.requests_per_minute, Some(Cap::At(3)));
        assert!(key.settings.models.as_ref().unwrap().fit("a/b"));
        assert_eq!(String::from_utf8(encode(&key)).unwrap(), row);
    }

    #[test]
    fn a_broken_row_is_named() {
        let error = decode(ID, br#"{"label":"a","created_at":1,"sha256":"?"}"#).unwrap_err();
        assert!(error.to_string().contains(ID), "{error}");
        assert!(decode("other", br#"{"label":"a","created_at":1,"sha256":""}"#).is_err());
        assert!(decode(ID, b"").is_err());
        let digest = Digest::of(b"x").to_text();
        for limit in ["0", "-1", "1.5", "\"many\"", "true"] {
            let row = format!(r#"{{"label":"a","daily_tokens":{limit},"created_at":1,"sha256":"{digest}"}}"#);
            assert!(decode(ID, row.as_bytes()).is_err(), "{limit}");
        }
    }
}
