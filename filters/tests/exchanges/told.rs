//! What a client of each shape finds in an answer, and how it puts a stream together.

use ovth_filters::Shape;
use serde_json::{Value, json};

use super::{list, text};

/// All that an answer says, in words that no shape has for its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) text: String,
    /// Why it refused, wherever clients look for it.
    pub(crate) refusal: String,
    pub(crate) thoughts: String,
    /// Id, name, arguments.
    pub(crate) calls: Vec<(String, String, Value)>,
    /// The word of the shape.
    pub(crate) finish: String,
    pub(crate) model: String,
    /// Opaque state, wherever the client keeps it.
    pub(crate) states: Vec<String>,
    /// Tokens: the whole prompt, what of it came out of a cache, the whole output, what of it was thoughts.
    pub(crate) usage: [Option<u64>; 4],
}

impl Told {
    /// Reads a whole answer of that shape.
    pub(crate) fn of(shape: Shape, answer: &Value) -> Told {
        let mut told = Told::default();
        match shape {
            Shape::Chat => told.chat(answer),
            Shape::Responses => told.response(answer),
            Shape::Messages => told.message(answer),
            Shape::GenerateContent => told.contents(answer),
        }
        told
    }

    fn keep(&mut self, state: &Value) {
        self.states.extend(state.as_str().filter(|state| !state.is_empty()).map(str::to_owned));
    }

    fn call(&mut self, id: &Value, name: &Value, arguments: Value) {
        assert!(arguments.is_object(), "arguments are an object: {arguments}");
        self.calls.push((text(id).to_owned(), text(name).to_owned(), arguments));
    }

    fn chat(&mut self, answer: &Value) {
        let choice = &answer["choices"][0];
        let message = &choice["message"];
        text(&message["content"]).clone_into(&mut self.text);
        text(&message["refusal"]).clone_into(&mut self.refusal);
        text(&message["reasoning"]).clone_into(&mut self.thoughts);
        for detail in list(&message["reasoning_details"]) {
            self.keep(&detail["signature"]);
            self.keep(&detail["data"]);
        }
        for call in list(&message["tool_calls"]) {
            self.keep(&call["extra_content"]["google"]["thought_signature"]);
            let arguments = serde_json::from_str(text(&call["function"]["arguments"])).unwrap();
            self.call(&call["id"], &call["function"]["name"], arguments);
        }
        text(&choice["finish_reason"]).clone_into(&mut self.finish);
        text(&answer["model"]).clone_into(&mut self.model);
        let usage = &answer["usage"];
        self.usage = [
            usage["prompt_tokens"].as_u64(),
            usage["prompt_tokens_details"]["cached_tokens"].as_u64(),
            usage["completion_tokens"].as_u64(),
            usage["completion_tokens_details"]["reasoning_tokens"].as_u64(),
        ];
    }

    fn response(&mut self, answer: &Value) {
        for item in list(&answer["output"]) {
            match text(&item["type"]) {
                "message" => {
                    for part in list(&item["content"]) {
                        self.text.push_str(text(&part["text"]));
                        self.refusal.push_str(text(&part["refusal"]));
                    }
                }
                "reasoning" => {
                    for part in list(&item["summary"]).iter().chain(list(&item["content"])) {
                        self.thoughts.push_str(text(&part["text"]));
                    }
                    self.keep(&item["encrypted_content"]);
                }
                "function_call" => {
                    assert_eq!(item["status"], "completed");
                    let arguments = serde_json::from_str(text(&item["arguments"])).unwrap();
                    self.call(&item["call_id"], &item["name"], arguments);
                }
                kind => panic!("no such item: {kind}"),
            }
        }
        self.finish = match text(&answer["status"]) {
            "incomplete" => text(&answer["incomplete_details"]["reason"]).to_owned(),
            status => status.to_owned(),
        };
        text(&answer["model"]).clone_into(&mut self.model);
        let usage = &answer["usage"];
        self.usage = [
            usage["input_tokens"].as_u64(),
            usage["input_tokens_details"]["cached_tokens"].as_u64(),
            usage["output_tokens"].as_u64(),
            usage["output_tokens_details"]["reasoning_tokens"].as_u64(),
        ];
    }

    fn message(&mut self, answer: &Value) {
        for block in list(&answer["content"]) {
            match text(&block["type"]) {
                "text" => self.text.push_str(text(&block["text"])),
                "thinking" => {
                    self.thoughts.push_str(text(&block["thinking"]));
                    self.keep(&block["signature"]);
                }
                "redacted_thinking" => self.keep(&block["data"]),
                "tool_use" => self.call(&block["id"], &block["name"], block["input"].clone()),
                kind => panic!("no such block: {kind}"),
            }
        }
        text(&answer["stop_details"]["explanation"]).clone_into(&mut self.refusal);
        text(&answer["stop_reason"]).clone_into(&mut self.finish);
        text(&answer["model"]).clone_into(&mut self.model);
        let usage = &answer["usage"];
        let (input, cached) = (usage["input_tokens"].as_u64(), usage["cache_read_input_tokens"].as_u64());
        self.usage = [
            input.zip(cached).map(|(input, cached)| input + cached),
            cached,
            usage["output_tokens"].as_u64(),
            usage["output_tokens_details"]["thinking_tokens"].as_u64(),
        ];
    }

    fn contents(&mut self, answer: &Value) {
        let candidate = &answer["candidates"][0];
        for part in list(&candidate["content"]["parts"]) {
            self.keep(&part["thoughtSignature"]);
            if part["thought"] == true {
                self.thoughts.push_str(text(&part["text"]));
            } else if let Some(call) = part.get("functionCall") {
                self.call(&call["id"], &call["name"], call["args"].clone());
            } else {
                self.text.push_str(text(&part["text"]));
            }
        }
        text(&candidate["finishMessage"]).clone_into(&mut self.refusal);
        text(&candidate["finishReason"]).clone_into(&mut self.finish);
        text(&answer["modelVersion"]).clone_into(&mut self.model);
        let usage = &answer["usageMetadata"];
        let (output, thoughts) = (usage["candidatesTokenCount"].as_u64(), usage["thoughtsTokenCount"].as_u64());
        self.usage = [
            usage["promptTokenCount"].as_u64(),
            usage["cachedContentTokenCount"].as_u64(),
            output.map(|output| output + thoughts.unwrap_or(0)),
            thoughts,
        ];
    }
}

/// A stream as the client of that shape puts it together: the whole answer.
pub(crate) fn assembled(shape: Shape, stream: &str) -> Value {
    let events: Vec<Value> = stream
        .replace("\r\n", "\n")
        .split("\n\n")
        .flat_map(|event| {
            event.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect::<Vec<_>>()
        })
        .filter(|data| data != "[DONE]")
        .map(|data| serde_json::from_str(&data).unwrap())
        .collect();
    match shape {
        Shape::Chat => chat(&events),
        Shape::Responses => events.last().unwrap()["response"].clone(),
        Shape::Messages => message(&events),
        Shape::GenerateContent => contents(&events),
    }
}

fn append(to: &mut Value, more: &Value) {
    if let Some(more) = more.as_str() {
        *to = json!(text(to).to_owned() + more);
    }
}

/// The element with that index, which is made where it is not there.
fn element<'v>(of: &'v mut Value, index: &Value, first: &Value) -> &'v mut Value {
    if of.is_null() {
        *of = json!([]);
    }
    let all = of.as_array_mut().unwrap();
    let at = all.iter().position(|known| known["index"] == *index).unwrap_or_else(|| {
        let mut made = first.clone();
        made["index"] = index.clone();
        all.push(made);
        all.len() - 1
    });
    &mut all[at]
}

fn chat(events: &[Value]) -> Value {
    let mut answer = json!({"choices": [{"index": 0, "message": {"role": "assistant"}}]});
    for event in events {
        answer["model"] = event["model"].clone();
        if event["usage"].is_object() {
            answer["usage"] = event["usage"].clone();
        }
        let choice = &event["choices"][0];
        let (delta, whole) = (&choice["delta"], &mut answer["choices"][0]);
        if choice["finish_reason"].is_string() {
            whole["finish_reason"] = choice["finish_reason"].clone();
        }
        let message = &mut whole["message"];
        for member in ["content", "refusal", "reasoning", "reasoning_content"] {
            if delta[member].is_string() {
                append(&mut message[member], &delta[member]);
            }
        }
        for piece in list(&delta["reasoning_details"]) {
            // As the OpenAI SDK joins them: by index alone, and the last type holds.
            let known = element(&mut message["reasoning_details"], &piece["index"], &json!({}));
            for (member, value) in piece.as_object().unwrap() {
                match member.as_str() {
                    "text" | "summary" => append(&mut known[member], value),
                    _ => known[member] = value.clone(),
                }
            }
        }
        for piece in list(&delta["tool_calls"]) {
            let known = element(
                &mut message["tool_calls"],
                &piece["index"],
                &json!({"type": "function", "function": {"arguments": ""}}),
            );
            for member in ["id", "extra_content"] {
                if let Some(value) = piece.get(member) {
                    known[member] = value.clone();
                }
            }
            if piece["function"]["name"].is_string() {
                known["function"]["name"] = piece["function"]["name"].clone();
            }
            append(&mut known["function"]["arguments"], &piece["function"]["arguments"]);
        }
    }
    for call in answer["choices"][0]["message"]["tool_calls"].as_array_mut().into_iter().flatten() {
        call.as_object_mut().unwrap().remove("index");
    }
    answer
}

fn message(events: &[Value]) -> Value {
    let mut answer = Value::Null;
    let mut input = String::new();
    for event in events {
        let block = usize::try_from(event["index"].as_u64().unwrap_or(0)).unwrap();
        match text(&event["type"]) {
            "message_start" => answer = event["message"].clone(),
            "content_block_start" => {
                input.clear();
                answer["content"].as_array_mut().unwrap().push(event["content_block"].clone());
            }
            "content_block_delta" => {
                let delta = &event["delta"];
                match text(&delta["type"]) {
                    "text_delta" => append(&mut answer["content"][block]["text"], &delta["text"]),
                    "thinking_delta" => append(&mut answer["content"][block]["thinking"], &delta["thinking"]),
                    "signature_delta" => answer["content"][block]["signature"] = delta["signature"].clone(),
                    _ => input.push_str(text(&delta["partial_json"])),
                }
            }
            "content_block_stop" if !input.is_empty() => {
                answer["content"][block]["input"] = serde_json::from_str(&input).unwrap();
                input.clear();
            }
            "message_delta" => {
                for (member, value) in event["delta"].as_object().unwrap() {
                    answer[member] = value.clone();
                }
                for (member, value) in event["usage"].as_object().unwrap() {
                    answer["usage"][member] = value.clone();
                }
            }
            _ => {}
        }
    }
    answer
}

fn contents(events: &[Value]) -> Value {
    let mut parts: Vec<Value> = Vec::new();
    let mut answer = events.last().unwrap().clone();
    for event in events {
        parts.extend(list(&event["candidates"][0]["content"]["parts"]).iter().cloned());
        if event["usageMetadata"].is_object() {
            answer["usageMetadata"] = event["usageMetadata"].clone();
        }
    }
    answer["candidates"][0]["content"] = json!({"role": "model", "parts": parts});
    answer
}
