//! Reads a chat request into the neutral form.

use crate::json::View;
use crate::neutral::{ApiError, Losses, Request};

/// Reads a request; see [`super::super::codec::Codec::decode_request`].
pub(super) fn request<'a>(_body: View<'a>, _losses: &mut Losses) -> Result<Request<'a>, ApiError> {
    todo!("written next")
}
