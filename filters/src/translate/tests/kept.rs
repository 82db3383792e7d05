//! Reasoning that a chat client leaves out comes back to the model that made it, and to no other.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{answering, streams, taking_all};
use crate::Shape;
use crate::neutral::{Profile, Reasoning};
use crate::translate::{self, Aggregate, Kept, StreamTranslator, Upstream};

const STREAM: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"c\",\"content\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"c2ln\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"look\",\"input\":{}}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":5}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

fn whole(content: &Value) -> Vec<u8> {
    let body = json!({"id": "m", "type": "message", "role": "assistant", "model": "c", "content": content,
        "stop_reason": "tool_use", "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 5}});
    serde_json::to_vec(&body).unwrap()
}

fn thinking() -> Value {
    json!({"type": "thinking", "thinking": "hm", "signature": "c2ln"})
}

fn call() -> Value {
    json!({"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}})
}

fn kept(content: &Value) -> Option<Kept> {
    translate::answer((Shape::Messages, Shape::Chat), &whole(content), &answering(), false).unwrap().kept
}

/// The turn of the assistant in the request that the provider gets, when this was remembered and the client says this.
fn sent(remembered: &Kept, said: &Value, profile: &Profile) -> Value {
    let mut turn = json!({"role": "assistant", "content": "text", "tool_calls": [
        {"id": "other", "type": "function", "function": {"name": "look", "arguments": "{}"}},
        {"id": "toolu_1", "type": "function", "function": {"name": "look", "arguments": "{}"}},
    ]});
    turn.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
    let body = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "a"}, turn,
        {"role": "tool", "tool_call_id": "other", "content": "1"},
        {"role": "tool", "tool_call_id": "toolu_1", "content": "2"},
    ]});
    let reasoning: Arc<[Reasoning<'static>]> = remembered.reasoning.clone().into();
    let recall = |id: &str| remembered.calls.iter().any(|call| call == id).then(|| Arc::clone(&reasoning));
    let upstream = Upstream { shape: Shape::Messages, profile, stream: false, max_output: None, without_state: false };
    let made = translate::request_recalling(Shape::Chat, body.to_string().as_bytes(), upstream, &recall).unwrap();
    let body: Value = serde_json::from_slice(&made.body).unwrap();
    body["messages"][1]["content"].clone()
}

#[test]
fn an_answer_with_calls_and_signed_thinking_is_kept_however_it_is_told() {
    let kept = kept(&json!([thinking(), call()])).unwrap();
    assert_eq!((&*kept.calls, kept.reasoning.len()), (&["toolu_1".to_owned()][..], 1));
    assert_eq!(kept.reasoning[0].text, "hm");
    let state = kept.reasoning[0].state.as_ref().unwrap();
    assert_eq!((&*state.data, &state.origin), ("c2ln", &Some(answering().origin)));

    let as_stream =
        translate::answer((Shape::Messages, Shape::Chat), &whole(&json!([thinking(), call()])), &answering(), true);
    assert_eq!(as_stream.unwrap().kept.as_ref(), Some(&kept));

    let mut aggregate = Aggregate::new(Shape::Messages, Shape::Chat, &answering()).unwrap();
    let mut translator = StreamTranslator::new(Shape::Messages, Shape::Chat, &answering()).unwrap();
    let mut out = bytes::BytesMut::new();
    streams::framed([bytes::Bytes::from_static(STREAM.as_bytes())], |event| {
        aggregate.event(event);
        translator.event(event, &mut out).unwrap();
    });
    assert_eq!(aggregate.finish().unwrap().kept.as_ref(), Some(&kept));
    assert_eq!(translator.take_kept(&answering()).as_ref(), Some(&kept));
}

#[test]
fn an_answer_without_calls_or_state_or_of_great_size_is_not_kept() {
    assert_eq!(kept(&json!([thinking(), {"type": "text", "text": "done"}])), None);
    assert_eq!(kept(&json!([call()])), None);
    let large = json!({"type": "thinking", "thinking": "h".repeat(256 * 1024), "signature": "c2ln"});
    assert_eq!(kept(&json!([large, call()])), None);
}

#[test]
fn what_the_client_left_out_stands_before_the_rest_of_its_turn_again() {
    let redacted = json!({"type": "redacted_thinking", "data": "cmVk"});
    let kept = kept(&json!([thinking(), redacted, call()])).unwrap();
    for said in [json!({}), json!({"reasoning_content": "hm"}), json!({"reasoning": "hm"})] {
        let content = sent(&kept, &said, &taking_all());
        let kinds: Vec<&str> = content.as_array().unwrap().iter().map(|part| part["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["thinking", "redacted_thinking", "text", "tool_use", "tool_use"], "{content}");
        assert_eq!((&content[0], &content[1]), (&thinking(), &redacted));
    }
}

#[test]
fn a_client_that_sends_its_details_is_left_alone() {
    let kept = kept(&json!([thinking(), call()])).unwrap();
    let own = json!({"reasoning_details": [
        {"type": "reasoning.text", "text": "mine", "signature": "bWluZQ==", "format": "anthropic-claude-v1", "index": 0},
    ]});
    let content = sent(&kept, &own, &taking_all());
    assert_eq!(content[0], json!({"type": "thinking", "thinking": "mine", "signature": "bWluZQ=="}));
    assert_eq!(content.to_string().matches("thinking\":").count(), 1, "{content}");
}

#[test]
fn reasoning_of_another_account_is_not_put_back() {
    let kept = kept(&json!([thinking(), call()])).unwrap();
    let mut profile = taking_all();
    profile.origin.account = "another".into();
    let content = sent(&kept, &json!({}), &profile);
    assert_eq!(content[0]["type"], "text", "{content}");
}
