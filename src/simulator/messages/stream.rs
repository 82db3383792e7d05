//! Streamed messages, event by event as Anthropic sends them.

use serde::Serialize;

use super::super::answer::{Answer, pieces, words};
use super::super::behaviour::Behaviour;
use super::super::frames::{FrameWriter, Frames};
use super::super::heads::Ids;
use super::render::{Block, Caller, Input, Message, OutputDetails, SIGNATURE, WireUsage, stop};

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event<'a> {
    MessageStart {
        message: Message<'a>,
    },
    ContentBlockStart {
        index: usize,
        content_block: Block<'a>,
    },
    ContentBlockDelta {
        index: usize,
        delta: Delta<'a>,
    },
    ContentBlockStop {
        index: usize,
    },
    MessageDelta {
        delta: Stop<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        usage: Option<FinalUsage>,
    },
    MessageStop {},
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Delta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: &'a str },
}

#[derive(Serialize)]
struct Stop<'a> {
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
    stop_details: Option<()>,
}

#[derive(Serialize)]
struct FinalUsage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<OutputDetails>,
}

/// Bytes of arguments in a delta.
const ARGUMENT_PIECE: usize = 10;
/// About the bytes of an event, to size the buffer by.
const EVENT_BYTES: usize = 160;
/// Anthropic writes it so, with a blank and without padding.
const PING: &[u8] = b"event: ping\ndata: {\"type\": \"ping\"}\n\n";

/// The stream of an answer.
pub(in super::super) fn stream(answer: &Answer, model: &str, step: &Behaviour) -> Frames {
    let mut ids = Ids::next();
    let id = ids.id("msg_01");
    let deltas = answer.text.as_deref().map_or(0, |text| words(text).count()) + 40;
    let mut out = Writer { out: FrameWriter::with_capacity(deltas * EVENT_BYTES), index: 0 };
    let begun = answer.usage.output.min(1);
    out.event(Event::MessageStart {
        message: Message {
            model,
            id: &id,
            kind: "message",
            role: "assistant",
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            stop_details: None,
            usage: (!step.no_usage).then(|| WireUsage::of(&answer.usage, begun, None)),
        },
    });
    if answer.usage.reasoning > 0 {
        let thinking = answer.thinking.as_deref().unwrap_or_default();
        let deltas = words(thinking).map(|thinking| Delta::Thinking { thinking });
        let signature = Delta::Signature { signature: SIGNATURE };
        out.block(Block::Thinking { thinking: "", signature: "" }, deltas.chain([signature]));
    }
    if let Some(text) = &answer.text {
        out.block(Block::Text { text: "" }, words(text).map(|text| Delta::Text { text }));
    }
    for call in &answer.calls {
        let start =
            Block::ToolUse { id: ids.id("toolu_01"), name: &call.name, input: Input::Empty, caller: Caller::DIRECT };
        let input = pieces(&call.arguments, ARGUMENT_PIECE).map(|partial_json| Delta::InputJson { partial_json });
        out.block(start, [Delta::InputJson { partial_json: "" }].into_iter().chain(input));
    }
    if !step.no_finish {
        let (stop_reason, stop_sequence) = stop(&answer.end);
        let usage = FinalUsage {
            input_tokens: answer.usage.input,
            cache_creation_input_tokens: answer.usage.cache_write + answer.usage.cache_write_1h,
            cache_read_input_tokens: answer.usage.cache_read,
            output_tokens: answer.usage.output,
            output_tokens_details: OutputDetails::of(&answer.usage),
        };
        out.event(Event::MessageDelta {
            delta: Stop { stop_reason, stop_sequence, stop_details: None },
            usage: (!step.no_usage).then_some(usage),
        });
        out.event(Event::MessageStop {});
    }
    out.out.finish()
}

struct Writer {
    out: FrameWriter,
    index: usize,
}

impl Writer {
    /// A block from start to stop; behind the start of the first one comes a ping.
    fn block<'a>(&mut self, start: Block<'a>, deltas: impl Iterator<Item = Delta<'a>>) {
        let index = self.index;
        self.event(Event::ContentBlockStart { index, content_block: start });
        if index == 0 {
            self.out.raw(PING);
        }
        for delta in deltas {
            self.event(Event::ContentBlockDelta { index, delta });
        }
        self.event(Event::ContentBlockStop { index });
        self.index += 1;
    }

    fn event(&mut self, event: Event<'_>) {
        let name = match event {
            Event::MessageStart { .. } => "message_start",
            Event::ContentBlockStart { .. } => "content_block_start",
            Event::ContentBlockDelta { .. } => "content_block_delta",
            Event::ContentBlockStop { .. } => "content_block_stop",
            Event::MessageDelta { .. } => "message_delta",
            Event::MessageStop {} => "message_stop",
        };
        self.out.named(name, &event);
    }
}
