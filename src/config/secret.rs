//! A secret that nothing prints.

use std::fmt;

use subtle::ConstantTimeEq;

/// A key or token. `Debug` prints no part of it, there is no `Display` and no `Serialize`, and it compares in constant time.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(value: impl Into<Box<str>>) -> Secret {
        Secret(value.into())
    }

    /// The secret itself; the name is long so that each use is seen.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the two are equal, in time that depends on their lengths only.
    #[must_use]
    pub fn matches(&self, presented: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(presented).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
