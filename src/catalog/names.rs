//! The ways one model's name is spelled: case, dots or hyphens in versions, an author in front, a date behind.

use std::borrow::Cow;
use std::sync::Arc;

/// Longer names are no model's; a bound on the work that a client's string can cause.
pub(super) const MAX_NAME_BYTES: usize = 160;

/// A client's spelling of a model name, taken apart.
pub(super) struct Spelling<'a> {
    /// As written, in lower case.
    whole: Cow<'a, str>,
}

/// One way to read a name, to be looked up as it is.
pub(super) struct Reading<'a> {
    /// In lower case.
    pub(super) key: Cow<'a, str>,
    /// Set when the key lacks this author, which stood in front: it holds only for providers that go by that name.
    pub(super) author: Option<&'a str>,
}

impl<'a> Spelling<'a> {
    pub(super) fn of(name: &'a str) -> Spelling<'a> {
        Spelling { whole: lower(name) }
    }

    /// Every way to read it, the most literal one first.
    pub(super) fn readings(&self) -> impl Iterator<Item = Reading<'_>> {
        let (author, bare) = match split_author(&self.whole) {
            Some((author, bare)) => (Some(author), Some(bare)),
            None => (None, None),
        };
        let bases = [(None, Some(&*self.whole)), (author, bare)];
        let dated = bases.into_iter().filter_map(|(author, base)| Some((author, base?)));
        let undated = bases.into_iter().filter_map(|(author, base)| Some((author, split_date(base?)?.0)));
        dated.chain(undated).flat_map(|(author, base)| {
            let literal = Reading { key: Cow::Borrowed(base), author };
            [Some(literal), hyphenated(base).map(|key| Reading { key: Cow::Owned(key), author })].into_iter().flatten()
        })
    }

    /// The first of these names that this is a spelling of, date for date.
    pub(super) fn find_in<'n>(&self, names: &'n [Arc<str>]) -> Option<&'n Arc<str>> {
        names.iter().find(|name| same(&self.whole, name)).or_else(|| {
            let (_, bare) = split_author(&self.whole)?;
            names.iter().find(|name| same(bare, name))
        })
    }

    /// Whether this is a spelling of one of these names, date for date.
    pub(super) fn is_one_of(&self, names: &[Arc<str>]) -> bool {
        self.find_in(names).is_some()
    }

    /// The date, its hyphen included, when this is that id with a date behind it and nothing in front.
    pub(super) fn date_after(&self, id: &str) -> Option<&str> {
        date_after(&self.whole, id)
    }

    /// The same, when an author stands in front.
    pub(super) fn date_after_author(&self, id: &str) -> Option<&str> {
        date_after(split_author(&self.whole)?.1, id)
    }
}

fn date_after<'n>(name: &'n str, id: &str) -> Option<&'n str> {
    let (base, date) = split_date(name)?;
    same(base, id).then_some(date)
}

fn same(spelled: &str, name: &str) -> bool {
    folded(spelled) == folded(&lower(name))
}

/// In lower case. Model names are ASCII; other letters stay as they are and match nothing.
pub(super) fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// With hyphens for the dots inside versions (`claude-sonnet-4.5` is `claude-sonnet-4-5`); `None` when there are none.
pub(super) fn hyphenated(name: &str) -> Option<String> {
    let bytes = name.as_bytes();
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let in_version = |at: usize| at > 0 && is_digit(bytes.get(at - 1)) && is_digit(bytes.get(at + 1));
    let mut changed = false;
    let spelled = name
        .char_indices()
        .map(|(at, letter)| match letter {
            '.' if in_version(at) => {
                changed = true;
                '-'
            }
            _ => letter,
        })
        .collect();
    changed.then_some(spelled)
}

/// With hyphens for the dots inside versions, if there are any.
pub(super) fn folded(name: &str) -> Cow<'_, str> {
    hyphenated(name).map_or(Cow::Borrowed(name), Cow::Owned)
}

/// The author in front of the first slash, and what follows it.
pub(super) fn split_author(name: &str) -> Option<(&str, &str)> {
    name.split_once('/').filter(|(author, bare)| !author.is_empty() && !bare.is_empty())
}

/// The name without a date at its end.
pub(crate) fn undated(name: &str) -> &str {
    split_date(name).map_or(name, |(base, _)| base)
}

/// The name without a date at its end, and that date with its hyphen: `-20250929` (Anthropic) or `-2025-09-29` (OpenAI).
fn split_date(name: &str) -> Option<(&str, &str)> {
    ["-YYYYMMDD", "-YYYY-MM-DD"].into_iter().find_map(|pattern| {
        let at = name.len().checked_sub(pattern.len()).filter(|at| *at > 0)?;
        let (base, date) = name.split_at_checked(at)?;
        let fits = |(byte, expected): (u8, u8)| if expected == b'-' { byte == b'-' } else { byte.is_ascii_digit() };
        (date.starts_with("-20") && date.bytes().zip(pattern.bytes()).all(fits)).then_some((base, date))
    })
}

#[cfg(test)]
mod tests {
    use super::{Spelling, hyphenated, split_date};

    #[test]
    fn dots_turn_to_hyphens_only_inside_versions() {
        assert_eq!(hyphenated("claude-sonnet-4.5").as_deref(), Some("claude-sonnet-4-5"));
        assert_eq!(hyphenated("a.b-1.x-.5-5."), None);
        assert_eq!(hyphenated("gpt-5"), None);
        assert_eq!(hyphenated("ü1.2"), Some("ü1-2".into()));
    }

    #[test]
    fn dates_are_split_off_in_both_forms() {
        assert_eq!(split_date("claude-opus-5-20260724"), Some(("claude-opus-5", "-20260724")));
        assert_eq!(split_date("gpt-5-2025-08-07"), Some(("gpt-5", "-2025-08-07")));
        for plain in ["gpt-4-0613", "mistral-large-2512", "-20250101", "model-19990101", "é20250101", "m-2025-0807x"] {
            assert_eq!(split_date(plain), None, "{plain}");
        }
    }

    #[test]
    fn the_most_literal_reading_comes_first() {
        let spelling = Spelling::of("Anthropic/Claude-Sonnet-4.5-20250929");
        let readings: Vec<(String, Option<&str>)> =
            spelling.readings().map(|reading| (reading.key.into_owned(), reading.author)).collect();
        assert_eq!(
            readings,
            [
                ("anthropic/claude-sonnet-4.5-20250929".into(), None),
                ("anthropic/claude-sonnet-4-5-20250929".into(), None),
                ("claude-sonnet-4.5-20250929".into(), Some("anthropic")),
                ("claude-sonnet-4-5-20250929".into(), Some("anthropic")),
                ("anthropic/claude-sonnet-4.5".into(), None),
                ("anthropic/claude-sonnet-4-5".into(), None),
                ("claude-sonnet-4.5".into(), Some("anthropic")),
                ("claude-sonnet-4-5".into(), Some("anthropic")),
            ]
        );
    }
}
