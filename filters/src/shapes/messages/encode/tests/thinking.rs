//! How much to reason, and reasoning in history.

use serde_json::{Value, json};

use super::{any, call, function, merge, result, sent, talk, with};
use crate::neutral::{Effort, Origin, Profile, State, StateFormat, Thinking};
use crate::shapes::envelope;

fn model(thinking: Thinking) -> Profile {
    Profile { thinking, ..any() }
}

/// `thinking`, the effort and the warnings for a request with these fields.
fn told(fields: Value, profile: &Profile) -> (Value, Value, String) {
    let (body, losses) = sent(&with(fields), profile);
    (body["thinking"].clone(), body["output_config"]["effort"].clone(), losses)
}

const NOTHING: Value = Value::Null;

fn summarized() -> Value {
    json!({"type": "adaptive", "display": "summarized"})
}

#[test]
fn nothing_asked_is_nothing_sent() {
    for thinking in [Thinking::Unknown, Thinking::None, Thinking::Budget, Thinking::Adaptive, Thinking::Always] {
        assert_eq!(told(json!({}), &model(thinking)), (NOTHING, NOTHING, String::new()), "{thinking:?}");
    }
}

#[test]
fn efforts_become_shares_of_the_bound_for_models_with_budgets() {
    for (effort, budget) in
        [("minimal", 1024), ("low", 2000), ("medium", 5000), ("high", 8000), ("xhigh", 9500), ("max", 9500)]
    {
        let (thinking, level, losses) =
            told(json!({"reasoning_effort": effort, "max_tokens": 10_000}), &model(Thinking::Budget));
        assert_eq!(thinking, json!({"type": "enabled", "budget_tokens": budget}), "{effort}");
        assert_eq!((level, losses.as_str()), (NOTHING, ""));
    }
    let (thinking, ..) =
        told(json!({"reasoning": {"enabled": true}, "max_tokens": 1_000_000}), &model(Thinking::Budget));
    assert_eq!(thinking["budget_tokens"], 128_000);
}

#[test]
fn pitfall_77_budgets_are_in_bounds_or_not_sent() {
    for (max_tokens, asked, expected, losses) in [
        (10_000, 5_000, json!(5_000), ""),
        (10_000, 10, json!(1_024), "clamped:reasoning.max_tokens"),
        (10_000, 20_000, json!(9_999), "clamped:reasoning.max_tokens"),
        (1_025, 20_000, json!(1_024), "clamped:reasoning.max_tokens"),
        (1_024, 20_000, NOTHING, "approximated:reasoning"),
        (1, 1_024, NOTHING, "approximated:reasoning"),
    ] {
        let fields = json!({"reasoning": {"max_tokens": asked}, "max_tokens": max_tokens});
        let (thinking, _, found) = told(fields, &model(Thinking::Budget));
        assert_eq!((&thinking["budget_tokens"], found.as_str()), (&expected, losses), "{max_tokens} {asked}");
    }
}

#[test]
fn pitfall_78_reasoning_that_is_wanted_is_shown() {
    let (thinking, effort, losses) = told(json!({"reasoning_effort": "medium"}), &model(Thinking::Adaptive));
    assert_eq!((thinking, effort, losses.as_str()), (summarized(), json!("medium"), ""));
    let (thinking, effort, _) =
        told(json!({"reasoning": {"effort": "high", "exclude": true}}), &model(Thinking::Adaptive));
    assert_eq!((thinking, effort), (NOTHING, json!("high")));
    let fields = json!({"reasoning": {"enabled": true, "exclude": true}});
    let (thinking, ..) = told(fields, &model(Thinking::Always));
    assert_eq!(thinking, json!({"type": "adaptive", "display": "omitted"}));
    let (thinking, ..) = told(json!({"include_reasoning": true}), &model(Thinking::Always));
    assert_eq!(thinking, summarized());
}

#[test]
fn pitfall_123_text_between_calls_of_tools_is_shown() {
    for thinking in [Thinking::Always, Thinking::AlwaysOrBetweenTools] {
        let (thinking, effort, losses) = told(json!({"tools": [function("f")]}), &model(thinking));
        assert_eq!((thinking, effort, losses.as_str()), (summarized(), NOTHING, ""));
    }
    // Others say it in text, and may not reason unasked.
    assert_eq!(told(json!({"tools": [function("f")]}), &model(Thinking::Adaptive)).0, NOTHING);
    let fields = json!({"tools": [function("f")], "reasoning_effort": "low"});
    assert_eq!(told(fields, &model(Thinking::Adaptive)).0, summarized());
}

#[test]
fn pitfall_76_reasoning_that_is_to_be_off_is_told_so() {
    let disabled = json!({"type": "disabled"});
    for (thinking, expected, effort, losses) in [
        (Thinking::Unknown, disabled.clone(), NOTHING, ""),
        (Thinking::Adaptive, disabled.clone(), NOTHING, ""),
        (Thinking::Budget, disabled, NOTHING, ""),
        (Thinking::None, NOTHING, NOTHING, ""),
        (Thinking::AlwaysOrBetweenTools, json!({"type": "between_tools"}), NOTHING, ""),
        (Thinking::Always, NOTHING, json!("low"), "approximated:reasoning.effort"),
    ] {
        let found = told(json!({"reasoning_effort": "none"}), &model(thinking));
        assert_eq!(found, (expected, effort, losses.to_owned()), "{thinking:?}");
    }
}

#[test]
fn efforts_that_a_model_does_not_take_become_the_next_lower_one() {
    let profile = Profile { efforts: vec![Effort::Low, Effort::Medium, Effort::High], ..model(Thinking::Adaptive) };
    for (asked, expected) in [("minimal", "low"), ("low", "low"), ("high", "high"), ("xhigh", "high"), ("max", "high")]
    {
        let (_, effort, losses) = told(json!({"reasoning_effort": asked}), &profile);
        assert_eq!((effort, losses.as_str()), (json!(expected), ""), "{asked}");
    }
    assert_eq!(told(json!({"reasoning_effort": "minimal"}), &model(Thinking::Adaptive)).1, "low");
}

#[test]
fn a_budget_for_a_model_without_budgets_becomes_an_effort() {
    for (budget, effort) in [(1_024, "low"), (2_000, "low"), (8_000, "medium"), (20_000, "high"), (60_000, "xhigh")] {
        let (thinking, level, losses) = told(json!({"reasoning": {"max_tokens": budget}}), &model(Thinking::Adaptive));
        assert_eq!((thinking, level), (summarized(), json!(effort)));
        assert_eq!(losses, "approximated:reasoning.max_tokens");
    }
}

#[test]
fn a_model_that_does_not_reason_is_not_told_to() {
    let (thinking, effort, losses) = told(json!({"reasoning_effort": "high"}), &model(Thinking::None));
    assert_eq!((thinking, effort, losses.as_str()), (NOTHING, NOTHING, "dropped:reasoning"));
}

/// A turn of the model's with that reasoning, and the result of its call.
fn loop_with(reasoning: Value) -> Value {
    let mut turn = json!({"role": "assistant", "content": "so", "tool_calls": [call("a", "f", "{}")]});
    merge(&mut turn, reasoning);
    let mut chat = talk(json!([{"role": "user", "content": "go"}, turn, result("a", "1")]));
    chat["tools"] = json!([function("f")]);
    chat
}

fn signed(signature: &str) -> Value {
    json!({"reasoning_details": [
        {"type": "reasoning.text", "text": "hm", "signature": signature, "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "opaque", "format": "anthropic-claude-v1", "index": 1},
    ]})
}

#[test]
fn an_open_loop_without_reasoning_cannot_go_on_with_a_budget() {
    let mut chat = loop_with(json!({"reasoning_content": "unsigned"}));
    chat["reasoning_effort"] = json!("high");
    let (body, losses) = sent(&chat, &model(Thinking::Budget));
    assert_eq!((&body["thinking"], losses.as_str()), (&json!({"type": "disabled"}), "approximated:thinking"));
    let (body, losses) = sent(&chat, &model(Thinking::Adaptive));
    assert_eq!((&body["thinking"], losses.as_str()), (&summarized(), ""));
    let mut chat = loop_with(signed("EqQB"));
    chat["reasoning_effort"] = json!("high");
    let (body, losses) = sent(&chat, &model(Thinking::Budget));
    assert_eq!((&body["thinking"]["type"], losses.as_str()), (&json!("enabled"), ""));
}

#[test]
fn reasoning_in_history_stands_first_in_its_turn() {
    let (body, losses) = sent(&loop_with(signed("EqQB+/x==")), &any());
    assert_eq!(losses, "");
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            {"type": "thinking", "thinking": "hm", "signature": "EqQB+/x=="},
            {"type": "redacted_thinking", "data": "opaque"},
            {"type": "text", "text": "so"},
            {"type": "tool_use", "id": "a", "name": "f", "input": {}},
        ])
    );
}

#[test]
fn pitfall_65_dummies_and_unsigned_reasoning_are_not_sent() {
    for reasoning in [
        json!({"reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "skip_thought_signature_validator"}]}),
        json!({"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}),
        json!({"reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "a b"}]}),
        json!({"reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "gw1.broken"}]}),
        json!({"reasoning": "hm"}),
        json!({"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": ""}]}),
    ] {
        let (body, losses) = sent(&loop_with(reasoning.clone()), &any());
        assert_eq!(body["messages"][1]["content"][0]["type"], "text", "{reasoning}");
        assert_eq!(losses, "");
        assert!(!body.to_string().contains("hm"), "reasoning is never turned into text");
    }
}

#[test]
fn pitfall_67_state_of_others_stays_here_and_own_state_goes_back() {
    let state =
        |format, data: &str| State { format, data: data.to_owned().into(), id: None, origin: None, extra: None };
    let own = any().origin;
    let other = Origin { account: "b".into(), ..own.clone() };
    let detail = |signature: String| json!({"reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": signature}]});
    for (sealed, goes) in [
        (envelope::seal(&state(StateFormat::AnthropicSignature, "EqQB"), &own), true),
        (envelope::seal(&state(StateFormat::AnthropicSignature, "EqQB"), &other), false),
        (envelope::seal(&state(StateFormat::GoogleSignature, "EqQB"), &own), false),
        (envelope::seal(&state(StateFormat::OpenAiEncrypted, "EqQB"), &own), false),
        (envelope::seal(&state(StateFormat::Plain, "EqQB"), &own), false),
    ] {
        let (body, losses) = sent(&loop_with(detail(sealed)), &any());
        let first = &body["messages"][1]["content"][0];
        assert_eq!(first["type"] == "thinking", goes, "{first}");
        assert!(!goes || first["signature"] == "EqQB");
        assert_eq!(losses, "");
    }
    // From Claude to Gemini and back.
    let gemini = json!({"reasoning_details": [{"type": "reasoning.encrypted", "id": "a", "data": "g", "format": "google-gemini-v1"}]});
    let (body, _) = sent(&loop_with(gemini), &any());
    assert_eq!(body["messages"][1]["content"].as_array().unwrap().len(), 2);
    assert!(!body.to_string().contains("google"));
}

#[test]
fn an_answer_that_was_begun_cannot_begin_with_reasoning() {
    let mut chat = talk(json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "{"}]));
    chat["reasoning_effort"] = json!("high");
    let (body, losses) = sent(&chat, &model(Thinking::Budget));
    assert_eq!((&body["thinking"], losses.as_str()), (&json!({"type": "disabled"}), "approximated:thinking"));
}

#[test]
fn reasoning_that_the_client_does_not_see_is_not_sent_by_models_with_budgets_either() {
    let fields = json!({"reasoning": {"max_tokens": 2_000, "exclude": true}, "max_tokens": 10_000});
    let (thinking, ..) = told(fields, &model(Thinking::Budget));
    assert_eq!(thinking, json!({"type": "enabled", "budget_tokens": 2_000, "display": "omitted"}));
}

#[test]
fn a_claude_that_came_up_later_is_taken_for_the_newest() {
    let mut newest = any();
    newest.host.newest_claude = true;
    let fields = json!({"reasoning": {"max_tokens": 5_000}, "temperature": 0.5, "top_p": 0.5});
    let (body, losses) = sent(&with(fields.clone()), &newest);
    assert_eq!((&body["thinking"], &body["temperature"], &body["top_p"]), (&summarized(), &NOTHING, &NOTHING));
    for lost in ["approximated:reasoning.max_tokens", "dropped:temperature", "dropped:top_p"] {
        assert!(losses.contains(lost), "{losses}");
    }
    let known = Profile { thinking: Thinking::Budget, ..newest.clone() };
    assert_eq!(sent(&with(fields.clone()), &known).0["thinking"]["type"], "enabled");
    // Elsewhere it is told by a budget, which goes with no temperature but 1.
    let (body, _) = sent(&with(fields), &any());
    assert_eq!((&body["thinking"]["type"], &body["temperature"]), (&json!("enabled"), &NOTHING));
    let forced = json!({"tools": [function("f")], "tool_choice": "required"});
    assert_eq!(super::refusal(&with(forced), &newest).1, "tool_choice");
    let begun = talk(json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "I"}]));
    assert_eq!(super::refusal(&begun, &newest).1, "messages");
}
