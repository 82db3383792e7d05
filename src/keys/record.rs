//! Keys as rows of the database: id -> JSON, so that a later release can add a field.

use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use crate::config::Globs;

use super::key::{LastUse, Previous};
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
    /// Absent in rows of the first release.
    #[serde(default, skip_serializing_if = "is_zero")]
    number: u64,
    created_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotated_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<PreviousRow>,
    /// Of the whole secret, prefix included; base64url.
    sha256: String,
}

#[derive(Serialize, Deserialize)]
struct PreviousRow {
    sha256: String,
    valid_until: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
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

/// The row of that key, undecoded.
pub(super) fn get(transaction: &WriteTransaction, id: &KeyId) -> Result<Option<Vec<u8>>, redb::Error> {
    let table = transaction.open_table(KEYS)?;
    Ok(table.get(id.as_str())?.map(|row| row.value().to_owned()))
}

/// Writes the row of a key, over the one that it has.
pub(super) fn put(transaction: &WriteTransaction, key: &Key) -> Result<(), redb::Error> {
    put_row(transaction, &key.id, &encode(key))
}

pub(super) fn put_row(transaction: &WriteTransaction, id: &KeyId, row: &[u8]) -> Result<(), redb::Error> {
    transaction.open_table(KEYS)?.insert(id.as_str(), row)?;
    Ok(())
}

fn encode(key: &Key) -> Vec<u8> {
    let patterns = |globs: &Option<Globs>| globs.as_ref().map(|globs| globs.patterns().collect());
    let row = Row {
        label: key.label.as_str().to_owned(),
        limits: LimitsRow::of(&key.settings.limits),
        per_end_user: LimitsRow::of(&key.settings.per_end_user),
        routes: patterns(&key.settings.routes),
        models: patterns(&key.settings.models),
        expires_at: key.settings.expires_at,
        strict: key.settings.strict,
        number: key.number,
        created_at: key.created_at,
        rotated_at: key.rotated_at,
        revoked_at: key.revoked_at,
        previous: key
            .previous
            .map(|previous| PreviousRow { sha256: previous.digest.to_text(), valid_until: previous.valid_until }),
        sha256: key.digest.to_text(),
    };
    serde_json::to_vec(&row).expect("a row of strings and numbers can be written as JSON")
}

/// Reads a row. `used` is the word for the last use of that key, which is not on disk.
pub(super) fn decode(id: &str, row: &[u8], used: LastUse) -> Result<Key, KeysError> {
    let broken = |reason: &str| KeysError::Record { id: id.to_owned(), reason: reason.to_owned() };
    let row: Row = serde_json::from_slice(row).map_err(|error| broken(&error.to_string()))?;
    let globs = |patterns: Option<Vec<String>>| patterns.map(|list| Globs::new(list.iter().map(String::as_str)));
    let digest = |text: &str| Digest::from_text(text).ok_or_else(|| broken("its hash is not one"));
    let previous =
        |row: PreviousRow| Ok::<_, KeysError>(Previous { digest: digest(&row.sha256)?, valid_until: row.valid_until });
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
        number: row.number,
        created_at: row.created_at,
        rotated_at: row.rotated_at,
        revoked_at: row.revoked_at,
        previous: row.previous.map(previous).transpose()?,
        digest: digest(&row.sha256)?,
        used,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use crate::config::{Allowance, Cap};

    use super::*;

    fn read(id: &str, row: &[u8]) -> Result<Key, KeysError> {
        decode(id, row, LastUse::default())
    }

    const ID: &str = "key_0123456789abcdef";

    #[test]
    fn rows_of_the_first_release_and_rows_with_more_fields_are_read() {
        let digest = Digest::of(b"x").to_text();
        let first = format!(r#"{{"label":"cursor","daily_tokens":100000,"created_at":1,"sha256":"{digest}"}}"#);
        let unlimited = format!(r#"{{"label":"cursor","daily_tokens":null,"created_at":1,"sha256":"{digest}"}}"#);
        let later = format!(r#"{{"label":"cursor","created_at":1,"sha256":"{digest}","colour":9}}"#);
        let key = read(ID, first.as_bytes()).unwrap();
        let limits = Allowance { daily_tokens: Some(Cap::At(100_000)), ..Allowance::default() };
        assert_eq!(key.settings, KeySettings { limits, ..KeySettings::default() });
        assert_eq!(encode(&key), first.as_bytes());
        for row in [unlimited, later] {
            assert_eq!(read(ID, row.as_bytes()).unwrap().settings, KeySettings::default());
        }
    }

    #[test]
    fn a_row_holds_all_settings() {
        let digest = Digest::of(b"x").to_text();
        let row = format!(
            "{{\"label\":\"cursor\",\"daily_tokens\":\"unlimited\",\"monthly_pico_usd\":12500000000000,\
             \"per_end_user\":{{\"requests_per_minute\":3}},\"routes\":[\"*\"],\"models\":[\"gpt-*\",\"a/?\"],\
             \"expires_at\":9,\"strict\":true,\"number\":7,\"created_at\":1,\"rotated_at\":2,\"revoked_at\":3,\
             \"previous\":{{\"sha256\":\"{digest}\",\"valid_until\":4}},\"sha256\":\"{digest}\"}}"
        );
        let key = read(ID, row.as_bytes()).unwrap();
        assert_eq!(key.settings.limits.daily_tokens, Some(Cap::Unlimited));
        assert_eq!(key.settings.limits.monthly_usd, Some(Cap::At(12_500_000_000_000)));
        assert_eq!(key.settings.per_end_user.requests_per_minute, Some(Cap::At(3)));
        assert!(key.settings.models.as_ref().unwrap().fit("a/b"));
        assert_eq!(String::from_utf8(encode(&key)).unwrap(), row);
    }

    #[test]
    fn a_broken_row_is_named() {
        let error = read(ID, br#"{"label":"a","created_at":1,"sha256":"?"}"#).unwrap_err();
        assert!(error.to_string().contains(ID), "{error}");
        assert!(read("other", br#"{"label":"a","created_at":1,"sha256":""}"#).is_err());
        assert!(read(ID, b"").is_err());
        let digest = Digest::of(b"x").to_text();
        for limit in ["0", "-1", "1.5", "\"many\"", "true"] {
            let row = format!(r#"{{"label":"a","daily_tokens":{limit},"created_at":1,"sha256":"{digest}"}}"#);
            assert!(read(ID, row.as_bytes()).is_err(), "{limit}");
        }
    }
}
