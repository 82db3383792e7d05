//! Whole chat completions, and the parts they share with streamed ones.

use ovth_filters::neutral::Usage;
use serde::Serialize;

use super::super::answer::{Answer, End};
use super::super::heads::Ids;

/// What every object of one answer says.
#[derive(Clone, Copy)]
pub(super) struct Envelope<'a> {
    pub(super) id: &'a str,
    pub(super) created: u64,
    pub(super) model: &'a str,
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<WireUsage>,
    service_tier: &'static str,
    system_fingerprint: &'static str,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: usize,
    message: Message<'a>,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireCall<'a>>,
    refusal: Option<()>,
    annotations: [(); 0],
}

#[derive(Serialize)]
struct WireCall<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    function: WireFunction<'a>,
}

#[derive(Serialize)]
struct WireFunction<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// Usage on the wire.
#[derive(Clone, Copy, Serialize)]
pub(super) struct WireUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Clone, Copy, Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    audio_tokens: u64,
}

#[derive(Clone, Copy, Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
    audio_tokens: u64,
    accepted_prediction_tokens: u64,
    rejected_prediction_tokens: u64,
}

impl WireUsage {
    /// The usage of an answer with so many equal choices.
    pub(super) fn of(usage: &Usage, choices: usize) -> WireUsage {
        let choices = choices as u64;
        let output = usage.output.saturating_mul(choices);
        WireUsage {
            prompt_tokens: usage.prompt(),
            completion_tokens: output,
            total_tokens: usage.prompt().saturating_add(output),
            prompt_tokens_details: PromptDetails { cached_tokens: usage.cache_read, audio_tokens: 0 },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: usage.reasoning.saturating_mul(choices),
                audio_tokens: 0,
                accepted_prediction_tokens: 0,
                rejected_prediction_tokens: 0,
            },
        }
    }
}

/// The fingerprint of every answer.
pub(super) const FINGERPRINT: &str = "fp_51ab1a7042";

/// The finish reason of an answer.
pub(super) const fn finish_reason(end: &End) -> &'static str {
    match end {
        End::Complete | End::Sequence(_) => "stop",
        End::Length => "length",
        End::Tools => "tool_calls",
    }
}

/// A whole completion.
pub(in super::super) fn completion(answer: &Answer, model: &str, choices: usize, no_usage: bool) -> Vec<u8> {
    let mut ids = Ids::next();
    let id = ids.id("chatcmpl-");
    let choices: Vec<Choice<'_>> = (0..choices)
        .map(|index| Choice {
            index,
            message: Message {
                role: "assistant",
                content: answer.text.as_deref().or(if answer.calls.is_empty() { Some("") } else { None }),
                tool_calls: (answer.calls.iter())
                    .map(|call| WireCall {
                        id: ids.id("call_"),
                        kind: "function",
                        function: WireFunction { name: &call.name, arguments: &call.arguments },
                    })
                    .collect(),
                refusal: None,
                annotations: [],
            },
            logprobs: None,
            finish_reason: finish_reason(&answer.end),
        })
        .collect();
    let usage = (!no_usage).then(|| WireUsage::of(&answer.usage, choices.len()));
    let completion = Completion {
        id: &id,
        object: "chat.completion",
        created: ids.unix_seconds(),
        model,
        choices,
        usage,
        service_tier: "default",
        system_fingerprint: FINGERPRINT,
    };
    serde_json::to_vec_pretty(&completion).unwrap_or_default()
}
