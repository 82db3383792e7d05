//! The shapes' requests, answers, events and errors, as small as a real one can be.

use bytes::Bytes;
use serde_json::{Value, json};

use super::client::Request;
use super::http1::End;

/// An API shape as a client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// OpenAI Chat Completions.
    Chat,
    /// Anthropic Messages.
    Messages,
    /// OpenAI Responses.
    Responses,
    /// Gemini `generateContent`.
    GenerateContent,
}

impl Shape {
    /// Those that most tests go through.
    pub(crate) const BOTH: [Shape; 2] = [Shape::Chat, Shape::Messages];
    /// All of them.
    pub(crate) const ALL: [Shape; 4] = [Shape::Chat, Shape::Messages, Shape::Responses, Shape::GenerateContent];

    /// The request with that body, as [`Shape::ask`] makes it; where model and streaming stand in the path, they are taken out of it.
    pub(crate) fn post(self, body: impl Into<Bytes>) -> Request {
        let body = body.into();
        if self != Shape::GenerateContent {
            return Request::post(self.path(), body);
        }
        let mut body: Value = serde_json::from_slice(&body).expect("a body that was made here");
        let members = body.as_object_mut().expect("an object");
        let model = members.remove("model").expect("a model");
        let streams = members.remove("stream") == Some(json!(true));
        let call = if streams { "streamGenerateContent?alt=sse" } else { "generateContent" };
        let path = format!("/gemini/v1beta/models/{}:{call}", model.as_str().expect("a name"));
        Request::post(path, body.to_string())
    }

    /// The gateway's path; Google's has a model in it.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Shape::GenerateContent => "/gemini/v1beta/models/model-0:generateContent",
            Shape::Chat => "/v1/chat/completions",
            Shape::Messages => "/anthropic/v1/messages",
            Shape::Responses => "/v1/responses",
        }
    }

    /// The header that the shape's SDK reads the request id from.
    pub(crate) fn id_header(self) -> &'static str {
        match self {
            Shape::Chat | Shape::Responses | Shape::GenerateContent => "x-request-id",
            Shape::Messages => "request-id",
        }
    }

    /// A request for one answer to `text`.
    pub(crate) fn ask(self, model: &str, text: &str) -> String {
        self.ask_value(model, text).to_string()
    }

    /// A request for a stream that answers `text`.
    pub(crate) fn ask_stream(self, model: &str, text: &str) -> String {
        let mut request = self.ask_value(model, text);
        request["stream"] = json!(true);
        request.to_string()
    }

    fn ask_value(self, model: &str, text: &str) -> Value {
        let messages = json!([{"role": "user", "content": text}]);
        match self {
            Shape::Chat => json!({"model": model, "messages": messages}),
            Shape::Messages => json!({"model": model, "max_tokens": 64, "messages": messages}),
            Shape::Responses => json!({"model": model, "input": text}),
            Shape::GenerateContent => {
                json!({"model": model, "contents": [{"role": "user", "parts": [{"text": text}]}]})
            }
        }
    }

    /// A request of exactly `bytes` bytes, as it is sent.
    pub(crate) fn ask_sized(self, model: &str, bytes: usize) -> String {
        let empty = self.post(self.ask(model, "")).body.len();
        let request = self.ask(model, &"x".repeat(bytes.checked_sub(empty).expect("room for the fixed part")));
        assert_eq!(self.post(request.clone()).body.len(), bytes);
        request
    }

    /// A whole answer.
    pub(crate) fn plain(self, text: &str) -> String {
        match self {
            Shape::Chat => json!({
                "id": "chatcmpl-test", "object": "chat.completion", "created": 1_700_000_000, "model": "served-model",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
            }),
            Shape::Messages => json!({
                "id": "msg_test", "type": "message", "role": "assistant", "model": "served-model",
                "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
                "usage": {"input_tokens": 11, "output_tokens": 7},
            }),
            Shape::Responses => response("completed", json!([message("completed", text)])),
            Shape::GenerateContent => candidate(text, Some("STOP")),
        }
        .to_string()
    }

    /// The events of a stream before its first content.
    pub(crate) fn opening(self) -> String {
        match self {
            Shape::Chat => chunk(&json!({"role": "assistant", "content": ""}), None),
            Shape::Messages => {
                let message = json!({
                    "id": "msg_test", "type": "message", "role": "assistant", "model": "served-model", "content": [],
                    "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 11, "output_tokens": 1},
                });
                event(&json!({"type": "message_start", "message": message}))
                    + &event(&json!({
                        "type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""},
                    }))
            }
            Shape::Responses => {
                let begun = response("in_progress", json!([]));
                let mut item = message("in_progress", "");
                item["content"] = json!([]);
                event(&json!({"type": "response.created", "sequence_number": 0, "response": begun}))
                    + &event(&json!({"type": "response.in_progress", "sequence_number": 1, "response": begun}))
                    + &event(&json!({
                        "type": "response.output_item.added", "sequence_number": 2, "output_index": 0, "item": item,
                    }))
                    + &event(&json!({
                        "type": "response.content_part.added", "sequence_number": 3, "item_id": "msg_test", "output_index": 0,
                        "content_index": 0, "part": {"type": "output_text", "text": "", "annotations": []},
                    }))
            }
            // Google's first chunk has words as a rule; one without any is allowed, and tells what the prompt was.
            Shape::GenerateContent => {
                let mut first = candidate("", None);
                first["usageMetadata"] = json!({"promptTokenCount": 11, "totalTokenCount": 11});
                unnamed(&first)
            }
        }
    }

    /// An event with content.
    pub(crate) fn content(self, text: &str) -> String {
        match self {
            Shape::Chat => chunk(&json!({"content": text}), None),
            Shape::Messages => event(&json!({
                "type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text},
            })),
            // Hosts need not number their events.
            Shape::Responses => event(&json!({
                "type": "response.output_text.delta", "item_id": "msg_test", "output_index": 0, "content_index": 0,
                "delta": text,
            })),
            Shape::GenerateContent => unnamed(&candidate(text, None)),
        }
    }

    /// The events of a stream after its last content.
    pub(crate) fn closing(self) -> String {
        match self {
            Shape::Chat => chunk(&json!({}), Some("stop")) + "data: [DONE]\n\n",
            Shape::Messages => {
                event(&json!({"type": "content_block_stop", "index": 0}))
                    + &event(&json!({
                        "type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
                        "usage": {"output_tokens": 7},
                    }))
                    + &event(&json!({"type": "message_stop"}))
            }
            Shape::Responses => {
                let item = message("completed", "told");
                event(&json!({"type": "response.output_item.done", "output_index": 0, "item": item}))
                    + &event(&json!({"type": "response.completed", "response": response("completed", json!([item]))}))
            }
            Shape::GenerateContent => unnamed(&candidate("", Some("STOP"))),
        }
    }

    /// The event that says an overloaded provider gave up.
    pub(crate) fn overloaded_event(self) -> String {
        match self {
            Shape::Chat => {
                let error =
                    json!({"message": "We are overloaded", "type": "server_error", "code": "server_is_overloaded"});
                format!("data: {}\n\n", json!({ "error": error }))
            }
            Shape::Messages => {
                event(&json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}))
            }
            Shape::Responses => event(&json!({
                "type": "error", "code": "server_is_overloaded", "message": "We are overloaded", "param": null,
                "sequence_number": 4,
            })),
            Shape::GenerateContent => unnamed(
                &json!({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}),
            ),
        }
    }

    /// The body of an error answer as the shape's provider sends it.
    pub(crate) fn error(self, status: u16) -> String {
        let message = match status {
            404 => "model: the-one-asked-for".to_owned(),
            _ => format!("the provider says {status}"),
        };
        match (self, status) {
            (Shape::Chat | Shape::Responses, _) => {
                let (kind, code) = match status {
                    401 => ("invalid_request_error", json!("invalid_api_key")),
                    404 => ("invalid_request_error", json!("model_not_found")),
                    429 => ("requests", json!("rate_limit_exceeded")),
                    400 | 413 | 422 => ("invalid_request_error", Value::Null),
                    _ => ("server_error", Value::Null),
                };
                json!({"error": {"message": message, "type": kind, "param": null, "code": code}}).to_string()
            }
            (Shape::Messages, _) => {
                let kind = match status {
                    400 | 422 => "invalid_request_error",
                    401 => "authentication_error",
                    402 => "billing_error",
                    403 => "permission_error",
                    404 => "not_found_error",
                    413 => "request_too_large",
                    429 => "rate_limit_error",
                    529 => "overloaded_error",
                    _ => "api_error",
                };
                json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_up"})
                    .to_string()
            }
            (Shape::GenerateContent, _) => {
                let kind = match status {
                    400 | 413 | 422 => "INVALID_ARGUMENT",
                    401 => "UNAUTHENTICATED",
                    403 => "PERMISSION_DENIED",
                    404 => "NOT_FOUND",
                    429 => "RESOURCE_EXHAUSTED",
                    503 => "UNAVAILABLE",
                    504 => "DEADLINE_EXCEEDED",
                    _ => "INTERNAL",
                };
                json!({"error": {"code": status, "message": message, "status": kind}}).to_string()
            }
        }
    }

    /// The status that stands for this one; Google has no 502.
    pub(crate) const fn own_status(self, status: u16) -> u16 {
        match (self, status) {
            (Shape::GenerateContent, 502) => 500,
            _ => status,
        }
    }

    /// The answer's text, of a whole body.
    pub(crate) fn text(self, body: &Value) -> String {
        let text = match self {
            Shape::Chat => &body["choices"][0]["message"]["content"],
            Shape::Messages => &body["content"][0]["text"],
            Shape::Responses => &body["output"][0]["content"][0]["text"],
            Shape::GenerateContent => &body["candidates"][0]["content"]["parts"][0]["text"],
        };
        text.as_str().unwrap_or_else(|| panic!("an answer, not {body}")).to_owned()
    }

    /// The text of one event's data; nothing where it has none.
    pub(crate) fn delta(self, data: &str) -> String {
        let Ok(data) = serde_json::from_str::<Value>(data) else { return String::new() };
        let text = match self {
            Shape::Chat => &data["choices"][0]["delta"]["content"],
            Shape::Messages => &data["delta"]["text"],
            Shape::Responses => &data["delta"],
            Shape::GenerateContent => &data["candidates"][0]["content"]["parts"][0]["text"],
        };
        text.as_str().unwrap_or_default().to_owned()
    }

    /// What only a stream that ended well contains.
    pub(crate) fn success_mark(self) -> &'static str {
        match self {
            Shape::Chat => "[DONE]",
            Shape::Messages => "message_stop",
            Shape::Responses => "response.completed",
            Shape::GenerateContent => r#""finishReason":"STOP""#,
        }
    }

    /// Checks that a stream that had content ends with an error in its shape, without its success mark, and with whole framing.
    pub(crate) fn assert_ended_by_error(self, text: &str, end: End) {
        assert_eq!(end, End::Complete, "the error event is written with the end flag: {text}");
        assert!(!text.contains(self.success_mark()), "{text}");
        let lines = text.replace("\r\n", "\n");
        let last = lines.trim_end().rsplit("\n\n").next().expect("a split gives something");
        let data = last.lines().find_map(|line| line.strip_prefix("data: "));
        let data = data.unwrap_or_else(|| panic!("an event: {text}"));
        let error = serde_json::from_str(data).unwrap_or_else(|error| panic!("{error} in {data}"));
        self.error_type(&error);
        match self {
            Shape::Chat | Shape::GenerateContent => {}
            Shape::Messages => assert!(last.starts_with("event: error\n"), "{text}"),
            Shape::Responses => {
                assert!(last.starts_with("event: response.failed\n") || last.starts_with("event: error\n"), "{text}");
            }
        }
    }

    /// Checks that this is an error in the shape, and gives its type.
    pub(crate) fn error_type(self, body: &Value) -> String {
        if self == Shape::Messages {
            assert_eq!(body["type"], "error", "{body}");
        }
        // Events of responses have the error in them, or are it, and no type of it but a code.
        let (error, name) = match body["type"].as_str() {
            Some("response.failed") => (&body["response"]["error"], "code"),
            Some("error") if self == Shape::Responses => (body, "code"),
            _ if self == Shape::GenerateContent => (&body["error"], "status"),
            _ => (&body["error"], "type"),
        };
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
        error[name].as_str().unwrap_or_else(|| panic!("an error type in {body}")).to_owned()
    }
}

fn chunk(delta: &Value, finish: Option<&str>) -> String {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
    let chunk = json!({
        "id": "chatcmpl-test", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "served-model",
        "choices": [choice],
    });
    format!("data: {chunk}\n\n")
}

/// A response object of that status.
fn response(status: &str, output: Value) -> Value {
    let mut response = json!({
        "id": "resp_test", "object": "response", "created_at": 1_700_000_000, "model": "served-model", "status": status,
        "output": output, "error": null, "incomplete_details": null, "usage": null,
    });
    if status == "completed" {
        response["usage"] = json!({
            "input_tokens": 11, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 18,
        });
    }
    response
}

/// The item of an answer.
fn message(status: &str, text: &str) -> Value {
    json!({
        "id": "msg_test", "type": "message", "role": "assistant", "status": status,
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    })
}

/// An answer of Google's, or a chunk of one; the last one tells what it cost.
fn candidate(text: &str, finish: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"parts": [{"text": text}], "role": "model"}, "index": 0});
    let mut answer = json!({"modelVersion": "served-model", "responseId": "answer-test"});
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
        answer["usageMetadata"] = json!({"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18});
    }
    answer["candidates"] = json!([candidate]);
    answer
}

/// Google ends its lines as HTTP does.
fn unnamed(data: &Value) -> String {
    format!("data: {data}\r\n\r\n")
}

fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().expect("an event's type"))
}
