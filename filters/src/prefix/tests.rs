//! Requests as clients send them: what counts as the same prefix, and what does not.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stderr, reason = "tests")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::Operation;

fn of(shape: Shape, body: &Value) -> Prefix {
    Prefix::of(shape, body.to_string().as_bytes()).expect("a request")
}

/// Claude Code's request: a billing block that changes with each request, marks on the newest message.
fn claude_code(turn: usize, marked: bool) -> Value {
    let mut messages = Vec::new();
    for index in 0..turn {
        messages.push(json!({"role": "user", "content": format!("do number {index}")}));
        messages.push(json!({"role": "assistant", "content": [
            {"type": "thinking", "thinking": "", "signature": format!("sig{index}")},
            {"type": "text", "text": "I will look."},
            {"type": "tool_use", "id": format!("toolu_{index}"), "name": "Read", "input": {"cache_control": index}},
        ]}));
        messages.push(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": format!("toolu_{index}"), "content": "some file"},
        ]}));
        messages.push(json!({"role": "assistant", "content": [{"type": "text", "text": "Done."}]}));
    }
    let mut newest = json!({"role": "user", "content": format!("do number {turn}")});
    if marked {
        newest["content"] = json!([{
            "type": "text", "text": format!("do number {turn}"), "cache_control": {"type": "ephemeral"},
        }]);
    }
    messages.push(newest);
    json!({
        "model": "claude-opus-5",
        "max_tokens": 32_000,
        "metadata": {"user_id": "{}"},
        "system": [
            {"type": "text", "text": format!("x-anthropic-billing-header: cc_version=2; cch={turn};")},
            {"type": "text", "text": "You are Claude Code.", "cache_control": {"type": "ephemeral"}},
        ],
        "tools": [{"name": "Read", "description": "Reads", "input_schema": {"type": "object"}}],
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "high", "task_budget": {"remaining": 100 - turn}},
        "messages": messages,
        "stream": true,
    })
}

fn chat(messages: Vec<Value>) -> Value {
    let mut all = vec![json!({"role": "system", "content": "Be brief."})];
    all.extend(messages);
    json!({"model": "gpt-5", "messages": all, "tools": [{"type": "function", "function": {"name": "f"}}]})
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

fn assistant(text: &str) -> Value {
    json!({"role": "assistant", "content": text})
}

#[test]
fn the_turns_of_claude_code_begin_with_each_other_although_marks_and_billing_move() {
    let earlier = of(Shape::Messages, &claude_code(3, true));
    let later = of(Shape::Messages, &claude_code(4, true));
    assert_eq!(earlier.overlap(&later), Overlap { shared: 13, diverged_at: None, resumes: false });
    assert_eq!(earlier.system(), later.system());
    assert_eq!(earlier.tools(), later.tools());
    assert_eq!(earlier.settings(), later.settings());
    assert_eq!((earlier.opening(), earlier.answer()), (later.opening(), later.answer()));
}

#[test]
fn a_mark_on_a_text_makes_it_no_other_text_but_is_a_setting() {
    let marked = of(Shape::Messages, &claude_code(2, true));
    let plain = of(Shape::Messages, &claude_code(2, false));
    assert_eq!(marked.marks, plain.marks);
    let mut none = claude_code(2, false);
    none["system"][1].as_object_mut().expect("a block").remove("cache_control");
    let none = of(Shape::Messages, &none);
    assert_eq!(none.system(), plain.system());
    assert_ne!(none.settings(), plain.settings());
}

#[test]
fn a_mark_inside_of_a_tools_result_or_on_a_tool_does_not_count() {
    let body = |mark: bool| {
        let mut result = json!({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "x"}]});
        let mut tool = json!({"name": "Read", "input_schema": {"type": "object"}});
        if mark {
            result["content"][0]["cache_control"] = json!({"type": "ephemeral"});
            result["cache_control"] = json!({"type": "ephemeral"});
            tool["cache_control"] = json!({"type": "ephemeral", "ttl": "1h"});
        }
        json!({"messages": [user("hi"), {"role": "user", "content": [result]}], "tools": [tool]})
    };
    let (marked, plain) = (of(Shape::Messages, &body(true)), of(Shape::Messages, &body(false)));
    assert_eq!((&marked.marks, marked.tools()), (&plain.marks, plain.tools()));
}

#[test]
fn what_a_model_calls_a_tool_with_is_content_whatever_its_name() {
    let body = |value: u64| {
        let call = json!({"type": "tool_use", "id": "t", "name": "n", "input": {"cache_control": value}});
        json!({"messages": [user("hi"), {"role": "assistant", "content": [call]}]})
    };
    assert_ne!(of(Shape::Messages, &body(1)).marks, of(Shape::Messages, &body(2)).marks);
}

#[test]
fn each_part_is_told_apart() {
    let base = claude_code(1, true);
    let prefix = of(Shape::Messages, &base);
    let mut tools = base.clone();
    tools["tools"][0]["description"] = json!("Reads files");
    let mut system = base.clone();
    system["system"][1]["text"] = json!("You are somebody else.");
    let mut effort = base.clone();
    effort["output_config"]["effort"] = json!("low");
    let mut choice = base.clone();
    choice["tool_choice"] = json!({"type": "any"});
    let parts = |prefix: &Prefix| (prefix.tools(), prefix.system(), prefix.settings());
    let (was_tools, was_system, was_settings) = parts(&prefix);
    let (now, rest) = (parts(&of(Shape::Messages, &tools)), (was_system, was_settings));
    assert_ne!(now.0, was_tools);
    assert_eq!((now.1, now.2), rest);
    let now = parts(&of(Shape::Messages, &system));
    assert_ne!(now.1, was_system);
    assert_eq!((now.0, now.2), (was_tools, was_settings));
    for changed in [effort, choice] {
        let now = parts(&of(Shape::Messages, &changed));
        assert_ne!(now.2, was_settings);
        assert_eq!((now.0, now.1), (was_tools, was_system));
    }
}

#[test]
fn the_place_of_divergence_is_counted_from_one_in_the_clients_own_array() {
    let earlier = of(Shape::Chat, &chat(vec![user("a"), assistant("b"), user("c"), assistant("d"), user("e")]));
    let later = of(Shape::Chat, &chat(vec![user("a"), assistant("b"), user("C"), assistant("d"), user("e")]));
    // One system message, two that are the same, and then the one that is not.
    assert_eq!(earlier.overlap(&later), Overlap { shared: 2, diverged_at: Some(4), resumes: true });
    let other = of(Shape::Chat, &chat(vec![user("a"), assistant("b"), user("x"), assistant("y")]));
    assert_eq!(earlier.overlap(&other), Overlap { shared: 2, diverged_at: Some(4), resumes: false });
}

#[test]
fn history_resumes_where_messages_come_again_that_are_not_there_by_chance() {
    let says = |words: &[&str]| {
        let messages = words.iter().enumerate();
        of(
            Shape::Chat,
            &chat(messages.map(|(at, word)| if at % 2 == 0 { user(word) } else { assistant(word) }).collect()),
        )
    };
    let resumes = |earlier: &[&str], later: &[&str]| says(earlier).overlap(&says(later)).resumes;
    assert!(resumes(&["a", "b", "c", "d", "e"], &["a", "b", "X", "d", "e", "f", "g"]));
    assert!(resumes(&["a", "b", "c", "d", "e"], &["a", "d", "e", "f", "g"]), "some were cut out");
    assert!(!resumes(&["a", "b", "c", "d", "go on"], &["a", "x", "y", "z", "go on"]), "one alone may be chance");
    assert!(!resumes(&["a", "b", "go on"], &["a", "x", "go on"]));
    assert!(resumes(&["a", "b", "go on"], &["X", "b", "go on"]), "the same answer");
    assert!(resumes(&["a", "b", "c", "d", "e"], &["a", "b", "c", "d", "X", "f", "g"]), "the newest one was edited");
    assert!(!resumes(&["hi", "Hello!", "c"], &["hi", "Hello!", "x", "y", "z"]));
}

#[test]
fn leading_system_and_developer_messages_are_the_system_part_and_later_ones_are_messages() {
    let base = of(Shape::Chat, &chat(vec![user("a"), assistant("b"), user("c")]));
    assert_eq!(base.messages(), 3);
    let mut more = chat(vec![user("a"), assistant("b"), user("c")]);
    more["messages"][0]["content"] = json!("Be long.");
    let more = of(Shape::Chat, &more);
    assert_ne!(more.system(), base.system());
    assert_eq!(more.marks, base.marks);
    let late = of(Shape::Chat, &chat(vec![user("a"), json!({"role": "developer", "content": "now"}), user("c")]));
    assert_eq!((late.messages(), late.system()), (3, base.system()));
}

#[test]
fn thinking_that_a_client_drops_is_a_change_but_leaves_the_conversation_the_same() {
    let with = claude_code(2, true);
    let mut without = with.clone();
    without["messages"][1]["content"].as_array_mut().expect("blocks").remove(0);
    let (with, without) = (of(Shape::Messages, &with), of(Shape::Messages, &without));
    assert_eq!(with.answer(), without.answer());
    assert_eq!(with.overlap(&without), Overlap { shared: 1, diverged_at: Some(2), resumes: true });
}

#[test]
fn null_says_what_absence_says() {
    let with = json!({"messages": [{"role": "user", "content": "a", "name": null}], "tools": null, "system": null,
        "tool_choice": null, "output_config": {"format": null}});
    let without = json!({"messages": [user("a")]});
    assert_eq!(of(Shape::Messages, &with), of(Shape::Messages, &without));
}

#[test]
fn how_long_openai_is_asked_to_keep_a_prefix_is_read() {
    let hours = |hours: u64| Some(Duration::from_secs(hours * 3_600));
    let ask = |field: &str, value: Value| of(Shape::Chat, &json!({"messages": [user("a")], field: value})).lifetime();
    assert_eq!(ask("prompt_cache_retention", json!("24h")), hours(24));
    assert_eq!(ask("prompt_cache_retention", json!("in_memory")), None);
    assert_eq!(ask("prompt_cache_options", json!({"ttl": "30m"})), Some(Duration::from_secs(1_800)));
    assert_eq!(ask("prompt_cache_options", json!({"ttl": "99999999999h"})), None);
}

#[test]
fn what_has_no_messages_or_no_known_shape_has_no_prefix() {
    for body in
        ["", "[]", "{}", r#"{"messages":[]}"#, r#"{"messages":3}"#, r#"{"messages":[{]}"#, "{\"messages\":[1]} x"]
    {
        assert_eq!(Prefix::of(Shape::Messages, body.as_bytes()), None, "{body}");
    }
    let only_system = br#"{"messages":[{"role":"system","content":"a"}]}"#;
    assert_eq!(Prefix::of(Shape::Chat, only_system), None);
    let body = claude_code(1, true).to_string();
    assert_eq!(Prefix::of(Shape::Responses, body.as_bytes()), None, "it has no `input`");
    assert_eq!(Prefix::of(Shape::GenerateContent, body.as_bytes()), None);
}

fn long(messages: usize, changed: Option<usize>) -> Prefix {
    let text = |index: usize| if changed == Some(index) { "changed".to_owned() } else { format!("message {index}") };
    let messages: Vec<Value> =
        (0..messages).map(|index| if index % 2 == 0 { user(&text(index)) } else { assistant(&text(index)) }).collect();
    of(Shape::Messages, &json!({ "messages": messages }))
}

#[test]
fn long_conversations_keep_a_bounded_number_of_hashes() {
    for (messages, marks) in [(1, 1), (384, 384), (415, 384), (416, 385), (447, 385), (4_480, 512), (6_000, 512)] {
        let prefix = long(messages, None);
        assert_eq!(prefix.marks(), marks, "{messages} messages");
        assert_eq!(prefix.messages() as usize, messages);
        let later = long(messages + 1, None);
        assert_eq!(prefix.overlap(&later).diverged_at, None);
        assert_eq!(prefix.overlap(&later).shared as usize, messages);
    }
    let earlier = long(1_000, None);
    assert_eq!(earlier.overlap(&long(1_002, Some(383))).diverged_at, Some(384));
    // The 501st message is one of the 32 from the 481st on.
    let far = earlier.overlap(&long(1_002, Some(500)));
    assert_eq!((far.diverged_at, far.shared), (Some(481), 480));
    assert!(far.resumes);
}

/// A message as clients write it.
fn message() -> impl Strategy<Value = Value> {
    let text = any::<String>();
    let block = prop_oneof![
        text.prop_map(|text| json!({"type": "text", "text": text})),
        text.prop_map(|text| json!({"type": "tool_result", "tool_use_id": "t", "content": text})),
        text.prop_map(|text| json!({"type": "tool_use", "id": text, "name": "n", "input": {"a": 1}})),
    ];
    let content = prop_oneof![text.prop_map(Value::from), prop::collection::vec(block, 0..4).prop_map(Value::from)];
    (prop_oneof![Just("user"), Just("assistant")], content)
        .prop_map(|(role, content)| json!({"role": role, "content": content}))
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for shape in Shape::ALL {
            let _ = Prefix::of(shape, &bytes);
        }
    }

    #[test]
    fn a_request_with_bytes_missing_or_changed_does_not_make_it_panic(cut in 0_usize..2_000, byte in any::<u8>()) {
        let mut body = claude_code(2, true).to_string().into_bytes();
        let at = cut % body.len();
        let _ = Prefix::of(Shape::Messages, &body[..at]);
        body[at] = byte;
        let _ = Prefix::of(Shape::Messages, &body);
    }

    #[test]
    fn what_is_appended_leaves_the_beginning_as_it_was(
        messages in prop::collection::vec(message(), 1..12),
        more in prop::collection::vec(message(), 0..4),
    ) {
        let body = |messages: &[Value]| json!({"system": "s", "messages": messages});
        let messages: Vec<Value> = std::iter::once(user("begin")).chain(messages).collect();
        let earlier = of(Shape::Messages, &body(&messages));
        let all: Vec<Value> = messages.iter().chain(&more).cloned().collect();
        let mut marked = body(&all);
        let newest = marked["messages"].as_array_mut().and_then(|all| all.last_mut()).expect("a message");
        let content = newest["content"].take();
        newest["content"] = match content {
            Value::String(text) => json!([{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]),
            Value::Array(mut blocks) => {
                if let Some(last) = blocks.last_mut() {
                    last["cache_control"] = json!({"type": "ephemeral"});
                }
                Value::from(blocks)
            }
            other => other,
        };
        let later = of(Shape::Messages, &marked);
        let overlap = earlier.overlap(&later);
        prop_assert_eq!(overlap.diverged_at, None);
        prop_assert_eq!(overlap.shared as usize, messages.len());
        prop_assert_eq!(earlier.opening(), later.opening());
    }

    #[test]
    fn a_changed_message_is_found(messages in prop::collection::vec(message(), 2..12), at in any::<prop::sample::Index>()) {
        let at = at.index(messages.len());
        let mut changed = messages.clone();
        changed[at]["content"] = json!("nobody says this by chance: 7f3a");
        let earlier = of(Shape::Messages, &json!({"messages": messages}));
        let later = of(Shape::Messages, &json!({"messages": changed}));
        prop_assert_eq!(earlier.overlap(&later).diverged_at, Some(u32::try_from(at).unwrap() + 1));
    }
}

/// Measures; run it with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "measures, for whoever looks at the figures"]
fn time_relative_to_a_peek() {
    let mut messages = Vec::new();
    for index in 0..40 {
        messages.push(user(&format!("look at {index}")));
        messages.push(json!({"role": "assistant", "content": [
            {"type": "text", "text": "I will look.".repeat(10)},
            {"type": "tool_use", "id": format!("toolu_{index}"), "name": "Read", "input": {"path": "/a/b"}},
        ]}));
        messages.push(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": format!("toolu_{index}"), "content": "a line of \"code\" and some more text that is not quoted\n".repeat(10)},
        ]}));
    }
    let tools: Vec<Value> = (0..20)
        .map(|index| {
            json!({"name": format!("tool{index}"), "description": "It does things. ".repeat(30),
                "input_schema": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "number"}}}})
        })
        .collect();
    let body = json!({"model": "m", "max_tokens": 9, "system": [{"type": "text", "text": "You are. ".repeat(600),
        "cache_control": {"type": "ephemeral"}}], "tools": tools, "messages": messages})
    .to_string();
    let time = |what: &str, work: &dyn Fn()| {
        let rounds = 5_000;
        let begin = std::time::Instant::now();
        for _ in 0..rounds {
            work();
        }
        eprintln!("{what}: {:?} for {} bytes", begin.elapsed() / rounds, body.len());
    };
    for _ in 0..2 {
        time("prefix", &|| drop(std::hint::black_box(Prefix::of(Shape::Messages, body.as_bytes()))));
        time("peek", &|| {
            drop(std::hint::black_box(crate::shapes::peek(Shape::Messages, Operation::Generate, body.as_bytes())));
        });
    }
}
