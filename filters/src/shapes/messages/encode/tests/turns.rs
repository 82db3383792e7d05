//! The order of turns, calls and results.

use serde_json::{Value, json};

use super::{any, call, function, refusal, result, sent, talk};
use crate::json::View;
use crate::neutral::{Losses, Profile};

/// The messages that are sent, with a tool declared.
fn turns(messages: Value) -> (Value, String) {
    turns_to(messages, &any())
}

fn turns_to(messages: Value, profile: &Profile) -> (Value, String) {
    let mut chat = talk(messages);
    chat["tools"] = json!([function("f")]);
    let (mut body, losses) = sent(&chat, profile);
    (body["messages"].take(), losses)
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

#[test]
fn a_plain_conversation_goes_turn_by_turn() {
    let chat = talk(json!([
        {"role": "system", "content": "s1"},
        {"role": "developer", "content": [{"type": "text", "text": "s2"}, {"type": "text", "text": "s3"}]},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": "bye"},
    ]));
    let (body, losses) = sent(&chat, &any());
    assert_eq!(losses, "");
    assert_eq!(
        body,
        json!({
            "model": "claude-x",
            "max_tokens": 8192,
            "system": [text("s1"), text("s2"), text("s3")],
            "messages": [
                {"role": "user", "content": [text("hi")]},
                {"role": "assistant", "content": [text("hello")]},
                {"role": "user", "content": [text("bye")]},
            ],
        })
    );
}

#[test]
fn pitfall_32_results_of_parallel_calls_become_one_message_in_the_order_of_the_calls() {
    let (messages, losses) = turns(json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": null, "tool_calls": [call("a", "f", "{}"), call("b", "f", "{}"), call("c", "f", "{}")]},
        result("c", "3"),
        result("a", "1"),
        result("b", "2"),
    ]));
    assert_eq!(losses, "");
    let block = |id: &str, said: &str| json!({"type": "tool_result", "tool_use_id": id, "content": [text(said)]});
    assert_eq!(messages[2], json!({"role": "user", "content": [block("a", "1"), block("b", "2"), block("c", "3")]}));
    assert_eq!(messages.as_array().unwrap().len(), 3);
}

#[test]
fn pitfall_33_results_stand_before_all_else_in_their_message() {
    let (messages, _) = turns(json!([
        {"role": "assistant", "content": "", "tool_calls": [call("a", "f", "{}")]},
        {"role": "developer", "content": "mind the gap"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}, {"type": "text", "text": "and?"}]},
        result("a", "1"),
    ]));
    let kinds: Vec<&str> =
        messages[1]["content"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["tool_result", "text", "image", "text"]);
    assert_eq!(messages.as_array().unwrap().len(), 2);
}

#[test]
fn pitfall_94_blank_texts_are_left_out() {
    let (messages, losses) = turns(json!([
        {"role": "user", "content": [{"type": "text", "text": " \n"}, {"type": "text", "text": "hi"}, {"type": "text", "text": ""}]},
        {"role": "assistant", "content": " ", "tool_calls": [call("a", "f", "{}")]},
        result("a", ""),
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "  "},
        {"role": "user", "content": "bye"},
    ]));
    assert_eq!(losses, "");
    assert_eq!(
        messages,
        json!([
            {"role": "user", "content": [text("hi")]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}, text("bye")]},
        ])
    );
    let (_, field) =
        refusal(&talk(json!([{"role": "system", "content": "s"}, {"role": "user", "content": " "}])), &any());
    assert_eq!(field, "messages");
}

#[test]
fn pitfall_34_results_that_are_missing_are_made_up_for_and_said_so() {
    let (messages, losses) = turns(json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [call("a", "f", "{}"), call("b", "f", "{}")]},
        result("b", "2"),
        {"role": "assistant", "content": "well"},
        {"role": "user", "content": "go on"},
        {"role": "assistant", "tool_calls": [call("c", "f", "{}")]},
    ]));
    assert_eq!(losses, "repaired:tool_result");
    let none = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": [text("[no result]")], "is_error": true});
    assert_eq!(messages[2]["content"][0], none("a"));
    assert_eq!(messages[2]["content"][1]["tool_use_id"], "b");
    assert_eq!(messages[6], json!({"role": "user", "content": [none("c")]}));
}

#[test]
fn pitfall_34_a_result_without_its_call_becomes_text() {
    let (messages, losses) = turns(json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [call("a", "f", "{}")]},
        result("a", "1"),
        result("a", "again"),
        result("zz", "whose?"),
    ]));
    assert_eq!(losses, "repaired:tool_result");
    assert_eq!(
        messages[2]["content"],
        json!([
            {"type": "tool_result", "tool_use_id": "a", "content": [text("1")]},
            text("[result of the tool call a]"), text("again"),
            text("[result of the tool call zz]"), text("whose?"),
        ])
    );
}

#[test]
fn calls_that_a_client_split_over_several_messages_are_one_turn() {
    let (messages, losses) = turns(json!([
        {"role": "assistant", "content": "two calls", "tool_calls": [call("a", "f", "{}")]},
        {"role": "assistant", "tool_calls": [call("b", "f", "{}")]},
        result("b", "2"),
        result("a", "1"),
    ]));
    assert_eq!(losses, "");
    let ids = |turn: &Value, name: &str| -> Vec<String> {
        turn["content"].as_array().unwrap().iter().filter_map(|block| block[name].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(ids(&messages[0], "id"), ["a", "b"]);
    assert_eq!(ids(&messages[1], "tool_use_id"), ["a", "b"]);
}

#[test]
fn ids_are_made_legal_and_unlike_each_other_on_both_sides() {
    let (messages, losses) = turns(json!([
        {"role": "assistant", "tool_calls": [call("call.1|x", "f", "{}"), call("call_0", "f", "{}"), call("call_0", "f", "{}")]},
        result("call_0", "first"),
        result("call.1|x", "1"),
        result("call_0", "second"),
        {"role": "assistant", "tool_calls": [call("call_0", "f", "{}")]},
        result("call_0", "third"),
    ]));
    assert_eq!(losses, "repaired:tool_calls.id");
    let pairs: Vec<(&str, &str)> = [&messages[1], &messages[3]]
        .into_iter()
        .flat_map(|turn| turn["content"].as_array().unwrap())
        .map(|block| (block["tool_use_id"].as_str().unwrap(), block["content"][0]["text"].as_str().unwrap()))
        .collect();
    assert_eq!(pairs, [("call_1_x", "1"), ("call_0", "first"), ("call_0_2", "second"), ("call_0_3", "third")]);
    assert_eq!(messages[2]["content"][0]["id"], "call_0_3");
}

#[test]
fn pitfall_96_later_system_messages_keep_their_place() {
    let chat = json!([
        {"role": "system", "content": "first"},
        {"role": "user", "content": "hi"},
        {"role": "developer", "content": "from now on: brief"},
        {"role": "assistant", "content": "ok"},
        {"role": "system", "content": "even briefer"},
        {"role": "user", "content": "go"},
    ]);
    let (messages, losses) = turns(chat.clone());
    assert_eq!(losses, "approximated:messages.role");
    let marked = |said: &str| text(&format!("<system-reminder>\n{said}\n</system-reminder>"));
    assert_eq!(
        messages,
        json!([
            {"role": "user", "content": [text("hi"), marked("from now on: brief")]},
            {"role": "assistant", "content": [text("ok")]},
            {"role": "user", "content": [marked("even briefer"), text("go")]},
        ])
    );
    // A model with such a role takes it behind a user's turn only.
    let (messages, losses) = turns_to(chat, &Profile { system_between_turns: true, ..any() });
    assert_eq!(losses, "approximated:messages.role");
    assert_eq!(
        messages,
        json!([
            {"role": "user", "content": [text("hi")]},
            {"role": "system", "content": [text("from now on: brief")]},
            {"role": "assistant", "content": [text("ok")]},
            {"role": "user", "content": [marked("even briefer"), text("go")]},
        ])
    );
}

#[test]
fn a_system_message_between_results_does_not_part_them() {
    let chat = json!([
        {"role": "assistant", "tool_calls": [call("a", "f", "{}"), call("b", "f", "{}")]},
        result("a", "1"),
        {"role": "system", "content": "hurry"},
        result("b", "2"),
    ]);
    let (messages, losses) = turns_to(chat, &Profile { system_between_turns: true, ..any() });
    assert_eq!(losses, "");
    assert_eq!(messages[1]["content"].as_array().unwrap().len(), 2);
    assert_eq!(messages[2], json!({"role": "system", "content": [text("hurry")]}));
}

#[test]
fn an_answer_that_was_begun_goes_on_without_white_space_at_its_end() {
    let chat =
        talk(json!([{"role": "user", "content": "a story"}, {"role": "assistant", "content": "Once upon a time \n"}]));
    let (body, losses) = sent(&chat, &any());
    assert_eq!((&body["messages"][1]["content"][0]["text"], losses.as_str()), (&json!("Once upon a time"), ""));
    let (message, field) = refusal(&chat, &Profile { refuses_prefill: true, ..any() });
    assert_eq!(field, "messages");
    assert!(message.contains("claude-x") && message.contains("prefill"), "{message}");
    // Blank: there is no beginning.
    let chat = talk(json!([{"role": "user", "content": "a story"}, {"role": "assistant", "content": "\n"}]));
    let (body, _) = sent(&chat, &Profile { refuses_prefill: true, ..any() });
    assert_eq!(body["messages"].as_array().unwrap().len(), 1);
}

#[test]
fn names_of_speakers_are_dropped_and_said_so() {
    let (_, losses) = turns(json!([{"role": "user", "name": "bob", "content": "hi"}]));
    assert_eq!(losses, "dropped:messages.name");
}

#[test]
fn refusals_in_history_are_text() {
    let (messages, _) = turns(json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": null, "refusal": "I will not."},
        {"role": "user", "content": "please"},
    ]));
    assert_eq!(messages[1]["content"], json!([text("I will not.")]));
}

#[test]
fn many_calls_take_time_in_proportion() {
    let blocks = |block: Value| Value::Array(vec![block; 20_000]);
    let mut messages = vec![
        json!({"role": "user", "content": "hi"}),
        json!({"role": "assistant", "content": blocks(json!({"type": "tool_use", "id": "a", "name": "f", "input": {}}))}),
        json!({"role": "user", "content": blocks(json!({"type": "tool_result", "tool_use_id": "a", "content": "x"}))}),
    ];
    messages.extend((0..5_000).map(|n| {
        json!({"role": "assistant", "content": [{"type": "tool_use", "id": format!("b{n}"), "name": format!("g{n}"), "input": {}}]})
    }));
    let body = serde_json::to_vec(&json!({"max_tokens": 9, "messages": messages})).unwrap();
    let mut losses = Losses::default();
    let begun = std::time::Instant::now();
    let request = crate::shapes::messages::decode::request(View::parse(&body).unwrap(), &mut losses).unwrap();
    let (written, _) = crate::shapes::messages::encode::request(&request, &any(), &mut losses).unwrap();
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
    let sent: Value = serde_json::from_slice(&written).unwrap();
    let calls = sent["messages"][1]["content"].as_array().unwrap();
    assert_eq!(
        (&calls[0]["id"], &calls[1]["id"], &calls[19_999]["id"]),
        (&json!("a"), &json!("a_2"), &json!("a_20000"))
    );
    assert_eq!(sent["messages"][2]["content"][19_999]["tool_use_id"], "a_20000");
}
