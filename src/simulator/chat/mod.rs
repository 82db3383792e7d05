//! OpenAI Chat Completions as the simulator speaks it (<https://platform.openai.com/docs/api-reference/chat>).

mod error;
mod render;
mod request;
mod stream;

pub(super) use error::{error_body, error_event, key_refusal};
pub(super) use render::completion;
pub(super) use request::Request;
pub(super) use stream::stream;
