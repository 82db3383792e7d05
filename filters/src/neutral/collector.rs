//! Puts a whole answer together from the events that tell it, and tells one in events.

use super::{ApiError, ErrorClass, Event, Finish, Opening, Part, Reasoning, Response, TextPart, ToolCall, Usage};

/// The whole answer that events tell, put together as they come.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    id: String,
    model: String,
    parts: Vec<(u32, Part<'static>)>,
    finish: Option<(Finish, String)>,
    usage: Option<Usage>,
    service_class: Option<String>,
    error: Option<Box<ApiError>>,
    ended: bool,
    bytes: usize,
}

impl Collector {
    /// Takes the next event.
    pub(crate) fn take(&mut self, event: Event) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { id, model, service_class } => {
                self.id = id;
                self.model = model;
                self.service_class = service_class.or(self.service_class.take());
            }
            Event::Open { part, what } => self.open(part, what),
            Event::Text { part, text } => self.add(part, &text, |part, text| match part {
                Part::Text(part) => part.text.to_mut().push_str(text),
                Part::Refusal(refusal) => refusal.to_mut().push_str(text),
                _ => {}
            }),
            Event::Reasoning { part, text } => self.add(part, &text, |part, text| {
                if let Part::Reasoning(reasoning) = part {
                    reasoning.text.to_mut().push_str(text);
                }
            }),
            Event::Arguments { part, json } => self.add(part, &json, |part, json| {
                if let Part::ToolCall(call) = part {
                    call.arguments.to_mut().push_str(json);
                }
            }),
            Event::State { part, state } => {
                self.bytes = self.bytes.saturating_add(state.data.len());
                if let Some(Part::Reasoning(reasoning)) = self.part(part) {
                    reasoning.state = Some(state);
                }
            }
            Event::Cite { part, citation } => {
                self.bytes = self.bytes.saturating_add(citation.raw.raw().len());
                if let Some(Part::Text(text)) = self.part(part) {
                    text.citations.push(citation);
                }
            }
            Event::Finish { finish, native } => self.finish = Some((finish, native)),
            Event::Usage(usage) => self.usage = Some(usage),
            Event::ServiceClass(class) => self.service_class = Some(class),
            Event::Close { .. } | Event::Heartbeat => {}
            Event::End => self.ended = true,
            Event::Error(error) => {
                self.error = Some(error);
                self.ended = true;
            }
        }
    }

    /// Bytes of text that it holds, about.
    pub(crate) const fn held_bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the answer is over.
    pub(crate) const fn is_ended(&self) -> bool {
        self.ended
    }

    /// The answer.
    ///
    /// # Errors
    /// The error that ended it, or `Upstream` when nothing ended it.
    pub(crate) fn finish(self) -> Result<Response, ApiError> {
        if let Some(error) = self.error {
            return Err(*error);
        }
        let (finish, native_finish) = self
            .finish
            .filter(|_| self.ended)
            .ok_or_else(|| ApiError::new(ErrorClass::Upstream, "the provider's answer ended before it was finished"))?;
        let mut parts: Vec<Part<'static>> = self.parts.into_iter().map(|(_, part)| part).collect();
        for part in &mut parts {
            if let Part::ToolCall(call) = part
                && !call.custom
                && call.arguments.trim().is_empty()
            {
                call.arguments = "{}".into();
            }
        }
        Ok(Response {
            id: self.id,
            model: self.model,
            parts,
            finish,
            native_finish,
            usage: self.usage,
            service_class: self.service_class,
        })
    }

    fn open(&mut self, number: u32, what: Opening) {
        // What a part weighs beside its text: an answer of many small ones is large as well.
        const PART_BYTES: usize = 256;
        let size = match &what {
            Opening::Text | Opening::Refusal | Opening::Reasoning { .. } => 0,
            Opening::ToolCall { id, name, state, .. } => {
                id.len() + name.len() + state.as_ref().map_or(0, |state| state.data.len())
            }
            Opening::Opaque(opaque) => opaque.kind.len() + opaque.raw.raw().len(),
        };
        self.bytes = self.bytes.saturating_add(size).saturating_add(PART_BYTES);
        let part = match what {
            Opening::Text => Part::Text(TextPart::default()),
            Opening::Refusal => Part::Refusal("".into()),
            Opening::Reasoning { summary } => Part::Reasoning(Reasoning { summary, ..Reasoning::default() }),
            Opening::ToolCall { id, name, custom, state } => Part::ToolCall(ToolCall {
                id: id.into(),
                name: name.into(),
                arguments: "".into(),
                custom,
                cache: None,
                state,
            }),
            Opening::Opaque(opaque) => Part::Opaque(opaque),
        };
        self.parts.push((number, part));
    }

    fn add(&mut self, number: u32, text: &str, add: impl FnOnce(&mut Part<'static>, &str)) {
        self.bytes = self.bytes.saturating_add(text.len());
        if let Some(part) = self.part(number) {
            add(part, text);
        }
    }

    /// The part of that number; usually the last.
    fn part(&mut self, number: u32) -> Option<&mut Part<'static>> {
        self.parts.iter_mut().rev().find(|(known, _)| *known == number).map(|(_, part)| part)
    }
}

/// The events that tell a whole answer, for clients that want a stream of a provider that gave none.
pub(crate) fn told(response: Response) -> Vec<Event> {
    let Response { id, model, parts, finish, native_finish, usage, service_class } = response;
    let mut events = vec![Event::Start { id, model, service_class }];
    for (number, part) in (0_u32..).zip(parts) {
        let open = |what| Event::Open { part: number, what };
        match part {
            Part::Text(text) => {
                events.push(open(Opening::Text));
                push_text(&mut events, number, text.text.into_owned());
                events.extend(text.citations.into_iter().map(|citation| Event::Cite { part: number, citation }));
            }
            Part::Refusal(refusal) => {
                events.push(open(Opening::Refusal));
                push_text(&mut events, number, refusal.into_owned());
            }
            Part::Reasoning(reasoning) => {
                events.push(open(Opening::Reasoning { summary: reasoning.summary }));
                if !reasoning.text.is_empty() {
                    events.push(Event::Reasoning { part: number, text: reasoning.text.into_owned() });
                }
                events.extend(reasoning.state.map(|state| Event::State { part: number, state }));
            }
            Part::ToolCall(call) => {
                let ToolCall { id, name, arguments, custom, state, .. } = call;
                let (id, name) = (id.into_owned(), name.into_owned());
                events.push(open(Opening::ToolCall { id, name, custom, state }));
                if !arguments.is_empty() {
                    events.push(Event::Arguments { part: number, json: arguments.into_owned() });
                }
            }
            Part::Opaque(opaque) => events.push(open(Opening::Opaque(opaque))),
            // No answer of a model holds these.
            Part::Image(_) | Part::Document(_) | Part::Sound(_) | Part::Video(_) | Part::ToolResult(_) => continue,
        }
        events.push(Event::Close { part: number });
    }
    events.push(Event::Finish { finish, native: native_finish });
    events.extend(usage.map(Event::Usage));
    events.push(Event::End);
    events
}

fn push_text(events: &mut Vec<Event>, part: u32, text: String) {
    if !text.is_empty() {
        events.push(Event::Text { part, text });
    }
}
