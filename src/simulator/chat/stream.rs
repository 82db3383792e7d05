//! Streamed chat completions, chunk by chunk as OpenAI sends them.

use serde::Serialize;

use super::super::answer::{Answer, pieces, words};
use super::super::behaviour::Behaviour;
use super::super::frames::{FrameWriter, Frames};
use super::super::heads::Ids;
use super::render::{Envelope, FINGERPRINT, WireUsage, finish_reason};
use super::request::Request;

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    service_tier: &'static str,
    system_fingerprint: &'static str,
    choices: &'a [Choice<'a>],
    /// Present, if null, in every chunk of a stream that was asked for usage.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<WireUsage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    obfuscation: Option<&'static str>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: usize,
    delta: Delta<'a>,
    /// Null on models that can tell log probabilities, absent on others.
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<Option<()>>,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[ToolCall<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Option<()>>,
}

#[derive(Serialize)]
struct ToolCall<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

/// Bytes of arguments in a chunk.
const ARGUMENT_PIECE: usize = 8;
/// About the bytes of a chunk, to size the buffer by.
const CHUNK_BYTES: usize = 340;

/// The stream of an answer.
pub(in super::super) fn stream(answer: &Answer, model: &str, request: &Request, step: &Behaviour) -> Frames {
    let mut ids = Ids::next();
    let id = ids.id("chatcmpl-");
    let envelope = Envelope { id: &id, created: ids.unix_seconds(), model };
    let usage_asked = request.include_usage() && !step.no_usage;
    let events = answer.text.as_deref().map_or(8, |text| words(text).count() + 4) * request.choices();
    let mut chunks = Chunks {
        out: FrameWriter::with_capacity(events * (CHUNK_BYTES + model.len())),
        envelope,
        logprobs: (!reasons(model)).then_some(None),
        usage_asked,
        obfuscated: request.obfuscated(),
    };
    for index in 0..request.choices() {
        chunks.opening(index, answer, &mut ids);
    }
    for word in answer.text.iter().flat_map(|text| words(text)) {
        for index in 0..request.choices() {
            chunks.delta(index, Delta { content: Some(Some(word)), ..Delta::default() });
        }
    }
    if step.no_finish {
        return chunks.out.finish();
    }
    for index in 0..request.choices() {
        chunks.chunk(index, Delta::default(), Some(finish_reason(&answer.end)));
    }
    if usage_asked {
        let usage = WireUsage::of(&answer.usage, request.choices());
        chunks.write(&[], Some(usage));
    }
    chunks.out.raw(b"data: [DONE]\n\n");
    chunks.out.finish()
}

struct Chunks<'a> {
    out: FrameWriter,
    envelope: Envelope<'a>,
    logprobs: Option<Option<()>>,
    usage_asked: bool,
    obfuscated: bool,
}

impl Chunks<'_> {
    /// The role, and the calls if there are any: a lone call begins in the role's own chunk, several have a chunk each.
    fn opening(&mut self, index: usize, answer: &Answer, ids: &mut Ids) {
        let role = Some("assistant");
        match answer.calls.as_slice() {
            [] => self.delta(index, Delta { role, content: Some(Some("")), refusal: Some(None), ..Delta::default() }),
            [_] => {}
            _ => self.delta(index, Delta { role, content: Some(None), ..Delta::default() }),
        }
        for (at, call) in answer.calls.iter().enumerate() {
            let id = ids.id("call_");
            let function = Function { name: Some(&call.name), arguments: "" };
            let first = ToolCall { index: at, id: Some(&id), kind: Some("function"), function };
            let tool_calls = Some([first]);
            self.delta(
                index,
                if answer.calls.len() == 1 {
                    Delta { role, content: Some(None), tool_calls, refusal: Some(None) }
                } else {
                    Delta { tool_calls, ..Delta::default() }
                },
            );
            for arguments in pieces(&call.arguments, ARGUMENT_PIECE) {
                let more = ToolCall { index: at, id: None, kind: None, function: Function { name: None, arguments } };
                self.delta(index, Delta { tool_calls: Some([more]), ..Delta::default() });
            }
        }
    }

    fn delta(&mut self, index: usize, delta: Delta<'_>) {
        self.chunk(index, delta, None);
    }

    fn chunk(&mut self, index: usize, delta: Delta<'_>, finish_reason: Option<&'static str>) {
        self.write(&[Choice { index, delta, logprobs: self.logprobs, finish_reason }], None);
    }

    fn write(&mut self, choices: &[Choice<'_>], usage: Option<WireUsage>) {
        let obfuscation = self.obfuscated.then(|| OBFUSCATION.get(..1 + self.out.written() * 5 % 13)).flatten();
        self.out.data(&Chunk {
            id: self.envelope.id,
            object: "chat.completion.chunk",
            created: self.envelope.created,
            model: self.envelope.model,
            service_tier: "default",
            system_fingerprint: FINGERPRINT,
            choices,
            usage: self.usage_asked.then_some(usage),
            obfuscation,
        });
    }
}

/// What pads the chunks, so that their lengths tell nothing
/// (<https://platform.openai.com/docs/api-reference/chat-streaming>).
const OBFUSCATION: &str = "CVQ55DocFWEeX";

/// Whether a model reasons: its chunks have no `logprobs` then.
fn reasons(model: &str) -> bool {
    ["gpt-5", "o1", "o3", "o4"].iter().any(|family| model.starts_with(family))
}
