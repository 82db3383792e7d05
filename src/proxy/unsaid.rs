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
        while let Some(at) = memmem::find(body, credential.as_bytes()) {
            let rest = body.split_off(at);
            body.extend_from_slice(REDACTED.as_bytes());
            body.extend_from_slice(rest.get(credential.len()..).unwrap_or_default());
        }
    }
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
