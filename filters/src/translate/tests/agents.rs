//! Long conversations of agents: what was sent once is sent again, byte for byte, from one shape to the other.

use serde_json::{Value, json};

use super::{codec, other, taking_all};
use crate::Shape;
use crate::json::View;
use crate::neutral::{Losses, Profile, Thinking};
use crate::translate::{self, Upstream};

const TURNS: usize = 20;

const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// The calls of a turn: one, two or three at once.
fn calls(turn: usize) -> impl Iterator<Item = (String, &'static str, String)> {
    let names = ["fs.read", "search", "a_tool_whose_name_is_longer_than_the_sixty_four_letters_that_chat_has_for_it"];
    (0..=turn % 3).map(move |number| {
        let arguments = match (turn + number) % 4 {
            0 => String::new(),
            1 => format!("{{\"path\": \"src/{turn}.rs\", \"line\": 12345678901234567890, \"x\": 1e400}}"),
            2 => format!("{{\"q\":\"Gr\u{f6}\u{df}e {turn}\"}}"),
            _ => "{}".to_owned(),
        };
        (format!("call_{turn}_{number}"), names[number % names.len()], arguments)
    })
}

pub(super) fn chat(turns: usize) -> Value {
    let mut messages = vec![
        json!({"role": "system", "content": "You are an agent."}),
        json!({"role": "developer", "content": "Be careful."}),
        json!({"role": "user", "content": [{"type": "text", "text": "Fix this."}, {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PIXEL}")}}]}),
    ];
    for turn in 0..turns {
        let details = json!([
            {"type": "reasoning.text", "text": format!("thought {turn}"), "signature": format!("EqQB{turn}=="), "format": "anthropic-claude-v1", "index": 0},
            {"type": "reasoning.encrypted", "data": format!("cmVk{turn}"), "format": "anthropic-claude-v1", "index": 1},
        ]);
        let list: Vec<Value> = calls(turn)
            .map(|(id, name, arguments)| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}))
            .collect();
        let content = if turn % 2 == 0 { Value::Null } else { json!(format!("step {turn}")) };
        messages
            .push(json!({"role": "assistant", "content": content, "reasoning_details": details, "tool_calls": list}));
        // Results in another order than the calls.
        let mut results: Vec<Value> = calls(turn)
            .map(|(id, ..)| json!({"role": "tool", "tool_call_id": id, "content": format!("found {id}")}))
            .collect();
        results.reverse();
        messages.append(&mut results);
        if turn % 4 == 3 {
            messages.push(json!({"role": "user", "content": [{"type": "text", "text": format!("see {turn}")}, {"type": "image_url", "image_url": {"url": format!("https://example.com/{turn}.png")}}]}));
        }
        if turn % 6 == 5 {
            messages.push(json!({"role": "system", "content": format!("reminder {turn}")}));
        }
    }
    let tools: Vec<Value> =
        calls(2).map(|(_, name, _)| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}})).collect();
    json!({"model": "m", "max_tokens": 20_000, "reasoning_effort": "high", "tools": tools, "messages": messages})
}

pub(super) fn messages(turns: usize) -> Value {
    let mut messages = vec![json!({"role": "user", "content": [
        {"type": "text", "text": "Fix this."},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
    ]})];
    for turn in 0..turns {
        let mut blocks = vec![
            json!({"type": "thinking", "thinking": format!("thought {turn}"), "signature": format!("EqQB{turn}==")}),
            json!({"type": "redacted_thinking", "data": format!("cmVk{turn}")}),
        ];
        if turn % 2 == 1 {
            blocks.push(json!({"type": "text", "text": format!("step {turn}")}));
        }
        let mut results = Vec::new();
        for (id, name, arguments) in calls(turn) {
            let input: Value = serde_json::from_str(&arguments.replace("1e400", "1")).unwrap_or_else(|_| json!({}));
            blocks.push(json!({"type": "tool_use", "id": id, "name": name.replace('.', "_"), "input": input}));
            let image =
                json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}});
            let content = match turn % 3 {
                0 => json!(format!("found {id}")),
                1 => json!([{"type": "text", "text": format!("found {id}")}, image]),
                _ => json!([{"type": "text", "text": format!("found {id}")}]),
            };
            results
                .push(json!({"type": "tool_result", "tool_use_id": id, "content": content, "is_error": turn % 5 == 4}));
        }
        results.reverse();
        if turn % 4 == 3 {
            results.push(json!({"type": "text", "text": format!("see {turn}")}));
        }
        messages.push(json!({"role": "assistant", "content": blocks}));
        messages.push(json!({"role": "user", "content": results}));
        if turn % 6 == 5 {
            messages.push(json!({"role": "system", "content": format!("reminder {turn}")}));
        }
    }
    let tools: Vec<Value> = calls(2)
        .map(|(_, name, _)| json!({"name": name.replace('.', "_"), "input_schema": {"type": "object", "properties": {}}}))
        .collect();
    json!({"model": "m", "max_tokens": 20_000, "thinking": {"type": "adaptive"}, "system": [
        // Claude Code changes this one with each request.
        {"type": "text", "text": format!("x-anthropic-billing-header: cch={turns};")},
        {"type": "text", "text": "You are an agent."},
    ], "tools": tools, "messages": messages})
}

fn sent(client: Shape, body: &Value, profile: &Profile) -> Vec<u8> {
    let upstream = Upstream { shape: other(client), profile, stream: true, max_output: None, without_state: false };
    let body = serde_json::to_vec(body).unwrap();
    translate::request(client, &body, upstream).unwrap_or_else(|error| panic!("{error:?}")).body
}

/// Where the list of messages ends in a body: behind its last element.
fn end_of_messages(body: &[u8]) -> usize {
    let view = View::parse(body).unwrap();
    let last = view.member("messages").unwrap().elements().last().unwrap().raw();
    last.as_ptr() as usize - body.as_ptr() as usize + last.len()
}

#[test]
fn pitfall_82_and_119_each_turn_of_an_agent_begins_with_the_bytes_of_the_one_before_in_both_directions() {
    let mut profiles = vec![taking_all(), Profile { model: "m".to_owned(), ..Profile::default() }];
    for thinking in [Thinking::Budget, Thinking::Adaptive, Thinking::Always, Thinking::AlwaysOrBetweenTools] {
        profiles.push(Profile { thinking, ..taking_all() });
    }
    let mut demanding = taking_all();
    demanding.host.wants_reasoning_content = true;
    demanding.host.router_fields = false;
    demanding.system_between_turns = false;
    profiles.push(demanding);
    for client in [Shape::Chat, Shape::Messages] {
        let conversation = if client == Shape::Chat { chat } else { messages };
        for profile in &profiles {
            let mut before: Option<Vec<u8>> = None;
            for turns in 0..=TURNS {
                let body = sent(client, &conversation(turns), profile);
                assert_eq!(body, sent(client, &conversation(turns), profile), "the same request, the same bytes");
                codec(other(client)).decode_request(View::parse(&body).unwrap(), &mut Losses::default()).unwrap();
                if let Some(before) = before {
                    let said = before.get(..end_of_messages(&before)).unwrap();
                    let same = said.iter().zip(&body).take_while(|(a, b)| a == b).count();
                    let around = |body: &[u8]| {
                        let (from, to) = (same.saturating_sub(80), (same + 80).min(body.len()));
                        String::from_utf8_lossy(&body[from..to]).into_owned()
                    };
                    assert!(
                        body.starts_with(said),
                        "{client} at turn {turns} of {:?}:\n{}\n{}",
                        profile.thinking,
                        around(&before),
                        around(&body)
                    );
                    assert!(body.len() > before.len());
                }
                before = Some(body);
            }
        }
    }
}

#[test]
fn pitfall_43_arguments_of_every_turn_arrive_as_they_were() {
    let body = String::from_utf8(sent(Shape::Chat, &chat(TURNS), &taking_all())).unwrap();
    for (_, _, arguments) in (0..TURNS).flat_map(calls) {
        let arguments = if arguments.is_empty() { "{}" } else { &arguments };
        assert!(body.contains(&format!("\"input\":{arguments}")), "{arguments}");
    }
}

#[test]
fn a_mark_that_moves_on_with_each_turn_changes_nothing_for_hosts_that_know_no_marks() {
    let marked = |turns: usize, mark: bool| {
        let mut body = messages(turns);
        let last = body["messages"].as_array_mut().unwrap().last_mut().unwrap();
        if last["content"].is_string() {
            last["content"] = json!([{"type": "text", "text": last["content"]}]);
        }
        if mark {
            let block = last["content"].as_array_mut().unwrap().last_mut().unwrap();
            block["cache_control"] = json!({"type": "ephemeral"});
        }
        sent(Shape::Messages, &body, &Profile { model: "m".to_owned(), ..Profile::default() })
    };
    for turns in 0..=TURNS {
        assert_eq!(marked(turns, true), marked(turns, false), "turn {turns}");
    }
}
