//! One recorded exchange: what is sent for it, what its provider answers, and what a gateway has to make of it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Answer;
use super::client::Response;
use super::record::Tokens;
use super::shape::Shape;
use super::upstream::Seen;

/// The file's form; see the README beside the recordings.
#[derive(Deserialize)]
struct File {
    provider: String,
    stream: bool,
    request: Option<Sent>,
    response: Told,
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Value,
}

#[derive(Deserialize)]
struct Told {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    body_text: Option<String>,
}

/// One recorded exchange.
pub(crate) struct Recording {
    /// The file's name.
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) stream: bool,
    pub(crate) status: u16,
    /// The `anthropic-*` headers of the request.
    pub(crate) beta_headers: Vec<(String, String)>,
    provider: String,
    request: Option<Value>,
    content_type: String,
    body: String,
}

impl Recording {
    pub(crate) fn read(shape: Shape, path: &Path) -> Recording {
        let text = std::fs::read_to_string(path).unwrap();
        let file: File = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let response = file.response;
        let body = response.body_text.unwrap_or_else(|| response.body.unwrap_or_default().to_string());
        let usual = if file.stream { "text/event-stream" } else { "application/json" };
        let (headers, request) = file.request.map(|sent| (sent.headers, sent.body)).unzip();
        Recording {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            shape,
            stream: file.stream,
            status: response.status,
            beta_headers: headers.into_iter().flatten().filter(|(name, _)| name.starts_with("anthropic-")).collect(),
            provider: file.provider,
            request,
            content_type: response.headers.get("content-type").cloned().unwrap_or_else(|| usual.to_owned()),
            body,
        }
    }

    /// The provider's id in the configuration: no built-in one, so that no catalogue has a say in it.
    pub(crate) fn provider_id(&self) -> String {
        let shape = if self.shape == Shape::Chat { "chat" } else { "messages" };
        format!("recorded-{}-{shape}", self.provider)
    }

    /// Who was asked, by the name in the recording.
    pub(crate) fn provider(&self) -> &str {
        &self.provider
    }

    /// Whether the request that was recorded asks for a stream.
    pub(crate) fn asks_for_a_stream(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request["stream"] == true)
    }

    /// The model that was asked for.
    pub(crate) fn model(&self) -> String {
        let model = self.request.as_ref().and_then(|request| request["model"].as_str());
        model.unwrap_or("unrecorded").to_owned()
    }

    /// The model's name for a client of the gateway.
    pub(crate) fn slug(&self) -> String {
        format!("{}/{}", self.provider_id(), self.model())
    }

    /// The request for that model, without the words of a hosted router: whoever has them in its request is answered with a router's words,
    /// and not with the provider's bytes.
    pub(crate) fn request_to(&self, model: &str) -> Value {
        let plain = || json!({"max_tokens": 64, "messages": [{"role": "user", "content": "hello"}]});
        let mut request = self.request.clone().unwrap_or_else(plain);
        request["model"] = json!(model);
        let fields = request.as_object_mut().expect("a request is an object");
        for word in ["models", "provider", "transforms", "reasoning"] {
            fields.remove(word);
        }
        request
    }

    /// Whether the recorded client wanted the usage chunk.
    pub(crate) fn asks_for_usage(&self) -> bool {
        self.request.as_ref().is_some_and(includes_usage)
    }

    /// The recorded answer in pieces of so many bytes.
    pub(crate) fn answer(&self, piece: usize) -> Answer {
        let begun = Answer::stream_with(self.status, &[("content-type", &self.content_type)]);
        self.body.as_bytes().chunks(piece).fold(begun, |answer, piece| answer.event(piece)).finished()
    }

    /// Checks what the client got of a good answer. Where the provider was asked for usage and the client did not ask,
    /// the chunk that holds nothing else is left out.
    pub(crate) fn check_body(&self, got: &str, client_asked: bool, provider_was_asked: bool) {
        let without_usage: String = events(&self.body).filter(|event| !is_usage_only(event)).collect();
        let expected = if provider_was_asked && !client_asked { &without_usage } else { &self.body };
        if !self.is_good() {
            // What comes after the provider's failure is the gateway's own error event, in place of a good end.
            let before: String = events(expected).take_while(|event| !event.contains("\"error\":{")).collect();
            assert!(got.starts_with(&before), "{}: {got}", self.name);
            assert!(!got.contains(self.shape.success_mark()), "{}: {got}", self.name);
            return;
        }
        assert_eq!(got, expected, "{}", self.name);
    }

    /// Checks what the client got of an error.
    pub(crate) fn check_error(&self, response: &Response) {
        let name = &self.name;
        let body = response.json();
        match self.status {
            400 if response.text() == self.body => assert_eq!(response.status, 400, "{name}"),
            400 => {
                // In the client's shape instead of the provider's own, but in the provider's words.
                assert_eq!(response.status, 400, "{name}");
                self.shape.error_type(&body);
                let recorded: Value = serde_json::from_str(&self.body).unwrap();
                let (told, recorded) = (&body["error"]["message"], &recorded["error"]["message"]);
                assert!(told.as_str().unwrap().contains(recorded.as_str().unwrap()), "{name}: {told}, not {recorded}");
            }
            401 => {
                assert_eq!(response.status, 502, "{name}: the operator's fault, not the client's");
                self.shape.error_type(&body);
            }
            status => {
                assert_eq!(response.status, status, "{name}");
                self.shape.error_type(&body);
            }
        }
    }

    /// The usage that the provider reported at last, by kind; none where it reported none.
    pub(crate) fn usage(&self) -> Option<Tokens> {
        let mut usage = serde_json::Map::new();
        let reports: Vec<Value> = if self.stream {
            events(&self.body).filter_map(data).collect()
        } else {
            serde_json::from_str(&self.body).into_iter().collect()
        };
        for report in &reports {
            for found in [&report["usage"], &report["message"]["usage"], &report["x_groq"]["usage"]] {
                let fields = found.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
                usage.extend(fields.map(|(name, value)| (name.clone(), value.clone())));
            }
        }
        let usage = (!usage.is_empty()).then_some(Value::Object(usage))?;
        Some(if self.shape == Shape::Chat { chat_tokens(&usage) } else { messages_tokens(&usage) })
    }

    /// Whether the provider put an error into a success: where that may go, another target is tried instead.
    pub(crate) fn hides_an_error(&self) -> bool {
        let is_error = |answer: Value| answer["error"].is_object();
        self.status == 200 && !self.stream && serde_json::from_str(&self.body).is_ok_and(is_error)
    }

    /// The recorded body.
    pub(crate) fn body(&self) -> &str {
        &self.body
    }

    /// Whether the answer came to its end without an error event.
    pub(crate) fn is_good(&self) -> bool {
        let any = |fits: fn(Value) -> bool| events(&self.body).filter_map(data).any(fits);
        // Some hosts of the chat shape end without a mark, after a finish reason.
        let ended = self.body.contains(self.shape.success_mark())
            || any(|data| data["choices"][0]["finish_reason"].is_string());
        !self.stream || (ended && !any(|data| !data["error"].is_null()))
    }
}

impl Seen {
    /// Whether the provider was asked for the usage chunk.
    pub(crate) fn asks_for_usage(&self) -> bool {
        includes_usage(&self.json())
    }
}

fn includes_usage(request: &Value) -> bool {
    request["stream_options"]["include_usage"] == true
}

/// The events of a stream with their blank lines; both line endings occur.
fn events(body: &str) -> impl Iterator<Item = &str> {
    let blank = if body.contains("\r\n\r\n") { "\r\n\r\n" } else { "\n\n" };
    body.split_inclusive(blank)
}

fn data(event: &str) -> Option<Value> {
    let data: String = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
    serde_json::from_str(data.trim()).ok()
}

fn is_usage_only(event: &&str) -> bool {
    data(event).is_some_and(|data| data["choices"].as_array().is_some_and(Vec::is_empty) && data["usage"].is_object())
}

fn chat_tokens(usage: &Value) -> Tokens {
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let details = &usage["prompt_tokens_details"];
    let cached = count(&details["cached_tokens"]).max(count(&usage["prompt_cache_hit_tokens"]));
    let written = count(&details["cache_write_tokens"]);
    let [prompt, completion] = ["prompt_tokens", "completion_tokens"].map(|name| count(&usage[name]));
    let reasoning =
        count(&usage["completion_tokens_details"]["reasoning_tokens"]).max(count(&usage["reasoning_tokens"]));
    // Some hosts count reasoning beside the completion; only their total tells.
    let beside = reasoning > 0 && count(&usage["total_tokens"]) == prompt + completion + reasoning;
    Tokens {
        // One recorded host counts more tokens as cached than the prompt has.
        input: prompt.saturating_sub(cached + written),
        cache_read: cached,
        cache_write: written,
        cache_write_1h: 0,
        output: if beside { completion + reasoning } else { completion },
        reasoning,
    }
}

fn messages_tokens(usage: &Value) -> Tokens {
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let hour = count(&usage["cache_creation"]["ephemeral_1h_input_tokens"]);
    // These steps are billed beside the counts of the message; none that was recorded has a part in a cache.
    let is_beside = |step: &&Value| step["type"] == "compaction" || step["type"] == "advisor_message";
    let beside = |field: &str| -> u64 {
        let steps = usage["iterations"].as_array().into_iter().flatten();
        steps.filter(is_beside).map(|step| count(&step[field])).sum()
    };
    Tokens {
        input: count(&usage["input_tokens"]) + beside("input_tokens"),
        cache_read: count(&usage["cache_read_input_tokens"]),
        cache_write: count(&usage["cache_creation_input_tokens"]).saturating_sub(hour),
        cache_write_1h: hour,
        output: count(&usage["output_tokens"]) + beside("output_tokens"),
        reasoning: count(&usage["output_tokens_details"]["thinking_tokens"]),
    }
}
