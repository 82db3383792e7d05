//! A block that only this shape can say, put together from its start and its deltas.

use std::borrow::Cow;

use super::super::response::replaced;
use crate::Shape;
use crate::json::{Json, View, quoted};
use crate::neutral::Opaque;

/// A block that is held until it is whole.
#[derive(Debug)]
pub(super) struct OpaqueBlock {
    kind: String,
    /// As it started.
    start: Json<'static>,
    /// The pieces of its `input`.
    input: String,
    /// What deltas of other kinds said, by name; texts put together.
    members: Vec<(String, Member)>,
    bytes: usize,
}

#[derive(Debug)]
enum Member {
    Text(String),
    Other(Json<'static>),
}

impl OpaqueBlock {
    /// A block of that kind that starts so.
    pub(super) fn new(kind: &str, start: View<'_>) -> OpaqueBlock {
        OpaqueBlock {
            kind: kind.to_owned(),
            start: start.json().into_owned(),
            input: String::new(),
            members: Vec::new(),
            bytes: start.raw().len(),
        }
    }

    /// What is held of it, in bytes.
    pub(super) const fn held(&self) -> usize {
        self.bytes
    }

    /// Adds what a delta says: pieces of the input, or members that take the place of those at the start.
    pub(super) fn delta(&mut self, delta: View<'_>) {
        self.bytes = self.bytes.saturating_add(delta.raw().len());
        for (name, value) in delta.members() {
            match (name.as_ref(), value.string()) {
                ("type", _) => {}
                ("partial_json", Some(piece)) => self.input.push_str(&piece),
                (_, Some(piece)) => self.add(&name, &piece),
                (_, None) if value.is_null() => {}
                (_, None) => self.set(&name, Member::Other(value.json().into_owned())),
            }
        }
    }

    fn add(&mut self, name: &str, piece: &str) {
        let known = self.members.iter_mut().find(|(key, _)| key == name);
        if let Some((_, Member::Text(text))) = known {
            text.push_str(piece);
        } else {
            self.set(name, Member::Text(piece.to_owned()));
        }
    }

    fn set(&mut self, name: &str, member: Member) {
        self.members.retain(|(key, _)| key != name);
        self.members.push((name.to_owned(), member));
    }

    /// The whole block.
    pub(super) fn whole(self) -> Opaque<'static> {
        let raw = self.changed().unwrap_or(self.start);
        Opaque { shape: Shape::Messages, kind: self.kind.into(), raw }
    }

    /// The block with what its deltas said; nothing when they said nothing.
    fn changed(&self) -> Option<Json<'static>> {
        let mut changes: Vec<(&str, Cow<'_, str>)> = Vec::new();
        if let Some(input) = Json::parse(&self.input) {
            changes.push(("input", Cow::Owned(input.raw().to_owned())));
        }
        for (name, member) in &self.members {
            let value = match member {
                Member::Text(text) => Cow::Owned(String::from_utf8_lossy(&quoted(text)).into_owned()),
                Member::Other(json) => Cow::Borrowed(json.raw()),
            };
            changes.push((name, value));
        }
        if changes.is_empty() {
            return None;
        }
        Json::parse(&replaced(self.start.view(), &changes))
    }
}
