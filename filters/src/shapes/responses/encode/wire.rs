//! The JSON of the conversation: items and the parts that they are made of.

use std::borrow::Cow;

use serde::Serialize;

use crate::json::Json;

/// An item of `input`.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Item<'a> {
    Known(Known<'a>),
    /// One of this shape's own, as it came.
    Own(&'a Json<'a>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Known<'a> {
    Message {
        role: &'static str,
        content: Vec<Part<'a>>,
    },
    FunctionCall {
        call_id: Cow<'a, str>,
        name: Cow<'a, str>,
        arguments: &'a str,
    },
    CustomToolCall {
        call_id: Cow<'a, str>,
        name: Cow<'a, str>,
        input: &'a str,
    },
    FunctionCallOutput {
        call_id: Cow<'a, str>,
        output: Output<'a>,
    },
    CustomToolCallOutput {
        call_id: Cow<'a, str>,
        output: Output<'a>,
    },
    Reasoning {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        summary: Vec<Thought<'a>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Thought<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<&'a str>,
    },
}

/// What a tool gave back.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Output<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

/// A piece of reasoning that can be read.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Thought<'a> {
    SummaryText { text: &'a str },
    ReasoningText { text: &'a str },
}

#[derive(Serialize)]
pub(super) struct Part<'a> {
    #[serde(flatten)]
    pub(super) kind: Kind<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prompt_cache_breakpoint: Option<Breakpoint>,
}

/// Where a cache may be cut.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Breakpoint {
    pub(super) mode: &'static str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Kind<'a> {
    InputText {
        text: Cow<'a, str>,
    },
    OutputText {
        text: &'a str,
    },
    Refusal {
        refusal: &'a str,
    },
    InputImage {
        detail: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        image_url: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<&'a str>,
    },
    InputFile {
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<&'a str>,
    },
}

impl<'a> Part<'a> {
    /// Text that is said to the model, without a mark.
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Part<'a> {
        Part { kind: Kind::InputText { text: text.into() }, prompt_cache_breakpoint: None }
    }
}
