//! `reasoning_details` of a router that come back from a messages client.

use serde_json::{Value, json};

use super::{answering, taking_all};
use crate::Shape;
use crate::translate::{self, Upstream};

/// What a router is sent back of these, which a messages client was told and sends as history.
fn come_back(details: &Value) -> Value {
    // They are of one piece of reasoning.
    let mut details = details.clone();
    details.as_array_mut().unwrap().iter_mut().for_each(|entry| entry["index"] = json!(0));
    let message = json!({"role": "assistant", "content": "hi", "reasoning_details": details});
    let choices = json!([{"index": 0, "finish_reason": "stop", "message": message}]);
    let answer = json!({"id": "c", "model": "m", "choices": choices}).to_string();
    let told = translate::response(Shape::Chat, Shape::Messages, answer.as_bytes(), &answering()).unwrap();
    let told: Value = serde_json::from_slice(&told).unwrap();
    let request = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "x"}, {"role": "assistant", "content": told["content"]}, {"role": "user", "content": "y"},
    ]});
    let profile = taking_all();
    let upstream =
        Upstream { shape: Shape::Chat, profile: &profile, stream: false, max_output: None, without_state: false };
    let sent = translate::request(Shape::Messages, request.to_string().as_bytes(), upstream).unwrap();
    let sent: Value = serde_json::from_slice(&sent.body).unwrap();
    sent["messages"][1]["reasoning_details"].clone()
}

#[test]
fn details_of_formats_that_are_not_known_come_back_under_their_own_names() {
    let details = json!([
        {"type": "reasoning.summary", "summary": "s", "format": "xai-responses-v1", "index": 0},
        {"type": "reasoning.encrypted", "id": "rs_1", "data": "D", "format": "xai-responses-v1", "index": 1},
    ]);
    assert_eq!(come_back(&details), details);
}

#[test]
fn text_that_is_no_summary_does_not_come_back_as_one() {
    let details = json!([
        {"type": "reasoning.text", "text": "t", "format": "openai-responses-v1", "index": 0},
        {"type": "reasoning.encrypted", "id": "rs_1", "data": "D", "format": "openai-responses-v1", "index": 1},
    ]);
    assert_eq!(come_back(&details), details);
}
