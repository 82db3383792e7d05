//! Whole messages answers, read and written.

use crate::json::View;
use crate::neutral::{Answering, ApiError, Response};

/// Reads an answer; see [`super::super::codec::Codec::decode_response`].
pub(super) fn decode(_body: View<'_>, _seed: &str) -> Result<Response, ApiError> {
    todo!("written next")
}

/// Writes an answer; see [`super::super::codec::Codec::encode_response`].
pub(super) fn encode(_response: &Response, _answering: &Answering) -> Vec<u8> {
    todo!("written next")
}
