//! Reads a streamed messages answer into events.
//!
//! Events: <https://docs.claude.com/en/build-with-claude/streaming>.

mod blocks;
mod opaque;

use std::borrow::Cow;

use super::super::codec::DecodeStream;
use super::super::observed::Observed;
use super::super::provider_error;
use super::response::{StopReason, read_usage, service_class};
use crate::json::{ValueKind, View};
use crate::neutral::{ApiError, ErrorClass, Event, Usage};
use crate::sse::RawEvent;
use blocks::Blocks;

/// Reads one streamed answer.
pub(super) struct Decoder {
    /// The id of the message, once it began.
    message: Option<String>,
    blocks: Blocks,
    /// The counters, which are cumulative, and what was last told of them.
    seen: Observed,
    told: Option<Usage>,
    service_class: Option<String>,
    /// What was last said of the end; told when the stream ends, because it may be said again.
    stop: Option<StopReason>,
    /// A delta of the message came, with a reason or without.
    has_delta: bool,
    over: bool,
}

impl Decoder {
    /// Before the first event.
    pub(super) fn new(seed: &str) -> Decoder {
        Decoder {
            message: None,
            blocks: Blocks::new(seed),
            seen: Observed::default(),
            told: None,
            service_class: None,
            stop: None,
            has_delta: false,
            over: false,
        }
    }

    /// Reads an event that holds something.
    fn read(&mut self, event: &RawEvent, data: &[u8], out: &mut Vec<Event>) -> Result<(), ApiError> {
        let view = View::parse(data)
            .map_err(|error| broken(format!("the provider sent an event that is not valid JSON: {error}")))?;
        let kind = view.member("type").and_then(View::string).filter(|kind| !kind.is_empty());
        let kind = kind.or_else(|| event.name().map(String::from_utf8_lossy)).unwrap_or_default();
        let index = view.member("index").and_then(View::u64);
        match kind.as_ref() {
            "message_start" => self.start(view.member("message"), out),
            "content_block_start" => {
                self.begin(out);
                view.member("content_block").map_or(Ok(()), |block| self.blocks.start(index, block, out))
            }
            "content_block_delta" => {
                self.begin(out);
                view.member("delta").map_or(Ok(()), |delta| self.blocks.delta(index, delta, out))
            }
            "content_block_stop" => {
                self.blocks.stop(index, out);
                Ok(())
            }
            "message_delta" => {
                self.begin(out);
                self.has_delta = true;
                self.stop = view.member("delta").and_then(StopReason::read).or(self.stop.take());
                self.usage(view.member("usage"), out);
                Ok(())
            }
            "message_stop" => {
                self.begin(out);
                self.finish(out)
            }
            "ping" => {
                out.push(Event::Heartbeat);
                Ok(())
            }
            "error" => Err(provider_error::decode(data).into_api_error()),
            _ if view.member("error").is_some_and(|error| error.kind() == ValueKind::Object) => {
                Err(provider_error::decode(data).into_api_error())
            }
            // Kinds that came up later: what they say has no place in an answer of another shape.
            _ => Ok(()),
        }
    }

    /// The message begins. It may be said again, but a second message in the same stream belongs to somebody else.
    fn start(&mut self, message: Option<View<'_>>, out: &mut Vec<Event>) -> Result<(), ApiError> {
        let text = |name| message.and_then(|message| message.member(name)?.string()).map(Cow::into_owned);
        let id = text("id").unwrap_or_default();
        let usage = message.and_then(|message| message.member("usage"));
        match &mut self.message {
            Some(first) if !first.is_empty() && !id.is_empty() && *first != id => {
                return Err(broken("the provider began a second message in the same stream"));
            }
            Some(_) => {}
            None => {
                self.service_class = usage.and_then(service_class);
                let service_class = self.service_class.clone();
                out.push(Event::Start { id: id.clone(), model: text("model").unwrap_or_default(), service_class });
                self.message = Some(id);
            }
        }
        self.usage(usage, out);
        Ok(())
    }

    /// The message begins, whether or not the provider said so.
    fn begin(&mut self, out: &mut Vec<Event>) {
        if self.message.is_none() {
            self.message = Some(String::new());
            out.push(Event::Start { id: String::new(), model: String::new(), service_class: None });
        }
    }

    /// Reads counters, and tells of them when they changed.
    fn usage(&mut self, usage: Option<View<'_>>, out: &mut Vec<Event>) {
        let Some(usage) = usage else { return };
        read_usage(usage, &mut self.seen);
        if self.seen.usage != self.told {
            self.told = self.seen.usage;
            out.extend(self.told.map(Event::Usage));
        }
        let class = service_class(usage);
        if class.is_some() && class != self.service_class {
            self.service_class.clone_from(&class);
            out.extend(class.map(Event::ServiceClass));
        }
    }

    /// The answer is over: it is whole if the provider said why it ended.
    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), ApiError> {
        self.blocks.close_all(out);
        let calls = self.blocks.has_calls();
        let stop = self.stop.take().or_else(|| (self.has_delta && calls).then(StopReason::default));
        let (finish, native) = stop
            .ok_or_else(|| broken("the provider's answer ended before it was finished: it did not say why it ended"))?
            .finish(calls);
        out.push(Event::Finish { finish, native });
        out.push(Event::End);
        self.over = true;
        Ok(())
    }

    /// Keeps what came of it, or ends with the error.
    fn settle(&mut self, result: Result<(), ApiError>, out: &mut Vec<Event>) {
        if let Err(error) = result {
            self.over = true;
            out.push(Event::Error(Box::new(error)));
        }
    }
}

impl DecodeStream for Decoder {
    fn event(&mut self, event: &RawEvent, out: &mut Vec<Event>) {
        if self.over {
            return;
        }
        let data = event.data();
        match data.trim_ascii() {
            b"" => out.push(Event::Heartbeat),
            // Some hosts end all their streams so.
            b"[DONE]" => self.end(out),
            data => {
                let result = self.read(event, data, out);
                self.settle(result, out);
            }
        }
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        if !self.over {
            let result = self.finish(out);
            self.settle(result, out);
        }
    }
}

/// The provider's stream is not as it must be.
fn broken(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorClass::Upstream, message)
}
