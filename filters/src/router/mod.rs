//! What a hosted router adds to the shapes, in OpenRouter's words: fields of requests, of answers, and its form of errors.
//! <https://openrouter.ai/docs/api-reference/overview>. A client is spoken to like that only where it asks for it.

mod answer;
mod error;
mod extensions;
mod members;
mod plugins;
mod suffix;
mod wishes;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Bill, Billed, Speaker, finish_word};
pub use error::{encode_error, encode_error_event};
pub use extensions::{Extensions, Told};
pub(crate) use extensions::{Noted, ReasoningFields};
pub(crate) use members::Member;
pub use suffix::{Suffix, split_suffix};
pub use wishes::{MaxPrice, Sort, Wishes};

/// How a client is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// As the shape's own API speaks.
    #[default]
    Plain,
    /// With what a hosted router adds.
    Router,
}

impl Dialect {
    /// Whether a router is what the client takes us for.
    #[must_use]
    pub const fn is_router(self) -> bool {
        matches!(self, Dialect::Router)
    }
}

/// What keeps a silent stream alive there.
pub const HEARTBEAT: &[u8] = b": OPENROUTER PROCESSING\n\n";
