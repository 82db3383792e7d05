//! Message content that is a text or a list of parts, as both shapes have it; read without buffering, since it may be large.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A text, a list of parts, or nothing.
#[derive(Debug, Default)]
pub(super) enum Content<P> {
    /// Null, absent, or an object.
    #[default]
    Absent,
    /// A text.
    Text(String),
    /// Parts.
    Parts(Vec<P>),
}

impl<P> Content<P> {
    /// The parts; none for a text.
    pub(super) fn parts(&self) -> &[P] {
        match self {
            Content::Parts(parts) => parts,
            Content::Absent | Content::Text(_) => &[],
        }
    }

    /// The text, or the texts of the parts joined by line feeds.
    pub(super) fn joined<'a>(&'a self, text_of: impl Fn(&'a P) -> Option<&'a str>) -> String {
        match self {
            Content::Absent => String::new(),
            Content::Text(text) => text.clone(),
            Content::Parts(parts) => parts.iter().filter_map(text_of).collect::<Vec<_>>().join("\n"),
        }
    }
}

impl<'de, P: Deserialize<'de>> Deserialize<'de> for Content<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Content<P>, D::Error> {
        deserializer.deserialize_any(ContentVisitor(PhantomData))
    }
}

struct ContentVisitor<P>(PhantomData<P>);

impl<'de, P: Deserialize<'de>> Visitor<'de> for ContentVisitor<P> {
    type Value = Content<P>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of parts")
    }

    fn visit_unit<E: Error>(self) -> Result<Content<P>, E> {
        Ok(Content::Absent)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Content<P>, E> {
        Ok(Content::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Content<P>, E> {
        Ok(Content::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Content<P>, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = list.next_element()? {
            parts.push(part);
        }
        Ok(Content::Parts(parts))
    }

    /// Results of server tools have an object here, which nothing is read from.
    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Content<P>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Content::Absent)
    }
}
