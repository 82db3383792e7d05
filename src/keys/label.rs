//! What the owner of a key calls it.

use std::fmt;

/// The most characters of a label.
const MAX_CHARS: usize = 128;

/// A label: 1 to 128 characters, none of them a control character, not all blank. Safe to print on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label(Box<str>);

impl Label {
    /// Checks a label. Blanks around it are taken off.
    ///
    /// # Errors
    ///
    /// It is blank, too long, or has control characters.
    pub fn parse(text: &str) -> Result<Label, LabelError> {
        let text = text.trim_matches(' ');
        if text.trim().is_empty() {
            return Err(LabelError::Blank);
        }
        match text.chars().count() {
            chars if chars > MAX_CHARS => Err(LabelError::TooLong { chars }),
            _ if text.chars().any(char::is_control) => Err(LabelError::Control),
            _ => Ok(Label(text.into())),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// There is nothing to see.
    #[error("must not be blank")]
    Blank,
    /// There is too much.
    #[error("must have at most {MAX_CHARS} characters; it has {chars}")]
    TooLong {
        /// Its length.
        chars: usize,
    },
    /// It has line breaks or the like.
    #[error("must have no control characters (line breaks, tabs, escapes)")]
    Control,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_in_characters() {
        assert_eq!(Label::parse(&"é".repeat(128)).map(|label| label.as_str().chars().count()), Ok(128));
        assert_eq!(Label::parse(&"é".repeat(129)), Err(LabelError::TooLong { chars: 129 }));
    }

    #[test]
    fn blank_and_control_characters_are_refused() {
        for (text, error) in [
            ("", LabelError::Blank),
            (" \u{3000} ", LabelError::Blank),
            ("a\nb", LabelError::Control),
            ("\u{1b}[31m", LabelError::Control),
            ("\u{85}x", LabelError::Control),
        ] {
            assert_eq!(Label::parse(text), Err(error), "{text:?}");
        }
        assert_eq!(Label::parse("  my laptop ").map(|label| label.to_string()), Ok("my laptop".into()));
    }
}
