//! A whole answer.

use super::{Finish, Part, Usage};

/// A whole answer, however it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The provider's id of it; may be empty.
    pub id: String,
    /// The model that answered, as the provider calls it; may be empty.
    pub model: String,
    /// What it says, in order: reasoning, text, refusals, calls of tools, opaque blocks.
    pub parts: Vec<Part<'static>>,
    /// Why it ended.
    pub finish: Finish,
    /// The same in the provider's own word.
    pub native_finish: String,
    /// Its tokens, where the provider told them.
    pub usage: Option<Usage>,
    /// The service class that the provider says it served at, in its own word.
    pub service_class: Option<String>,
}
