//! OpenAI Responses as the simulator speaks it (<https://platform.openai.com/docs/api-reference/responses>). It keeps no state.

mod render;
mod request;
mod stream;

pub(super) use render::response;
pub(super) use request::Request;
pub(super) use stream::{error_event, stream};
