//! Taking members out of a body's object, commas and all.

use std::ops::Range;

use bytes::Bytes;

use crate::json::Edit;

/// Where a member of the body's object stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Where its name begins, quote included.
    pub(crate) start: usize,
    /// Where its value stands.
    pub(crate) value: Range<usize>,
}

/// The edits that take these members out. What is kept stays an object: a member goes with the comma behind it, and one behind which
/// nothing is kept with the comma before it.
pub(super) fn removals(body: &[u8], mut members: Vec<&Member>) -> Vec<Edit> {
    members.sort_by_key(|member| member.start);
    let mut edits = Vec::with_capacity(members.len());
    // From where on nothing is kept.
    let mut tail: Option<Range<usize>> = None;
    for member in members.into_iter().rev() {
        let next = skip_blanks(body, member.value.end);
        let is_last = body.get(next) != Some(&b',');
        let follows = skip_blanks(body, next.saturating_add(1));
        match &mut tail {
            None if is_last => tail = Some(member.start..member.value.end),
            Some(tail) if tail.start == follows => tail.start = member.start,
            _ => edits.push(cut(member.start..follows)),
        }
    }
    if let Some(mut tail) = tail {
        let before = body.get(..tail.start).unwrap_or_default().trim_ascii_end();
        if before.ends_with(b",") {
            tail.start = before.len().saturating_sub(1);
        }
        edits.push(cut(tail));
    }
    edits
}

fn cut(range: Range<usize>) -> Edit {
    Edit { range, with: Bytes::new() }
}

fn skip_blanks(body: &[u8], from: usize) -> usize {
    let rest = body.get(from..).unwrap_or_default();
    from.saturating_add(rest.len() - rest.trim_ascii_start().len())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::json::{members, splice};

    /// The body without those members.
    fn without(body: &str, names: &[&str]) -> String {
        let bytes = Bytes::from(body.to_owned());
        let found: Vec<Member> = members(body.as_bytes())
            .map(|member| member.unwrap())
            .filter(|member| names.contains(&&*member.key))
            .map(|member| Member { start: body.find(&format!("\"{}\"", member.key)).unwrap(), value: member.value })
            .collect();
        let edits = removals(body.as_bytes(), found.iter().collect());
        String::from_utf8(splice(&bytes, &edits).concat()).unwrap()
    }

    #[test]
    fn whatever_is_taken_out_what_is_left_is_an_object() {
        let body = r#" {"a": 1 , "b":[2,{"e":3}],"c":"x" ,  "d" : null } "#;
        for taken in 0_u32..15 {
            let names: Vec<&str> = ["a", "b", "c", "d"]
                .into_iter()
                .enumerate()
                .filter(|(at, _)| taken & (1 << at) != 0)
                .map(|(_, n)| n)
                .collect();
            let left: serde_json::Value = serde_json::from_str(&without(body, &names)).unwrap();
            let mut expected: serde_json::Value = serde_json::from_str(body).unwrap();
            names.iter().for_each(|name| drop(expected.as_object_mut().unwrap().remove(*name)));
            assert_eq!(left, expected, "{names:?}");
        }
        assert_eq!(without(r#"{"a":1}"#, &["a"]), "{}");
    }
}
