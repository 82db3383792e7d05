//! Names of tools that a target would refuse, made legal there in a way that can be undone, and ids of calls, told apart.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use rapidhash::v3::rapidhash_v3;

/// Bytes of `_` and the hash behind a name that was cut.
const MARK: usize = 9;

/// Makes names legal for one request: letters, digits, `_`, `-` and what else the target takes, up to a length. The same name becomes the same one in every
/// request, whatever else is in it.
#[derive(Debug)]
pub(crate) struct ToolNames {
    limit: usize,
    /// Signs that are legal too.
    signs: &'static [u8],
    /// Whether a name begins with a letter or `_`.
    begins_with_letter: bool,
    changed: Vec<(String, String)>,
    /// Those that were changed, as sent.
    known: HashSet<String>,
}

impl ToolNames {
    /// For a target that takes names of so many bytes.
    pub(crate) fn new(limit: usize) -> ToolNames {
        ToolNames { limit, signs: b"", begins_with_letter: false, changed: Vec::new(), known: HashSet::new() }
    }

    /// For Google: `[A-Za-z_][A-Za-z0-9_.:-]{0,127}`.
    pub(crate) fn google() -> ToolNames {
        ToolNames { signs: b".:", begins_with_letter: true, ..ToolNames::new(128) }
    }

    /// The name that is sent for this one.
    pub(crate) fn sent<'n>(&mut self, name: &'n str) -> Cow<'n, str> {
        let is_legal =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || self.signs.contains(&byte);
        let begins_well = !self.begins_with_letter || name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !name.is_empty() && begins_well && name.len() <= self.limit && name.bytes().all(is_legal) {
            return Cow::Borrowed(name);
        }
        let plain = name.chars().map(|c| if u8::try_from(c).is_ok_and(is_legal) { c } else { '_' });
        let begin = (!begins_well).then_some('_');
        let mut sent: String = begin.into_iter().chain(plain).take(self.limit.saturating_sub(MARK)).collect();
        // All changed names are marked, not only long ones: two may differ only in what is not legal.
        sent.push_str(&format!("_{:08x}", rapidhash_v3(name.as_bytes()) & 0xffff_ffff));
        if self.known.insert(sent.clone()) {
            self.changed.push((sent.clone(), name.to_owned()));
        }
        Cow::Owned(sent)
    }

    /// The names that were changed: as sent, and as they were.
    pub(crate) fn changed(self) -> Vec<(String, String)> {
        self.changed
    }
}

/// The ids of the calls of one conversation or answer: no two alike.
#[derive(Debug, Default)]
pub(crate) struct UniqueIds {
    given: HashSet<String>,
    /// The last number that an id got.
    numbers: HashMap<String, usize>,
}

impl UniqueIds {
    /// Notes an id. One that was given before gets the next number that is free behind it: that is the id to give then.
    pub(crate) fn numbered(&mut self, id: &str) -> Option<String> {
        if self.given.insert(id.to_owned()) {
            return None;
        }
        let number = self.numbers.entry(id.to_owned()).or_insert(1);
        loop {
            *number += 1;
            let numbered = format!("{id}_{number}");
            if self.given.insert(numbered.clone()) {
                return Some(numbered);
            }
        }
    }

    /// How many were given.
    pub(crate) fn len(&self) -> usize {
        self.given.len()
    }

    /// Whether none was given.
    pub(crate) fn is_empty(&self) -> bool {
        self.given.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pitfall_40_long_and_strange_names_are_shortened_reversibly() {
        let mut names = ToolNames::new(64);
        let long = "mcp__server__".repeat(8);
        let sent = names.sent(&long).into_owned();
        assert_eq!(sent.len(), 64);
        assert_eq!(names.sent("get_weather"), "get_weather");
        assert_ne!(names.sent("a.b"), names.sent("a/b"));
        let own: Vec<String> = names.changed().into_iter().map(|(_, own)| own).collect();
        assert_eq!(own, [long.as_str(), "a.b", "a/b"]);
    }

    #[test]
    fn google_takes_dots_and_colons_and_no_digit_first() {
        let mut names = ToolNames::google();
        assert_eq!(names.sent("ns.tool:v-1"), "ns.tool:v-1");
        assert!(names.sent("1st").starts_with("_1st_"));
        assert!(names.sent("-x").starts_with("_-x_"));
        assert!(names.sent("a/b").starts_with("a_b_"));
        assert!(names.sent("").starts_with('_'));
    }

    proptest! {
        #[test]
        fn every_name_becomes_a_legal_one_and_always_the_same(name in "\\PC{0,200}", limit in 20_usize..130) {
            let mut names = ToolNames::new(limit);
            let sent = names.sent(&name).into_owned();
            prop_assert!(!sent.is_empty() && sent.len() <= limit);
            prop_assert!(sent.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'));
            prop_assert_eq!(ToolNames::new(limit).sent(&name), sent);
        }
    }
}
