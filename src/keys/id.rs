//! The public name of a key.

use std::fmt;
use std::sync::Arc;

const PREFIX: &str = "key_";
const RANDOM_BYTES: usize = 8;

/// Names a key: `key_` and 16 hexadecimal digits. No secret; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// Reads an id as it is written; none when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<KeyId> {
        let digits = text.strip_prefix(PREFIX)?;
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (digits.len() == 2 * RANDOM_BYTES && digits.bytes().all(lower_hex)).then(|| KeyId(text.into()))
    }

    /// The id as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn generate() -> Result<KeyId, getrandom::Error> {
        Ok(KeyId(format!("{PREFIX}{:016x}", getrandom::u64()?).into()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_new_id_reads_as_itself() {
        let id = KeyId::generate().unwrap();
        assert_eq!(KeyId::parse(id.as_str()), Some(id.clone()));
        assert_ne!(id, KeyId::generate().unwrap());
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in [
            "",
            "key_",
            "gateway",
            "key_0123456789abcde",
            "key_0123456789abcdef0",
            "key_0123456789ABCDEF",
            "key_é123456789abcde",
        ] {
            assert_eq!(KeyId::parse(text), None, "{text}");
        }
    }
}
