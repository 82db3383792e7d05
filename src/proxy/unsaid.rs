//! What no client is told although a provider says it: the operator's credentials, which some errors quote.

use bytes::BytesMut;
use memchr::memmem;
use ovth_filters::neutral::ApiError;

use crate::config::{Provider, Secret, is_credential};
use crate::routing::Target;

/// What is told in place of a credential.
const REDACTED: &str = "[redacted]";

/// Shorter texts are no credentials that anybody gave: they could be part of any word.
const SHORTEST: usize = 8;

/// Takes the credentials of a target's provider out of the body of an error.
pub(super) fn take_out(target: &Target, body: &mut BytesMut) {
    for credential in credentials(target.upstream.provider()) {
        if let Some(without) = without(body, credential.as_bytes()) {
            *body = without;
        }
    }
}

/// The same bytes without that text; `None` where it is not in them. In one pass, as the provider chooses how often it repeats it.
fn without(body: &[u8], credential: &[u8]) -> Option<BytesMut> {
    let finder = memmem::Finder::new(credential);
    let mut found = finder.find_iter(body).peekable();
    found.peek()?;
    let mut clean = BytesMut::with_capacity(body.len());
    let mut from = 0;
    for at in found {
        clean.extend_from_slice(body.get(from..at).unwrap_or_default());
        clean.extend_from_slice(REDACTED.as_bytes());
        from = at + credential.len();
    }
    clean.extend_from_slice(body.get(from..).unwrap_or_default());
    Some(clean)
}

/// Takes them out of an error that was read already.
pub(super) fn take_out_of(target: &Target, error: &mut ApiError) {
    for credential in credentials(target.upstream.provider()) {
        for text in [Some(&mut error.message), error.param.as_mut(), error.code.as_mut()].into_iter().flatten() {
            if text.contains(credential) {
                *text = text.replace(credential, REDACTED);
            }
        }
    }
}

fn credentials(provider: &Provider) -> impl Iterator<Item = &str> {
    let headers = provider.headers.iter().filter(|(name, _)| is_credential(name));
    let headers = headers.filter_map(|(_, value)| value.to_str().ok());
    let all = provider.api_keys.iter().map(Secret::expose).chain(headers);
    // None may be found again in what is put in its place.
    all.filter(|credential| credential.len() >= SHORTEST && !REDACTED.contains(credential))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_what_the_simple_way_gives(text in "[ab]{0,60}", credential in "[ab]{1,4}") {
            let simple = text.replace(&credential, REDACTED);
            match without(text.as_bytes(), credential.as_bytes()) {
                Some(clean) => prop_assert_eq!(std::str::from_utf8(&clean).unwrap(), simple),
                None => prop_assert_eq!(text, simple),
            }
        }
    }

    #[test]
    fn a_body_of_nothing_but_credentials_takes_one_pass() {
        let credential = "sk-0123456789abcdef";
        let count = (1 << 20) / credential.len();
        let clean = without(credential.repeat(count).as_bytes(), credential.as_bytes()).unwrap();
        assert_eq!(&clean[..], REDACTED.repeat(count).as_bytes());
    }
}
