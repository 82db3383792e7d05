//! The two shapes' requests, answers, events and errors, as small as a real one can be.

use serde_json::{Value, json};

use super::http1::End;

/// An API shape as a client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// OpenAI Chat Completions.
    Chat,
    /// Anthropic Messages.
    Messages,
}

impl Shape {
    pub(crate) const BOTH: [Shape; 2] = [Shape::Chat, Shape::Messages];

    /// The gateway's path.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Shape::Chat => "/v1/chat/completions",
            Shape::Messages => "/anthropic/v1/messages",
        }
    }

    /// The header that the shape's SDK reads the request id from.
    pub(crate) fn id_header(self) -> &'static str {
        match self {
            Shape::Chat => "x-request-id",
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
        }
    }

    /// A request of exactly `bytes` bytes.
    pub(crate) fn ask_sized(self, model: &str, bytes: usize) -> String {
        let empty = self.ask(model, "").len();
        let request = self.ask(model, &"x".repeat(bytes.checked_sub(empty).expect("room for the fixed part")));
        assert_eq!(request.len(), bytes);
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
        }
    }

    /// An event with content.
    pub(crate) fn content(self, text: &str) -> String {
        match self {
            Shape::Chat => chunk(&json!({"content": text}), None),
            Shape::Messages => event(&json!({
                "type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text},
            })),
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
        }
    }

    /// The body of an error answer as the shape's provider sends it.
    pub(crate) fn error(self, status: u16) -> String {
        let message = match status {
            404 => "model: the-one-asked-for".to_owned(),
            _ => format!("the provider says {status}"),
        };
        match (self, status) {
            (Shape::Chat, _) => {
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
        }
    }

    /// The answer's text, of a whole body.
    pub(crate) fn text(self, body: &Value) -> String {
        let text = match self {
            Shape::Chat => &body["choices"][0]["message"]["content"],
            Shape::Messages => &body["content"][0]["text"],
        };
        text.as_str().unwrap_or_else(|| panic!("an answer, not {body}")).to_owned()
    }

    /// The text of one event's data; nothing where it has none.
    pub(crate) fn delta(self, data: &str) -> String {
        let Ok(data) = serde_json::from_str::<Value>(data) else { return String::new() };
        let text = match self {
            Shape::Chat => &data["choices"][0]["delta"]["content"],
            Shape::Messages => &data["delta"]["text"],
        };
        text.as_str().unwrap_or_default().to_owned()
    }

    /// What only a stream that ended well contains.
    pub(crate) fn success_mark(self) -> &'static str {
        match self {
            Shape::Chat => "[DONE]",
            Shape::Messages => "message_stop",
        }
    }

    /// Checks that a stream that had content ends with an error in its shape, without its success mark, and with whole framing.
    pub(crate) fn assert_ended_by_error(self, text: &str, end: End) {
        assert_eq!(end, End::Complete, "the error event is written with the end flag: {text}");
        assert!(!text.contains(self.success_mark()), "{text}");
        let last = text.trim_end().rsplit("\n\n").next().expect("a split gives something");
        let data = last.lines().find_map(|line| line.strip_prefix("data: "));
        let data = data.unwrap_or_else(|| panic!("an event: {text}"));
        let error = serde_json::from_str(data).unwrap_or_else(|error| panic!("{error} in {data}"));
        self.error_type(&error);
        if self == Shape::Messages {
            assert!(last.starts_with("event: error\n"), "{text}");
        }
    }

    /// Checks that this is an error in the shape, and gives its type.
    pub(crate) fn error_type(self, body: &Value) -> String {
        if self == Shape::Messages {
            assert_eq!(body["type"], "error", "{body}");
        }
        let error = &body["error"];
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
        error["type"].as_str().unwrap_or_else(|| panic!("an error type in {body}")).to_owned()
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

fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().expect("an event's type"))
}
