//! Bounds, sampling, reasoning, who it is for.

use serde_json::{Value, json};

use super::{again, deepseek, fields, openai, plain, refused, router, sent};
use crate::neutral::{Effort, Profile, Thinking};
use crate::shapes::Parameters;

/// GPT of today: it samples only while it does not reason.
fn gpt(rests_by_default: bool) -> Profile {
    Profile {
        refused: Parameters::STOP,
        refused_while_reasoning: Parameters::TEMPERATURE | Parameters::TOP_P,
        rests_by_default,
        efforts: vec![Effort::Low, Effort::Medium, Effort::High, Effort::XHigh],
        ..openai()
    }
}

fn without_messages(mut body: Value) -> Value {
    let fields = body.as_object_mut().unwrap();
    fields.remove("messages");
    fields.remove("model");
    body
}

#[test]
fn the_bound_on_the_output_has_the_name_that_the_host_knows() {
    let body = fields(json!({}));
    assert_eq!(without_messages(sent(&body, &plain()).body), json!({"max_tokens": 100}));
    assert_eq!(without_messages(sent(&body, &openai()).body), json!({"max_completion_tokens": 100}));
    let small = Profile { max_output: Some(64), ..plain() };
    let clamped = sent(&body, &small);
    assert_eq!((&clamped.body["max_tokens"], clamped.losses.as_str()), (&json!(64), "clamped:max_tokens"));
    assert_eq!(refused(&fields(json!({"max_tokens": 0})), &plain()).param.as_deref(), Some("max_tokens"));
}

#[test]
fn pitfall_93_token_counts_are_asked_for_whether_the_client_wants_them_or_not() {
    let body = fields(json!({"stream": true}));
    assert_eq!(sent(&body, &openai()).body["stream_options"], json!({"include_usage": true}));
    assert_eq!(sent(&body, &plain()).body.get("stream_options"), None);
    assert_eq!(sent(&fields(json!({})), &openai()).body.get("stream_options"), None);
    let silent = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "x"}]});
    assert_eq!(again(&silent, &openai()).body["stream_options"]["include_usage"], true);
}

#[test]
fn pitfall_80_reasoning_models_are_not_told_how_to_sample() {
    let body = fields(json!({"temperature": 0.5, "top_p": 0.5}));
    let reasoning = sent(&body, &gpt(false));
    assert_eq!((reasoning.body.get("temperature"), reasoning.body.get("top_p")), (None, None));
    assert_eq!(reasoning.losses, "dropped:temperature, dropped:top_p");
    assert_eq!(sent(&body, &gpt(true)).body["temperature"], 0.5);
    let off = fields(json!({"temperature": 0.5, "thinking": {"type": "disabled"}}));
    let off = sent(&off, &gpt(false));
    assert_eq!((&off.body["temperature"], &off.body["reasoning_effort"]), (&json!(0.5), &json!("none")));
    let on = fields(json!({"temperature": 0.5, "thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}));
    assert_eq!(sent(&on, &gpt(true)).body.get("temperature"), None);
    let never = Profile { refused: Parameters::TEMPERATURE, ..openai() };
    let usual = sent(&fields(json!({"temperature": 1.0})), &never);
    assert_eq!((usual.body.get("temperature"), usual.losses.as_str()), (None, ""));
}

#[test]
fn top_k_goes_to_hosts_that_may_know_it() {
    let body = fields(json!({"top_k": 5}));
    assert_eq!(sent(&body, &plain()).body["top_k"], 5);
    let openai = sent(&body, &openai());
    assert_eq!((openai.body.get("top_k"), openai.losses.as_str()), (None, "dropped:top_k"));
}

#[test]
fn stop_texts_beyond_what_the_model_takes_are_looked_for_here() {
    let body = fields(json!({"stop_sequences": ["a", "b", "c", "d", "e", "f"]}));
    let some = sent(&body, &plain());
    assert_eq!(some.body["stop"], json!(["a", "b", "c", "d"]));
    assert_eq!(some.answering.stops, ["e", "f"]);
    let none = sent(&body, &gpt(true));
    assert_eq!((none.body.get("stop"), none.answering.stops.len(), none.losses.as_str()), (None, 6, ""));
}

#[test]
fn efforts_are_what_the_model_has() {
    let effort = |effort: &str, profile: &Profile| {
        let sent =
            sent(&fields(json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": effort}})), profile);
        (sent.body["reasoning_effort"].clone(), sent.losses)
    };
    assert_eq!(effort("max", &plain()), (json!("high"), "approximated:reasoning.effort".to_owned()));
    assert_eq!(effort("max", &gpt(true)), (json!("xhigh"), "approximated:reasoning.effort".to_owned()));
    assert_eq!(effort("high", &gpt(true)), (json!("high"), String::new()));
    let few = Profile { efforts: vec![Effort::Medium, Effort::High], ..openai() };
    assert_eq!(effort("low", &few), (json!("medium"), "approximated:reasoning.effort".to_owned()));
    let none = Profile { thinking: Thinking::None, ..openai() };
    assert_eq!(effort("low", &none), (Value::Null, "dropped:reasoning.effort".to_owned()));
    let adaptive = sent(&fields(json!({"thinking": {"type": "adaptive"}})), &gpt(true));
    assert_eq!((adaptive.body.get("reasoning_effort"), adaptive.losses.as_str()), (None, ""));
}

#[test]
fn budgets_become_efforts() {
    for (budget, effort) in [(1024, "low"), (2048, "low"), (4096, "medium"), (16384, "high"), (40000, "xhigh")] {
        let body = fields(json!({"max_tokens": 64000, "thinking": {"type": "enabled", "budget_tokens": budget}}));
        // Not every host knows more than `high`.
        let common = if effort == "xhigh" { "high" } else { effort };
        for (profile, effort) in [(gpt(false), effort), (openai(), common)] {
            let sent = sent(&body, &profile);
            assert_eq!((&sent.body["reasoning_effort"], sent.losses.as_str()), (&json!(effort), ""), "{budget}");
        }
        assert_eq!(sent(&body, &router()).body["reasoning"], json!({"max_tokens": budget}));
        assert_eq!(sent(&body, &deepseek()).body["thinking"], json!({"type": "enabled"}));
    }
}

#[test]
fn pitfall_76_reasoning_is_switched_off_in_each_hosts_words() {
    let body = fields(json!({"thinking": {"type": "disabled"}}));
    let sent_to = |profile: &Profile| without_messages(sent(&body, profile).body);
    assert_eq!(sent_to(&openai())["reasoning_effort"], "none");
    assert_eq!(sent_to(&router())["reasoning"], json!({"effort": "none"}));
    assert_eq!(sent_to(&deepseek())["thinking"], json!({"type": "disabled"}));
    assert_eq!(sent_to(&deepseek()).get("reasoning_effort"), None);
    let never = Profile { refuses_effort_none: true, efforts: vec![Effort::Medium, Effort::Low], ..openai() };
    let always = Profile { thinking: Thinking::Always, efforts: vec![Effort::Low], ..openai() };
    for profile in [never, always] {
        let lowest = sent(&body, &profile);
        assert_eq!(
            (&lowest.body["reasoning_effort"], lowest.losses.as_str()),
            (&json!("low"), "approximated:reasoning.effort")
        );
    }
    let not_at_all = Profile { thinking: Thinking::None, ..openai() };
    assert_eq!(sent(&body, &not_at_all).body.get("reasoning_effort"), None);
}

#[test]
fn pitfall_45_models_that_take_tools_only_at_rest_are_told_to_rest() {
    let tools = json!([{"name": "f", "input_schema": {"type": "object", "properties": {}}}]);
    let body = |thinking: Value| fields(json!({"tools": tools, "thinking": thinking}));
    let newest = Profile { chat_tools_need_no_reasoning: true, ..gpt(false) };
    for thinking in [json!(null), json!({"type": "adaptive"})] {
        let sent = sent(&body(thinking), &newest);
        assert_eq!(
            (&sent.body["reasoning_effort"], sent.losses.as_str()),
            (&json!("none"), "approximated:reasoning_effort")
        );
    }
    assert_eq!(sent(&body(json!({"type": "disabled"})), &newest).losses, "");
    let resting = Profile { chat_tools_need_no_reasoning: true, ..gpt(true) };
    let silent = sent(&body(json!(null)), &resting);
    assert_eq!((&silent.body["reasoning_effort"], silent.losses.as_str()), (&json!("none"), ""));
    assert_eq!(sent(&fields(json!({})), &newest).body.get("reasoning_effort"), None);
}

#[test]
fn who_it_is_for_is_told_in_the_hosts_field_and_shortened_by_a_digest() {
    let user = |id: &str, profile: &Profile| sent(&fields(json!({"metadata": {"user_id": id}})), profile).body;
    let short = user("u1", &openai());
    assert_eq!(short["safety_identifier"], "u1");
    let key = short["prompt_cache_key"].as_str().unwrap();
    assert!(key.len() == 64 && key != "u1" && user("u1", &openai())["prompt_cache_key"] == key);
    assert_ne!(user("u2", &openai())["prompt_cache_key"], key);
    let long = user(&"é".repeat(65), &openai());
    let digest = long["safety_identifier"].as_str().unwrap();
    assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest}");
    assert_eq!(user(&"é".repeat(64), &openai())["safety_identifier"], "é".repeat(64));
    let other = user("u1", &plain());
    assert_eq!(
        (&other["user"], other.get("safety_identifier"), other.get("prompt_cache_key")),
        (&json!("u1"), None, None)
    );
}

#[test]
fn service_tiers_cross() {
    let tier = |word: &str, profile: &Profile| {
        sent(&fields(json!({"service_tier": word})), profile).body.get("service_tier").cloned()
    };
    assert_eq!(tier("auto", &openai()), None);
    assert_eq!(tier("standard_only", &openai()), Some(json!("default")));
    assert_eq!(tier("standard_only", &plain()), None);
}

#[test]
fn schemas_of_answers_get_a_name_and_models_without_them_are_told_in_words() {
    let body = fields(
        json!({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "properties": {"z": {}, "a": {}}}}}}),
    );
    let sent_there = sent(&body, &openai());
    let format = json!({"type": "json_schema", "json_schema": {"name": "structured_output", "schema": {"type": "object", "properties": {"z": {}, "a": {}}}}});
    assert_eq!((&sent_there.body["response_format"], sent_there.losses.as_str()), (&format, ""));
    let without = Profile { structured_outputs: Some(false), ..plain() };
    let words = sent(&body, &without);
    assert_eq!(words.body["response_format"], json!({"type": "json_object"}));
    let told = words.body["messages"][0]["content"].as_str().unwrap();
    assert!(told.ends_with(r#"{"type":"object","properties":{"z":{},"a":{}}}"#), "{told}");
    assert_eq!(words.losses, "approximated:schema");
}

#[test]
fn fields_of_messages_that_chat_has_not_are_named_or_refused() {
    let sent =
        sent(&fields(json!({"context_management": {"edits": []}, "inference_geo": "us", "mcp_servers": []})), &plain());
    assert_eq!(sent.losses, "dropped:context_management, dropped:inference_geo");
    for field in ["mcp_servers", "container"] {
        let body = fields(json!({field: [{"type": "url"}]}));
        assert_eq!(refused(&body, &plain()).param.as_deref(), Some(field));
    }
}

#[test]
fn several_answers_cannot_be_told_in_another_shape() {
    let body = json!({"model": "m", "n": 2, "messages": [{"role": "user", "content": "x"}]});
    let error = super::try_send(crate::Shape::Chat, &body, &plain()).err().unwrap();
    assert_eq!(error.param.as_deref(), Some("n"));
}

#[test]
fn reasoning_between_calls_only_is_reasoning_elsewhere() {
    let body = fields(json!({"thinking": {"type": "between_tools"}}));
    let sent_there = sent(&body, &router());
    assert_eq!(sent_there.body["reasoning"], json!({"enabled": true}));
    assert_eq!(sent_there.losses, "approximated:thinking");
    assert_eq!(sent(&body, &openai()).body.get("reasoning_effort"), None);
}

#[test]
fn levels_that_not_every_host_knows_are_sent_only_where_they_are_known() {
    let effort = |word: &str| fields(json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": word}}));
    for word in ["xhigh", "max"] {
        let unknown = sent(&effort(word), &plain());
        assert_eq!(
            (&unknown.body["reasoning_effort"], unknown.losses.as_str()),
            (&json!("high"), "approximated:reasoning.effort")
        );
        let router = sent(&effort(word), &router());
        assert_eq!((&router.body["reasoning"]["effort"], router.losses.as_str()), (&json!(word), ""));
    }
    assert_eq!(sent(&effort("high"), &plain()).losses, "");
}

#[test]
fn a_budget_of_reasoning_stays_below_the_bound_on_the_output() {
    let budget = json!({"max_tokens": 50_000, "thinking": {"type": "enabled", "budget_tokens": 20_000}});
    let small = Profile { max_output: Some(8_000), ..router() };
    let clamped = sent(&fields(budget.clone()), &small);
    assert_eq!(
        (&clamped.body["max_tokens"], &clamped.body["reasoning"]),
        (&json!(8_000), &json!({"max_tokens": 7_999}))
    );
    assert!(clamped.losses.contains("clamped:reasoning.max_tokens"), "{}", clamped.losses);
    let mut both = budget.clone();
    both["output_config"] = json!({"effort": "low"});
    let effort = sent(&fields(both.clone()), &small);
    assert_eq!(effort.body["reasoning"], json!({"effort": "low"}));
    let fits = sent(&fields(both), &router());
    assert_eq!(
        (&fits.body["reasoning"], fits.losses.as_str()),
        (&json!({"max_tokens": 20_000}), "dropped:reasoning.effort")
    );
    let one = Profile { max_output: Some(1), ..router() };
    assert_eq!(sent(&fields(budget), &one).body["reasoning"], json!({"enabled": true}));
}

#[test]
fn stop_texts_that_the_gateway_looks_for_are_bounded() {
    let many = |count: usize, length: usize| {
        let stops: Vec<String> = (0..count).map(|number| format!("{number:0length$}")).collect();
        fields(json!({"stop_sequences": stops}))
    };
    assert_eq!(sent(&many(68, 1_024), &plain()).answering.stops.len(), 64);
    for body in [many(69, 4), many(5, 1_025)] {
        assert_eq!(refused(&body, &plain()).param.as_deref(), Some("stop_sequences"));
    }
}
