//! Whether the schema of a tool can go as it is, found in one pass without building a tree: nearly all can.

use crate::json::{Cursor, ScanError};

/// Whether nothing in it needs repair. What cannot be read is not touched either.
pub(super) fn is_sound(schema: &str) -> bool {
    let mut check = Check { sound: true, is_object: false };
    let read = Cursor::new(schema.as_bytes()).and_then(|mut cursor| check.root(&mut cursor));
    read.is_err() || (check.sound && check.is_object)
}

struct Check {
    sound: bool,
    /// The root says that it is an object.
    is_object: bool,
}

/// What a member of a schema holds.
enum Holds {
    /// A schema, where `true` is replaced.
    Schema,
    /// A schema by name each.
    Named,
    /// Schemas in a list.
    List,
    Other,
}

fn holds(keyword: &[u8]) -> Holds {
    match keyword {
        b"items" | b"not" | b"if" | b"then" | b"else" | b"contains" | b"propertyNames" => Holds::Schema,
        b"properties" | b"patternProperties" | b"$defs" | b"definitions" | b"dependentSchemas" => Holds::Named,
        b"anyOf" | b"oneOf" | b"allOf" | b"prefixItems" => Holds::List,
        _ => Holds::Other,
    }
}

impl Check {
    fn root(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        cursor.object_or_skip(|cursor, key| match key.raw() {
            b"type" => {
                self.is_object = cursor.text()?.is_some_and(|kind| kind.raw() == b"object");
                Ok(())
            }
            b"anyOf" | b"oneOf" | b"allOf" => {
                self.sound = false;
                Ok(())
            }
            keyword => self.keyword(keyword, cursor),
        })
    }

    fn node(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        if cursor.peek() == Some(b't') {
            self.sound = false;
        }
        cursor.object_or_skip(|cursor, key| self.keyword(key.raw(), cursor))
    }

    fn keyword(&mut self, keyword: &[u8], cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        match keyword {
            b"required" => self.required(cursor),
            b"exclusiveMinimum" | b"exclusiveMaximum" => {
                self.sound &= !matches!(cursor.peek(), Some(b't' | b'f'));
                cursor.skip().map(drop)
            }
            b"items" if cursor.peek() == Some(b'[') => {
                self.sound = false;
                cursor.skip().map(drop)
            }
            b"additionalProperties" if cursor.peek() == Some(b'{') => self.node(cursor),
            _ => match holds(keyword) {
                Holds::Schema => self.node(cursor),
                Holds::Named => cursor.object_or_skip(|cursor, _| self.node(cursor)),
                Holds::List => cursor.array_or_skip(|cursor| self.node(cursor)),
                Holds::Other => cursor.skip().map(drop),
            },
        }
    }

    /// Names, each once.
    fn required(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        if cursor.peek() != Some(b'[') {
            self.sound = false;
            return cursor.skip().map(drop);
        }
        let mut names: Vec<&[u8]> = Vec::new();
        cursor.array(|cursor| {
            match cursor.text()? {
                Some(name) => names.push(name.raw()),
                None => self.sound = false,
            }
            Ok(())
        })?;
        names.sort_unstable();
        self.sound &= names.windows(2).all(|pair| pair.first() != pair.last());
        Ok(())
    }
}
