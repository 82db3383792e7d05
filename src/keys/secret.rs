//! The secret part of a key: how one is made, and the hash that is all the gateway keeps of it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::config::Secret;

/// Tells a key of this gateway from a provider's, for people and for scanners of leaked secrets.
pub const KEY_PREFIX: &str = "ovth_live_";
const RANDOM_BYTES: usize = 32;
/// 32 bytes in base64 without padding.
const RANDOM_CHARS: usize = 43;
const DIGEST_BYTES: usize = 32;

/// A new secret: the prefix and 256 random bits in base64url, 53 characters in all.
pub(super) fn generate() -> Result<Secret, getrandom::Error> {
    let mut random = [0; RANDOM_BYTES];
    getrandom::fill(&mut random)?;
    Ok(from_bytes(random))
}

/// The secret made of those bytes, which nobody must be able to guess.
pub(super) fn from_bytes(bytes: [u8; RANDOM_BYTES]) -> Secret {
    let mut text = String::with_capacity(KEY_PREFIX.len() + RANDOM_CHARS);
    text.push_str(KEY_PREFIX);
    URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
    Secret::new(text)
}

/// Whether it could be one of ours: spares the hashing of long nonsense.
pub(super) fn is_well_formed(presented: &[u8]) -> bool {
    presented.len() == KEY_PREFIX.len() + RANDOM_CHARS && presented.starts_with(KEY_PREFIX.as_bytes())
}

/// SHA-256 of a secret.
///
/// A plain, fast hash is right here, where it would be wrong for a password: slow and salted hashes make guessing
/// dearer, and 256 random bits cannot be guessed at any price. A slow one would only add its cost to every request.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; DIGEST_BYTES]);

impl Digest {
    pub(super) fn of(secret: &[u8]) -> Digest {
        Digest(<Sha256 as sha2::Digest>::digest(secret).into())
    }

    /// Whether the two are equal, in constant time.
    pub(super) fn matches(&self, other: &Digest) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    pub(super) fn first_byte(&self) -> u8 {
        let [first, ..] = self.0;
        first
    }

    pub(super) fn bytes(&self) -> &[u8; DIGEST_BYTES] {
        &self.0
    }

    pub(super) fn from_bytes(bytes: [u8; DIGEST_BYTES]) -> Digest {
        Digest(bytes)
    }

    pub(super) fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub(super) fn from_text(text: &str) -> Option<Digest> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Digest)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_secret_has_its_prefix_and_length_and_is_never_the_same() {
        let secret = generate().unwrap();
        assert!(secret.expose().starts_with("ovth_live_"));
        assert_eq!(secret.expose().len(), 53);
        assert!(is_well_formed(secret.expose().as_bytes()));
        assert_ne!(secret.expose(), generate().unwrap().expose());
    }

    #[test]
    fn pitfall_111_keys_are_the_same_when_every_byte_of_their_hashes_is() {
        // `matches` looks at all bytes whatever it finds: it is `subtle`'s comparison, and no other decides (`KeyStore::authenticate`).
        let digest = Digest::of(b"abc");
        assert!(digest.matches(&Digest::of(b"abc")));
        for at in 0..DIGEST_BYTES {
            let mut other = *digest.bytes();
            other.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1);
            assert!(!digest.matches(&Digest::from_bytes(other)), "byte {at}");
        }
    }

    #[test]
    fn the_hash_is_sha_256_and_survives_its_text_form() {
        // The test vector "abc" of FIPS 180-2, appendix B.1.
        let digest = Digest::of(b"abc");
        assert_eq!(digest.0.get(..4), Some(&[0xba, 0x78, 0x16, 0xbf][..]));
        assert_eq!(Digest::from_text(&digest.to_text()), Some(digest));
        for text in ["", "abc", "ungültig", &"A".repeat(44)] {
            assert_eq!(Digest::from_text(text), None, "{text}");
        }
    }
}
