//! Bounds, sampling, stop texts and all the fields that the shape does not have.

use serde_json::{Value, json};

use super::{any, refusal, sent, translated, with};
use crate::neutral::{Profile, Thinking};
use crate::shapes::Parameters;

#[test]
fn pitfall_105_a_missing_bound_is_the_models_maximum() {
    let known = Profile { max_output: Some(64_000), ..any() };
    for (asked, profile, expected, losses) in [
        (json!(null), &known, 64_000, ""),
        (json!(null), &any(), 8_192, ""),
        (json!(100), &known, 100, ""),
        (json!(100_000), &known, 64_000, "clamped:max_tokens"),
        (json!(100_000), &any(), 100_000, ""),
    ] {
        let (body, found) = sent(&with(json!({"max_completion_tokens": asked})), profile);
        assert_eq!((&body["max_tokens"], found.as_str()), (&json!(expected), losses));
    }
}

#[test]
fn temperature_is_brought_into_bounds() {
    for (asked, expected, losses) in [(0.0, 0.0, ""), (0.7, 0.7, ""), (1.0, 1.0, ""), (1.5, 1.0, "clamped:temperature")]
    {
        let (body, found) = sent(&with(json!({"temperature": asked})), &any());
        assert_eq!((&body["temperature"], found.as_str()), (&json!(expected), losses));
    }
}

#[test]
fn pitfall_80_models_that_choose_words_themselves_are_not_told_how() {
    let refused = Parameters::TEMPERATURE | Parameters::TOP_P | Parameters::TOP_K;
    let profile = Profile { refused, ..any() };
    let (body, losses) = sent(&with(json!({"temperature": 0.2, "top_p": 0.5, "top_k": 5})), &profile);
    assert_eq!(losses, "dropped:temperature, dropped:top_p, dropped:top_k");
    for name in ["temperature", "top_p", "top_k"] {
        assert!(body.get(name).is_none());
    }
}

#[test]
fn pitfall_81_the_newer_version_of_the_api_gets_nothing_that_it_refuses() {
    let refused = Parameters::TEMPERATURE | Parameters::TOP_P | Parameters::TOP_K;
    let chat = json!({
        "model": "m", "temperature": 1, "top_p": 1.0,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "a"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "b"}, {"type": "file", "file": {"filename": "x.pdf", "file_data": "data:application/pdf;base64,JVBERi0x"}}]},
            {"role": "user", "content": "c"},
        ],
    });
    let (body, losses) = sent(&chat, &Profile { refused, ..any() });
    // A temperature of 1 is what was left out means.
    assert_eq!(losses, "dropped:messages.content.document");
    let text = body.to_string();
    for word in ["temperature", "top_p", "top_k", "document", "citations"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

#[test]
fn pitfall_104_only_one_of_temperature_and_top_p_is_sent_where_both_are_too_many() {
    let profile = Profile { one_of_temperature_and_top_p: true, ..any() };
    let (body, losses) = sent(&with(json!({"temperature": 0.3, "top_p": 0.9})), &profile);
    assert_eq!((&body["temperature"], body.get("top_p"), losses.as_str()), (&json!(0.3), None, "dropped:top_p"));
    let (body, losses) = sent(&with(json!({"top_p": 0.9})), &profile);
    assert_eq!((&body["top_p"], losses.as_str()), (&json!(0.9), ""));
    let (body, losses) = sent(&with(json!({"temperature": 0.3, "top_p": 0.9})), &any());
    assert_eq!((&body["temperature"], &body["top_p"], losses.as_str()), (&json!(0.3), &json!(0.9), ""));
}

#[test]
fn a_model_that_reasons_chooses_words_itself() {
    let profile = Profile { thinking: Thinking::Budget, ..any() };
    let fields = json!({"reasoning_effort": "low", "temperature": 0.2, "top_k": 3, "top_p": 0.97});
    let (body, losses) = sent(&with(fields), &profile);
    assert_eq!((body.get("temperature"), body.get("top_k"), &body["top_p"]), (None, None, &json!(0.97)));
    assert_eq!(losses, "dropped:temperature, dropped:top_k");
}

#[test]
fn one_answer_at_a_time() {
    let (message, field) = refusal(&with(json!({"n": 2})), &any());
    assert!(field == "n" && message.contains("claude-x"));
    assert_eq!(sent(&with(json!({"n": 1})), &any()).1, "");
}

#[test]
fn blank_stop_texts_are_looked_for_by_the_gateway() {
    let translated = translated(&with(json!({"stop": ["\n\n", "END", ""]})), &any()).unwrap();
    let body: Value = serde_json::from_slice(&translated.body).unwrap();
    assert_eq!(body["stop_sequences"], json!(["END"]));
    assert_eq!(translated.answering.stops, ["\n\n"]);
    assert!(translated.losses.is_empty());
}

#[test]
fn what_the_shape_does_not_have_is_dropped_and_said_so() {
    let (body, losses) = sent(
        &with(json!({
            "frequency_penalty": 0.5, "presence_penalty": 0, "seed": 7, "logit_bias": {"1": 2}, "logprobs": true,
            "prompt_cache_key": "k", "verbosity": "low", "prediction": {"type": "content", "content": "x"},
            "web_search_options": {}, "metadata": {"a": "b"}, "store": false, "modalities": ["text"], "from_the_future": 1,
        })),
        &any(),
    );
    let mut found: Vec<&str> = losses.split(", ").collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "dropped:frequency_penalty",
            "dropped:from_the_future",
            "dropped:logit_bias",
            "dropped:logprobs",
            "dropped:metadata",
            "dropped:prediction",
            "dropped:prompt_cache_key",
            "dropped:seed",
            "dropped:verbosity",
            "dropped:web_search_options",
        ]
    );
    assert_eq!(
        body,
        json!({"model": "claude-x", "max_tokens": 8192, "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]})
    );
}

#[test]
fn fields_of_this_shape_that_a_chat_client_sends_go_on() {
    let (body, losses) = sent(&with(json!({"inference_geo": "us", "container": "c", "speed": "fast"})), &any());
    assert_eq!(
        (&body["inference_geo"], &body["container"], &body["speed"]),
        (&json!("us"), &json!("c"), &json!("fast"))
    );
    assert_eq!(losses, "");
}

#[test]
fn sound_cannot_be_answered() {
    let fields = json!({"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}});
    assert_eq!(refusal(&with(fields), &any()).1, "modalities");
}

#[test]
fn users_tiers_and_streams_are_told() {
    let (body, losses) = sent(&with(json!({"user": "u", "service_tier": "default", "stream": true})), &any());
    assert_eq!((&body["metadata"], &body["service_tier"]), (&json!({"user_id": "u"}), &json!("standard_only")));
    assert_eq!((&body["stream"], losses.as_str()), (&json!(true), ""));
    for (tier, losses) in [("auto", ""), ("flex", "dropped:service_tier"), ("priority", "dropped:service_tier")] {
        let (body, found) = sent(&with(json!({"service_tier": tier})), &any());
        assert_eq!((body.get("service_tier"), found.as_str()), (None, losses));
    }
}

#[test]
fn a_client_that_allows_no_loss_is_told_the_field() {
    let fields = json!({"seed": 1, "provider": {"require_parameters": true}});
    assert_eq!(refusal(&with(fields), &any()).1, "seed");
}
