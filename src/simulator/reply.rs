//! From a request and a behaviour to a reply: which answer it is, what its head says and how it is to be written.

use std::time::Duration;

use bytes::Bytes;
use ovth_filters::Shape;
use pingora::http::ResponseHeader;
use serde::Deserialize;

use super::answer::Answer;
use super::behaviour::Behaviour;
use super::frames::Frames;
use super::prompt::{Directives, Prompt, Reasoning};
use super::recording::Recording;
use super::refusal::Refusal;
use super::routes::Endpoint;
use super::{chat, embeddings, generate_content, heads, messages, models, responses};

/// A reply as it is to be written.
#[derive(Debug)]
pub(super) struct Reply {
    /// Status and headers, without framing.
    pub(super) head: ResponseHeader,
    /// The body.
    pub(super) frames: Frames,
    /// Whether the body is sent with its length; else it is chunked.
    pub(super) sized: bool,
    /// The time between writes.
    pub(super) pace: Option<Duration>,
    /// Frames in a write.
    pub(super) burst: usize,
}

/// A request as the answer needs it.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// What is called.
    pub(super) endpoint: Endpoint<'a>,
    /// With which method.
    pub(super) method: &'a str,
    /// The path, for those who err.
    pub(super) path: &'a str,
    /// The query, without its question mark.
    pub(super) query: &'a str,
    /// The key presented, in any shape's way.
    pub(super) key: Option<&'a str>,
    /// `anthropic-version`.
    pub(super) version: Option<&'a str>,
    /// The body.
    pub(super) body: &'a [u8],
}

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream; charset=utf-8";
const GOOGLE_EVENTS: &str = "text/event-stream";
/// No event, no line end, and not even UTF-8.
const GARBAGE: &[u8] = b"<html><body>\xff\xfe502 Bad Gateway {\"unfinished\": ";

impl Call<'_> {
    /// The shape that the caller speaks: that of the endpoint, else what the version header tells.
    pub(super) fn shape(&self) -> Shape {
        match self.endpoint {
            Endpoint::ChatCompletions => Shape::Chat,
            Endpoint::Responses | Endpoint::InputTokens => Shape::Responses,
            Endpoint::Messages | Endpoint::CountTokens => Shape::Messages,
            Endpoint::Google { .. } | Endpoint::GoogleModels | Endpoint::GoogleModel(_) => Shape::GenerateContent,
            _ if self.version.is_some() => Shape::Messages,
            _ => Shape::Chat,
        }
    }

    /// The behaviour that a model of the name `sim-fault-<name>` asks for.
    pub(super) fn named_behaviour(&self) -> Option<Behaviour> {
        #[derive(Deserialize)]
        struct Named {
            model: String,
        }
        const PREFIX: &str = "sim-fault-";
        if let Endpoint::Google { model, .. } = self.endpoint {
            return Behaviour::named(model.strip_prefix(PREFIX)?);
        }
        memchr::memmem::find(self.body, PREFIX.as_bytes())?;
        let found: Named = serde_json::from_slice(self.body).ok()?;
        Behaviour::named(found.model.strip_prefix(PREFIX)?)
    }

    /// The reply that the behaviour wants.
    pub(super) fn reply(&self, step: &Behaviour) -> Reply {
        let mut reply = if let Some(recording) = step.replay.as_ref().and_then(|replay| replay.recording.as_deref()) {
            self.replayed(recording, step)
        } else if step.garbage {
            let head = heads::head(self.shape(), &request_id(), EVENTS);
            Reply::new(head, Frames::whole(GARBAGE), false)
        } else if let Some(ordered) = self.ordered(step) {
            ordered
        } else {
            self.own(step).unwrap_or_else(|refusal| self.refused(&refusal))
        };
        if let Some(status) = step.status {
            let _ = reply.head.set_status(status);
        }
        for (name, value) in &step.headers {
            if let Some(value) = value {
                // A name or a value that no header can have is left out.
                let _ = reply.head.insert_header(name.clone(), value.as_str());
            } else {
                reply.head.remove_header(name.as_str());
            }
        }
        if let Some(pace) = step.pace_ms {
            reply.pace = Some(Duration::from_millis(pace));
        }
        if let Some(burst) = step.burst {
            reply.burst = burst.max(1);
        }
        reply
    }

    /// The reply of a refusal.
    pub(super) fn refused(&self, refusal: &Refusal) -> Reply {
        let request_id = request_id();
        let shape = self.shape();
        let body = match shape {
            Shape::Messages => messages::error_body(refusal, &request_id),
            Shape::GenerateContent => generate_content::error_body(refusal),
            Shape::Chat | Shape::Responses => chat::error_body(refusal),
        };
        let mut head = heads::head(shape, &request_id, JSON);
        let _ = head.set_status(refusal.status);
        if shape == Shape::Messages {
            let again = matches!(refusal.status, 408 | 409 | 429 | 500..);
            let _ = head.insert_header("x-should-retry", if again { "true" } else { "false" });
        }
        Reply::new(head, Frames::whole(body), true)
    }

    /// A body or an error status that was ordered.
    fn ordered(&self, step: &Behaviour) -> Option<Reply> {
        let body = match (&step.body_text, &step.body) {
            (Some(text), _) => Bytes::copy_from_slice(text.as_bytes()),
            (None, Some(json)) => Bytes::copy_from_slice(json.get().as_bytes()),
            (None, None) => {
                let status = step.status.filter(|status| *status >= 400)?;
                return Some(self.refused(&Refusal::ordered(self.shape(), status)));
            }
        };
        let head = heads::head(self.shape(), &request_id(), JSON);
        Some(Reply::new(head, Frames::whole(body), true))
    }

    /// The simulator's own answer.
    fn own(&self, step: &Behaviour) -> Result<Reply, Refusal> {
        let shape = self.shape();
        let refusal = match shape {
            Shape::Messages => messages::key_refusal(self.key),
            Shape::GenerateContent => generate_content::key_refusal(self.key),
            Shape::Chat | Shape::Responses => chat::key_refusal(self.key),
        };
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        match (&self.endpoint, self.method) {
            (Endpoint::ChatCompletions, "POST") => self.chat(step),
            (Endpoint::Messages, "POST") => self.messages(step),
            (Endpoint::CountTokens, "POST") => {
                let prompt = messages::Request::parse(self.body)?.countable(self.version)?;
                let tokens = prompt.input + prompt.cache_read + prompt.cache_write;
                Ok(self.json(messages::token_count(tokens)))
            }
            (Endpoint::Responses, "POST") => self.responses(step),
            (Endpoint::InputTokens, "POST") => {
                let tokens = responses::Request::parse(self.body)?.prompt()?.input;
                let counted = format!(r#"{{"object":"response.input_tokens","input_tokens":{tokens}}}"#);
                Ok(self.json(counted.into_bytes()))
            }
            (Endpoint::Embeddings, "POST") => Ok(self.json(embeddings::openai(self.body)?)),
            (Endpoint::Google { model, method }, "POST") => self.google(model, method, step),
            (Endpoint::GoogleModels, "GET" | "HEAD") => Ok(self.json(generate_content::model_list())),
            (Endpoint::GoogleModel(id), "GET" | "HEAD") => {
                generate_content::model(id).map(|body| self.json(body)).ok_or_else(|| {
                    Refusal::new(404, "NOT_FOUND", format!("Model is not found: models/{id} for api version v1beta"))
                })
            }
            (Endpoint::Models, "GET" | "HEAD") => Ok(self.json(match shape {
                Shape::Messages => models::anthropic_list(),
                _ => models::openai_list(),
            })),
            (Endpoint::Model(id), "GET" | "HEAD") => match shape {
                Shape::Messages => models::anthropic_model(id)
                    .map(|body| self.json(body))
                    .ok_or_else(|| Refusal::new(404, "not_found_error", format!("model: {id}"))),
                _ => models::openai_model(id).map(|body| self.json(body)).ok_or_else(|| {
                    let message = format!("The model '{id}' does not exist");
                    Refusal::new(404, "invalid_request_error", message).at("model").code("model_not_found")
                }),
            },
            (Endpoint::Unknown | Endpoint::Control(_), method) => Err(match shape {
                Shape::Messages => Refusal::new(404, "not_found_error", "Not found"),
                _ => {
                    let message = format!("Invalid URL ({method} {})", self.path);
                    Refusal::new(404, "invalid_request_error", message)
                }
            }),
            (_, method) => Err(match shape {
                Shape::Messages => Refusal::new(405, "invalid_request_error", "Method Not Allowed"),
                _ => {
                    let message = format!("Not allowed to {method} on {}.", self.path);
                    Refusal::new(405, "invalid_request_error", message).code("method_not_supported")
                }
            }),
        }
    }

    fn chat(&self, step: &Behaviour) -> Result<Reply, Refusal> {
        let request = chat::Request::parse(self.body)?;
        let mut prompt = request.prompt()?;
        let directives = directives(&prompt, step);
        if directives.think && prompt.reasoning == Reasoning::Off {
            prompt.reasoning = Reasoning::Hidden;
        }
        let answer = Answer::to(&prompt, &directives);
        if !prompt.stream {
            let body = chat::completion(&answer, &prompt.model, request.choices(), step.no_usage);
            return Ok(self.json(body));
        }
        let mut frames = chat::stream(&answer, &prompt.model, &request, step);
        if let Some(order) = &step.error_event {
            frames.end_with(order.after_events, &chat::error_event(order));
        }
        let head = heads::head(Shape::Chat, &request_id(), EVENTS);
        Ok(Reply::new(head, frames, false).written_as(&directives))
    }

    fn responses(&self, step: &Behaviour) -> Result<Reply, Refusal> {
        let request = responses::Request::parse(self.body)?;
        let mut prompt = request.prompt()?;
        let directives = directives(&prompt, step);
        if directives.think && prompt.reasoning == Reasoning::Off {
            prompt.reasoning = Reasoning::Hidden;
        }
        let answer = Answer::to(&prompt, &directives);
        if !prompt.stream {
            return Ok(self.json(responses::response(&answer, &prompt.model, &request, step.no_usage)));
        }
        let mut frames = responses::stream(&answer, &prompt.model, &request, step);
        if let Some(order) = &step.error_event {
            frames.end_with(order.after_events, &responses::error_event(order));
        }
        let head = heads::head(Shape::Responses, &request_id(), EVENTS);
        Ok(Reply::new(head, frames, false).written_as(&directives))
    }

    fn google(&self, model: &str, method: &str, step: &Behaviour) -> Result<Reply, Refusal> {
        match method {
            "embedContent" => return Ok(self.json(embeddings::google(self.body)?)),
            "batchEmbedContents" => return Ok(self.json(embeddings::google_batch(self.body)?)),
            "generateContent" | "streamGenerateContent" | "countTokens" => {}
            _ => return Err(Refusal::new(404, "NOT_FOUND", "Requested entity was not found.")),
        }
        let stream = method == "streamGenerateContent";
        let mut prompt = generate_content::Request::parse(self.body)?.prompt(model, stream)?;
        if method == "countTokens" {
            return Ok(self.json(generate_content::token_count(prompt.input)));
        }
        let directives = directives(&prompt, step);
        if directives.think && prompt.reasoning == Reasoning::Off {
            prompt.reasoning = Reasoning::Shown;
        }
        let answer = Answer::to(&prompt, &directives);
        if !stream {
            return Ok(self.json(generate_content::response(&answer, model, step.no_usage)));
        }
        let as_events = self.query.split('&').any(|parameter| parameter == "alt=sse");
        let (mut frames, kind) = if as_events {
            (generate_content::stream(&answer, model, step), GOOGLE_EVENTS)
        } else {
            (generate_content::array(&answer, model, step), JSON)
        };
        if let Some(order) = step.error_event.as_ref().filter(|_| as_events) {
            frames.end_with(order.after_events, &generate_content::error_event(order));
        }
        let head = heads::head(Shape::GenerateContent, &request_id(), kind);
        Ok(Reply::new(head, frames, false).written_as(&directives))
    }

    fn messages(&self, step: &Behaviour) -> Result<Reply, Refusal> {
        let mut prompt = messages::Request::parse(self.body)?.prompt(self.version)?;
        let directives = directives(&prompt, step);
        if directives.think && prompt.reasoning == Reasoning::Off {
            prompt.reasoning = Reasoning::Shown;
        }
        let answer = Answer::to(&prompt, &directives);
        if !prompt.stream {
            return Ok(self.json(messages::message(&answer, &prompt.model, step.no_usage)));
        }
        let request_id = request_id();
        let mut frames = messages::stream(&answer, &prompt.model, step);
        if let Some(order) = &step.error_event {
            frames.end_with(order.after_events, &messages::error_event(order, &request_id));
        }
        let mut head = heads::head(Shape::Messages, &request_id, EVENTS);
        let _ = head.insert_header("cache-control", "no-cache");
        Ok(Reply::new(head, frames, false).written_as(&directives))
    }

    /// Recorded traffic, with the recorded headers only.
    fn replayed(&self, recording: &Recording, step: &Behaviour) -> Reply {
        let response = &recording.response;
        let mut head = heads::bare(response.status);
        for (name, value) in &response.headers {
            if !matches!(name.as_str(), "content-length" | "transfer-encoding" | "connection") {
                // A header that cannot be one is left out: recorders scrubbed some.
                let _ = head.insert_header(name.clone(), value.as_str());
            }
        }
        let bytes = response.bytes();
        let split = step.replay.as_ref().map(|replay| replay.split.as_slice()).unwrap_or_default();
        let mut frames = match (split, response.is_stream()) {
            ([_, ..], _) => Frames::split(bytes, split),
            ([], true) => Frames::events(bytes),
            ([], false) => Frames::whole(bytes),
        };
        if let Some(order) = step.error_event.as_ref().filter(|_| response.is_stream()) {
            let event = match self.shape() {
                Shape::Messages => messages::error_event(order, &request_id()),
                Shape::Responses => responses::error_event(order),
                Shape::GenerateContent => generate_content::error_event(order),
                Shape::Chat => chat::error_event(order),
            };
            frames.end_with(order.after_events, &event);
        }
        Reply::new(head, frames, !response.is_stream())
    }

    fn json(&self, body: Vec<u8>) -> Reply {
        Reply::new(heads::head(self.shape(), &request_id(), JSON), Frames::whole(body), true)
    }
}

impl Reply {
    /// A reply in one write for each frame.
    pub(super) fn new(head: ResponseHeader, frames: Frames, sized: bool) -> Reply {
        Reply { head, frames, sized, pace: None, burst: 1 }
    }

    fn written_as(mut self, directives: &Directives) -> Reply {
        self.pace = directives.pace;
        self.burst = directives.burst.unwrap_or(1).max(1);
        self
    }
}

fn directives(prompt: &Prompt, step: &Behaviour) -> Directives {
    let mut directives = Directives::in_text(&prompt.text);
    directives.words = step.words.or(directives.words);
    directives.bytes = step.bytes.or(directives.bytes);
    directives
}

fn request_id() -> String {
    heads::Ids::next().id("req_")
}
