//! Reads a streamed answer into events; a whole answer is read as a stream of one piece, and one array as a stream of its elements.
//!
//! Each piece is an answer by itself that holds only what is new. Nothing marks the end but the end of the bytes: until then more may
//! come, as what a text was found in does behind the reason why the answer ended.

mod ending;
mod grounding;
mod partial;
mod parts;

#[cfg(test)]
mod tests;

use super::super::codec::DecodeStream;
use super::super::observed::Observed;
use super::super::provider_error;
use super::usage;
use crate::json::{Cursor, ValueKind, View};
use crate::neutral::{ApiError, ErrorClass, Event, Usage};
use crate::sse::RawEvent;
use ending::Ending;
use parts::Parts;

/// Reads one answer.
pub(super) struct Decoder {
    parts: Parts,
    /// Counts and service class, read as the tap reads them.
    seen: Observed,
    stage: Stage,
    /// Why the model ended, as soon as it is said.
    ending: Option<Ending>,
    told_usage: Option<Usage>,
    told_class: Option<String>,
}

/// How far an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing of it came.
    Before,
    /// It is under way.
    Started,
    /// Nothing follows.
    Over,
}

impl Decoder {
    /// Before the first event.
    pub(super) fn new(seed: &str) -> Decoder {
        Decoder {
            parts: Parts::new(seed),
            seen: Observed::default(),
            stage: Stage::Before,
            ending: None,
            told_usage: None,
            told_class: None,
        }
    }

    /// Reads a whole answer that was not streamed. It is finished, whether it says so or not.
    pub(super) fn whole(&mut self, body: View<'_>, out: &mut Vec<Event>) {
        self.value(body, out);
        let is_empty = self.ending.is_none() && self.parts.are_empty();
        if self.stage == Stage::Before || (self.stage == Stage::Started && is_empty && !has_candidates(body)) {
            return self
                .fail(ApiError::new(ErrorClass::Upstream, "the provider sent an answer without candidates"), out);
        }
        self.ending.get_or_insert_default();
        self.finish(out);
    }

    /// Reads a piece, or an array of them.
    fn value(&mut self, value: View<'_>, out: &mut Vec<Event>) {
        match value.kind() {
            ValueKind::Array => value.elements().for_each(|element| self.value(element, out)),
            _ if self.stage == Stage::Over => {}
            _ => self.chunk(value, out),
        }
    }

    fn chunk(&mut self, chunk: View<'_>, out: &mut Vec<Event>) {
        let (mut id, mut model) = (String::new(), String::new());
        let (mut candidate, mut feedback) = (None, None);
        for (key, value) in chunk.members().filter(|(_, value)| !value.is_null()) {
            match &*key {
                "candidates" => candidate = value.elements().find(|candidate| is_first(*candidate)),
                "promptFeedback" => feedback = Some(value),
                "usageMetadata" => {
                    if let Ok(mut cursor) = Cursor::new(value.raw().as_bytes()) {
                        // The value is valid JSON, and a counter that is no number is passed over.
                        let _ = usage::read(&mut cursor, &mut self.seen);
                    }
                }
                "responseId" => id = value.string().unwrap_or_default().into_owned(),
                "modelVersion" => model = value.string().unwrap_or_default().into_owned(),
                "error" => {
                    let error = provider_error::decode(chunk.raw().as_bytes()).into_api_error();
                    return self.fail(error, out);
                }
                _ => {}
            }
        }
        self.start(id, model, out);
        if let Some(candidate) = candidate {
            self.candidate(candidate, out);
        }
        if let Some(ending) = feedback.and_then(Ending::of_feedback) {
            self.ending = Some(ending);
        }
        self.tell_counts(out);
    }

    fn candidate(&mut self, candidate: View<'_>, out: &mut Vec<Event>) {
        let [content, reason, message, grounding, citations] =
            candidate.pick(["content", "finishReason", "finishMessage", "groundingMetadata", "citationMetadata"]);
        for part in content.and_then(|content| content.member("parts")).into_iter().flat_map(View::elements) {
            if let Err(error) = self.parts.part(part, out) {
                return self.fail(error, out);
            }
        }
        if let Some(grounding) = grounding {
            self.parts.grounding.read(grounding);
        }
        if let Some(citations) = citations {
            self.parts.grounding.read_citations(citations);
        }
        if let Some(ending) = Ending::read(reason, message) {
            self.ending = Some(ending);
        }
    }

    fn start(&mut self, id: String, model: String, out: &mut Vec<Event>) {
        if self.stage == Stage::Before {
            self.stage = Stage::Started;
            self.told_class = self.seen.service_class.name().map(str::to_owned);
            out.push(Event::Start { id, model, service_class: self.told_class.clone() });
        }
    }

    fn tell_counts(&mut self, out: &mut Vec<Event>) {
        if self.stage != Stage::Started {
            return;
        }
        if self.seen.usage != self.told_usage {
            self.told_usage = self.seen.usage;
            out.extend(self.told_usage.map(Event::Usage));
        }
        let class = self.seen.service_class.name();
        if class != self.told_class.as_deref() {
            self.told_class = class.map(str::to_owned);
            out.extend(self.told_class.clone().map(Event::ServiceClass));
        }
    }

    /// Closes what is open and says why the answer ended.
    fn finish(&mut self, out: &mut Vec<Event>) {
        if self.stage == Stage::Over {
            return;
        }
        let Some(ending) = self.ending.take() else {
            let message = "the provider's answer ended before it was finished";
            return self.fail(ApiError::new(ErrorClass::Upstream, message), out);
        };
        if let Err(error) = self.parts.close(out) {
            return self.fail(error, out);
        }
        match ending.finish(&self.parts) {
            Ok((finish, native)) => {
                self.stage = Stage::Over;
                out.extend([Event::Finish { finish, native }, Event::End]);
            }
            Err(error) => self.fail(error, out),
        }
    }

    fn fail(&mut self, error: ApiError, out: &mut Vec<Event>) {
        if self.stage != Stage::Over {
            self.stage = Stage::Over;
            out.push(Event::Error(Box::new(error)));
        }
    }
}

/// Others are not read: only one was asked for.
fn is_first(candidate: View<'_>) -> bool {
    candidate.member("index").and_then(View::u64).unwrap_or(0) == 0
}

fn has_candidates(body: View<'_>) -> bool {
    let some = |answer: View<'_>| answer.member("candidates").is_some_and(|all| all.elements().next().is_some());
    some(body) || body.elements().any(some)
}

impl DecodeStream for Decoder {
    fn event(&mut self, event: &RawEvent, out: &mut Vec<Event>) {
        if self.stage == Stage::Over {
            return;
        }
        let data = event.data();
        let data = data.trim_ascii();
        if data.is_empty() {
            out.push(Event::Heartbeat);
            return;
        }
        match View::parse(data) {
            Ok(value) => self.value(value, out),
            Err(error) => {
                let message = format!("the provider sent an answer that is not valid JSON: {error}");
                self.fail(ApiError::new(ErrorClass::Upstream, message), out);
            }
        }
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        self.finish(out);
    }
}
