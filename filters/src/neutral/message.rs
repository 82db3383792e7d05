//! The turns of a conversation.

use std::borrow::Cow;

use super::Part;

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The operator of the conversation, in the middle of it; what stands before the first turn is
    /// [`super::Request::instructions`]. Chat's `system` and `developer` are both this.
    System,
    /// The user, and the results of tools: [`Part::ToolResult`] stands in turns of this role only.
    User,
    /// The model.
    Assistant,
}

/// One turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Whose it is.
    pub role: Role,
    /// The name of who speaks, in shapes that have one.
    pub name: Option<Cow<'a, str>>,
    /// What is said, in order. In a user's turn results of tools come first, in the order in which they were sent.
    pub parts: Vec<Part<'a>>,
}
