//! Custom (free text) tools that a provider was told are functions: their input comes out of its wrapping again.

use std::borrow::Cow;

use crate::json::View;
use crate::neutral::{Answering, ApiError, ErrorClass, Event, Opening, Part, Response};

/// Unwraps the calls of custom tools in a streamed answer. The arguments of such a call are held until it is closed; all other events
/// pass.
pub(crate) struct CustomCalls {
    /// Names as the provider knows them.
    names: Vec<String>,
    /// Calls that are open, with their arguments so far.
    open: Vec<(u32, String)>,
    /// Bytes of those.
    held: usize,
}

/// So many bytes of arguments are held back at most.
const MAX_HELD_BYTES: usize = 8 * 1024 * 1024;

impl CustomCalls {
    /// For an answer in which custom tools may be called; `None` when there are none.
    pub(crate) fn new(answering: &Answering) -> Option<CustomCalls> {
        let sent = |own: &String| {
            let names = answering.tool_names.iter();
            names.into_iter().find(|(_, name)| name == own).map_or_else(|| own.clone(), |(sent, _)| sent.clone())
        };
        let names: Vec<String> = answering.custom_tools.iter().map(sent).collect();
        (!names.is_empty()).then_some(CustomCalls { names, open: Vec::new(), held: 0 })
    }

    /// Changes the events so that such calls are custom ones with their bare input.
    pub(crate) fn filter(&mut self, events: &mut Vec<Event>) {
        let mut out = Vec::with_capacity(events.len());
        for mut event in events.drain(..) {
            match &mut event {
                Event::Open { part, what: Opening::ToolCall { name, custom, .. } } if self.names.contains(name) => {
                    *custom = true;
                    self.open.push((*part, String::new()));
                }
                Event::Arguments { part, json } => {
                    if let Some((_, held)) = self.open.iter_mut().find(|(open, _)| open == part) {
                        held.push_str(json);
                        self.held = self.held.saturating_add(json.len());
                        if self.held <= MAX_HELD_BYTES {
                            continue;
                        }
                        let message =
                            format!("the provider's answer calls a custom tool with over {MAX_HELD_BYTES} bytes");
                        out.push(Event::Error(Box::new(ApiError::new(ErrorClass::Upstream, message))));
                        break;
                    }
                }
                Event::Close { part } => {
                    if let Some(at) = self.open.iter().position(|(open, _)| open == part) {
                        let (part, held) = self.open.swap_remove(at);
                        self.held = self.held.saturating_sub(held.len());
                        let input = unwrapped(&held).into_owned();
                        if !input.is_empty() {
                            out.push(Event::Arguments { part, json: input });
                        }
                    }
                }
                _ => {}
            }
            out.push(event);
        }
        *events = out;
    }

    /// The same for a whole answer.
    pub(crate) fn unwrap_all(&self, response: &mut Response) {
        for part in &mut response.parts {
            if let Part::ToolCall(call) = part
                && self.names.iter().any(|name| *name == call.name)
            {
                call.custom = true;
                call.arguments = unwrapped(&call.arguments).into_owned().into();
            }
        }
    }
}

/// The text in `{"input": text}`; what is anything else stays as it is, so that nothing of it is lost.
fn unwrapped(arguments: &str) -> Cow<'_, str> {
    let input = View::parse(arguments.as_bytes()).ok().and_then(|view| view.member("input")?.string());
    input.map_or(Cow::Borrowed(arguments), |input| Cow::Owned(input.into_owned()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn pitfall_49_the_input_of_a_custom_tool_comes_out_of_its_wrapping() {
        let answering = Answering {
            custom_tools: vec!["apply patch".to_owned()],
            tool_names: vec![("apply_patch_1".to_owned(), "apply patch".to_owned())],
            ..Answering::default()
        };
        let mut calls = CustomCalls::new(&answering).unwrap();
        let open = |custom| Event::Open {
            part: 0,
            what: Opening::ToolCall { id: "c".to_owned(), name: "apply_patch_1".to_owned(), custom, state: None },
        };
        let arguments = |json: &str| Event::Arguments { part: 0, json: json.to_owned() };
        let mut events = vec![open(false), arguments("{\"input\": \"a\\n"), arguments("b\"}")];
        calls.filter(&mut events);
        assert_eq!(events, [open(true)]);
        let mut events = vec![Event::Close { part: 0 }];
        calls.filter(&mut events);
        assert_eq!(events, [arguments("a\nb"), Event::Close { part: 0 }]);
        assert!(CustomCalls::new(&Answering::default()).is_none());
    }
}
