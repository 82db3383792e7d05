//! Reads `.env` files as docker's `env_file` does: `NAME=VALUE` lines, nothing expanded.
//!
//! The usual crates expand `$NAME` in values and refuse a line such as `KEY=$(openssl rand -hex 32)`. The first would
//! change a key that holds a dollar sign without a word; the second would hide the explanation that this mistake needs.
//! So values are taken as they stand: comments, an optional `export` and one pair of quotes are all that is known here.

/// One line of an env file that says something.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// A variable and its value.
    Variable(String, String),
    /// A line (counted from 1) that is ignored, and why. The reason holds nothing of the line.
    Ignored(usize, &'static str),
}

/// The lines of an env file that say something, in order.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line> {
    text.trim_start_matches('\u{feff}').lines().zip(1..).filter_map(|(line, number)| match variable(line.trim()) {
        Ok(Some((name, value))) => Some(Line::Variable(name.to_owned(), value.to_owned())),
        Ok(None) => None,
        Err(reason) => Some(Line::Ignored(number, reason)),
    })
}

fn variable(line: &str) -> Result<Option<(&str, &str)>, &'static str> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = match line.strip_prefix("export") {
        Some(rest) if rest.starts_with(char::is_whitespace) => rest.trim_start(),
        _ => line,
    };
    let (name, value) = line.split_once('=').ok_or("is not NAME=VALUE")?;
    let name = name.trim_end();
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !name.starts_with(letter) || !name.chars().all(|c| letter(c) || c.is_ascii_digit()) {
        return Err("has a name that is not made of letters, digits and underscores");
    }
    Ok(Some((name, unquoted(value)?)))
}

fn unquoted(value: &str) -> Result<&str, &'static str> {
    let trimmed = value.trim();
    for quote in ['"', '\''] {
        if let Some(rest) = trimmed.strip_prefix(quote) {
            let (inside, after) = rest.split_once(quote).ok_or("has a quote that is not closed on the same line")?;
            let after = after.trim_start();
            if !after.is_empty() && !after.starts_with('#') {
                return Err("has text after its closing quote");
            }
            return Ok(inside);
        }
    }
    let comment = value.match_indices('#').find(|(at, _)| {
        let (before, _) = value.split_at(*at);
        before.ends_with(char::is_whitespace)
    });
    Ok(comment.map_or(value, |(at, _)| value.split_at(at).0).trim())
}

#[cfg(test)]
mod tests {
    use super::{Line, lines};

    #[test]
    fn values_are_taken_as_they_stand() {
        for (text, expected) in [
            ("A=1", Some(("A", "1"))),
            ("  A = 1  ", Some(("A", "1"))),
            ("export A=1", Some(("A", "1"))),
            ("export\tA=1", Some(("A", "1"))),
            ("exported=1", Some(("exported", "1"))),
            ("A=", Some(("A", ""))),
            ("A=\"a b\"", Some(("A", "a b"))),
            ("A='a # b' # why", Some(("A", "a # b"))),
            ("A=a # why", Some(("A", "a"))),
            ("A= # why", Some(("A", ""))),
            ("A=a#b", Some(("A", "a#b"))),
            ("A=b=c", Some(("A", "b=c"))),
            ("A=$(openssl rand -hex 32)", Some(("A", "$(openssl rand -hex 32)"))),
            ("A=\"$(openssl rand -hex 32)\"", Some(("A", "$(openssl rand -hex 32)"))),
            ("A=`openssl rand -hex 32`", Some(("A", "`openssl rand -hex 32`"))),
            ("A=a$B${C}", Some(("A", "a$B${C}"))),
            ("A=a\\nb", Some(("A", "a\\nb"))),
            ("\u{feff}A=1\r\n", Some(("A", "1"))),
            ("# A=1", None),
            ("   ", None),
        ] {
            let found: Vec<_> = lines(text).collect();
            let expected: Vec<_> =
                expected.into_iter().map(|(name, value)| Line::Variable(name.to_owned(), value.to_owned())).collect();
            assert!(found == expected, "{text:?}");
        }
    }

    #[test]
    fn lines_that_are_ignored_are_named_by_number_only() {
        let text = "A=1\nnot a line\n1A=x\nB=\"open\nC='x' y\n=\n";
        let ignored: Vec<_> = lines(text)
            .filter_map(|line| match line {
                Line::Ignored(number, reason) => Some((number, reason)),
                Line::Variable(..) => None,
            })
            .collect();
        assert_eq!(
            ignored,
            [
                (2, "is not NAME=VALUE"),
                (3, "has a name that is not made of letters, digits and underscores"),
                (4, "has a quote that is not closed on the same line"),
                (5, "has text after its closing quote"),
                (6, "has a name that is not made of letters, digits and underscores"),
            ]
        );
    }
}
