//! Anthropic Messages as the simulator speaks it (<https://docs.anthropic.com/en/api/messages>).

mod error;
mod render;
mod request;
mod stream;

pub(super) use error::{error_body, error_event, key_refusal};
pub(super) use render::{message, token_count};
pub(super) use request::Request;
pub(super) use stream::stream;
