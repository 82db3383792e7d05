//! What a client makes of an answer, whole or streamed; it breaks where a client would.

use bytes::Bytes;
use ovth_filters::Shape;
use ovth_filters::sse::{Framer, Piece, RawEvent};
use serde_json::Value;

/// What an answer says. A whole one and its stream say the same.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Said {
    /// The text of all parts, one after the other.
    pub(crate) text: String,
    /// Refusals, in shapes that have a place for them.
    pub(crate) refusal: String,
    /// Reasoning that may be read.
    pub(crate) reasoning: String,
    /// Calls of tools: id, name, arguments.
    pub(crate) calls: Vec<(String, String, String)>,
    /// Why it ended.
    pub(crate) finish: String,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With the shape's mark of success.
    Success,
    /// With an error event.
    Error,
    /// With neither: its bytes just stop.
    Cut,
}

/// Reads a whole answer.
pub(crate) fn whole(shape: Shape, body: &[u8]) -> Said {
    let body: Value = serde_json::from_slice(body).expect("an answer is JSON");
    match shape {
        Shape::Chat => {
            assert_eq!(body["object"], "chat.completion");
            let choice = &body["choices"][0];
            let mut said = Said::default();
            assert_eq!(choice["message"]["role"], "assistant");
            chat_pieces(&choice["message"], &mut said);
            said.finish = text(&choice["finish_reason"]).to_owned();
            said
        }
        Shape::GenerateContent => {
            let mut said = Said::default();
            google_pieces(&body, &mut said);
            assert!(!said.finish.is_empty() && body["usageMetadata"]["totalTokenCount"].is_u64());
            said
        }
        Shape::Responses => super::responses::whole(&body),
        _ => {
            assert_eq!((&body["type"], &body["role"]), (&Value::from("message"), &Value::from("assistant")));
            let mut said = Said::default();
            for block in body["content"].as_array().expect("content is an array") {
                match text(&block["type"]) {
                    "text" => said.text += text(&block["text"]),
                    "thinking" => said.reasoning += text(&block["thinking"]),
                    "tool_use" => {
                        assert!(block["input"].is_object(), "the input of a tool is an object");
                        said.calls.push((id(&block["id"]), name(&block["name"]), block["input"].to_string()));
                    }
                    kind => assert!(!kind.is_empty(), "every block has a type"),
                }
            }
            said.finish = text(&body["stop_reason"]).to_owned();
            assert!(body["usage"]["output_tokens"].is_u64(), "token counts are there");
            said
        }
    }
}

/// Reads a stream: every event is whole and valid, at most one ends it, and nothing follows that one.
pub(crate) fn stream(shape: Shape, bytes: &[u8]) -> (Said, End) {
    if shape == Shape::Responses {
        return super::responses::stream(events(bytes));
    }
    let mut end = End::Cut;
    let mut reader = Reader::default();
    for event in events(bytes) {
        if event.is_comment() {
            continue;
        }
        assert_eq!(end, End::Cut, "nothing follows the end: {}", lossy(&event.bytes));
        let data = event.data();
        if &*data == b"[DONE]" {
            assert_eq!(shape, Shape::Chat, "only chat ends so");
            assert!(!reader.said.finish.is_empty(), "no mark of success before a reason");
            end = End::Success;
            continue;
        }
        let data: Value = serde_json::from_slice(&data).unwrap_or_else(|_| panic!("no JSON: {}", lossy(&event.bytes)));
        if shape == Shape::GenerateContent {
            if data.get("error").is_some() {
                end = End::Error;
                continue;
            }
            google_pieces(&data, &mut reader.said);
            if !reader.said.finish.is_empty() {
                end = End::Success;
            }
        } else if shape == Shape::Chat {
            if data.get("error").is_some() {
                end = End::Error;
                continue;
            }
            reader.chat(&data);
        } else {
            let kind = text(&data["type"]);
            assert_eq!(event.name(), Some(kind.as_bytes()), "the event has its name");
            match kind {
                "error" => end = End::Error,
                "message_stop" => {
                    assert!(reader.open.is_none() && !reader.said.finish.is_empty(), "it stops when all is said");
                    end = End::Success;
                }
                "ping" => {}
                _ => reader.messages(kind, &data),
            }
        }
    }
    (reader.said, end)
}

/// The events of a stream that must be one: nothing is left at its end.
pub(crate) fn events(bytes: &[u8]) -> Vec<RawEvent> {
    let mut framer = Framer::new(bytes.len().max(1));
    framer.push(Bytes::copy_from_slice(bytes));
    let mut events = Vec::new();
    while let Some(piece) = framer.next() {
        let Piece::Event(event) = piece else { panic!("no event is over the bound") };
        events.push(event);
    }
    assert_eq!(framer.finish(), None, "every event has its blank line");
    events
}

/// A stream as it is read.
#[derive(Default)]
struct Reader {
    said: Said,
    /// Whether the message began.
    begun: bool,
    /// The block that is open, with its index and type.
    open: Option<(u64, String)>,
    blocks: u64,
    /// Which of the calls take free text.
    custom: Vec<bool>,
}

impl Reader {
    fn chat(&mut self, chunk: &Value) {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert!(!text(&chunk["id"]).is_empty() && chunk["model"].is_string());
        let Some(choice) = chunk["choices"].as_array().expect("choices are an array").first() else {
            assert!(chunk["usage"].is_object(), "a chunk without choices has token counts");
            return;
        };
        let delta = &choice["delta"];
        if !self.begun {
            assert_eq!(delta["role"], "assistant", "the first chunk says whose answer it is");
            self.begun = true;
        }
        let told = delta.as_object().expect("a delta is an object");
        assert!(self.said.finish.is_empty() || told.is_empty(), "nothing is said after the reason: {delta}");
        let calls = delta["tool_calls"].as_array().cloned().unwrap_or_default();
        let mut rest = delta.clone();
        rest.as_object_mut().unwrap().remove("tool_calls");
        chat_pieces(&rest, &mut self.said);
        for call in calls {
            let index = usize::try_from(call["index"].as_u64().expect("a call has an index")).unwrap();
            let body = if call["custom"].is_object() { &call["custom"] } else { &call["function"] };
            if index == self.said.calls.len() {
                self.said.calls.push((id(&call["id"]), name(&body["name"]), String::new()));
                self.custom.push(call["custom"].is_object());
            } else {
                assert!(call.get("id").is_none() && body.get("name").is_none(), "a call is named once");
            }
            let known = self.said.calls.get_mut(index).expect("calls begin in order");
            known.2 += text(&body["arguments"]);
            known.2 += text(&body["input"]);
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            assert!(self.said.finish.is_empty(), "there is one reason");
            reason.clone_into(&mut self.said.finish);
            for (call, custom) in self.said.calls.iter_mut().zip(&self.custom) {
                // Clients take it for no arguments.
                if call.2.trim().is_empty() && !custom {
                    call.2 = "{}".to_owned();
                }
            }
        }
    }

    fn messages(&mut self, kind: &str, data: &Value) {
        assert_eq!(kind == "message_start", !self.begun, "the message starts once, first");
        assert!(self.said.finish.is_empty(), "nothing but the end follows the reason: {data}");
        match kind {
            "message_start" => {
                assert!(!id(&data["message"]["id"]).is_empty());
                self.begun = true;
            }
            "content_block_start" => {
                assert!(self.open.is_none(), "one block is open at a time");
                assert_eq!(data["index"], self.blocks, "blocks are numbered in order");
                let block = &data["content_block"];
                if block["type"] == "tool_use" {
                    assert_eq!(block["input"], serde_json::json!({}));
                    self.said.calls.push((id(&block["id"]), name(&block["name"]), String::new()));
                }
                self.open = Some((self.blocks, text(&block["type"]).to_owned()));
                self.blocks += 1;
            }
            "content_block_delta" => {
                let (index, block) = self.open.as_ref().expect("a block is open");
                assert_eq!(data["index"], *index);
                let delta = &data["delta"];
                match (text(&delta["type"]), block.as_str()) {
                    ("text_delta", "text") => self.said.text += text(&delta["text"]),
                    ("thinking_delta", "thinking") => self.said.reasoning += text(&delta["thinking"]),
                    ("signature_delta", "thinking") | ("citations_delta", "text") => {}
                    ("input_json_delta", "tool_use") => {
                        self.said.calls.last_mut().unwrap().2 += text(&delta["partial_json"]);
                    }
                    ("input_json_delta", _) => {}
                    (delta, block) => panic!("{delta} in a block of {block}"),
                }
            }
            "content_block_stop" => {
                let (index, block) = self.open.take().expect("a block is open");
                assert_eq!(data["index"], index);
                if block == "tool_use" {
                    let arguments = &mut self.said.calls.last_mut().unwrap().2;
                    if arguments.is_empty() {
                        *arguments = "{}".to_owned();
                    }
                }
            }
            "message_delta" => {
                assert!(self.open.is_none(), "all blocks are closed");
                text(&data["delta"]["stop_reason"]).clone_into(&mut self.said.finish);
                assert!(!self.said.finish.is_empty() && data["usage"]["output_tokens"].is_u64());
            }
            kind => panic!("no such event: {kind}"),
        }
    }
}

/// A whole answer of generate_content, or a piece of one.
fn google_pieces(answer: &Value, said: &mut Said) {
    assert!(!text(&answer["responseId"]).is_empty() && answer["modelVersion"].is_string());
    let candidate = &answer["candidates"][0];
    assert!(candidate["content"].is_null() || candidate["content"]["role"] == "model");
    for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
        if part["thought"] == true {
            said.reasoning += text(&part["text"]);
        } else if part.get("functionCall").is_some() {
            let call = &part["functionCall"];
            assert!(call["args"].is_object(), "arguments are an object");
            let is_first = said.calls.is_empty();
            assert!(!is_first || part["thoughtSignature"].is_string(), "the first call is signed");
            said.calls.push((id(&call["id"]), name(&call["name"]), call["args"].to_string()));
        } else {
            assert!(part["text"] != "", "no text is empty");
            said.text += text(&part["text"]);
        }
    }
    text(&candidate["finishReason"]).clone_into(&mut said.finish);
}

fn chat_pieces(message: &Value, said: &mut Said) {
    said.text += text(&message["content"]);
    said.refusal += text(&message["refusal"]);
    said.reasoning += text(&message["reasoning"]);
    assert_eq!(text(&message["reasoning"]), text(&message["reasoning_content"]), "both names say the same");
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        let body = if call["custom"].is_object() { &call["custom"] } else { &call["function"] };
        let arguments = body["arguments"].as_str().or(body["input"].as_str()).expect("arguments are text");
        said.calls.push((id(&call["id"]), name(&body["name"]), arguments.to_owned()));
    }
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(super) fn id(value: &Value) -> String {
    assert!(!text(value).is_empty(), "an id is not empty");
    text(value).to_owned()
}

pub(super) fn name(value: &Value) -> String {
    value.as_str().expect("a name is text").to_owned()
}

pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
