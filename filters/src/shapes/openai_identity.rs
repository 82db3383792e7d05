//! Whom OpenAI is told that a request is for, in all its shapes.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use crate::neutral::Request;

/// The longest `safety_identifier`, in characters.
const MAX_IDENTIFIER: usize = 64;

/// The name of a user as `safety_identifier` takes it: a long one as its digest.
pub(super) fn identifier(user: &str) -> Cow<'_, str> {
    let is_short = user.chars().count() <= MAX_IDENTIFIER;
    if is_short { Cow::Borrowed(user) } else { Cow::Owned(digest(user)) }
}

/// The cache that a request shares with others. Requests of one user go to the same machines, where their prompts are cached.
pub(super) fn cache_key<'r>(request: &'r Request<'_>) -> Option<Cow<'r, str>> {
    let user = request.end_user.as_deref().filter(|user| !user.is_empty());
    let of_user = || user.map(|user| Cow::Owned(digest(&format!("prompt_cache_key\0{user}"))));
    request.cache_key.as_deref().map(Cow::Borrowed).or_else(of_user)
}

/// SHA-256 in hexadecimal: 64 characters.
fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
