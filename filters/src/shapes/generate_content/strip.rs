//! Takes signatures out of a request that its model would refuse: those of other providers, or all.

use std::borrow::Cow;

use bytes::Bytes;

use super::super::Strip;
use super::super::strip::{member, place};
use super::names::camel;
use super::signature::{SKIP, is_sealed};
use crate::json::{Edit, View};

/// The edits that do so; `None` when nothing is to be changed. The first call of a turn that loses its signature gets the value
/// that Google takes in its place: without any the newer models refuse the call.
pub(in crate::shapes) fn strip(body: &Bytes, request: View<'_>, strip: Strip) -> Option<Vec<Edit>> {
    let contents = request.member("contents")?;
    let mut changed = false;
    let mut kept = Vec::new();
    for content in contents.elements() {
        match stripped(content, strip) {
            None => kept.push(Cow::Borrowed(content.raw())),
            Some(content) => {
                changed = true;
                kept.extend(content.map(Cow::Owned));
            }
        }
    }
    changed.then(|| {
        Some(vec![Edit { range: place(body, contents)?, with: Bytes::from(format!("[{}]", kept.join(","))) }])
    })?
}

/// The content without them: `None` when it stays, nothing in it when nothing is left.
fn stripped(content: View<'_>, strip: Strip) -> Option<Option<String>> {
    if content.member("role").and_then(View::string).as_deref() != Some("model") {
        return None;
    }
    let parts = content.member("parts")?;
    let mut changed = false;
    let mut called = false;
    let mut kept = Vec::new();
    for part in parts.elements() {
        let is_first_call = !called && has(part, "functionCall");
        called |= is_first_call;
        match stripped_part(part, strip, is_first_call) {
            None => kept.push(Cow::Borrowed(part.raw())),
            Some(part) => {
                changed = true;
                kept.extend(part.map(Cow::Owned));
            }
        }
    }
    if !changed {
        return None;
    }
    if kept.is_empty() {
        return Some(None);
    }
    let parts = format!("[{}]", kept.join(","));
    let members: Vec<String> =
        content.members().map(|(key, value)| member(&key, if key == "parts" { &parts } else { value.raw() })).collect();
    Some(Some(format!("{{{}}}", members.join(","))))
}

fn stripped_part(part: View<'_>, strip: Strip, is_first_call: bool) -> Option<Option<String>> {
    let signature = member_of(part, "thoughtSignature").and_then(View::string);
    let goes = match strip {
        Strip::Foreign => signature.as_deref().is_some_and(is_sealed),
        Strip::All => signature.is_some() || is_first_call,
    };
    let is_thought = part.member("thought").and_then(View::bool) == Some(true);
    if is_thought && (goes || strip == Strip::All) {
        return Some(None);
    }
    if !goes || (is_first_call && signature.as_deref() == Some(SKIP)) {
        return None;
    }
    let mut members: Vec<String> = part
        .members()
        .filter(|(key, _)| camel(key) != "thoughtSignature")
        .map(|(key, value)| member(&key, value.raw()))
        .collect();
    let is_empty = members.is_empty() || part.member("text").and_then(View::string).is_some_and(|text| text.is_empty());
    if is_empty && !is_first_call {
        return Some(None);
    }
    if is_first_call {
        members.push(format!("\"thoughtSignature\":\"{SKIP}\""));
    }
    Some(Some(format!("{{{}}}", members.join(","))))
}

/// The member of that name in either spelling.
fn member_of<'a>(view: View<'a>, name: &str) -> Option<View<'a>> {
    view.members().find(|(key, value)| camel(key) == name && !value.is_null()).map(|(_, value)| value)
}

fn has(view: View<'_>, name: &str) -> bool {
    member_of(view, name).is_some()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::Shape;
    use crate::json::splice;
    use crate::shapes::strip_state;

    fn stripped(body: &str, strip: Strip) -> String {
        let body = Bytes::copy_from_slice(body.as_bytes());
        String::from_utf8(splice(&body, &strip_state(Shape::GenerateContent, &body, strip)).concat()).unwrap()
    }

    /// `gw1.a.b.c.d` in base64.
    const SEALED: &str = "Z3cxLmEuYi5jLmQ=";

    fn body() -> String {
        format!(
            r#"{{"contents": [{{"role":"user","parts":[{{"text":"hi"}}]}},{{"role":"model","parts":[{{"text":"t","thought":true,"thoughtSignature":"{SEALED}"}},{{"text":"own","thoughtSignature":"Ab=="}},{{"functionCall":{{"name":"f","args":{{}}}},"thoughtSignature":"{SEALED}"}},{{"functionCall":{{"name":"g"}}}}]}},{{"role":"model","parts":[{{"text":"","thought_signature":"{SEALED}"}}]}}], "x": 1}}"#
        )
    }

    #[test]
    fn pitfall_67_envelopes_of_another_provider_never_reach_google() {
        assert_eq!(
            stripped(&body(), Strip::Foreign),
            r#"{"contents": [{"role":"user","parts":[{"text":"hi"}]},{"role":"model","parts":[{"text":"own","thoughtSignature":"Ab=="},{"functionCall":{"name":"f","args":{}},"thoughtSignature":"skip_thought_signature_validator"},{"functionCall":{"name":"g"}}]}], "x": 1}"#
        );
    }

    #[test]
    fn pitfall_68_a_repaired_request_has_no_signature_and_its_first_calls_say_so() {
        assert_eq!(
            stripped(&body(), Strip::All),
            r#"{"contents": [{"role":"user","parts":[{"text":"hi"}]},{"role":"model","parts":[{"text":"own"},{"functionCall":{"name":"f","args":{}},"thoughtSignature":"skip_thought_signature_validator"},{"functionCall":{"name":"g"}}]}], "x": 1}"#
        );
        let unsigned = r#"{"contents":[{"role":"model","parts":[{"function_call":{"name":"f"}}]}]}"#;
        let repaired = stripped(unsigned, Strip::All);
        assert!(repaired.contains(SKIP), "{repaired}");
        assert_eq!(stripped(&repaired, Strip::All), repaired, "once is enough");
    }

    #[test]
    fn pitfall_66_without_foreign_state_nothing_is_changed() {
        for body in [
            r#"{"contents":[{"role":"model","parts":[{"text":"\"Z3cxL","thoughtSignature":"Ab=="}]}]}"#,
            r#"{"contents":"Z3cxL"}"#,
            r#"{"contents":[{"role":"user","parts":[{"text":"x","thoughtSignature":"Z3cxLmEuYi5jLmQ="}]}]}"#,
        ] {
            assert_eq!(stripped(body, Strip::Foreign), body);
        }
    }
}
