//! Keys as rows of the database: id -> JSON, so that a later release can add a field.

use std::num::NonZeroU64;

use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::secret::Digest;
use super::{Key, KeyId, KeysError, Label};

const KEYS: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("keys");

#[derive(Serialize, Deserialize)]
struct Row {
    label: String,
    #[serde(default)]
    daily_tokens: Option<NonZeroU64>,
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
    let row = Row {
        label: key.label.as_str().to_owned(),
        daily_tokens: key.daily_tokens,
        created_at: key.created_at,
        sha256: key.digest.to_text(),
    };
    serde_json::to_vec(&row).expect("a row of strings and numbers can be written as JSON")
}

pub(super) fn decode(id: &str, row: &[u8]) -> Result<Key, KeysError> {
    let broken = |reason: &str| KeysError::Record { id: id.to_owned(), reason: reason.to_owned() };
    let row: Row = serde_json::from_slice(row).map_err(|error| broken(&error.to_string()))?;
    Ok(Key {
        id: KeyId::parse(id).ok_or_else(|| broken("its id is not one"))?,
        label: Label::parse(&row.label).map_err(|error| broken(&format!("its label {error}")))?,
        daily_tokens: row.daily_tokens,
        created_at: row.created_at,
        digest: Digest::from_text(&row.sha256).ok_or_else(|| broken("its hash is not one"))?,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn rows_of_the_first_release_and_rows_with_more_fields_are_read() {
        let digest = Digest::of(b"x").to_text();
        let first = format!(r#"{{"label":"cursor","daily_tokens":100000,"created_at":1,"sha256":"{digest}"}}"#);
        let later = format!(r#"{{"label":"cursor","created_at":1,"sha256":"{digest}","expires_at":9}}"#);
        let key = decode("key_0123456789abcdef", first.as_bytes()).unwrap();
        assert_eq!(key.daily_tokens, NonZeroU64::new(100_000));
        assert_eq!(encode(&key), first.as_bytes());
        assert_eq!(decode("key_0123456789abcdef", later.as_bytes()).unwrap().daily_tokens, None);
    }

    #[test]
    fn a_broken_row_is_named() {
        let error = decode("key_0123456789abcdef", br#"{"label":"a","created_at":1,"sha256":"?"}"#).unwrap_err();
        assert!(error.to_string().contains("key_0123456789abcdef"), "{error}");
        assert!(decode("other", br#"{"label":"a","created_at":1,"sha256":""}"#).is_err());
        assert!(decode("key_0123456789abcdef", b"").is_err());
    }
}
