//! One recorded exchange: what is sent for it, what its provider answers, and what a gateway has to make of it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Answer;
use super::client::{Request, Response};
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
    path: String,
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
    beta_headers: Vec<(String, String)>,
    /// The provider's path.
    path: String,
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
        let path_asked = file.request.as_ref().map(|sent| sent.path.clone()).unwrap_or_default();
        let (headers, request) = file.request.map(|sent| (sent.headers, sent.body)).unzip();
        Recording {
            path: path_asked,
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
        format!("recorded-{}-{}", self.provider, self.shape_name().replace('_', "-"))
    }

    /// The shape's name in configurations and entries.
    pub(crate) fn shape_name(&self) -> &'static str {
        match self.shape {
            Shape::Chat => "chat",
            Shape::Messages => "messages",
            Shape::Responses => "responses",
            Shape::GenerateContent => "generate_content",
        }
    }

    /// What is asked of it.
    pub(crate) fn operation(&self) -> &'static str {
        let path = self.path.split('?').next().unwrap_or_default();
        match path.rsplit(['/', ':']).next().unwrap_or_default() {
            "embeddings" | "batchEmbedContents" => "embed",
            "count_tokens" | "countTokens" | "input_tokens" => "count_tokens",
            _ => "generate",
        }
    }

    /// Who was asked, by the name in the recording.
    pub(crate) fn provider(&self) -> &str {
        &self.provider
    }

    /// Whether the request that was recorded asks for a stream.
    pub(crate) fn asks_for_a_stream(&self) -> bool {
        self.path.contains(":streamGenerateContent")
            || self.request.as_ref().is_some_and(|request| request["stream"] == true)
    }

    /// The model that was asked for.
    pub(crate) fn model(&self) -> String {
        let in_path = self.path.split_once("/models/").and_then(|(_, rest)| rest.rsplit_once(':'));
        let in_body = self.request.as_ref().and_then(|request| request["model"].as_str());
        in_path.map(|(model, _)| model).or(in_body).unwrap_or("unrecorded").to_owned()
    }

    /// What Google's clients ask of a model in the path; nothing in other shapes.
    fn call(&self) -> Option<&str> {
        let (_, call) = self.path.split_once("/models/")?.1.rsplit_once(':')?;
        Some(call)
    }

    /// The model's name for a client of the gateway.
    pub(crate) fn slug(&self) -> String {
        format!("{}/{}", self.provider_id(), self.model())
    }

    /// The request's body for that model, without the words of a hosted router: whoever has them in its request is answered with a router's
    /// words, and not with the provider's bytes.
    pub(crate) fn body_to(&self, model: &str) -> Value {
        let plain = || json!({"max_tokens": 64, "messages": [{"role": "user", "content": "hello"}]});
        let mut request = self.request.clone().unwrap_or_else(plain);
        if self.shape != Shape::GenerateContent {
            request["model"] = json!(model);
        }
        if matches!(self.shape, Shape::Chat | Shape::Messages) {
            let fields = request.as_object_mut().expect("a request is an object");
            for word in ["models", "provider", "transforms", "reasoning"] {
                fields.remove(word);
            }
        }
        for each in request.get_mut("requests").and_then(Value::as_array_mut).into_iter().flatten() {
            each["model"] = json!(format!("models/{model}"));
        }
        request
    }

    /// The recorded request to a gateway, for that model and with that body, but for the key.
    pub(crate) fn request_with(&self, model: &str, body: &Value) -> Request {
        let path = match (self.call(), self.operation(), self.shape) {
            (Some(call), ..) => format!("/gemini/v1beta/models/{model}:{call}"),
            (None, "embed", _) => "/v1/embeddings".to_owned(),
            (None, "count_tokens", Shape::Messages) => "/anthropic/v1/messages/count_tokens".to_owned(),
            (None, "count_tokens", _) => "/v1/responses/input_tokens".to_owned(),
            _ => self.shape.path().to_owned(),
        };
        let mut request = Request::post(path, body.to_string());
        for (name, value) in &self.beta_headers {
            request = request.header(name, value.as_str());
        }
        request
    }

    /// Whether this provider was asked for that model, in the body or in the path.
    pub(crate) fn check_asked(&self, seen: &Seen) {
        let (name, model) = (&self.name, self.model());
        match self.call() {
            // A host is asked for events, whatever framing its client wants.
            Some(call) => {
                let call = call.split('?').next().unwrap_or_default();
                let place = format!("/models/{model}:{call}");
                assert!(seen.head.path().contains(&place), "{name}: {}", seen.head.path());
            }
            None => assert_eq!(seen.json()["model"], model, "{name}: the provider is asked for its own model"),
        }
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
        if self.is_array() {
            // The same elements, whatever stands between them.
            let [got, expected] = [got, &self.body].map(|body| serde_json::from_str::<Value>(body).unwrap());
            assert_eq!(got, expected, "{}", self.name);
            return;
        }
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
        // Some say with a 400 that they do not know the key.
        let refuses_key = ["API key not valid", "Incorrect API key"].iter().any(|words| self.body.contains(words));
        match if refuses_key { 401 } else { self.status } {
            400 if response.text() == self.body => assert_eq!(response.status, 400, "{name}"),
            400 => {
                // In the client's shape instead of the provider's own, but in the provider's words.
                assert_eq!(response.status, 400, "{name}");
                self.shape.error_type(&body);
                let recorded: Value = serde_json::from_str(&self.body).unwrap();
                // Some hosts have no object for it.
                let words = recorded["error"]["message"].as_str().or(recorded["error"].as_str()).expect("words");
                let told = &body["error"]["message"];
                assert!(told.as_str().unwrap().contains(words), "{name}: {told}, not {words}");
            }
            401 => {
                let expected = self.shape.own_status(502);
                assert_eq!(response.status, expected, "{name}: the operator's fault, not the client's");
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
        for report in &self.reports() {
            for found in [
                &report["usage"],
                &report["message"]["usage"],
                &report["x_groq"]["usage"],
                &report["response"]["usage"],
                &report["usageMetadata"],
            ] {
                let fields = found.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
                usage.extend(fields.map(|(name, value)| (name.clone(), value.clone())));
            }
        }
        let usage = (!usage.is_empty()).then_some(Value::Object(usage))?;
        Some(match self.shape {
            _ if self.operation() == "count_tokens" => Tokens::default(),
            Shape::Chat => chat_tokens(&usage),
            Shape::Messages => messages_tokens(&usage),
            Shape::Responses => responses_tokens(&usage),
            Shape::GenerateContent => google_tokens(&usage),
        })
    }

    /// Whether it is a stream of Google's that is one array.
    fn is_array(&self) -> bool {
        self.stream && self.body.trim_start().starts_with('[')
    }

    /// The JSON objects of the answer, in order.
    pub(crate) fn reports(&self) -> Vec<Value> {
        if self.is_array() {
            serde_json::from_str(&self.body).expect("an array")
        } else if self.stream {
            events(&self.body).filter_map(data).collect()
        } else {
            serde_json::from_str(&self.body).into_iter().collect()
        }
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
        let any = |fits: fn(Value) -> bool| self.reports().into_iter().any(fits);
        let ended = match self.shape {
            Shape::GenerateContent => any(|data| data["candidates"][0]["finishReason"].is_string()),
            Shape::Responses => any(|data| {
                let kind = data["type"].as_str().unwrap_or_default();
                kind == "response.completed" || kind == "response.incomplete"
            }),
            // Some hosts of the chat shape end without a mark, after a finish reason.
            _ => {
                self.body.contains(self.shape.success_mark())
                    || any(|data| data["choices"][0]["finish_reason"].is_string())
            }
        };
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

fn responses_tokens(usage: &Value) -> Tokens {
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let details = &usage["input_tokens_details"];
    let [read, written] = ["cached_tokens", "cache_write_tokens"].map(|name| count(&details[name]));
    Tokens {
        input: count(&usage["input_tokens"]) - read - written,
        cache_read: read,
        cache_write: written,
        cache_write_1h: 0,
        output: count(&usage["output_tokens"]),
        reasoning: count(&usage["output_tokens_details"]["reasoning_tokens"]),
    }
}

fn google_tokens(usage: &Value) -> Tokens {
    let count = |name: &str| usage[name].as_u64().unwrap_or(0);
    let (read, thoughts) = (count("cachedContentTokenCount"), count("thoughtsTokenCount"));
    Tokens {
        input: count("promptTokenCount") + count("toolUsePromptTokenCount") - read,
        cache_read: read,
        cache_write: 0,
        cache_write_1h: 0,
        output: count("candidatesTokenCount") + thoughts,
        reasoning: thoughts,
    }
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
