//! Takes out of a request what its target would refuse of another provider's reasoning. Only for requests that go on in their own
//! shape; those that are translated leave it out by themselves.

use bytes::Bytes;
use memchr::memmem;

use super::envelope;
use crate::Shape;
use crate::json::{Edit, View};

/// What is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strip {
    /// What this gateway has put there for another provider: in messages, blocks whose signature is an envelope.
    Foreign,
    /// All reasoning in the history, because the provider has refused some of it.
    All,
}

/// The edit that does so; `None` when there is nothing to take out, which is found out without reading the whole.
#[must_use]
pub fn strip_state(shape: Shape, body: &Bytes, strip: Strip) -> Option<Edit> {
    let hint: &[u8] = match (shape, strip) {
        (Shape::Messages, Strip::Foreign) => b"\"gw1.",
        (Shape::Messages, Strip::All) => b"thinking",
        (Shape::Chat, Strip::All) => b"reasoning",
        (Shape::Chat, Strip::Foreign) | (Shape::Responses | Shape::GenerateContent, _) => return None,
    };
    memmem::find(body, hint)?;
    let messages = View::parse(body).ok()?.member("messages")?;
    let mut changed = false;
    let mut kept = Vec::new();
    for message in messages.elements() {
        match stripped(shape, message, strip) {
            Stripped::Same => kept.push(message.raw().to_owned()),
            Stripped::Changed(message) => {
                changed = true;
                kept.push(message);
            }
            Stripped::Gone => changed = true,
        }
    }
    let start = (messages.raw().as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
    let range = start..start.checked_add(messages.raw().len())?;
    changed.then(|| Edit { range, with: Bytes::from(format!("[{}]", kept.join(","))) })
}

enum Stripped {
    Same,
    Changed(String),
    Gone,
}

fn stripped(shape: Shape, message: View<'_>, strip: Strip) -> Stripped {
    if message.member("role").and_then(View::string).as_deref() != Some("assistant") {
        return Stripped::Same;
    }
    if shape == Shape::Chat {
        const FIELDS: [&str; 4] = ["reasoning", "reasoning_content", "reasoning_details", "thinking_blocks"];
        if !message.members().any(|(key, _)| FIELDS.contains(&&*key)) {
            return Stripped::Same;
        }
        let kept = message.members().filter(|(key, _)| !FIELDS.contains(&&**key));
        return Stripped::Changed(object(kept));
    }
    let Some(content) = message.member("content") else { return Stripped::Same };
    let blocks: Vec<View<'_>> = content.elements().collect();
    let kept: Vec<&str> = blocks.iter().filter(|block| !goes(**block, strip)).map(|block| block.raw()).collect();
    if kept.len() == blocks.len() {
        return Stripped::Same;
    }
    if kept.is_empty() {
        return Stripped::Gone;
    }
    let content = format!("[{}]", kept.join(","));
    let members = message
        .members()
        .map(|(key, value)| if key == "content" { member(&key, &content) } else { member(&key, value.raw()) });
    Stripped::Changed(format!("{{{}}}", members.collect::<Vec<_>>().join(",")))
}

/// Whether a block of content is taken out.
fn goes(block: View<'_>, strip: Strip) -> bool {
    let kind = block.member("type").and_then(View::string);
    let field = match kind.as_deref() {
        Some("thinking") => "signature",
        Some("redacted_thinking") => "data",
        _ => return false,
    };
    let is_sealed = || block.member(field).and_then(View::string).is_some_and(|text| envelope::is_sealed(&text));
    strip == Strip::All || is_sealed()
}

fn object<'a>(members: impl Iterator<Item = (std::borrow::Cow<'a, str>, View<'a>)>) -> String {
    let members: Vec<String> = members.map(|(key, value)| member(&key, value.raw())).collect();
    format!("{{{}}}", members.join(","))
}

fn member(key: &str, value: &str) -> String {
    format!("{}:{value}", String::from_utf8_lossy(&crate::json::quoted(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::splice;

    fn strip(shape: Shape, body: &'static str, what: Strip) -> String {
        let body = Bytes::from_static(body.as_bytes());
        let edits: Vec<Edit> = strip_state(shape, &body, what).into_iter().collect();
        String::from_utf8(splice(&body, &edits).concat()).unwrap_or_default()
    }

    const TURNS: &str = r#"{"messages": [{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"gw1.a.b.c.d"},{"type":"thinking","thinking":"u","signature":"Eq"},{"type":"text","text":"yes"}],"x":1},{"role":"assistant","content":[{"type":"redacted_thinking","data":"gw1.a.b.c.d"}]}], "model": "m"}"#;

    #[test]
    fn pitfall_67_envelopes_of_another_provider_never_reach_anthropic_and_its_own_signatures_stay() {
        assert_eq!(
            strip(Shape::Messages, TURNS, Strip::Foreign),
            r#"{"messages": [{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"u","signature":"Eq"},{"type":"text","text":"yes"}],"x":1}], "model": "m"}"#
        );
    }

    #[test]
    fn pitfall_68_a_repaired_request_has_no_reasoning_at_all() {
        assert_eq!(
            strip(Shape::Messages, TURNS, Strip::All),
            r#"{"messages": [{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"text","text":"yes"}],"x":1}], "model": "m"}"#
        );
        let chat = r#"{"messages":[{"role":"assistant","content":"a","reasoning_content":"r","tool_calls":[]}]}"#;
        assert_eq!(
            strip(Shape::Chat, chat, Strip::All),
            r#"{"messages":[{"role":"assistant","content":"a","tool_calls":[]}]}"#
        );
    }

    #[test]
    fn pitfall_66_without_a_foreign_block_nothing_is_changed() {
        let own = Bytes::from_static(
            br#"{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"gw1.","signature":"E"}]}]}"#,
        );
        assert_eq!(strip_state(Shape::Messages, &own, Strip::Foreign), None);
        assert_eq!(strip_state(Shape::Chat, &own, Strip::Foreign), None);
    }
}
