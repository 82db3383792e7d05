//! Chat answers with what a hosted router adds: spliced in event by event, or into a whole answer, without printing the rest anew.
//!
//! What is added: `id`, `provider`, `native_finish_reason`, `reasoning` and `reasoning_details`, and `usage` with its cost. What clients of a
//! router refuse is taken out: a `null` where they know a value or nothing.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde_json::value::RawValue;

use super::error::Inner;
use crate::json::{self, Member, ScanError, is_null_at, is_object_at, is_string_at};
use crate::money::PicoDollars;
use crate::neutral::{ApiError, Usage};
use crate::shapes::{self, chat::UsageWire};
use crate::sse::{Framer, Piece, RawEvent};

/// What an answer is told with.
#[derive(Clone, Debug, Default)]
pub struct Speaker {
    /// `gen-...`: what the answer can be asked for by.
    pub id: String,
    /// Who serves it, by its name.
    pub provider: String,
    /// The model, where the answer does not say.
    pub model: String,
    /// Seconds since 1970, where the answer does not say.
    pub created: u64,
    /// Whether the client does not want to see reasoning.
    pub hides_reasoning: bool,
}

/// What an answer came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Billed {
    /// Tokens by kind.
    pub usage: Usage,
    /// What they cost; `None` when the price is not known.
    pub cost: Option<PicoDollars>,
    /// What of it the prompt costs.
    pub prompt_cost: PicoDollars,
}

/// Tells what an answer has come to; asked only where that is to be told.
pub type Bill<'a> = &'a dyn Fn() -> Billed;

/// How the bytes are framed that are given to an [`Answer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framed {
    /// Events.
    Events,
    /// One JSON object.
    Whole,
}

/// One answer on its way to a client.
#[derive(Debug)]
pub struct Answer {
    speaker: Speaker,
    framer: Framer,
    told_usage: bool,
    over: bool,
}

impl Answer {
    /// Before the first byte.
    #[must_use]
    pub fn new(speaker: Speaker) -> Answer {
        Answer { speaker, framer: Framer::new(shapes::MAX_EVENT_BYTES), told_usage: false, over: false }
    }

    /// The next bytes of a stream, as they are to go out. `end`: `Some` when these are the last of an answer that ended well, or not.
    pub fn stream(&mut self, bytes: Option<Bytes>, end: Option<bool>, billed: Bill<'_>) -> Option<Bytes> {
        let mut out = BytesMut::with_capacity(bytes.as_ref().map_or(0, Bytes::len) + 256);
        if let Some(bytes) = bytes {
            self.framer.push(bytes);
        }
        while let Some(piece) = self.framer.next() {
            self.piece(&piece, billed, &mut out);
        }
        if let Some(ended_well) = end {
            if let Some(piece) = self.framer.finish() {
                self.piece(&piece, billed, &mut out);
            }
            if ended_well {
                self.close(billed, &mut out);
            }
        }
        (!out.is_empty()).then(|| out.freeze())
    }

    /// A whole answer, as it is to go out; as it is, when it is no JSON.
    pub fn whole(&mut self, body: Bytes, billed: Bill<'_>) -> Bytes {
        let mut out = Vec::with_capacity(body.len() + 512);
        match self.object(&body, &mut out, (Framed::Whole, billed)) {
            Ok(()) => out.into(),
            Err(_) => body,
        }
    }

    /// An error as the last event of a stream.
    #[must_use]
    pub fn error_event(&self, error: &ApiError) -> Vec<u8> {
        #[derive(Serialize)]
        struct Chunk<'a> {
            id: &'a str,
            object: &'static str,
            created: u64,
            model: &'a str,
            provider: &'a str,
            error: Inner<'a>,
            choices: [Choice; 1],
        }
        #[derive(Serialize)]
        struct Choice {
            index: u32,
            delta: Delta,
            finish_reason: &'static str,
            native_finish_reason: &'static str,
        }
        #[derive(Serialize)]
        struct Delta {
            role: &'static str,
            content: &'static str,
        }
        let Speaker { id, provider, model, created, .. } = &self.speaker;
        let delta = Delta { role: "assistant", content: "" };
        let choice = Choice { index: 0, delta, finish_reason: "error", native_finish_reason: "error" };
        let error = Inner::new(error, Some(provider.as_str()).filter(|name| !name.is_empty()));
        let object = "chat.completion.chunk";
        let chunk = Chunk { id, object, created: *created, model, provider, error, choices: [choice] };
        crate::sse::event(None, &serde_json::to_vec(&chunk).expect("texts and numbers have a JSON form"))
    }

    fn piece(&mut self, piece: &Piece, billed: Bill<'_>, out: &mut BytesMut) {
        match piece {
            Piece::Event(event) => self.event(event, billed, out),
            // What is too large to be understood passes as it is.
            Piece::Fragment(bytes) | Piece::FragmentEnd(bytes) => out.extend_from_slice(bytes),
        }
    }

    fn event(&mut self, event: &RawEvent, billed: Bill<'_>, out: &mut BytesMut) {
        let data = event.data();
        if data.trim_ascii() == b"[DONE]" {
            self.close(billed, out);
            out.extend_from_slice(&event.bytes);
            return;
        }
        let mut chunk = Vec::with_capacity(data.len() + 128);
        if data.is_empty() || self.object(&data, &mut chunk, (Framed::Events, billed)).is_err() {
            out.extend_from_slice(&event.bytes);
            return;
        }
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&chunk);
        out.extend_from_slice(b"\n\n");
    }

    /// Tells what it came to where nothing has told it yet: clients of a router count on it.
    fn close(&mut self, billed: Bill<'_>, out: &mut BytesMut) {
        if std::mem::replace(&mut self.over, true) || self.told_usage {
            return;
        }
        let Speaker { id, provider, model, created, .. } = &self.speaker;
        let mut chunk = Object::default();
        chunk.put("id", id);
        chunk.put("object", "chat.completion.chunk");
        chunk.put("created", created);
        chunk.put("model", model);
        chunk.put("provider", provider);
        chunk.raw("choices", b"[]");
        chunk.put("usage", &Costs::of(&billed()));
        out.put_slice(b"data: ");
        out.put_slice(&chunk.finish());
        out.put_slice(b"\n\n");
    }

    /// A chunk, or a whole answer.
    fn object(
        &mut self,
        body: &[u8],
        out: &mut Vec<u8>,
        (framed, billed): (Framed, Bill<'_>),
    ) -> Result<(), ScanError> {
        let mut object = Object::default();
        object.put("id", &self.speaker.id);
        let mut seen = Seen::default();
        for member in json::members(body) {
            let Member { key, value } = member?;
            let raw = body.get(value.clone()).unwrap_or_default();
            let is_null = is_null_at(body, &value);
            match &*key {
                "id" => continue,
                "usage" if is_null => continue,
                "usage" if is_object_at(body, &value) => {
                    self.told_usage = true;
                    seen.usage = true;
                    // Also where a router told its own: what is charged here is what is told.
                    object.put("usage", &Costs::of(&billed()));
                    continue;
                }
                "system_fingerprint" => {
                    seen.fingerprint = true;
                    if is_null && framed == Framed::Events {
                        continue;
                    }
                }
                "provider" => seen.provider = !is_null,
                "object" => seen.object = true,
                "created" => {
                    seen.created = !is_null;
                    self.speaker.created = json::u64_at(body, &value).unwrap_or(self.speaker.created);
                }
                "model" => {
                    seen.model = is_string_at(body, &value);
                    if let Some(model) = json::string_at(body, &value).filter(|model| **model != self.speaker.model) {
                        self.speaker.model = model.into_owned();
                    }
                }
                "choices" => {
                    object.name("choices");
                    self.choices(body, value, &mut object.bytes, framed)?;
                    continue;
                }
                _ => {}
            }
            if is_null && matches!(&*key, "provider" | "created" | "model" | "object") {
                continue;
            }
            object.raw(&key, raw);
        }
        self.missing(&seen, &mut object, framed);
        if framed == Framed::Whole && !seen.usage {
            object.put("usage", &Costs::of(&billed()));
        }
        out.extend_from_slice(&object.finish());
        Ok(())
    }

    /// What no client of a router can do without.
    fn missing(&self, seen: &Seen, object: &mut Object, framed: Framed) {
        if !seen.object {
            let kind = if framed == Framed::Whole { "chat.completion" } else { "chat.completion.chunk" };
            object.put("object", kind);
        }
        if !seen.created {
            object.put("created", &self.speaker.created);
        }
        if !seen.model {
            object.put("model", &self.speaker.model);
        }
        if !seen.provider {
            object.put("provider", &self.speaker.provider);
        }
        if framed == Framed::Whole && !seen.fingerprint {
            object.raw("system_fingerprint", b"null");
        }
    }

    fn choices(&self, body: &[u8], range: Range<usize>, out: &mut Vec<u8>, framed: Framed) -> Result<(), ScanError> {
        let mut first = true;
        out.push(b'[');
        for element in json::elements_in(body, range) {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            self.choice(body, element?, out, framed)?;
        }
        out.push(b']');
        Ok(())
    }

    fn choice(&self, body: &[u8], range: Range<usize>, out: &mut Vec<u8>, framed: Framed) -> Result<(), ScanError> {
        let mut choice = Object::default();
        let (mut native, mut finish) = (false, false);
        for member in json::members_in(body, range) {
            let Member { key, value } = member?;
            let raw = body.get(value.clone()).unwrap_or_default();
            match &*key {
                "delta" | "message" if is_object_at(body, &value) => {
                    choice.name(&key);
                    self.message(body, value, &mut choice.bytes, framed)?;
                }
                "finish_reason" => {
                    finish = true;
                    let word = json::string_at(body, &value);
                    match word.as_deref().filter(|word| !word.is_empty()) {
                        Some(word) => choice.put("finish_reason", finish_word(word)),
                        None => choice.raw("finish_reason", b"null"),
                    }
                    if !native {
                        let said = if word.as_deref() == Some("") { b"null" } else { raw };
                        choice.raw("native_finish_reason", said);
                        native = true;
                    }
                }
                // Where both are told the native one comes second; what was written of it first gives way.
                "native_finish_reason" if native => choice.replace_last("native_finish_reason", raw),
                "native_finish_reason" => {
                    native = true;
                    choice.raw(&key, raw);
                }
                _ => choice.raw(&key, raw),
            }
        }
        if !finish {
            choice.raw("finish_reason", b"null");
        }
        out.extend_from_slice(&choice.finish());
        Ok(())
    }

    /// A message, or what a chunk adds to it.
    fn message(&self, body: &[u8], range: Range<usize>, out: &mut Vec<u8>, framed: Framed) -> Result<(), ScanError> {
        let hides = self.speaker.hides_reasoning;
        let mut message = Object::default();
        let (mut text, mut details, mut role) = (None, false, false);
        for member in json::members_in(body, range) {
            let Member { key, value } = member?;
            let raw = body.get(value.clone()).unwrap_or_default();
            let is_null = is_null_at(body, &value);
            match &*key {
                "reasoning" | "reasoning_content" | "reasoning_details" | "thinking_blocks" if hides => continue,
                "content" | "refusal" => {}
                "reasoning" if is_string_at(body, &value) => {
                    text = Some(raw);
                    continue;
                }
                "reasoning_content" if is_string_at(body, &value) => text = text.or(Some(raw)),
                "reasoning_details" => details = !is_null,
                "role" => role = !is_null,
                _ => {}
            }
            if is_null && !matches!(&*key, "content" | "refusal") {
                continue;
            }
            message.raw(&key, raw);
        }
        if !role && framed == Framed::Whole {
            message.put("role", "assistant");
        }
        if let Some(text) = text {
            message.raw("reasoning", text);
            if !details && text != b"\"\"" {
                message.name("reasoning_details");
                message.bytes.extend_from_slice(b"[{\"type\":\"reasoning.text\",\"text\":");
                message.bytes.extend_from_slice(text);
                message.bytes.extend_from_slice(b",\"format\":\"unknown\",\"index\":0}]");
            }
        }
        out.extend_from_slice(&message.finish());
        Ok(())
    }
}

/// Members of an answer that were there.
#[derive(Default)]
struct Seen {
    usage: bool,
    fingerprint: bool,
    provider: bool,
    object: bool,
    created: bool,
    model: bool,
}

/// Why an answer ended, in the words that a router has for it.
#[must_use]
pub fn finish_word(native: &str) -> &str {
    match native {
        "function_call" | "tool_use" => "tool_calls",
        "max_tokens" | "model_length" => "length",
        "end_turn" | "stop_sequence" | "eos" | "eos_token" | "complete" | "completed" => "stop",
        "safety" | "refusal" => "content_filter",
        word => word,
    }
}

/// Token counts and what they cost.
#[derive(Serialize)]
struct Costs {
    #[serde(flatten)]
    counts: UsageWire,
    cost: Option<Box<RawValue>>,
    is_byok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_details: Option<Details>,
}

#[derive(Serialize)]
struct Details {
    upstream_inference_cost: Box<RawValue>,
    upstream_inference_prompt_cost: Box<RawValue>,
    upstream_inference_completions_cost: Box<RawValue>,
}

impl Costs {
    fn of(billed: &Billed) -> Costs {
        let details = |whole: PicoDollars| Details {
            upstream_inference_cost: dollars(whole),
            upstream_inference_prompt_cost: dollars(billed.prompt_cost),
            upstream_inference_completions_cost: dollars(PicoDollars(whole.0.saturating_sub(billed.prompt_cost.0))),
        };
        Costs {
            counts: UsageWire::new(&billed.usage),
            cost: billed.cost.map(dollars),
            is_byok: false,
            cost_details: billed.cost.map(details),
        }
    }
}

/// Dollars as a JSON number with all their digits.
fn dollars(amount: PicoDollars) -> Box<RawValue> {
    RawValue::from_string(amount.to_string()).expect("digits and a point are a number")
}

/// An object that is made of members as they stand.
#[derive(Default)]
struct Object {
    bytes: Vec<u8>,
    /// Where the member begins that was written last.
    last: usize,
}

impl Object {
    fn name(&mut self, name: &str) {
        self.last = self.bytes.len();
        self.bytes.push(if self.last == 0 { b'{' } else { b',' });
        self.bytes.extend_from_slice(&json::quoted(name));
        self.bytes.push(b':');
    }

    fn raw(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        self.bytes.extend_from_slice(value);
    }

    fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        self.name(name);
        serde_json::to_writer(&mut self.bytes, value).expect("it has a JSON form, and memory takes it");
    }

    /// Puts another value in the place of the member of that name, if it was written last.
    fn replace_last(&mut self, name: &str, value: &[u8]) {
        let written = self.bytes.get(self.last..).unwrap_or_default();
        if written.get(1..).is_some_and(|member| member.starts_with(&json::quoted(name))) {
            self.bytes.truncate(self.last);
            self.raw(name, value);
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.bytes.is_empty() {
            self.bytes.push(b'{');
        }
        self.bytes.push(b'}');
        self.bytes
    }
}
