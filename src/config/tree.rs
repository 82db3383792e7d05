//! YAML as a plain tree that keeps order and duplicates of keys, so that all of a file can be judged at once.

use std::fmt;

use serde::de::{Deserialize, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};

use super::{Problem, verbatim};

/// One YAML value. Maps are lists of pairs: a key that is written twice is seen twice.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// A number with a fraction or an exponent, as it is written: no digit of a price is lost.
    Float(String),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// A map, in the order of the file.
    Map(Vec<(String, Tree)>),
}

/// Stands for every setting that is not there.
pub(super) static ABSENT: Tree = Tree::Null;

impl Tree {
    /// Reads one YAML document; an empty one is [`Tree::Null`].
    pub(super) fn parse(yaml: &str) -> Result<Tree, Problem> {
        let empty = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        if yaml.trim_start_matches('\u{feff}').lines().all(empty) {
            return Ok(Tree::Null);
        }
        let read = || {
            let mut tree = serde_yaml::from_str(yaml)?;
            verbatim::restore(&mut tree, yaml)?;
            Ok(tree)
        };
        read().map_err(|error: serde_yaml::Error| syntax_problem(&error))
    }

    /// What plain text would have been, had it stood in the file without quotes.
    pub(super) fn plain(text: String) -> Tree {
        match text.as_str() {
            "true" => Tree::Bool(true),
            "false" => Tree::Bool(false),
            digits => digits.parse().map_or(Tree::Text(text), Tree::Integer),
        }
    }
}

fn syntax_problem(error: &serde_yaml::Error) -> Problem {
    let mut text = error.to_string();
    // Patterns such as `*-mini` begin as YAML's own references do.
    if text.contains("alias") || text.contains("unknown anchor") {
        text.push_str("; text that begins with `*` needs quotes");
    }
    match error.location() {
        Some(at) => {
            let (line, column) = (at.line(), at.column());
            let text = text.replacen(&format!(" at line {line} column {column}"), "", 1);
            Problem::error(format!("line {line}, column {column}"), format!("cannot be read as YAML: {text}"))
        }
        None => Problem::error("file", format!("cannot be read as YAML: {text}")),
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Integer(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Integer(value.into()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Tree, E> {
        Ok(Tree::Integer(i128::try_from(value).unwrap_or(i128::MAX)))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Tree, E> {
        Ok(Tree::Integer(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        // Only its place counts: what is written there is read afterwards.
        Ok(Tree::Float(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut members = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Tree, Tree>()? {
            let key = match key {
                Tree::Text(text) | Tree::Float(text) => text,
                Tree::Integer(number) => number.to_string(),
                Tree::Bool(flag) => flag.to_string(),
                Tree::Null | Tree::List(_) | Tree::Map(_) => return Err(A::Error::custom("a key must be text")),
            };
            members.push((key, value));
        }
        Ok(Tree::Map(members))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Tree, A::Error> {
        Err(A::Error::custom("tags (`!name`) have no meaning here"))
    }
}
