//! JSON objects member by member, values unread, so that each can be judged by itself.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::problems::Problems;

/// The members of a JSON object, each with its value unread.
pub(super) type Members = Vec<(String, Box<RawValue>)>;

/// The members of a JSON object in their order.
struct Object(Members);

/// Reads an object and notes names that are there twice: which of them counts would be a guess. Names not among the known ones
/// are kept as often as they come.
///
/// # Errors
/// It is no JSON, or no object.
pub(super) fn members(
    json: &[u8],
    prefix: &str,
    known: &[&str],
    problems: &mut Problems,
) -> Result<Members, serde_json::Error> {
    let Object(members) = serde_json::from_slice(json)?;
    let mut kept: Members = Vec::new();
    for (name, value) in members {
        if known.contains(&name.as_str()) && kept.iter().any(|(earlier, _)| *earlier == name) {
            let path = format!("{prefix}{name}");
            problems.add(&path, "invalid_value", format!("`{path}` is there twice"));
        } else {
            kept.push((name, value));
        }
    }
    Ok(kept)
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

/// What kind of JSON a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Object,
    Array,
    Bool,
    Null,
    Number,
}

impl Kind {
    pub(super) fn of(value: &RawValue) -> Kind {
        match value.get().bytes().next() {
            Some(b'"') => Kind::String,
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') => Kind::Null,
            _ => Kind::Number,
        }
    }

    /// In words. Never the value: a caller may have put a secret there.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Kind::String => "a string",
            Kind::Object => "an object",
            Kind::Array => "an array",
            Kind::Bool => "true or false",
            Kind::Null => "null",
            Kind::Number => "a number",
        }
    }
}
