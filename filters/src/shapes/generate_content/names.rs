//! Names of fields: Google writes `maxOutputTokens` and takes `max_output_tokens` as well, as proto3 JSON has it.

use std::borrow::Cow;

/// The name as Google writes it. The same for one that is written so already.
pub(super) fn camel(name: &str) -> Cow<'_, str> {
    if !name.contains('_') {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                out.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_field_are_one() {
        for (name, expected) in [
            ("max_output_tokens", "maxOutputTokens"),
            ("maxOutputTokens", "maxOutputTokens"),
            ("text", "text"),
            ("url_context", "urlContext"),
            ("_x_", "X"),
        ] {
            assert_eq!(camel(name), expected);
        }
    }
}
