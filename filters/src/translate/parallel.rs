//! Calls of `parallel`, a tool that nobody declared, by which some models call several at once: they become the calls that they hold.

use std::borrow::Cow;

use crate::json::{ValueKind, View};
use crate::neutral::{Answering, Event, Opening, Part, Response, ToolCall};

/// What such a call is named, and what stands before the names in it.
const NAMES: [&str; 2] = ["parallel", "multi_tool_use.parallel"];
const PREFIX: &str = "functions.";

/// So many bytes of arguments are held back at most; more go on as they are.
const MAX_HELD_BYTES: usize = 8 * 1024 * 1024;

/// So many calls are taken out of one at most.
const MAX_CALLS: usize = 128;

/// Takes such calls of a streamed answer apart. Their arguments are held until they are closed; all other events pass, with the numbers
/// that their parts have then.
pub(crate) struct ParallelCalls {
    /// Such calls that are open: number, id, name and arguments so far.
    held: Vec<(u32, String, String, String)>,
    bytes: usize,
    /// Parts that are open, with their numbers here and there.
    open: Vec<(u32, u32)>,
    next: u32,
}

impl ParallelCalls {
    /// For an answer in which it may be called.
    pub(crate) fn new(answering: &Answering) -> Option<ParallelCalls> {
        answering.splits_parallel.then(|| ParallelCalls { held: Vec::new(), bytes: 0, open: Vec::new(), next: 0 })
    }

    /// Changes the events.
    pub(crate) fn filter(&mut self, events: &mut Vec<Event>) {
        let mut out = Vec::with_capacity(events.len());
        for event in events.drain(..) {
            match event {
                Event::Open { part, what: Opening::ToolCall { id, name, custom: false, state: None } }
                    if NAMES.contains(&name.as_str()) =>
                {
                    self.held.push((part, id, name, String::new()));
                }
                Event::Open { part, what } => {
                    let number = self.begin(part);
                    out.push(Event::Open { part: number, what });
                }
                Event::Arguments { part, json } => self.arguments(part, json, &mut out),
                Event::Close { part } => {
                    if let Some(at) = self.held.iter().position(|(held, ..)| *held == part) {
                        let (_, id, name, arguments) = self.held.remove(at);
                        self.bytes = self.bytes.saturating_sub(arguments.len());
                        self.tell(&id, &name, &arguments, &mut out);
                    } else if let Some(at) = self.open.iter().position(|(open, _)| *open == part) {
                        let (_, part) = self.open.swap_remove(at);
                        out.push(Event::Close { part });
                    }
                }
                event => out.push(self.renumbered(event)),
            }
        }
        *events = out;
    }

    fn begin(&mut self, part: u32) -> u32 {
        let number = self.next;
        self.next = number.saturating_add(1);
        self.open.push((part, number));
        number
    }

    fn arguments(&mut self, part: u32, json: String, out: &mut Vec<Event>) {
        let Some(at) = self.held.iter().position(|(held, ..)| *held == part) else {
            return out.push(self.renumbered(Event::Arguments { part, json }));
        };
        self.bytes = self.bytes.saturating_add(json.len());
        if let Some((.., arguments)) = self.held.get_mut(at) {
            arguments.push_str(&json);
        }
        if self.bytes > MAX_HELD_BYTES {
            let (part, id, name, arguments) = self.held.remove(at);
            self.bytes = self.bytes.saturating_sub(arguments.len());
            let number = self.begin(part);
            out.push(Event::Open { part: number, what: Opening::ToolCall { id, name, custom: false, state: None } });
            out.push(Event::Arguments { part: number, json: arguments });
        }
    }

    /// Tells a call that is whole: those that it holds, or itself.
    fn tell(&mut self, id: &str, name: &str, arguments: &str, out: &mut Vec<Event>) {
        let calls =
            inner(id, arguments).unwrap_or_else(|| vec![(id.to_owned(), name.to_owned(), arguments.to_owned())]);
        for (id, name, json) in calls {
            let part = self.next;
            self.next = part.saturating_add(1);
            out.push(Event::Open { part, what: Opening::ToolCall { id, name, custom: false, state: None } });
            if !json.is_empty() {
                out.push(Event::Arguments { part, json });
            }
            out.push(Event::Close { part });
        }
    }

    fn renumbered(&self, mut event: Event) -> Event {
        if let Event::Text { part, .. }
        | Event::Reasoning { part, .. }
        | Event::State { part, .. }
        | Event::Arguments { part, .. }
        | Event::Cite { part, .. } = &mut event
            && let Some((_, number)) = self.open.iter().find(|(open, _)| open == part)
        {
            *part = *number;
        }
        event
    }
}

/// The same for a whole answer.
pub(crate) fn split_all(response: &mut Response) {
    let is_parallel = |part: &Part<'_>| matches!(part, Part::ToolCall(call) if !call.custom && call.state.is_none() && NAMES.contains(&&*call.name));
    if !response.parts.iter().any(is_parallel) {
        return;
    }
    let mut parts = Vec::with_capacity(response.parts.len());
    for part in response.parts.drain(..) {
        let Part::ToolCall(call) = &part else {
            parts.push(part);
            continue;
        };
        match is_parallel(&part).then(|| inner(&call.id, &call.arguments)).flatten() {
            Some(calls) => parts.extend(calls.into_iter().map(|(id, name, arguments)| {
                let (id, name, arguments) = (id.into(), name.into(), arguments.into());
                Part::ToolCall(ToolCall { id, name, arguments, custom: false, cache: None, state: None })
            })),
            None => parts.push(part),
        }
    }
    response.parts = parts;
}

/// The calls that such a call holds: id, name and arguments of each; `None` when it holds none.
fn inner(id: &str, arguments: &str) -> Option<Vec<(String, String, String)>> {
    let view = View::parse(arguments.as_bytes()).ok()?;
    let uses: Vec<View<'_>> = view.member("tool_uses")?.elements().collect();
    if uses.is_empty() || uses.len() > MAX_CALLS {
        return None;
    }
    let mut calls = Vec::with_capacity(uses.len());
    for (number, call) in uses.into_iter().enumerate() {
        let name = call.member("recipient_name").or(call.member("name")).and_then(View::string)?;
        let name = name.strip_prefix(PREFIX).unwrap_or(&name).to_owned();
        let given = call.member("parameters").or(call.member("arguments"));
        let arguments = match given {
            None => Cow::Borrowed("{}"),
            Some(given) if given.kind() == ValueKind::String => given.string()?,
            Some(given) => given.compact(),
        };
        let id = if number == 0 { id.to_owned() } else { format!("{id}_{}", number.saturating_add(1)) };
        (!name.is_empty()).then(|| calls.push((id, name, arguments.into_owned())))?;
    }
    Some(calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARGUMENTS: &str = r#"{"tool_uses":[{"recipient_name":"functions.get_weather","parameters":{"city": "Rome"}},{"recipient_name":"functions.now","parameters":{}}]}"#;

    fn open(part: u32, id: &str, name: &str) -> Event {
        let what = Opening::ToolCall { id: id.to_owned(), name: name.to_owned(), custom: false, state: None };
        Event::Open { part, what }
    }

    fn arguments(part: u32, json: &str) -> Event {
        Event::Arguments { part, json: json.to_owned() }
    }

    fn filtered(events: Vec<Event>) -> Vec<Event> {
        let answering = Answering { splits_parallel: true, ..Answering::default() };
        let mut filter = ParallelCalls::new(&answering);
        let mut all = Vec::new();
        for event in events {
            let mut one = vec![event];
            if let Some(filter) = &mut filter {
                filter.filter(&mut one);
            }
            all.append(&mut one);
        }
        all
    }

    #[test]
    fn pitfall_47_a_call_of_parallel_becomes_the_calls_that_it_holds() {
        let (first, rest) = ARGUMENTS.split_at(30);
        let events = vec![
            open(0, "call_1", "parallel"),
            arguments(0, first),
            open(1, "call_9", "now"),
            arguments(0, rest),
            arguments(1, "{}"),
            Event::Close { part: 0 },
            Event::Close { part: 1 },
        ];
        let told = [
            open(0, "call_9", "now"),
            arguments(0, "{}"),
            open(1, "call_1", "get_weather"),
            arguments(1, r#"{"city":"Rome"}"#),
            Event::Close { part: 1 },
            open(2, "call_1_2", "now"),
            arguments(2, "{}"),
            Event::Close { part: 2 },
            Event::Close { part: 0 },
        ];
        assert_eq!(filtered(events), told);
        assert!(ParallelCalls::new(&Answering::default()).is_none(), "it may be a tool of the client's");
    }

    #[test]
    fn what_holds_no_calls_stays_as_it_is() {
        let events = vec![open(0, "a", "parallel"), arguments(0, r#"{"x":1}"#), Event::Close { part: 0 }];
        assert_eq!(filtered(events.clone()), events);
    }
}
