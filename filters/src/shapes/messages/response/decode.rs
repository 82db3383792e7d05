//! Reads a whole answer.

use std::borrow::Cow;

use super::super::super::observed::Observed;
use super::super::super::provider_error;
use super::{StopReason, citations, input_text, read_usage, service_class};
use crate::Shape;
use crate::json::{ValueKind, View};
use crate::neutral::{
    ApiError, ErrorClass, Opaque, Part, Reasoning, Response, State, StateFormat, TextPart, ToolCall, minted,
};
use crate::shapes::tool_names::UniqueIds;

/// Reads an answer. No two of its calls have the same id; see [`super::super::super::codec::Codec::decode_response`].
pub(in super::super) fn decode(body: View<'_>, seed: &str) -> Result<Response, ApiError> {
    let text = |name| body.member(name).and_then(View::string).map(Cow::into_owned);
    let is_error = text("type").is_some_and(|kind| kind == "error");
    if is_error || body.member("error").is_some_and(|error| error.kind() == ValueKind::Object) {
        return Err(provider_error::decode(body.raw().as_bytes()).into_api_error());
    }
    let content = body.member("content");
    if content.is_none() && text("type").is_none_or(|kind| kind != "message") {
        return Err(ApiError::new(ErrorClass::Upstream, "the provider's answer is no message: it has no `content`"));
    }
    let mut parts = Vec::new();
    let mut ids = UniqueIds::default();
    if let Some(text) = content.and_then(View::string).filter(|text| !text.is_empty()) {
        parts.push(Part::Text(TextPart::new(text.into_owned())));
    }
    for block in content.into_iter().flat_map(View::elements) {
        if let Some(mut part) = part(block, parts.len(), seed)? {
            if let Part::ToolCall(call) = &mut part
                && let Some(id) = ids.numbered(&call.id)
            {
                call.id = id.into();
            }
            parts.push(part);
        }
    }
    let calls = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    let (finish, native_finish) = StopReason::read(body).unwrap_or_default().finish(calls);
    let mut seen = Observed::default();
    let usage = body.member("usage");
    if let Some(usage) = usage {
        read_usage(usage, &mut seen);
    }
    Ok(Response {
        id: text("id").unwrap_or_default(),
        model: text("model").unwrap_or_default(),
        parts,
        finish,
        native_finish,
        usage: seen.usage,
        service_class: usage.and_then(service_class),
    })
}

/// What a block is; nothing when it holds nothing. `number` tells minted ids apart.
fn part(block: View<'_>, number: usize, seed: &str) -> Result<Option<Part<'static>>, ApiError> {
    let text = |name| block.member(name).and_then(View::string).map_or_else(String::new, Cow::into_owned);
    let kind = text("type");
    let part = match kind.as_str() {
        "text" => {
            let part = TextPart { text: text("text").into(), cache: None, citations: citations(block) };
            (!part.text.is_empty() || !part.citations.is_empty()).then_some(Part::Text(part))
        }
        "thinking" => {
            let (thoughts, signature) = (text("thinking"), text("signature"));
            let state = (!signature.is_empty()).then(|| native(StateFormat::AnthropicSignature, signature));
            let is_something = state.is_some() || !thoughts.is_empty();
            is_something.then_some(Part::Reasoning(Reasoning { text: thoughts.into(), summary: false, state }))
        }
        "redacted_thinking" => {
            let state = Some(native(StateFormat::AnthropicRedacted, text("data")));
            Some(Part::Reasoning(Reasoning { state, ..Reasoning::default() }))
        }
        "tool_use" => {
            let (id, name) = call(block, number, seed)?;
            Some(Part::ToolCall(ToolCall {
                id: id.into(),
                name: name.into(),
                arguments: block.member("input").map_or_else(|| "{}".to_owned(), input_text).into(),
                custom: false,
                cache: None,
                state: None,
            }))
        }
        _ => Some(Part::Opaque(Opaque { shape: Shape::Messages, kind: kind.into(), raw: block.json().into_owned() })),
    };
    Ok(part)
}

/// The id and the name of a call. Without an id it gets one; without a name nobody can answer it.
pub(in super::super) fn call(block: View<'_>, number: usize, seed: &str) -> Result<(String, String), ApiError> {
    let text = |name| block.member(name).and_then(View::string).filter(|text| !text.is_empty()).map(Cow::into_owned);
    let name = text("name")
        .ok_or_else(|| ApiError::new(ErrorClass::Upstream, "the provider called a tool without naming it"))?;
    Ok((text("id").unwrap_or_else(|| minted(seed, "toolu_", number)), name))
}

/// State that came in its own form.
pub(in super::super) fn native(format: StateFormat, data: String) -> State<'static> {
    State { format, data: data.into(), id: None, origin: None, extra: None }
}
