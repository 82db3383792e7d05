//! The JSON of answers, whole or in pieces: <https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse>.

use std::borrow::Cow;

use serde::Serialize;

use super::super::media::parse_data_url;
use super::signature;
use super::wire::{Blob, Fields, FunctionCall, Part};
use crate::Shape;
use crate::json::{Json, ValueKind, View};
use crate::neutral::{Answering, Finish, Opaque, State, StateFormat, Usage};

/// An answer, or a piece of one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    pub(super) candidates: [Candidate<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage_metadata: Option<UsageWire>,
    pub(super) model_version: &'a str,
    pub(super) response_id: &'a str,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finish_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finish_message: Option<&'a str>,
    pub(super) index: u32,
}

#[derive(Serialize)]
pub(super) struct Content<'a> {
    pub(super) parts: Vec<Part<'a>>,
    pub(super) role: &'static str,
}

impl<'a> Candidate<'a> {
    /// A candidate that says that; one of nothing has no content.
    pub(super) fn saying(parts: Vec<Part<'a>>) -> Candidate<'a> {
        let content = (!parts.is_empty()).then_some(Content { parts, role: "model" });
        Candidate { content, ..Candidate::default() }
    }
}

/// Token counts: `candidatesTokenCount` has no thoughts in it. Counts are numbers or absent, never `null`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageWire {
    prompt_token_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cached_content_token_count: u64,
    candidates_token_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    thoughts_token_count: u64,
    total_token_count: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    prompt_tokens_details: Vec<Modality>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates_tokens_details: Vec<Modality>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Modality {
    modality: &'static str,
    token_count: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl UsageWire {
    /// The counts as Google has them.
    pub(super) fn new(usage: &Usage, service_class: Option<&str>) -> UsageWire {
        let details = |counts: &[(&'static str, u64)]| {
            let some = counts.iter().filter(|(_, count)| *count > 0);
            some.map(|(modality, token_count)| Modality { modality, token_count: *token_count }).collect()
        };
        UsageWire {
            prompt_token_count: usage.prompt(),
            cached_content_token_count: usage.cache_read,
            candidates_token_count: usage.output.saturating_sub(usage.reasoning),
            thoughts_token_count: usage.reasoning,
            total_token_count: usage.total(),
            prompt_tokens_details: details(&[("AUDIO", usage.audio_input)]),
            candidates_tokens_details: details(&[("AUDIO", usage.audio_output), ("IMAGE", usage.image_output)]),
            service_tier: service_class.and_then(tier),
        }
    }
}

/// The service class in Google's word for it.
fn tier(class: &str) -> Option<String> {
    let tier = class.split('+').next().filter(|tier| !tier.is_empty())?;
    Some(match tier {
        "default" => "standard".to_owned(),
        "fast" => "priority".to_owned(),
        tier => tier.to_ascii_lowercase(),
    })
}

/// What Google calls filters.
const FILTERS: [&str; 11] = [
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MODEL_ARMOR",
    "JAILBREAK",
];

/// Why an answer ended, with what is told of it. `refuses`: the model said so in words.
pub(super) fn finish(finish: &Finish, refuses: bool) -> (&'static str, Option<&str>) {
    match finish {
        Finish::Filtered { explanation, category } => {
            let own = FILTERS.into_iter().find(|word| category.as_deref() == Some(*word));
            (own.unwrap_or("SAFETY"), explanation.as_deref())
        }
        Finish::Length | Finish::ContextFull => ("MAX_TOKENS", None),
        Finish::Stop | Finish::ToolCalls if refuses => ("SAFETY", None),
        // Calls of functions are no reason of their own.
        Finish::Stop | Finish::StopSequence(_) | Finish::ToolCalls | Finish::Paused => ("STOP", None),
    }
}

/// A text.
pub(super) fn text(text: &str) -> Part<'_> {
    Part::text(Cow::Borrowed(text))
}

/// A thought, with the state that belongs to it, or only that.
pub(super) fn thought<'a>(text: &'a str, signature: Option<String>) -> Part<'a> {
    Part::of(Fields {
        text: Some(Cow::Borrowed(text)),
        thought: true,
        thought_signature: signature.map(Cow::Owned),
        ..Fields::default()
    })
}

/// What stands as the signature of some reasoning; nothing when there is none. `hidden` is its text where that is kept back: it goes
/// along, because some hosts want it back.
pub(super) fn signature_of(state: Option<&State<'_>>, hidden: &str, answering: &Answering) -> Option<String> {
    match state {
        Some(state) => Some(signature::sealed(state, answering)),
        None if hidden.is_empty() => None,
        None => Some(signature::sealed(&plain(hidden), answering)),
    }
}

fn plain(data: &str) -> State<'_> {
    State { format: StateFormat::Plain, data: Cow::Borrowed(data), id: None, origin: None, extra: None }
}

/// A call, as it is told.
pub(super) struct Told<'a> {
    pub(super) id: &'a str,
    /// The provider's name of the tool.
    pub(super) name: &'a str,
    pub(super) arguments: &'a str,
    pub(super) custom: bool,
    pub(super) state: Option<&'a State<'a>>,
    /// Whether it is the first of its answer.
    pub(super) is_first: bool,
}

/// A call. The first of an answer is signed always, as Google's are: what stands for no signature tells later that another provider made it.
pub(super) fn call<'a>(told: &Told<'a>, answering: &'a Answering) -> Part<'a> {
    let signature = match told.state {
        Some(state) => Some(signature::sealed(state, answering)),
        None if told.is_first => Some(signature::sealed(&plain(""), answering)),
        None => None,
    };
    let name = Cow::Borrowed(answering.client_name(told.name));
    let args = args_of(told.arguments, told.custom);
    Part::of(Fields {
        function_call: Some(FunctionCall { id: Some(told.id), name, args }),
        thought_signature: signature.map(Cow::Owned),
        ..Fields::default()
    })
}

/// The object that arguments are. What is none is wrapped in one.
fn args_of(arguments: &str, custom: bool) -> Json<'static> {
    #[derive(Serialize)]
    struct Custom<'a> {
        input: &'a str,
    }
    #[derive(Serialize)]
    struct Unreadable<'a> {
        _raw: &'a str,
    }
    if custom {
        return Json::of(&Custom { input: arguments });
    }
    let text = if arguments.trim().is_empty() { "{}" } else { arguments };
    match Json::parse(text) {
        // On one line: an event would be cut at its end.
        Some(json) if json.view().kind() == ValueKind::Object => Json::parse(&json.compact()).unwrap_or(json),
        _ => Json::of(&Unreadable { _raw: arguments }),
    }
}

/// What can be told of a block that only one shape has: pictures of chat hosts, and this shape's own.
pub(super) fn opaque<'a>(opaque: &'a Opaque<'_>) -> Option<Part<'a>> {
    if opaque.shape == Shape::GenerateContent {
        return Some(Part::Own(&opaque.raw));
    }
    if opaque.shape != Shape::Chat || opaque.kind != "image_url" {
        return None;
    }
    let url = opaque.raw.view().member("image_url")?.member("url").and_then(View::string)?;
    let (mime_type, data) = parse_data_url(&url)?;
    let blob = Blob { mime_type: mime_type.to_owned().into(), data: data.to_owned().into() };
    Some(Part::of(Fields { inline_data: Some(blob), ..Fields::default() }))
}
