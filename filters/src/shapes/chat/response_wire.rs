//! The fields of a chat answer as they are written, whole or in pieces.

use std::borrow::Cow;

use serde::Serialize;

use crate::Shape;
use crate::json::Json;
use crate::neutral::{
    Answering, Citation, CitationKind, Finish, Opaque, Reasoning, State, StateFormat, ToolCall, Usage,
};

/// A whole answer.
#[derive(Serialize)]
pub(super) struct Completion<'a> {
    pub(super) id: &'a str,
    pub(super) object: &'static str,
    pub(super) created: u64,
    pub(super) model: &'a str,
    pub(super) choices: [Choice<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<UsageWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service_tier: Option<&'a str>,
}

/// Its one choice.
#[derive(Serialize)]
pub(super) struct Choice<'a> {
    pub(super) index: u32,
    pub(super) message: &'a Message<'a>,
    pub(super) logprobs: Option<()>,
    pub(super) finish_reason: &'static str,
    pub(super) native_finish_reason: &'a str,
}

/// What it says.
#[derive(Default, Serialize)]
pub(super) struct Message<'a> {
    pub(super) role: &'static str,
    pub(super) content: Option<String>,
    pub(super) refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) reasoning_details: Vec<Detail<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_call: Option<FunctionCall<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) annotations: Vec<Json<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) images: Vec<Json<'a>>,
}

/// A call, or the first piece of one.
#[derive(Serialize)]
pub(super) struct Call<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    body: CallBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<ExtraContent<'a>>,
}

/// A call, or a piece of one, as clients of the deprecated `functions` know it.
#[derive(Serialize)]
pub(super) struct FunctionCall<'a> {
    /// The client's name of it; absent in later pieces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    /// JSON text.
    pub(super) arguments: &'a str,
}

/// What is called, with what.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CallBody<'a> {
    /// A function.
    Function {
        /// The client's name of it.
        name: &'a str,
        /// JSON text.
        arguments: &'a str,
    },
    /// A tool that takes free text.
    Custom {
        /// The client's name of it.
        name: &'a str,
        /// The text.
        input: &'a str,
    },
}

/// Where Gemini's own chat endpoint has its signatures.
#[derive(Serialize)]
struct ExtraContent<'a> {
    google: Google<'a>,
}

#[derive(Serialize)]
struct Google<'a> {
    thought_signature: &'a str,
}

impl<'a> Call<'a> {
    /// A call of a whole answer.
    pub(super) fn whole(call: &'a ToolCall<'_>, answering: &'a Answering) -> Call<'a> {
        let arguments: &str = &call.arguments;
        let arguments = if arguments.trim().is_empty() && !call.custom { "{}" } else { arguments };
        let name = answering.client_name(&call.name);
        Call::new(&call.id, CallBody::new(name, arguments, call.custom), call.state.as_ref())
    }

    /// The same for clients of the deprecated `functions`.
    pub(super) fn function(&self) -> FunctionCall<'a> {
        let (CallBody::Function { name, arguments } | CallBody::Custom { name, input: arguments }) = self.body;
        FunctionCall { name: Some(name), arguments }
    }

    /// A call with that id and body, and with Gemini's signature if it has one.
    pub(super) fn new(id: &'a str, body: CallBody<'a>, state: Option<&'a State<'_>>) -> Call<'a> {
        let kind = if matches!(body, CallBody::Custom { .. }) { "custom" } else { "function" };
        let signature = state.filter(|state| state.format == StateFormat::GoogleSignature);
        let extra_content = signature.map(|state| ExtraContent { google: Google { thought_signature: &state.data } });
        Call { id, kind, body, extra_content }
    }
}

impl<'a> CallBody<'a> {
    /// The body of a call.
    pub(super) fn new(name: &'a str, arguments: &'a str, custom: bool) -> CallBody<'a> {
        if custom { CallBody::Custom { name, input: arguments } } else { CallBody::Function { name, arguments } }
    }
}

/// An entry of `reasoning_details`: <https://openrouter.ai/docs/use-cases/reasoning-tokens>.
#[derive(Default, Serialize)]
pub(super) struct Detail<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Cow<'a, str>>,
    index: u32,
}

impl<'a> Detail<'a> {
    /// Readable reasoning, or a piece of it. Its format is told with its state.
    pub(super) fn readable(text: &'a str, summary: bool, index: u32) -> Detail<'a> {
        let blank = Detail { index, ..Detail::default() };
        if summary {
            Detail { kind: "reasoning.summary", summary: Some(text), ..blank }
        } else {
            Detail { kind: "reasoning.text", text: Some(text), ..blank }
        }
    }

    /// State: a signature of what came in readable form, or encrypted data.
    pub(super) fn state(state: &'a State<'_>, index: u32) -> Detail<'a> {
        let format = Some(format(state));
        if state.format == StateFormat::AnthropicSignature {
            return Detail { kind: "reasoning.text", signature: Some(&state.data), format, index, ..Detail::default() };
        }
        let (id, data) = (state.id.as_deref(), Some(&*state.data));
        Detail { kind: "reasoning.encrypted", id, data, format, index, ..Detail::default() }
    }

    /// State of the call with that id.
    pub(super) fn of_call(state: &'a State<'_>, id: &'a str, index: u32) -> Detail<'a> {
        Detail { id: Some(id), ..Detail::state(state, index) }
    }
}

/// Whether it is state at all, and not only text that somebody wants back.
pub(super) fn is_told(state: &State<'_>) -> bool {
    state.format != StateFormat::Plain
}

/// The entries of `reasoning_details` of a whole answer.
pub(super) struct Details<'a> {
    entries: Vec<Detail<'a>>,
    next: u32,
    hide: bool,
}

impl<'a> Details<'a> {
    /// None so far.
    pub(super) fn new(hide: bool) -> Details<'a> {
        Details { entries: Vec::new(), next: 0, hide }
    }

    /// Those of a part of reasoning: its text, unless that is hidden, and its state.
    pub(super) fn reasoning(&mut self, reasoning: &'a Reasoning<'_>) {
        let index = self.number();
        let state = reasoning.state.as_ref().filter(|state| is_told(state));
        let text = Some(&*reasoning.text).filter(|text| !text.is_empty() && !self.hide);
        let readable = text.map(|text| {
            let known = state.map_or(Cow::Borrowed("unknown"), format);
            Detail { format: Some(known), ..Detail::readable(text, reasoning.summary, index) }
        });
        match (readable, state) {
            // The signature stands beside the text that it is of.
            (Some(readable), Some(state)) if state.format == StateFormat::AnthropicSignature => {
                self.entries.push(Detail { signature: Some(&state.data), ..readable });
            }
            (readable, state) => {
                self.entries.extend(readable);
                self.entries.extend(state.map(|state| Detail::state(state, index)));
            }
        }
    }

    /// That of a call.
    pub(super) fn call(&mut self, state: &'a State<'_>, id: &'a str) {
        let index = self.number();
        self.entries.push(Detail::of_call(state, id, index));
    }

    /// All of them.
    pub(super) fn into_entries(self) -> Vec<Detail<'a>> {
        self.entries
    }

    fn number(&mut self) -> u32 {
        let index = self.next;
        self.next = index.saturating_add(1);
        index
    }
}

/// The provider's own name of the format, if it is one that is not known here.
fn format<'a>(state: &'a State<'_>) -> Cow<'a, str> {
    let own = state.extra.as_ref().and_then(|extra| extra.view().member("format")?.string());
    own.unwrap_or(Cow::Borrowed(state.format.as_str()))
}

/// Token counts: `prompt_tokens` and `completion_tokens` include their parts. Counts are numbers or absent, never `null`.
#[derive(Serialize)]
pub(crate) struct UsageWire {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_tool_use_details: Option<ServerToolUse>,
}

#[derive(Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens_details: Option<CacheWrites>,
    #[serde(skip_serializing_if = "is_zero")]
    audio_tokens: u64,
}

#[derive(Serialize)]
struct CacheWrites {
    ttl_12h_tokens: u64,
}

#[derive(Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    audio_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    image_tokens: u64,
}

#[derive(Serialize)]
struct ServerToolUse {
    web_search_requests: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl UsageWire {
    /// The counts as chat has them.
    pub(crate) fn new(usage: &Usage) -> UsageWire {
        let long = usage.cache_write_1h;
        UsageWire {
            prompt_tokens: usage.prompt(),
            completion_tokens: usage.output,
            total_tokens: usage.total(),
            prompt_tokens_details: PromptDetails {
                cached_tokens: usage.cache_read,
                cache_write_tokens: usage.cache_write.saturating_add(long),
                cache_write_tokens_details: (long > 0).then_some(CacheWrites { ttl_12h_tokens: long }),
                audio_tokens: usage.audio_input,
            },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: usage.reasoning,
                audio_tokens: usage.audio_output,
                image_tokens: usage.image_output,
            },
            server_tool_use_details: (usage.web_searches > 0)
                .then_some(ServerToolUse { web_search_requests: usage.web_searches }),
        }
    }
}

/// `finish_reason` of an answer with or without calls; `functions`: to a client of the deprecated `functions`.
pub(super) const fn finish_word(finish: &Finish, has_calls: bool, functions: bool) -> &'static str {
    match finish {
        // Who is told of calls looks for them: those of tools that the provider runs are not told.
        Finish::ToolCalls if !has_calls => "stop",
        Finish::ToolCalls if functions => "function_call",
        Finish::Stop | Finish::StopSequence(_) | Finish::Paused => "stop",
        Finish::Length | Finish::ContextFull => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::Filtered { .. } => "content_filter",
    }
}

/// What is told as a refusal when the model refused and said nothing of it in its answer. A filter's cut is none.
pub(super) fn refusal<'a>(finish: &'a Finish, native: &str) -> Option<&'a str> {
    match finish {
        Finish::Filtered { explanation: Some(explanation), .. } => Some(explanation),
        Finish::Filtered { .. } if native == "refusal" => Some("The model refused to respond."),
        _ => None,
    }
}

/// `service_tier`: what others call `standard` is `default` here; where it served stays out.
pub(super) fn tier(class: &str) -> Option<&str> {
    let tier = class.split('+').next().filter(|tier| !tier.is_empty())?;
    Some(match tier {
        "standard" => "default",
        "fast" => "priority",
        tier => tier,
    })
}

/// The annotation that a citation of the text from `start` to `end` comes to; `None` when only its own shape has it.
/// `index`, in streams: its number in the answer, without which OpenAI's SDK cannot add it to those that came before:
/// <https://github.com/openai/openai-python/blob/main/src/openai/lib/streaming/_deltas.py>.
pub(super) fn annotation<'a>(
    citation: &'a Citation<'_>,
    (start, end): (u64, u64),
    index: Option<u32>,
) -> Option<Json<'a>> {
    if citation.shape == Shape::Chat {
        return Some(citation.raw.clone());
    }
    let CitationKind::Web { url, title, start: from, end: to } = &citation.kind else { return None };
    let page = UrlCitation {
        url,
        title: title.as_deref().unwrap_or_default(),
        start_index: from.unwrap_or(start),
        end_index: to.unwrap_or(end),
    };
    Some(Json::of(&Annotation { index, kind: "url_citation", url_citation: page }))
}

#[derive(Serialize)]
struct Annotation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
    #[serde(rename = "type")]
    kind: &'static str,
    url_citation: UrlCitation<'a>,
}

#[derive(Serialize)]
struct UrlCitation<'a> {
    url: &'a str,
    title: &'a str,
    start_index: u64,
    end_index: u64,
}

/// How many characters a text has.
pub(super) fn characters(text: &str) -> u64 {
    u64::try_from(text.chars().count()).unwrap_or(u64::MAX)
}

/// Whether it is an image as OpenRouter has it in `images`.
pub(super) fn is_image(opaque: &Opaque<'_>) -> bool {
    opaque.shape == Shape::Chat && opaque.kind == "image_url"
}
