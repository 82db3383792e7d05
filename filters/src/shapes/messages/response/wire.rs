//! The wire form of a message, as it stands whole in an answer and empty at the start of a stream.

use serde::Serialize;

use super::Told;
use crate::json::Json;

/// A message.
#[derive(Serialize)]
pub(in super::super) struct Message<'a, U> {
    pub(in super::super) id: &'a str,
    #[serde(rename = "type")]
    pub(in super::super) kind: &'static str,
    pub(in super::super) role: &'static str,
    pub(in super::super) model: &'a str,
    pub(in super::super) content: &'a [Block<'a>],
    #[serde(flatten)]
    pub(in super::super) told: Told<'a>,
    pub(in super::super) usage: U,
}

/// A block of a message's content.
#[derive(Serialize)]
#[serde(untagged)]
pub(in super::super) enum Block<'a> {
    /// One that is known here.
    Known(Known<'a>),
    /// One that is passed on as it came.
    Raw(Json<'a>),
}

/// The blocks that are known here.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in super::super) enum Known<'a> {
    Text {
        text: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<&'a Json<'a>>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: Json<'a>,
    },
}

impl<'a> Block<'a> {
    /// Text.
    pub(in super::super) fn text(text: &'a str, citations: Vec<&'a Json<'a>>) -> Block<'a> {
        Block::Known(Known::Text { text, citations })
    }

    /// Reasoning that can be read, or whose text is kept back.
    pub(in super::super) fn thinking(thinking: &'a str, signature: &'a str) -> Block<'a> {
        Block::Known(Known::Thinking { thinking, signature })
    }

    /// Reasoning without text.
    pub(in super::super) fn redacted_thinking(data: &'a str) -> Block<'a> {
        Block::Known(Known::RedactedThinking { data })
    }

    /// A call of a tool.
    pub(in super::super) fn tool_use(id: &'a str, name: &'a str, input: Json<'a>) -> Block<'a> {
        Block::Known(Known::ToolUse { id, name, input })
    }
}
