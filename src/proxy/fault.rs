//! A fault that tests ask for, in debug builds only: a panic that holds what the client sent.

use http::HeaderMap;

/// The header that asks for it, with the value `panic`.
const HEADER: &str = "x-ovth-fault";

/// Panics where the client asks for it, with its body in the message, as a bug could. A release has no such header.
#[expect(clippy::panic, reason = "it is what this is for")]
pub(super) fn panic_if_asked(headers: &HeaderMap, body: &[u8]) {
    if cfg!(debug_assertions) && headers.get(HEADER).is_some_and(|value| value == "panic") {
        panic!("a fault that was asked for: {}", String::from_utf8_lossy(body));
    }
}
