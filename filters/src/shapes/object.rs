//! Writes the object that a request is.

use serde::Serialize;

/// Writes an object member by member, in the order of the calls.
pub(in crate::shapes) struct Object(Vec<u8>);

impl Object {
    /// An object without members.
    pub(in crate::shapes) fn new() -> Object {
        Object(vec![b'{'])
    }

    /// Adds a member.
    pub(in crate::shapes) fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.extend(crate::json::quoted(name));
        self.0.push(b':');
        serde_json::to_writer(&mut self.0, value).expect("what a request holds has a JSON form, and memory takes it");
    }

    /// Adds a member, if there is one.
    pub(in crate::shapes) fn put_some<T: Serialize>(&mut self, name: &str, value: Option<T>) {
        if let Some(value) = value {
            self.put(name, &value);
        }
    }

    /// The whole object.
    pub(in crate::shapes) fn finish(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }
}
