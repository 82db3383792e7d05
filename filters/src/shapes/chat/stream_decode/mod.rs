//! Reads a streamed chat answer into events, tolerant of what hosts make of the shape; a whole answer is read as a stream of one
//! piece.

mod calls;
mod ending;
mod message;
mod parts;
mod thoughts;

#[cfg(test)]
mod tests;

use super::super::codec::DecodeStream;
use super::super::observed::Observed;
use super::super::provider_error;
use super::usage;
use crate::json::{Cursor, Text, View};
use crate::neutral::{ApiError, ErrorClass, Event, Usage};
use crate::sse::RawEvent;
use ending::Ending;
use parts::Parts;

/// Reads one answer.
pub(super) struct Decoder {
    parts: Parts,
    /// Counts and service class, read as the tap reads them.
    seen: Observed,
    id: String,
    model: String,
    stage: Stage,
    /// Why the model ended, as soon as it is said.
    ending: Option<Ending>,
    told_usage: Option<Usage>,
    told_class: Option<String>,
}

/// How far an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Nothing of it came.
    Before,
    /// It is under way.
    Started,
    /// [`Event::Finish`] was given.
    Finished,
    /// Nothing follows.
    Over,
}

impl Decoder {
    /// Before the first event.
    pub(super) fn new(seed: &str) -> Decoder {
        Decoder {
            parts: Parts::new(seed),
            seen: Observed::default(),
            id: String::new(),
            model: String::new(),
            stage: Stage::Before,
            ending: None,
            told_usage: None,
            told_class: None,
        }
    }

    /// Reads a whole answer that was not streamed. It is finished, whether it says so or not.
    pub(super) fn whole(&mut self, body: View<'_>, out: &mut Vec<Event>) {
        let Some(chunk) = self.envelope(body, false, out) else { return };
        let Some(choice) = chunk.choice else {
            // What is left of an answer without choices is none.
            return self.fail(ApiError::new(ErrorClass::Upstream, "the provider sent an answer without choices"), out);
        };
        self.start(out);
        self.choice(choice, Form::Whole, out);
        self.finish_chunk(&chunk, out);
        if self.stage < Stage::Over {
            self.finish(out);
        }
        self.over(out);
    }

    /// Reads what one chunk holds.
    fn chunk(&mut self, chunk: View<'_>, is_error: bool, out: &mut Vec<Event>) {
        let Some(chunk) = self.envelope(chunk, is_error, out) else { return };
        // Azure sends what its filter thinks of the prompt before anything else, with an empty id.
        if chunk.choices > 0 || chunk.usage || !self.model.is_empty() {
            self.start(out);
        }
        if let Some(choice) = chunk.choice {
            self.choice(choice, Form::Piece, out);
        }
        self.finish_chunk(&chunk, out);
    }

    /// Reads what stands around the choices; `None` when the chunk is an error.
    fn envelope<'a>(&mut self, view: View<'a>, is_error: bool, out: &mut Vec<Event>) -> Option<Chunk<'a>> {
        let mut chunk = Chunk::default();
        let mut error = false;
        for (key, value) in view.members() {
            match &*key {
                "choices" => {
                    for choice in value.elements() {
                        let is_first =
                            choice.member("index").map_or(chunk.choices == 0, |index| index.u64() == Some(0));
                        chunk.choices += 1;
                        if is_first {
                            chunk.choice = Some(choice);
                        }
                    }
                }
                "usage" => chunk.usage |= self.usage(value),
                "x_groq" => {
                    value.member("usage").map(|usage| self.usage(usage));
                }
                "id" if self.id.is_empty() => self.id = value.string().unwrap_or_default().into_owned(),
                "model" if self.model.is_empty() => self.model = value.string().unwrap_or_default().into_owned(),
                "service_tier" => self.seen.service_class.saw_tier(text(value)),
                "search_results" => self.parts.searched(value),
                "error" => error |= is_truthy(value),
                // vLLM and Mistral: `{"object":"error","message":...}`.
                "object" => error |= value.string().as_deref() == Some("error"),
                _ => {}
            }
        }
        // Groq sends errors as named events. No chunk has choices and is one.
        if error || (chunk.choices == 0 && is_error) {
            self.fail(provider_error::decode(view.raw().as_bytes()).into_api_error(), out);
            return None;
        }
        Some(chunk)
    }

    fn choice(&mut self, choice: View<'_>, form: Form, out: &mut Vec<Event>) {
        let (mut delta, mut message) = (None, None);
        let mut ending = Ending::default();
        for (key, value) in choice.members() {
            match &*key {
                "delta" => delta = Some(value).filter(|delta| !delta.is_null()),
                "message" => message = Some(value),
                "finish_reason" => ending.word = value.string().unwrap_or_default().into_owned(),
                "native_finish_reason" => ending.native = value.string().unwrap_or_default().into_owned(),
                // vLLM: the stop text, or the number of the token, that ended it.
                "stop_reason" => ending.stop = value.string().map(|stop| stop.into_owned()),
                // OpenRouter: what made the provider fail, beside the choice's `finish_reason`.
                "error" if is_truthy(value) => {
                    return self.fail(provider_error::decode(value.raw().as_bytes()).into_api_error(), out);
                }
                // Moonshot puts the counts here.
                "usage" => {
                    self.usage(value);
                }
                _ => {}
            }
        }
        // Perplexity repeats the whole message beside each delta.
        let whole_first = message.filter(|_| form == Form::Whole || self.parts.is_empty());
        if let Some(said) = delta.filter(|_| form == Form::Piece).or(whole_first).or(delta) {
            message::read(said, form, &mut self.parts, out);
        }
        if self.parts.are_too_many() {
            let message = "the provider's answer has more calls or citations than can be told";
            return self.fail(ApiError::new(ErrorClass::Upstream, message), out);
        }
        if let Some(error) = ending.error() {
            return self.fail(error, out);
        }
        if !ending.word.is_empty() {
            match &mut self.ending {
                Some(known) => known.amend(ending),
                known => *known = Some(ending),
            }
        }
    }

    /// Tells what stood around the choices, and finishes when nothing but the end can follow.
    fn finish_chunk(&mut self, chunk: &Chunk<'_>, out: &mut Vec<Event>) {
        if self.stage == Stage::Over || self.stage == Stage::Before {
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
        if chunk.usage && chunk.choices == 0 {
            self.seen.closing_usage = true;
            if self.ending.is_some() {
                self.finish(out);
            }
        }
    }

    fn start(&mut self, out: &mut Vec<Event>) {
        if self.stage == Stage::Before {
            self.stage = Stage::Started;
            self.told_class = self.seen.service_class.name().map(str::to_owned);
            out.push(Event::Start {
                id: self.id.clone(),
                model: self.model.clone(),
                service_class: self.told_class.clone(),
            });
        }
    }

    /// Closes what is open and says why the answer ended.
    fn finish(&mut self, out: &mut Vec<Event>) {
        if self.stage >= Stage::Finished {
            return;
        }
        if let Err(error) = self.parts.close(out) {
            return self.fail(error, out);
        }
        let ending = self.ending.take().unwrap_or_default();
        let (finish, native) = ending.finish(&self.parts);
        self.stage = Stage::Finished;
        out.push(Event::Finish { finish, native });
    }

    fn over(&mut self, out: &mut Vec<Event>) {
        if self.stage < Stage::Over {
            self.stage = Stage::Over;
            out.push(Event::End);
        }
    }

    fn fail(&mut self, error: ApiError, out: &mut Vec<Event>) {
        if self.stage < Stage::Over {
            self.stage = Stage::Over;
            out.push(Event::Error(Box::new(error)));
        }
    }

    /// Whether there were counts.
    fn usage(&mut self, value: View<'_>) -> bool {
        let cursor = Cursor::new(value.raw().as_bytes());
        cursor.and_then(|mut cursor| usage::read(&mut cursor, &mut self.seen)).unwrap_or(false)
    }
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
        } else if data == b"[DONE]" {
            // Some hosts never say why they finished; final counts before the terminator show that they did.
            if self.seen.closing_usage { self.end_as_said(out) } else { self.end(out) }
        } else {
            match View::parse(data) {
                Ok(chunk) => self.chunk(chunk, event.name() == Some(b"error"), out),
                Err(error) => self.fail(
                    ApiError::new(
                        ErrorClass::Upstream,
                        format!("the provider sent an answer that is not valid JSON: {error}"),
                    ),
                    out,
                ),
            }
        }
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        if self.ending.is_none() && self.stage < Stage::Finished {
            let message = "the provider's answer ended before it was finished";
            return self.fail(ApiError::new(ErrorClass::Upstream, message), out);
        }
        self.end_as_said(out);
    }
}

impl Decoder {
    fn end_as_said(&mut self, out: &mut Vec<Event>) {
        self.finish(out);
        self.over(out);
    }
}

/// Whether what is read is a piece of an answer or all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Piece,
    Whole,
}

/// What stands around the choices of a chunk.
#[derive(Debug, Default)]
struct Chunk<'a> {
    choices: u64,
    /// The first one; others are not read.
    choice: Option<View<'a>>,
    usage: bool,
}

/// The text of a string, as the readers of the tap take it.
fn text(value: View<'_>) -> Option<Text<'_>> {
    Cursor::new(value.raw().as_bytes()).ok()?.text().ok()?
}

/// Whether the value says something, as the clients' languages see it.
fn is_truthy(value: View<'_>) -> bool {
    !matches!(value.raw(), "null" | "false" | "\"\"" | "{}" | "[]" | "0")
}
