//! How much to reason, what the answer must look like, bounds and sampling.

use serde_json::{Value, json};

use super::{extras, fields, read, refused, with_losses};
use crate::neutral::{CacheMark, Effort, Output, ReasoningAsk, ReasoningMode, Tier};

fn ask(asked: Value) -> ReasoningAsk {
    read(&fields(asked)).reasoning
}

const UNSAID: ReasoningAsk = ReasoningAsk { mode: ReasoningMode::Unsaid, effort: None, budget: None, show: None };

#[test]
fn every_way_to_ask_for_reasoning_is_understood() {
    let effort = |effort| ReasoningAsk { effort: Some(effort), show: Some(true), ..UNSAID };
    let on = ReasoningAsk { mode: ReasoningMode::On, show: Some(true), ..UNSAID };
    let off = ReasoningAsk { mode: ReasoningMode::Off, ..UNSAID };
    for (asked, expected) in [
        (json!({}), UNSAID),
        (json!({"reasoning_effort": null}), UNSAID),
        (json!({"reasoning_effort": "xhigh"}), effort(Effort::XHigh)),
        (json!({"reasoning_effort": "default"}), UNSAID),
        (json!({"reasoning": {"effort": "low"}, "reasoning_effort": "low"}), effort(Effort::Low)),
        (json!({"reasoning": {"max_tokens": 2000}}), ReasoningAsk { budget: Some(2000), show: Some(true), ..UNSAID }),
        (json!({"reasoning": {"enabled": true}}), on),
        (json!({"reasoning": {"enabled": true, "exclude": true}}), ReasoningAsk { show: Some(false), ..on }),
        (json!({"reasoning": {"effort": "high", "exclude": false}}), effort(Effort::High)),
        (json!({"reasoning": {}}), UNSAID),
        (json!({"reasoning": {"exclude": true}}), ReasoningAsk { show: Some(false), ..UNSAID }),
        (json!({"include_reasoning": false}), ReasoningAsk { show: Some(false), ..UNSAID }),
        (json!({"include_reasoning": true}), ReasoningAsk { show: Some(true), ..UNSAID }),
        (json!({"thinking": {"type": "enabled", "budget_tokens": 4096}}), ReasoningAsk { budget: Some(4096), ..on }),
        (
            json!({"thinking": {"type": "enabled"}, "reasoning_effort": "max"}),
            ReasoningAsk { effort: Some(Effort::Max), ..on },
        ),
        (json!({"thinking": {"type": "adaptive"}}), on),
        (json!({"reasoning": {"enabled": false}}), off),
        (json!({"reasoning": {"max_tokens": 0}}), off),
    ] {
        assert_eq!(ask(asked.clone()), expected, "{asked}");
    }
}

#[test]
fn pitfall_76_reasoning_that_is_switched_off_is_not_taken_for_nothing_said() {
    for asked in [
        json!({"reasoning_effort": "none"}),
        json!({"reasoning": {"effort": "none"}}),
        json!({"reasoning": {"enabled": false}}),
        json!({"thinking": {"type": "disabled"}}),
    ] {
        assert_eq!(ask(asked.clone()).mode, ReasoningMode::Off, "{asked}");
    }
}

#[test]
fn what_contradicts_itself_is_refused_by_name() {
    for (asked, field) in [
        (json!({"reasoning": {"effort": "high", "max_tokens": 2000}}), "reasoning"),
        (json!({"reasoning": {"effort": "high"}, "reasoning_effort": "low"}), "reasoning"),
        (json!({"reasoning": {"max_tokens": 2000}, "reasoning_effort": "low"}), "reasoning"),
        (json!({"reasoning": {"enabled": false, "effort": "low"}}), "reasoning"),
        (json!({"reasoning": {"enabled": true, "effort": "none"}}), "reasoning"),
        (json!({"reasoning_effort": "none", "thinking": {"type": "enabled"}}), "thinking"),
        (json!({"reasoning_effort": "low", "thinking": {"type": "disabled"}}), "thinking"),
        (json!({"reasoning": {"max_tokens": 1}, "thinking": {"type": "enabled", "budget_tokens": 2}}), "thinking"),
        (json!({"reasoning_effort": "much"}), "reasoning_effort"),
        (json!({"reasoning": "high"}), "reasoning"),
        (json!({"thinking": {"type": "often"}}), "thinking.type"),
        (json!({"temperature": "hot"}), "temperature"),
        (json!({"max_tokens": -1}), "max_tokens"),
        (json!({"max_completion_tokens": 0}), "max_completion_tokens"),
        (json!({"stop": 7}), "stop"),
        (json!({"seed": 1.5}), "seed"),
        (json!({"stream": "yes"}), "stream"),
        (json!({"response_format": {}}), "response_format.type"),
        (json!({"response_format": {"type": "json_schema"}}), "response_format.json_schema"),
    ] {
        assert_eq!(refused(&fields(asked.clone())).param.as_deref(), Some(field), "{asked}");
    }
}

#[test]
fn bounds_sampling_and_who_it_is_for_are_read() {
    let request = read(&fields(json!({
        "max_tokens": 10, "max_completion_tokens": 20, "temperature": 0.5, "top_p": 1, "top_k": 40, "seed": -7, "n": 3,
        "presence_penalty": 0, "frequency_penalty": 0.5, "stop": ["a", "", "b"], "user": "u", "safety_identifier": "s",
        "service_tier": "flex", "prompt_cache_key": "k", "stream": true, "stream_options": {"include_usage": true},
        "cache_control": {"type": "ephemeral", "ttl": "1h"},
    })));
    assert_eq!(request.max_output, Some(20));
    let sampling = request.sampling;
    assert_eq!((sampling.temperature, sampling.top_p, sampling.top_k), (Some(0.5), Some(1.0), Some(40)));
    assert_eq!((sampling.seed, sampling.presence_penalty, sampling.frequency_penalty), (Some(-7), None, Some(0.5)));
    assert_eq!((request.choices, request.stream, request.include_usage), (Some(3), true, true));
    assert_eq!(request.stop, ["a", "b"]);
    assert_eq!(request.end_user.as_deref(), Some("s"));
    assert_eq!((request.tier.clone(), request.cache_key.as_deref()), (Some(Tier::Flex), Some("k")));
    assert_eq!(request.cache, Some(CacheMark { long: true }));
    assert!(request.extras.is_empty(), "{:?}", request.extras);
    assert_eq!(read(&fields(json!({"top_k": -1}))).sampling.top_k, None);
    assert_eq!(read(&fields(json!({"stop": "s", "user": "u"}))).end_user.as_deref(), Some("u"));
}

#[test]
fn what_has_no_place_is_kept_and_what_says_nothing_is_not() {
    let request = read(&fields(json!({
        "logit_bias": {"1": 2}, "verbosity": "low", "later": [1], "models": ["a"], "route": "fallback",
        "provider": {"order": ["x"]}, "usage": {"include": true}, "store": true,
    })));
    let kept = [
        r#"logit_bias={"1":2}"#,
        r#"verbosity="low""#,
        "later=[1]",
        r#"models=["a"]"#,
        r#"route="fallback""#,
        "store=true",
    ];
    assert_eq!(extras(&request), kept);
    assert!(request.include_usage);
    let silent = json!({
        "logit_bias": {}, "logprobs": false, "top_logprobs": 0, "store": false, "models": [], "transforms": [],
        "plugins": [], "modalities": ["text"], "metadata": {}, "later": null, "min_p": 0, "repetition_penalty": 1.0,
        "provider": {"require_parameters": true}, "stream_options": {"include_obfuscation": false}, "model": "m",
    });
    let request = read(&fields(silent));
    assert!(request.extras.is_empty() && request.require_parameters, "{:?}", request.extras);
}

#[test]
fn the_answers_form_is_read() {
    let format =
        json!({"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": {"type": "object"}}});
    match read(&fields(json!({"response_format": format}))).output {
        Output::Schema { name, schema, strict, description: None } => {
            assert_eq!((name.as_deref(), schema.raw(), strict), (Some("n"), r#"{"type":"object"}"#, Some(true)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(read(&fields(json!({"response_format": {"type": "json_object"}}))).output, Output::JsonObject);
    let (request, losses) = with_losses(&fields(json!({"response_format": {"type": "grammar", "grammar": "g"}})));
    assert_eq!(extras(&request), [r#"response_format={"type":"grammar","grammar":"g"}"#]);
    assert_eq!(losses, "");
}
