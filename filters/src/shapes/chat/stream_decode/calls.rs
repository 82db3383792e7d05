//! Joins the pieces of calls, whatever hosts make of ids and indexes.

use std::borrow::Cow;

use super::Form;
use crate::json::{ValueKind, View};
use crate::neutral::{ApiError, ErrorClass, Event, Opening, State, StateFormat, minted};

/// All calls of one answer.
#[derive(Debug)]
pub(super) struct Calls {
    seed: String,
    calls: Vec<Call>,
    /// State of calls that have not come yet, by their ids.
    held: Vec<State<'static>>,
    /// Bytes of arguments whose calls have no name yet.
    waiting: usize,
}

/// Calls of one answer at most, and pieces of state that wait for theirs: each is looked for among all.
const MAX_CALLS: usize = 1024;

/// Bytes of arguments that wait for the names of their calls, at most.
const MAX_WAITING: usize = 8 * 1024 * 1024;

#[derive(Debug, Default)]
struct Call {
    /// As the provider gave it; may be empty.
    id: String,
    index: Option<u64>,
    name: String,
    /// What came before the name was known.
    arguments: String,
    custom: bool,
    state: Option<State<'static>>,
    /// Its number, once it was opened.
    part: Option<u32>,
}

/// A piece of a call.
#[derive(Debug, Default)]
pub(super) struct Piece<'a> {
    id: Cow<'a, str>,
    index: Option<u64>,
    name: Cow<'a, str>,
    arguments: Cow<'a, str>,
    custom: bool,
    signature: Option<Cow<'a, str>>,
}

impl<'a> Piece<'a> {
    /// Reads an element of `tool_calls`.
    pub(super) fn read(call: View<'a>) -> Piece<'a> {
        let mut piece = Piece::default();
        for (key, value) in call.members() {
            match &*key {
                "id" => piece.id = value.string().unwrap_or_default(),
                "index" => piece.index = value.u64(),
                // Snowflake has both, and leaves empty what is not meant.
                "function" | "custom" => piece.body(value, key == "custom"),
                "extra_content" => {
                    let signature = value.member("google").and_then(|google| google.member("thought_signature"));
                    piece.signature = signature.and_then(View::string);
                }
                _ => {}
            }
        }
        piece
    }

    /// Reads the old `function_call`, of which there is only one.
    pub(super) fn function(call: View<'a>) -> Piece<'a> {
        let mut piece = Piece::default();
        piece.body(call, false);
        piece
    }

    /// Whether it says nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.id.is_empty() && self.name.is_empty() && self.arguments.is_empty() && self.signature.is_none()
    }

    fn body(&mut self, body: View<'a>, custom: bool) {
        for (key, value) in body.members() {
            match &*key {
                "name" => {
                    let name = value.string().unwrap_or_default();
                    if !name.is_empty() {
                        (self.name, self.custom) = (name, custom);
                    }
                }
                "arguments" | "input" => {
                    let text = match value.kind() {
                        ValueKind::String => value.string().unwrap_or_default(),
                        ValueKind::Null => Cow::Borrowed(""),
                        // Some hosts send the arguments as they are and not as text.
                        _ => Cow::Owned(value.json().compact().into_owned()),
                    };
                    if !text.is_empty() {
                        self.arguments = text;
                    }
                }
                _ => {}
            }
        }
    }
}

impl Calls {
    pub(super) fn new(seed: &str) -> Calls {
        Calls { seed: seed.to_owned(), calls: Vec::new(), held: Vec::new(), waiting: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether more came than is looked through or held.
    pub(super) fn are_too_many(&self) -> bool {
        self.calls.len() > MAX_CALLS || self.held.len() > MAX_CALLS || self.waiting > MAX_WAITING
    }

    /// Whether one was opened.
    pub(super) fn called(&self) -> bool {
        self.calls.iter().any(|call| call.part.is_some())
    }

    /// Keeps state until the call comes that it belongs to.
    pub(super) fn hold(&mut self, state: State<'static>) {
        self.held.push(state);
    }

    /// State whose call never came, or had been opened before.
    pub(super) fn unclaimed(&mut self) -> Vec<State<'static>> {
        std::mem::take(&mut self.held)
    }

    /// Takes a piece: opens its call as soon as its name is known to be whole.
    pub(super) fn take(&mut self, piece: &Piece<'_>, form: Form, next: &mut u32, out: &mut Vec<Event>) {
        if self.are_too_many() {
            return;
        }
        let known = if form == Form::Whole { None } else { self.find(piece) };
        let at = known.unwrap_or_else(|| {
            self.calls.push(Call::default());
            self.calls.len().saturating_sub(1)
        });
        if known.is_none() {
            // What waited for its arguments has none.
            self.open_some(at, next, out);
        }
        let Some(call) = self.calls.get_mut(at) else { return };
        let late = call.learn(piece);
        self.held.extend(late);
        let Some(call) = self.calls.get_mut(at) else { return };
        if piece.arguments.is_empty() {
            return;
        }
        let has_name = !call.name.is_empty();
        match call.part {
            Some(part) => out.push(Event::Arguments { part, json: piece.arguments.to_string() }),
            None => {
                call.arguments.push_str(&piece.arguments);
                self.waiting = self.waiting.saturating_add(piece.arguments.len());
                if has_name {
                    self.open(at, next, out);
                }
            }
        }
    }

    /// Opens all that have a name.
    pub(super) fn open_named(&mut self, next: &mut u32, out: &mut Vec<Event>) {
        self.open_some(self.calls.len(), next, out);
    }

    /// Closes all, in order.
    ///
    /// # Errors
    /// `Upstream` when there are arguments of a call that never got a name.
    pub(super) fn close(&mut self, out: &mut Vec<Event>) -> Result<(), ApiError> {
        let is_lost = |call: &Call| call.part.is_none() && !call.arguments.trim().is_empty();
        if self.calls.iter().any(is_lost) {
            return Err(ApiError::new(ErrorClass::Upstream, "the provider called a tool without saying which"));
        }
        let mut parts: Vec<u32> = self.calls.iter().filter_map(|call| call.part).collect();
        parts.sort_unstable();
        out.extend(parts.into_iter().map(|part| Event::Close { part }));
        Ok(())
    }

    /// The call that a piece belongs to: by id first, then by index, then the latest one.
    fn find(&self, piece: &Piece<'_>) -> Option<usize> {
        let latest = |is: &dyn Fn(&Call) -> bool| self.calls.iter().rposition(is);
        let same_index = |call: &Call| piece.index.is_some() && call.index == piece.index;
        if !piece.id.is_empty() {
            let other_index = |call: &Call| piece.index.is_some() && call.index.is_some() && !same_index(call);
            let by_id = latest(&|call| call.id == piece.id && (piece.name.is_empty() || !other_index(call)));
            // An id may come after its call began without one.
            let begun = |call: &Call| same_index(call) && call.id.is_empty() && call.may_be_called(&piece.name);
            return by_id.or_else(|| latest(&begun));
        }
        if piece.index.is_some() {
            // Some hosts give every call the same index: another name is another call, unless this one's is still coming.
            let goes_on = |call: &Call| same_index(call) && (call.part.is_none() || call.may_be_called(&piece.name));
            let unnumbered = |call: &Call| call.index.is_none() && piece.name.is_empty();
            return latest(&goes_on)
                .or_else(|| latest(&|_| true).filter(|at| self.calls.get(*at).is_some_and(unnumbered)));
        }
        // Without either, a name begins a call, unless the latest one waits for its own.
        let last = self.calls.len().checked_sub(1)?;
        let goes_on = piece.name.is_empty() || self.calls.get(last).is_some_and(|call| call.name.is_empty());
        goes_on.then_some(last)
    }

    /// Opens those before that place that have a name.
    fn open_some(&mut self, end: usize, next: &mut u32, out: &mut Vec<Event>) {
        for at in 0..end {
            if self.calls.get(at).is_some_and(|call| call.part.is_none() && !call.name.is_empty()) {
                self.open(at, next, out);
            }
        }
    }

    fn open(&mut self, at: usize, next: &mut u32, out: &mut Vec<Event>) {
        let id = self.id_of(at);
        let state = self.held.iter().position(|state| state.id.as_deref() == Some(id.as_str()));
        let held = state.map(|held| self.held.remove(held));
        let Some(call) = self.calls.get_mut(at) else { return };
        let part = *next;
        *next = next.saturating_add(1);
        call.part = Some(part);
        let mut state = call.state.take().or(held);
        if let Some(state) = &mut state {
            state.id = Some(id.clone().into());
        }
        let what = Opening::ToolCall { id, name: call.name.clone(), custom: call.custom, state };
        out.push(Event::Open { part, what });
        let arguments = std::mem::take(&mut call.arguments);
        self.waiting = self.waiting.saturating_sub(arguments.len());
        if !arguments.is_empty() {
            out.push(Event::Arguments { part, json: arguments });
        }
    }

    /// The id to tell: the provider's, once only; one of its own where it gave none.
    fn id_of(&self, at: usize) -> String {
        let Some(call) = self.calls.get(at) else { return String::new() };
        if call.id.is_empty() {
            return minted(&self.seed, "call_", at);
        }
        let earlier = self.calls.iter().take(at).filter(|earlier| earlier.id == call.id).count();
        if earlier == 0 { call.id.clone() } else { format!("{}_{}", call.id, earlier.saturating_add(1)) }
    }
}

impl Call {
    /// Whether a piece with that name can be of this call.
    fn may_be_called(&self, name: &str) -> bool {
        name.is_empty() || self.name.is_empty() || self.name == name
    }

    /// Takes what a piece says but its arguments; gives back state that came too late to be told with the call.
    fn learn(&mut self, piece: &Piece<'_>) -> Option<State<'static>> {
        if self.id.is_empty() && self.part.is_none() {
            self.id = piece.id.to_string();
        }
        self.index = self.index.or(piece.index);
        self.custom |= piece.custom;
        let signature = piece.signature.as_ref().filter(|signature| !signature.is_empty());
        let state = signature.map(|signature| State {
            format: StateFormat::GoogleSignature,
            data: signature.to_string().into(),
            id: Some(self.id.clone().into()),
            origin: None,
            extra: None,
        });
        if self.part.is_some() {
            return state;
        }
        self.state = state.or(self.state.take());
        // Some hosts repeat the name with every piece, some cut it in pieces.
        if piece.name.starts_with(&self.name) {
            self.name = piece.name.to_string();
        } else {
            self.name.push_str(&piece.name);
        }
        None
    }
}
