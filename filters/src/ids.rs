//! The closed sets of names that every other part shares: API shapes and operations.

use std::fmt;

/// An API dialect on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shape {
    /// OpenAI Chat Completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
    /// Gemini `generateContent`.
    GenerateContent,
}

impl Shape {
    /// Every shape, in the order in which documents list them.
    pub const ALL: [Shape; 4] = [Shape::Chat, Shape::Responses, Shape::Messages, Shape::GenerateContent];

    /// The name used in configuration, logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Shape::Chat => "chat",
            Shape::Responses => "responses",
            Shape::Messages => "messages",
            Shape::GenerateContent => "generate_content",
        }
    }

    /// The shape of that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Shape> {
        Shape::ALL.into_iter().find(|shape| shape.as_str() == name)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is asked in a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Generate an answer, streamed or whole.
    Generate,
    /// Embed texts.
    Embed,
    /// Count the tokens of a prompt.
    CountTokens,
    /// List the models.
    ListModels,
}

impl Operation {
    /// The name used in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Operation::Generate => "generate",
            Operation::Embed => "embed",
            Operation::CountTokens => "count_tokens",
            Operation::ListModels => "list_models",
        }
    }

    /// Whether providers bill for the tokens of it.
    #[must_use]
    pub const fn is_billed(self) -> bool {
        matches!(self, Operation::Generate | Operation::Embed)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
