//! Reads a streamed Responses answer into events; a whole answer is read as a stream of items that come whole.
//!
//! Events: <https://platform.openai.com/docs/api-reference/responses-streaming>.

mod items;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::super::codec::DecodeStream;
use super::super::observed::Observed;
use super::{error, stream};
use crate::json::{ValueKind, View};
use crate::neutral::{ApiError, Collector, ErrorClass, Event, Finish, Response, Usage};
use crate::sse::RawEvent;
use items::{Field, Items};

/// Reads one answer.
pub(super) struct Decoder {
    items: Items,
    /// Counts and service class, read as the tap reads them.
    seen: Observed,
    stage: Stage,
    told_usage: Option<Usage>,
    told_class: Option<String>,
}

/// How far an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Before,
    Started,
    Over,
}

/// Reads a whole answer; see [`super::super::codec::Codec::decode_response`].
pub(super) fn whole(body: View<'_>, seed: &str) -> Result<Response, ApiError> {
    let mut events = Vec::new();
    Decoder::new(seed).whole(body, &mut events);
    let mut answer = Collector::default();
    events.into_iter().for_each(|event| answer.take(event));
    answer.finish()
}

impl Decoder {
    /// Before the first event.
    pub(super) fn new(seed: &str) -> Decoder {
        Decoder {
            items: Items::new(seed),
            seen: Observed::default(),
            stage: Stage::Before,
            told_usage: None,
            told_class: None,
        }
    }

    fn whole(&mut self, body: View<'_>, out: &mut Vec<Event>) {
        let status = text(body, "status").unwrap_or_default();
        let is_failed = body.member("error").is_some_and(is_said) || matches!(&*status, "failed" | "cancelled");
        if is_failed {
            return self.fail(error::of_answer(body.raw().as_bytes()).into_api_error(), out);
        }
        if body.member("output").is_none_or(|output| output.kind() != ValueKind::Array) {
            return self.fail(broken("the provider's answer is no response: it has no `output`"), out);
        }
        if matches!(&*status, "queued" | "in_progress") {
            return self.fail(broken("the provider's answer is not finished: it works on it in the background"), out);
        }
        self.counts(body.raw().as_bytes());
        self.start(Some(body), out);
        self.finish(body, &status, out);
    }

    /// Reads an event that holds something.
    fn read(&mut self, name: Option<&[u8]>, data: &[u8], out: &mut Vec<Event>) -> Result<(), ApiError> {
        let view = View::parse(data)
            .map_err(|error| broken(format!("the provider sent an event that is not valid JSON: {error}")))?;
        let kind = text(view, "type").filter(|kind| !kind.is_empty());
        let kind = kind.or_else(|| name.map(String::from_utf8_lossy)).unwrap_or_default();
        let response = view.member("response");
        match kind.strip_prefix("response.").unwrap_or(&kind) {
            "created" | "queued" | "in_progress" => {
                self.counts(data);
                self.start(response, out);
            }
            "completed" | "incomplete" => {
                let response = response.unwrap_or(view);
                self.counts(data);
                self.start(Some(response), out);
                let status = text(response, "status").filter(|status| status == "incomplete");
                let status =
                    status.unwrap_or_else(|| kind.strip_prefix("response.").unwrap_or(&kind).to_owned().into());
                self.finish(response, &status, out);
            }
            "failed" | "cancelled" | "error" => return Err(error::of_answer(data).into_api_error()),
            "keepalive" | "ping" => out.push(Event::Heartbeat),
            _ if view.member("error").is_some_and(|error| error.kind() == ValueKind::Object) => {
                return Err(error::of_answer(data).into_api_error());
            }
            kind => {
                let before = out.len();
                self.item(kind, view, out);
                if out.len() > before && self.stage == Stage::Before {
                    let told = out.split_off(before);
                    self.start(None, out);
                    out.extend(told);
                }
            }
        }
        if self.items.are_too_many() {
            return Err(broken("the provider's answer has more items, or parts of them, than can be told"));
        }
        Ok(())
    }

    /// Reads an event of an item; kinds that came up later say nothing that another shape has a place for.
    fn item(&mut self, kind: &str, view: View<'_>, out: &mut Vec<Event>) {
        let key = self.items.key(view);
        let index = |name: &str| view.member(name).and_then(View::u64).unwrap_or(0);
        let string = |name: &str| text(view, name).unwrap_or_default();
        let items = &mut self.items;
        match kind {
            "output_item.added" => {
                if let Some(item) = view.member("item") {
                    items.begin(key, item, out);
                }
            }
            "output_item.done" => {
                if let Some(item) = view.member("item") {
                    items.end(key, item, out);
                }
            }
            "output_text.delta" => items.say((key, Field::Text, index("content_index")), &string("delta"), out),
            "output_text.done" => items.whole((key, Field::Text, index("content_index")), &string("text"), out),
            "refusal.delta" => items.say((key, Field::Refusal, index("content_index")), &string("delta"), out),
            "refusal.done" => items.whole((key, Field::Refusal, index("content_index")), &string("refusal"), out),
            "reasoning_summary_text.delta" => {
                items.say((key, Field::Summary, index("summary_index")), &string("delta"), out);
            }
            "reasoning_summary_text.done" => {
                items.whole((key, Field::Summary, index("summary_index")), &string("text"), out);
            }
            "reasoning_text.delta" => items.say((key, Field::Thoughts, index("content_index")), &string("delta"), out),
            "reasoning_text.done" => items.whole((key, Field::Thoughts, index("content_index")), &string("text"), out),
            "function_call_arguments.delta" | "custom_tool_call_input.delta" => {
                items.say((key, Field::Input, 0), &string("delta"), out);
            }
            "function_call_arguments.done" => items.whole((key, Field::Input, 0), &string("arguments"), out),
            "custom_tool_call_input.done" => items.whole((key, Field::Input, 0), &string("input"), out),
            "output_text.annotation.added" => {
                if let Some(annotation) = view.member("annotation") {
                    items.cite((key, index("content_index")), annotation, out);
                }
            }
            _ => {}
        }
    }

    fn start(&mut self, response: Option<View<'_>>, out: &mut Vec<Event>) {
        if self.stage > Stage::Before {
            return;
        }
        self.stage = Stage::Started;
        let word = |name: &str| response.and_then(|response| text(response, name)).map(Cow::into_owned);
        self.told_class = self.seen.service_class.name().map(str::to_owned);
        out.push(Event::Start {
            id: word("id").unwrap_or_default(),
            model: word("model").unwrap_or_default(),
            service_class: self.told_class.clone(),
        });
    }

    /// Tells what did not come before, closes what is open, and says why the answer ended.
    fn finish(&mut self, response: View<'_>, status: &str, out: &mut Vec<Event>) {
        if self.items.is_empty() {
            // Some hosts send no events of items; a whole answer has none.
            let output = response.member("output").into_iter().flat_map(View::elements);
            for (key, item) in (0_u64..).zip(output) {
                self.items.begin(key, item, out);
                self.items.end(key, item, out);
            }
        }
        if let Err(error) = self.items.close(out) {
            return self.fail(error, out);
        }
        if self.items.are_too_many() {
            return self.fail(broken("the provider's answer has more items, or parts of them, than can be told"), out);
        }
        let class = self.seen.service_class.name().map(str::to_owned);
        if class != self.told_class {
            self.told_class.clone_from(&class);
            out.extend(class.map(Event::ServiceClass));
        }
        let reason = response.member("incomplete_details").and_then(|details| text(details, "reason"));
        let (finish, native) = self.ending(status, reason);
        out.push(Event::Finish { finish, native });
        if self.seen.usage != self.told_usage {
            self.told_usage = self.seen.usage;
            out.extend(self.told_usage.map(Event::Usage));
        }
        self.stage = Stage::Over;
        out.push(Event::End);
    }

    /// Why it ended. Calls count for more than a plain end, and what cut the answer counts for more than calls.
    fn ending(&self, status: &str, reason: Option<Cow<'_, str>>) -> (Finish, String) {
        let filtered = Finish::Filtered { explanation: None, category: None };
        let finish = match reason.as_deref() {
            Some("max_output_tokens" | "max_tokens") => Finish::Length,
            Some("content_filter") => filtered,
            _ if self.items.called() => Finish::ToolCalls,
            _ if self.items.refused() => filtered,
            _ => Finish::Stop,
        };
        let native = reason.map_or_else(|| status.to_owned(), Cow::into_owned);
        (finish, if native.is_empty() { "completed".to_owned() } else { native })
    }

    /// Reads counters and the service class as the tap does; what cannot be read has none.
    fn counts(&mut self, data: &[u8]) {
        let _ = stream::read(data, &mut self.seen);
    }

    fn fail(&mut self, error: ApiError, out: &mut Vec<Event>) {
        if self.stage < Stage::Over {
            self.stage = Stage::Over;
            out.push(Event::Error(Box::new(error)));
        }
    }
}

impl DecodeStream for Decoder {
    fn event(&mut self, event: &RawEvent, out: &mut Vec<Event>) {
        if self.stage == Stage::Over {
            return;
        }
        let data = event.data();
        match data.trim_ascii() {
            b"" => out.push(Event::Heartbeat),
            // OpenAI sends none; some hosts end all their streams so.
            b"[DONE]" => self.end(out),
            data => {
                if let Err(error) = self.read(event.name(), data, out) {
                    self.fail(error, out);
                }
            }
        }
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        self.fail(broken("the provider's answer ended before it was finished"), out);
    }
}

fn text<'a>(view: View<'a>, name: &str) -> Option<Cow<'a, str>> {
    view.member(name).and_then(View::string)
}

/// Whether an error says something.
fn is_said(error: View<'_>) -> bool {
    !matches!(error.raw(), "false" | "\"\"" | "{}" | "[]")
}

/// The provider's answer is not as it must be.
fn broken(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorClass::Upstream, message)
}
