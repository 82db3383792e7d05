//! Takes out of a request what its target would refuse of another provider's reasoning. Only for requests that go on in their own
//! shape; those that are translated leave it out by themselves.

use bytes::Bytes;
use memchr::memmem;

use super::{envelope, generate_content};
use crate::Shape;
use crate::json::{Edit, View};

/// What is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strip {
    /// What this gateway has put there of another provider: in messages, blocks whose signature is an envelope; in responses, items of
    /// reasoning whose encrypted content is one; in chat, for hosts
    /// that know none, all fields of reasoning.
    Foreign,
    /// All reasoning in the history, because the provider has refused some of it.
    All,
}

/// The edits that do so; none when there is nothing to take out, which is found out without reading the whole.
///
/// An Anthropic model that is told to think by a budget refuses to go on with a tool's result when the turn that called the
/// tool does not begin with its thinking: where that is what is left, thinking is switched off for this request.
#[must_use]
pub fn strip_state(shape: Shape, body: &Bytes, strip: Strip) -> Vec<Edit> {
    let hints: &[&[u8]] = match (shape, strip) {
        (Shape::Messages, Strip::Foreign) => &[b"\"gw1."],
        (Shape::Messages, Strip::All) => &[b"thinking"],
        (Shape::Chat, Strip::Foreign) => &[b"\"reasoning_content\"", b"\"reasoning_details\""],
        (Shape::Chat, Strip::All) => &[b"reasoning"],
        (Shape::Responses, Strip::Foreign) => &[b"\"gw1."],
        (Shape::Responses, Strip::All) => &[b"\"reasoning\""],
        // What every envelope begins with, in base64.
        (Shape::GenerateContent, Strip::Foreign) => &[b"\"Z3cxL"],
        (Shape::GenerateContent, Strip::All) => &[b"hought", b"unctionCall", b"unction_call"],
    };
    if !hints.iter().any(|hint| memmem::find(body, hint).is_some()) {
        return Vec::new();
    }
    let Ok(request) = View::parse(body) else { return Vec::new() };
    let edits = match shape {
        Shape::GenerateContent => generate_content::strip(body, request, strip),
        _ => edits(shape, body, request, strip),
    };
    edits.unwrap_or_default()
}

fn edits(shape: Shape, body: &Bytes, request: View<'_>, strip: Strip) -> Option<Vec<Edit>> {
    let messages = request.member(if shape == Shape::Responses { "input" } else { "messages" })?;
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
    if !changed {
        return None;
    }
    let mut edits = vec![Edit { range: place(body, messages)?, with: Bytes::from(format!("[{}]", kept.join(","))) }];
    if shape == Shape::Messages
        && let Some(thinking) = request.member("thinking")
        && text_of(thinking, "type").as_deref() == Some("enabled")
        && is_unthinking_loop(&kept)
    {
        edits.push(Edit { range: place(body, thinking)?, with: Bytes::from_static(b"{\"type\":\"disabled\"}") });
    }
    Some(edits)
}

/// Where a value stands in the body that it was read from.
pub(super) fn place(body: &Bytes, value: View<'_>) -> Option<std::ops::Range<usize>> {
    let start = (value.raw().as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
    Some(start..start.checked_add(value.raw().len())?)
}

fn text_of<'a>(value: View<'a>, name: &str) -> Option<std::borrow::Cow<'a, str>> {
    value.member(name).and_then(View::string)
}

/// Whether the last turn brings results to a turn of the model that does not begin with its thinking.
fn is_unthinking_loop(messages: &[String]) -> bool {
    let [.., answer, results] = messages else { return false };
    let first = |message: &str, last: bool| {
        let message = View::parse(message.as_bytes()).ok()?;
        let mut blocks = message.member("content")?.elements();
        let block = if last {
            blocks.find(|block| text_of(*block, "type").as_deref() == Some("tool_result"))
        } else {
            blocks.next()
        };
        Some(text_of(block?, "type")?.into_owned())
    };
    first(results, true).is_some() && !matches!(first(answer, false).as_deref(), Some("thinking" | "redacted_thinking"))
}

enum Stripped {
    Same,
    Changed(String),
    Gone,
}

fn stripped(shape: Shape, message: View<'_>, strip: Strip) -> Stripped {
    if shape == Shape::Responses {
        let is_reasoning = text_of(message, "type").as_deref() == Some("reasoning");
        let is_sealed = || text_of(message, "encrypted_content").is_some_and(|text| envelope::is_sealed(&text));
        return if is_reasoning && (strip == Strip::All || is_sealed()) { Stripped::Gone } else { Stripped::Same };
    }
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

pub(super) fn member(key: &str, value: &str) -> String {
    format!("{}:{value}", String::from_utf8_lossy(&crate::json::quoted(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::splice;

    fn strip(shape: Shape, body: &'static str, what: Strip) -> String {
        let body = Bytes::from_static(body.as_bytes());
        let edits = strip_state(shape, &body, what);
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
        assert_eq!(strip_state(Shape::Messages, &own, Strip::Foreign), []);
        assert_eq!(strip_state(Shape::Chat, &own, Strip::Foreign), []);
    }

    #[test]
    fn pitfall_67_in_an_open_tool_loop_thinking_by_budget_is_switched_off_when_its_block_is_taken_out() {
        const LOOP: &str = r#"{"thinking":{"type":"enabled","budget_tokens":2000},"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"gw1.a.b.c.d"},{"type":"tool_use","id":"a","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"1"}]}]}"#;
        assert_eq!(
            strip(Shape::Messages, LOOP, Strip::Foreign),
            r#"{"thinking":{"type":"disabled"},"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"1"}]}]}"#
        );
    }

    #[test]
    fn pitfall_67_and_74_envelopes_never_reach_openai_and_a_repaired_request_has_no_item_of_reasoning() {
        const ITEMS: &str = r#"{"model":"m","input":[{"role":"user","content":"\"gw1.\" reasoning"},{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gw1.a.b.c.d"},{"type":"reasoning","summary":[],"encrypted_content":"gAAA"},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}"#;
        assert_eq!(
            strip(Shape::Responses, ITEMS, Strip::Foreign),
            r#"{"model":"m","input":[{"role":"user","content":"\"gw1.\" reasoning"},{"type":"reasoning","summary":[],"encrypted_content":"gAAA"},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}"#
        );
        assert_eq!(
            strip(Shape::Responses, ITEMS, Strip::All),
            r#"{"model":"m","input":[{"role":"user","content":"\"gw1.\" reasoning"},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}"#
        );
        let own = Bytes::from_static(br#"{"input":"say \"reasoning\" and gw1."}"#);
        assert_eq!(strip_state(Shape::Responses, &own, Strip::All), []);
    }

    #[test]
    fn what_the_gateway_told_a_chat_client_of_reasoning_does_not_go_to_hosts_that_know_no_such_fields() {
        let chat = r#"{"reasoning_effort":"low","messages":[{"role":"assistant","content":"a","reasoning":"r","reasoning_content":"r","reasoning_details":[]}]}"#;
        assert_eq!(
            strip(Shape::Chat, chat, Strip::Foreign),
            r#"{"reasoning_effort":"low","messages":[{"role":"assistant","content":"a"}]}"#
        );
    }
}
