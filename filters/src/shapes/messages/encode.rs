//! Writes a messages request from the neutral form.

use crate::neutral::{Answering, ApiError, Losses, Profile, Request};

/// Writes a request; see [`super::super::codec::Codec::encode_request`].
pub(super) fn request(
    _request: &Request<'_>,
    _profile: &Profile,
    _losses: &mut Losses,
) -> Result<(Vec<u8>, Answering), ApiError> {
    todo!("written next")
}
