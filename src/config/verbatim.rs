//! Numbers with a fraction as the file has them: a second reading that asks for the text where the first one found such a number.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::tree::Tree;

/// Puts what is written into every [`Tree::Float`] of a tree that was read from this YAML.
pub(super) fn restore(tree: &mut Tree, yaml: &str) -> Result<(), serde_yaml::Error> {
    if holds_float(tree) { Slot(tree).deserialize(serde_yaml::Deserializer::from_str(yaml)) } else { Ok(()) }
}

fn holds_float(tree: &Tree) -> bool {
    match tree {
        Tree::Float(_) => true,
        Tree::List(items) => items.iter().any(holds_float),
        Tree::Map(members) => members.iter().any(|(_, value)| holds_float(value)),
        Tree::Null | Tree::Bool(_) | Tree::Integer(_) | Tree::Text(_) => false,
    }
}

/// One value of the tree, waiting for the same value of the file.
struct Slot<'t>(&'t mut Tree);

impl<'de> DeserializeSeed<'de> for Slot<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.0 {
            Tree::Float(_) => deserializer.deserialize_str(self),
            Tree::List(_) => deserializer.deserialize_seq(self),
            Tree::Map(_) => deserializer.deserialize_map(self),
            Tree::Null | Tree::Bool(_) | Tree::Integer(_) | Tree::Text(_) => {
                deserializer.deserialize_ignored_any(IgnoredAny).map(|_| ())
            }
        }
    }
}

impl<'de> Visitor<'de> for Slot<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the same file once more")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        *self.0 = Tree::Float(text.to_owned());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Tree::List(list) = self.0 else { return Err(A::Error::custom("a list where there was none")) };
        for slot in list {
            items.next_element_seed(Slot(slot))?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Tree::Map(members) = self.0 else { return Err(A::Error::custom("a map where there was none")) };
        for (_, slot) in members {
            entries.next_key::<IgnoredAny>()?;
            entries.next_value_seed(Slot(slot))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Tree;

    #[test]
    fn numbers_with_a_fraction_are_kept_as_they_are_written() {
        let yaml = "a: &x 0.1\nb: [1, 2.50, {c: 1e3, c: 0.10000000000000000555}, 'text 1.5', !!float 3.0, ~]\nd: *x\n1.50: .5\n";
        let tree = Tree::parse(yaml).map_err(|problem| problem.to_string());
        let float = |text: &str| Tree::Float(text.to_owned());
        let pair = |key: &str, value: Tree| (key.to_owned(), value);
        let list = vec![
            Tree::Integer(1),
            float("2.50"),
            Tree::Map(vec![pair("c", float("1e3")), pair("c", float("0.10000000000000000555"))]),
            Tree::Text("text 1.5".to_owned()),
            float("3.0"),
            Tree::Null,
        ];
        let expected = Tree::Map(vec![
            pair("a", float("0.1")),
            pair("b", Tree::List(list)),
            pair("d", float("0.1")),
            pair("1.5", float(".5")),
        ]);
        assert_eq!(tree, Ok(expected));
        assert_eq!(Tree::parse("0.30").ok(), Some(float("0.30")));
    }
}
