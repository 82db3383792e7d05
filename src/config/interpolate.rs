//! `${NAME}` in text values: replaced by the variable's value; `$${` stands for `${` itself.

use super::Environment;

/// Text with its variables replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Interpolated {
    /// The text. May hold secrets: messages show the file's text instead.
    pub(super) text: String,
    /// The names of the variables that were replaced.
    pub(super) variables: Vec<String>,
}

/// Why a text cannot be completed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InterpolationError {
    /// These variables are not set, or empty.
    #[error("needs {}, which is not set", .0.join(", "))]
    Unset(Vec<String>),
    /// A `${` without a name and a closing brace.
    #[error("has a `${{` that is not followed by a variable's name and `}}`; write `$${{` for a plain `${{`")]
    Malformed,
}

/// Replaces every `${NAME}`.
pub(super) fn interpolate(text: &str, env: &Environment) -> Result<Interpolated, InterpolationError> {
    let mut done = Interpolated { text: String::with_capacity(text.len()), variables: Vec::new() };
    let mut unset = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(escaped) = before.strip_suffix('$') {
            done.text.push_str(escaped);
            done.text.push_str("${");
            rest = after;
            continue;
        }
        let (name, after) = after.split_once('}').ok_or(InterpolationError::Malformed)?;
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(InterpolationError::Malformed);
        }
        done.text.push_str(before);
        match env.var(name) {
            Some(value) => done.text.push_str(value),
            None => unset.push(name.to_owned()),
        }
        done.variables.push(name.to_owned());
        rest = after;
    }
    done.text.push_str(rest);
    if unset.is_empty() { Ok(done) } else { Err(InterpolationError::Unset(unset)) }
}

#[cfg(test)]
mod tests {
    use super::{InterpolationError, interpolate};
    use crate::config::Environment;

    #[test]
    fn variables_are_replaced_and_what_is_missing_is_named() {
        let env = Environment::from_pairs([("A", "1"), ("B_2", "${A}"), ("EMPTY", "")]);
        let unset = |names: &[&str]| Err(InterpolationError::Unset(names.iter().map(|n| (*n).to_owned()).collect()));
        for (text, expected) in [
            ("plain $ text", Ok("plain $ text")),
            ("${A}", Ok("1")),
            ("x${A}y${A}z", Ok("x1y1z")),
            ("${B_2}", Ok("${A}")),
            ("$${A}", Ok("${A}")),
            ("$$${A}", Ok("$${A}")),
            ("${NONE}${A}${EMPTY}", unset(&["NONE", "EMPTY"])),
            ("${A", Err(InterpolationError::Malformed)),
            ("${}", Err(InterpolationError::Malformed)),
            ("${A:-x}", Err(InterpolationError::Malformed)),
        ] {
            assert_eq!(interpolate(text, &env).map(|done| done.text), expected.map(str::to_owned), "{text}");
        }
    }
}
