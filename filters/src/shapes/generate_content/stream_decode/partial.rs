//! Arguments that come value by value, as Vertex streams them: <https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling>.

use serde_json::{Map, Value};

use crate::json::View;
use crate::neutral::State;

/// How much of the arguments is held, in bytes.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Elements that a list may have, and levels that a path may.
const MAX_ELEMENTS: usize = 100_000;
const MAX_LEVELS: usize = 64;

/// A call whose arguments are under way.
pub(super) struct Partial {
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) state: Option<State<'static>>,
    pub(super) arguments: Value,
    /// The path of a text that goes on.
    open: Option<String>,
    bytes: usize,
    elements: usize,
}

enum Step<'p> {
    Name(&'p str),
    At(usize),
}

impl Partial {
    /// A call with the arguments that came whole.
    pub(super) fn new(id: Option<String>, name: String, args: Option<View<'_>>) -> Partial {
        let arguments = args.and_then(|args| serde_json::from_str(args.raw()).ok()).filter(Value::is_object);
        Partial {
            id,
            name,
            state: None,
            arguments: arguments.unwrap_or_else(|| Value::Object(Map::new())),
            open: None,
            bytes: 0,
            elements: 0,
        }
    }

    /// Takes more values; `false` when they are more than is held.
    pub(super) fn take(&mut self, pieces: Option<View<'_>>) -> bool {
        for piece in pieces.into_iter().flat_map(View::elements) {
            self.bytes = self.bytes.saturating_add(piece.raw().len());
            if self.bytes > MAX_BYTES {
                return false;
            }
            let Some(path) = piece.member("jsonPath").and_then(View::string) else { continue };
            let [text, number, truth, null, more] =
                ["stringValue", "numberValue", "boolValue", "nullValue", "willContinue"]
                    .map(|name| piece.members().find(|(key, _)| key == name).map(|(_, value)| value));
            let value = match (text.and_then(View::string), number, truth, null) {
                (Some(text), ..) => Value::from(text.into_owned()),
                (_, Some(number), ..) => serde_json::from_str(number.raw()).unwrap_or_default(),
                (_, _, Some(truth), _) => truth.bool().into(),
                (_, _, _, Some(_)) => Value::Null,
                // A text that only ends.
                _ => Value::from(""),
            };
            let goes_on = self.open.as_deref() == Some(&*path);
            self.open = more.and_then(View::bool).filter(|more| *more).map(|_| path.to_string());
            if !self.set(&path, value, goes_on) {
                return false;
            }
        }
        true
    }

    fn set(&mut self, path: &str, value: Value, goes_on: bool) -> bool {
        let Some(steps) = steps(path) else { return true };
        if steps.len() > MAX_LEVELS {
            return false;
        }
        let mut place = &mut self.arguments;
        for step in steps {
            place = match step {
                Step::Name(name) => {
                    if !place.is_object() {
                        *place = Value::Object(Map::new());
                    }
                    let Some(object) = place.as_object_mut() else { return true };
                    object.entry(name).or_insert(Value::Null)
                }
                Step::At(at) => {
                    if !place.is_array() {
                        *place = Value::Array(Vec::new());
                    }
                    let Some(list) = place.as_array_mut() else { return true };
                    if at >= list.len() {
                        self.elements = self.elements.saturating_add(at - list.len() + 1);
                        if self.elements > MAX_ELEMENTS {
                            return false;
                        }
                        list.resize(at + 1, Value::Null);
                    }
                    let Some(element) = list.get_mut(at) else { return true };
                    element
                }
            };
        }
        match (place, value) {
            (Value::String(known), Value::String(more)) if goes_on => known.push_str(&more),
            (place, value) => *place = value,
        }
        true
    }
}

/// The steps of a path: `$.a['b'][0]`. `None` for what is none.
fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let (inside, after) = after.split_once(']')?;
            let quoted = |quote| inside.strip_prefix(quote).and_then(|name: &str| name.strip_suffix(quote));
            steps.push(match quoted('\'').or(quoted('"')) {
                Some(name) => Step::Name(name),
                None => Step::At(inside.trim().parse().ok()?),
            });
            rest = after;
            continue;
        }
        let name = rest.strip_prefix('.').unwrap_or(rest);
        let end = name.find(['.', '[']).unwrap_or(name.len());
        let (name, after) = name.split_at_checked(end)?;
        if name.is_empty() {
            return None;
        }
        steps.push(Step::Name(name));
        rest = after;
    }
    Some(steps)
}
