//! Gemini's generateContent as the simulator speaks it (<https://ai.google.dev/api/generate-content>).

mod error;
mod render;
mod request;

pub(super) use error::{error_body, error_event, key_refusal};
pub(super) use render::{array, model, model_list, response, stream, token_count};
pub(super) use request::Request;
