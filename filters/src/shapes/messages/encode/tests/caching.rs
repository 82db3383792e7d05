//! Marks for the cache.

use serde_json::{Value, json};

use super::{any, function, sent, talk};

fn mark() -> Value {
    json!({"type": "ephemeral"})
}

fn marked(text: &str, mark: Value) -> Value {
    json!({"type": "text", "text": text, "cache_control": mark})
}

#[test]
fn marks_stay_where_they_are() {
    let mut tool = function("f");
    tool["function"]["cache_control"] = mark();
    let mut chat = talk(json!([
        {"role": "system", "content": [marked("s", json!({"type": "ephemeral", "ttl": "1h"})), {"type": "text", "text": "t"}]},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "cache_control": mark()},
    ]));
    chat["tools"] = json!([tool]);
    chat["cache_control"] = mark();
    let (body, losses) = sent(&chat, &any());
    assert_eq!(losses, "");
    assert_eq!(body["cache_control"], mark());
    assert_eq!(body["tools"][0]["cache_control"], mark());
    // Behind a short time to live the API takes no long one.
    assert_eq!(body["system"], json!([marked("s", mark()), {"type": "text", "text": "t"}]));
    assert_eq!(body["messages"][0]["content"], json!([{"type": "text", "text": "a"}, marked("b", mark())]));
}

#[test]
fn long_times_to_live_come_first() {
    let long = json!({"type": "ephemeral", "ttl": "1h"});
    let chat = talk(json!([
        {"role": "system", "content": [marked("s", long.clone())]},
        {"role": "user", "content": [marked("a", mark()), marked("b", long.clone())]},
    ]));
    let (body, _) = sent(&chat, &any());
    assert_eq!(body["system"][0]["cache_control"], long);
    assert_eq!(body["messages"][0]["content"][1]["cache_control"], mark());
}

#[test]
fn of_too_many_marks_the_last_four_stay() {
    let texts: Vec<Value> = (0..6).map(|number| marked(&number.to_string(), mark())).collect();
    let mut chat =
        talk(json!([{"role": "system", "content": [marked("s", mark())]}, {"role": "user", "content": texts}]));
    let marks = |chat: &Value| -> Vec<bool> {
        let (body, _) = sent(chat, &any());
        let blocks =
            body["system"].as_array().unwrap().iter().chain(body["messages"][0]["content"].as_array().unwrap());
        blocks.map(|block| block.get("cache_control").is_some()).collect()
    };
    assert_eq!(marks(&chat), [false, false, false, true, true, true, true]);
    chat["cache_control"] = mark();
    assert_eq!(marks(&chat), [false, false, false, false, true, true, true]);
}

#[test]
fn the_mark_of_a_blank_text_goes_to_what_stands_before_it() {
    let chat = talk(json!([{"role": "user", "content": [{"type": "text", "text": "a"}, marked(" ", mark())]}]));
    let (body, _) = sent(&chat, &any());
    assert_eq!(body["messages"][0]["content"], json!([marked("a", mark())]));
}
