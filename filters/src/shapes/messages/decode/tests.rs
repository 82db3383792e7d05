//! Reading of messages requests: JSON in, the neutral form out.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::Shape;
use crate::neutral::{
    CitationKind, Document, Effort, ErrorClass, Image, Origin, Reasoning, ReasoningMode, Source, State, StateFormat,
    Tool, ToolChoice,
};
use crate::shapes::envelope;

fn decoded(body: &Value, with: impl FnOnce(&Request<'_>, &Losses)) {
    let body = serde_json::to_vec(body).unwrap();
    let mut losses = Losses::default();
    let request = request(View::parse(&body).unwrap(), &mut losses).unwrap();
    with(&request, &losses);
}

fn refused(body: &Value) -> ApiError {
    let body = serde_json::to_vec(body).unwrap();
    request(View::parse(&body).unwrap(), &mut Losses::default()).unwrap_err()
}

/// A request with only that message.
fn saying(role: &str, content: Value) -> Value {
    json!({"model": "m", "max_tokens": 5, "messages": [{"role": role, "content": content}]})
}

#[test]
fn every_field_of_a_request_finds_its_place() {
    let body = json!({
        "model": "m", "max_tokens": 100, "stream": true, "temperature": 0.5, "top_p": 0.9, "top_k": 7,
        "stop_sequences": ["a", "b"], "metadata": {"user_id": "u", "more": 1}, "service_tier": "standard_only",
        "cache_control": {"type": "ephemeral", "ttl": "1h"}, "system": "s",
        "thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"},
        "output_config": {"effort": "xhigh", "format": {"type": "json_schema", "schema": {"type":"object"}}, "task_budget": 3},
        "tool_choice": {"type": "tool", "name": "t", "disable_parallel_tool_use": true},
        "context_management": {"edits": []}, "mcp_servers": [], "container": "c", "speed": "fast", "inference_geo": null,
        "provider": {"require_parameters": true},
        "messages": [{"role": "user", "content": "hi", "id": 7}],
    });
    decoded(&body, |request, losses| {
        assert!(request.stream && request.require_parameters && losses.is_empty());
        assert_eq!(request.max_output, Some(100));
        assert_eq!(request.sampling.temperature, Some(0.5));
        assert_eq!((request.sampling.top_p, request.sampling.top_k), (Some(0.9), Some(7)));
        assert_eq!(request.stop, ["a", "b"]);
        assert_eq!(request.end_user.as_deref(), Some("u"));
        assert_eq!(request.tier, Some(Tier::Standard));
        assert_eq!(request.cache, Some(CacheMark { long: true }));
        assert_eq!(request.instructions, [TextPart::new("s")]);
        let ask = request.reasoning;
        assert_eq!(
            (ask.mode, ask.effort, ask.budget, ask.show),
            (ReasoningMode::On, Some(Effort::XHigh), Some(2048), Some(false))
        );
        assert!(matches!(&request.output, Output::Schema { schema, .. } if schema.raw() == r#"{"type":"object"}"#));
        assert_eq!(request.tool_choice, Some(ToolChoice::Named("t".into())));
        assert_eq!(request.parallel_tools, Some(false));
        let extras: Vec<&str> = request.extras.iter().map(|(name, _)| &**name).collect();
        assert_eq!(
            extras,
            [
                "metadata.more",
                "output_config.task_budget",
                "context_management",
                "mcp_servers",
                "container",
                "speed",
                "messages.id"
            ]
        );
    });
}

#[test]
fn fields_that_are_null_are_not_set() {
    let mut body = saying("user", json!("hi"));
    for name in ["system", "thinking", "temperature", "tools", "tool_choice", "metadata", "output_config", "stream"] {
        body[name] = Value::Null;
    }
    decoded(&body, |request, losses| {
        assert!(losses.is_empty() && request.extras.is_empty() && request.tools.is_empty());
        assert_eq!(request.reasoning, crate::neutral::ReasoningAsk::default());
    });
}

#[test]
fn thinking_of_all_types_is_told_apart() {
    for (thinking, mode, budget) in [
        (json!({"type": "adaptive"}), ReasoningMode::On, None),
        (json!({"type": "adaptive", "display": "updates"}), ReasoningMode::On, None),
        (json!({"type": "enabled", "budget_tokens": 1024}), ReasoningMode::On, Some(1024)),
        (json!({"type": "disabled", "budget_tokens": 1024}), ReasoningMode::Off, None),
        (json!({"type": "between_tools"}), ReasoningMode::BetweenTools, None),
    ] {
        let mut body = saying("user", json!("hi"));
        body["thinking"] = thinking.clone();
        decoded(&body, |request, _| {
            assert_eq!((request.reasoning.mode, request.reasoning.budget), (mode, budget), "{thinking}");
        });
    }
    let mut body = saying("user", json!("hi"));
    body["thinking"] = json!({"type": "dreaming", "block_binding": {}});
    decoded(&body, |request, _| {
        assert!(request.extra("thinking.type").is_some() && request.extra("thinking.block_binding").is_some());
    });
}

#[test]
fn the_old_spelling_of_a_format_is_read() {
    let mut body = saying("user", json!("hi"));
    body["output_format"] = json!({"type": "json_schema", "schema": {"type": "object"}});
    decoded(&body, |request, _| assert!(matches!(request.output, Output::Schema { .. })));
}

#[test]
fn pitfall_41_tools_without_a_schema_do_not_fail_the_rest() {
    let mut body = saying("user", json!("hi"));
    body["tools"] = json!([
        {"type": "web_search_20260318", "name": "web_search", "max_uses": 5},
        {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {"a": {}}}, "strict": true,
         "cache_control": {"type": "ephemeral"}, "defer_loading": true, "eager_input_streaming": true},
        {"type": "custom", "name": "g"},
        {"type": "tool_of_the_future"},
    ]);
    decoded(&body, |request, _| {
        let names: Vec<&str> = request.tools.iter().map(Tool::name).collect();
        assert_eq!(names, ["web_search", "f", "g", "tool_of_the_future"]);
        assert!(matches!(&request.tools[0], Tool::Hosted(tool) if tool.kind == "web_search_20260318"
            && tool.raw.view().member("max_uses").is_some() && tool.shape == Shape::Messages));
        let Tool::Function(function) = &request.tools[1] else { panic!() };
        assert_eq!(function.parameters.as_ref().unwrap().raw(), r#"{"type":"object","properties":{"a":{}}}"#);
        assert_eq!((function.strict, function.cache), (Some(true), Some(CacheMark { long: false })));
        let extras: Vec<&str> = function.extras.iter().map(|(name, _)| &**name).collect();
        assert_eq!(extras, ["defer_loading", "eager_input_streaming"]);
        assert!(matches!(&request.tools[2], Tool::Function(function) if function.parameters.is_none()));
    });
}

#[test]
fn content_blocks_become_parts() {
    let body = saying(
        "user",
        json!([
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            {"type": "image", "source": {"type": "url", "url": "https://x/y"}, "transformations": {}},
            {"type": "image", "source": {"type": "file", "file_id": "f"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "title": "t",
             "context": "c", "citations": {"enabled": true}},
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "1"}, {"type": "text", "text": "2"}]}},
            {"type": "document", "source": {"type": "content", "content": [{"type": "image", "source": {"type": "url", "url": "u"}}]}},
            {"type": "search_result", "source": "https://s", "title": "t", "content": [{"type": "text", "text": "found"}]},
            {"type": "hologram", "depth": 3},
        ]),
    );
    decoded(&body, |request, losses| {
        let parts = &request.messages[0].parts;
        assert!(matches!(&parts[0], Part::Text(text) if text.text == "a" && text.cache.is_some()));
        assert!(matches!(&parts[1], Part::Image(Image { source: Source::Base64 { media_type, data }, .. })
            if media_type == "image/png" && data == "AAAA"));
        assert!(matches!(&parts[2], Part::Image(Image { source: Source::Url(url), .. }) if url == "https://x/y"));
        assert!(matches!(&parts[3], Part::Image(Image { source: Source::File { id, .. }, .. }) if id == "f"));
        assert!(
            matches!(&parts[4], Part::Document(Document { source: Source::Text(text), title: Some(title), context: Some(context), citations: true, .. })
            if text == "d" && title == "t" && context == "c")
        );
        assert!(matches!(&parts[5], Part::Document(Document { source: Source::Text(text), .. }) if text == "1\n\n2"));
        assert!(matches!(&parts[6], Part::Opaque(opaque) if opaque.kind == "document"));
        assert!(
            matches!(&parts[7], Part::Document(Document { source: Source::Text(text), context: Some(context), .. })
            if text == "found" && context == "https://s")
        );
        assert!(matches!(&parts[8], Part::Opaque(opaque) if opaque.raw.raw() == r#"{"type":"hologram","depth":3}"#));
        assert_eq!(losses.to_string(), "dropped:messages.content.transformations");
    });
}

#[test]
fn calls_and_results_of_claude_code_are_read() {
    let body = r#"{"messages": [
        {"role": "assistant", "content": [
            {"type": "text", "text": "let me see", "citations": [{"type": "web_search_result_location", "url": "u", "title": "t"}, {"type": "char_location"}]},
            {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"path" : "a b", "n": 1e400, "i": 12345678901234567890}, "caller": {"type": "direct"}},
            {"type": "tool_use", "id": "toolu_2", "name": "Now"},
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
        ]},
        {"role": "user", "content": [
            {"type": "text", "text": "also"},
            {"type": "tool_result", "tool_use_id": "toolu_2", "content": "text", "is_error": true},
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": [
                {"type": "tool_reference", "tool_name": "Grep"}, {"type": "text", "text": "x"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}]},
            {"type": "tool_result", "tool_use_id": "toolu_3"}
        ]}
    ]}"#;
    let mut losses = Losses::default();
    let request = request(View::parse(body.as_bytes()).unwrap(), &mut losses).unwrap();
    let Part::ToolCall(call) = &request.messages[0].parts[1] else { panic!() };
    assert_eq!((&*call.id, &*call.name), ("toolu_1", "Read"));
    assert_eq!(call.arguments, r#"{"path":"a b","n":1e400,"i":12345678901234567890}"#);
    assert!(matches!(&request.messages[0].parts[2], Part::ToolCall(call) if call.arguments.is_empty()));
    assert!(matches!(&request.messages[0].parts[3], Part::Opaque(opaque) if opaque.kind == "server_tool_use"));
    let Part::Text(text) = &request.messages[0].parts[0] else { panic!() };
    assert!(matches!(&text.citations[0].kind, CitationKind::Web { url, .. } if url == "u"));
    assert_eq!(text.citations[1].kind, CitationKind::Other);
    let results: Vec<(&str, bool, usize)> = request.messages[1]
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::ToolResult(result) => Some((&*result.call_id, result.is_error, result.content.len())),
            _ => None,
        })
        .collect();
    assert_eq!(results, [("toolu_2", true, 1), ("toolu_1", false, 3), ("toolu_3", false, 0)]);
    assert!(matches!(&request.messages[1].parts[3], Part::Text(_)), "results come first");
    assert!(losses.is_empty(), "{losses}");
}

#[test]
fn pitfall_95_system_messages_among_messages_are_accepted() {
    let body = json!({"messages": [
        {"role": "user", "content": "hi"},
        {"role": "system", "content": [{"type": "text", "text": "be brief"}], "output_config": {"effort": "low"}},
        {"role": "assistant", "content": "ok"},
        {"role": "system", "content": "be long", "output_config": {"effort": "max"}},
    ], "output_config": {"effort": "high"}});
    decoded(&body, |request, losses| {
        let roles: Vec<Role> = request.messages.iter().map(|message| message.role).collect();
        assert_eq!(roles, [Role::User, Role::System, Role::Assistant, Role::System]);
        assert_eq!(losses.to_string(), "approximated:messages.output_config");
    });
}

#[test]
fn the_effort_of_the_last_message_that_has_one_counts() {
    for body in [
        r#"{"output_config":{"effort":"high"},"messages":[{"role":"user","content":"a"},{"role":"system","content":"b","output_config":{"effort":"low"}}]}"#,
        r#"{"messages":[{"role":"user","content":"a"},{"role":"system","content":"b","output_config":{"effort":"low"}}],"output_config":{"effort":"high"}}"#,
    ] {
        let request = request(View::parse(body.as_bytes()).unwrap(), &mut Losses::default()).unwrap();
        assert_eq!(request.reasoning.effort, Some(Effort::Low));
    }
}

#[test]
fn pitfall_97_a_mark_on_a_message_is_one_on_its_last_text_and_those_of_the_system_prompt_stay() {
    let mark = json!({"type": "ephemeral", "ttl": "1h"});
    let body = json!({
        "system": [{"type": "text", "text": "a", "cache_control": mark}, {"type": "text", "text": "b"}],
        "messages": [{"role": "user", "cache_control": mark, "content": [
            {"type": "text", "text": "1"}, {"type": "text", "text": "2"},
            {"type": "image", "source": {"type": "url", "url": "u"}}]}],
    });
    decoded(&body, |request, _| {
        let long = Some(CacheMark { long: true });
        let marks: Vec<Option<CacheMark>> = request.instructions.iter().map(|text| text.cache).collect();
        assert_eq!(marks, [long, None]);
        let marks: Vec<Option<CacheMark>> = request.messages[0]
            .parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.cache,
                Part::Image(image) => image.cache,
                _ => panic!(),
            })
            .collect();
        assert_eq!(marks, [None, long, None]);
    });
}

#[test]
fn pitfall_119_the_billing_header_of_claude_code_is_left_out() {
    let body = |cch: &str| {
        json!({
            "system": [
                {"type": "text", "text": format!("x-anthropic-billing-header: cc_version=2; cch={cch};")},
                {"type": "text", "text": "You are Claude Code", "cache_control": {"type": "ephemeral"}},
            ],
            "messages": [{"role": "user", "content": "hi"}],
        })
    };
    decoded(&body("1"), |first, losses| {
        assert!(losses.is_empty());
        assert_eq!(first.instructions.len(), 1);
        decoded(&body("2"), |second, _| assert_eq!(first, second));
    });
}

#[test]
fn only_the_line_of_billing_is_cut_off_where_more_follows() {
    for (system, left) in [
        ("x-anthropic-billing-header: a;\n\nYou are Claude Code\nBe brief", Some("You are Claude Code\nBe brief")),
        ("x-anthropic-billing-header: a;\r\nBe brief", Some("Be brief")),
        ("x-anthropic-billing-header: a;\n", None),
        ("x-anthropic-billing-header: a;", None),
    ] {
        let body = json!({"system": system, "messages": [{"role": "user", "content": "hi"}]});
        decoded(&body, |request, _| {
            assert_eq!(request.instructions.first().map(|text| &*text.text), left, "{system}");
        });
    }
}

#[test]
fn many_unknown_fields_and_states_of_calls_are_read_in_time_in_proportion() {
    let mut body = saying("user", json!("hi"));
    for n in 0..50_000 {
        body[format!("f{n}")] = json!(n);
    }
    let origin = Origin { provider: "p".into(), family: "f".into(), account: "a".into() };
    let blocks: Vec<Value> = (0..10_000)
        .flat_map(|n| {
            let id = format!("c{n}");
            let state = State {
                format: StateFormat::GoogleSignature,
                data: "s".into(),
                id: Some(id.clone().into()),
                origin: None,
                extra: None,
            };
            let data = envelope::seal(&state, &origin);
            [
                json!({"type": "tool_use", "id": id, "name": "f", "input": {}}),
                json!({"type": "redacted_thinking", "data": data}),
            ]
        })
        .rev()
        .collect();
    let history = saying("assistant", Value::Array(blocks));
    let begun = std::time::Instant::now();
    decoded(&body, |request, _| assert_eq!(request.extras.len(), 50_000));
    decoded(&history, |request, _| {
        let calls = request.messages[0].parts.iter().filter(|part| match part {
            Part::ToolCall(call) => call.state.as_ref().is_some_and(|state| state.id.as_ref() == Some(&call.id)),
            _ => false,
        });
        assert_eq!(calls.count(), 10_000);
    });
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[test]
fn reasoning_is_read_with_whose_it_is() {
    let origin = Origin { provider: "p".into(), family: "f".into(), account: "a".into() };
    let foreign = State {
        format: StateFormat::OpenAiEncrypted,
        data: "secret".into(),
        id: Some("rs_1".into()),
        origin: None,
        extra: None,
    };
    let sealed = envelope::seal(&foreign, &origin);
    let body = saying(
        "assistant",
        json!([
            {"type": "thinking", "thinking": "own", "signature": "EqQB"},
            {"type": "thinking", "thinking": "summary", "signature": sealed},
            {"type": "thinking", "thinking": "unsigned"},
            {"type": "redacted_thinking", "data": "opaque"},
            {"type": "redacted_thinking", "data": sealed},
            {"type": "thinking", "thinking": "broken", "signature": "gw1.???"},
            {"type": "text", "text": "so"},
        ]),
    );
    decoded(&body, |request, losses| {
        assert!(losses.is_empty());
        let found: Vec<&Reasoning<'_>> = request.messages[0]
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::Reasoning(reasoning) => Some(reasoning),
                _ => None,
            })
            .collect();
        let own = found[0].state.as_ref().unwrap();
        assert_eq!((own.format, &*own.data, &own.origin), (StateFormat::AnthropicSignature, "EqQB", &None));
        for sealed in [found[1], found[4]] {
            let state = sealed.state.as_ref().unwrap();
            assert_eq!((state.format, &*state.data), (StateFormat::OpenAiEncrypted, "secret"));
            assert_eq!((state.id.as_deref(), state.origin.as_ref()), (Some("rs_1"), Some(&origin)));
        }
        assert!(found[1].summary && !found[0].summary);
        assert_eq!((&*found[2].text, &found[2].state), ("unsigned", &None));
        let redacted = found[3].state.as_ref().unwrap();
        assert_eq!((redacted.format, &*redacted.data), (StateFormat::AnthropicRedacted, "opaque"));
        assert_eq!((&*found[5].text, &found[5].state), ("broken", &None));
    });
}

#[test]
fn state_that_belongs_to_a_call_goes_back_to_it() {
    let state = State {
        format: StateFormat::GoogleSignature,
        data: "sig".into(),
        id: Some("call_1".into()),
        origin: None,
        extra: None,
    };
    let sealed = envelope::seal(&state, &Origin::default());
    let body = saying(
        "assistant",
        json!([
            {"type": "redacted_thinking", "data": sealed},
            {"type": "tool_use", "id": "call_0", "name": "f", "input": {}},
            {"type": "tool_use", "id": "call_1", "name": "f", "input": {}},
        ]),
    );
    decoded(&body, |request, _| {
        let states: Vec<Option<&str>> = request.messages[0]
            .parts
            .iter()
            .map(|part| match part {
                Part::ToolCall(call) => call.state.as_ref().map(|state| &*state.data),
                _ => panic!("the block has no place of its own"),
            })
            .collect();
        assert_eq!(states, [None, Some("sig")]);
    });
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (body, param) in [
        (json!({"model": "m"}), "messages"),
        (json!({"messages": "hi"}), "messages"),
        (json!({"messages": ["hi"]}), "messages.0"),
        (json!({"messages": [{"content": "hi"}]}), "messages.0.role"),
        (json!({"messages": [{"role": "tool", "content": "hi"}]}), "messages.0.role"),
        (json!({"messages": [{"role": "user", "content": 5}]}), "messages.0.content"),
        (json!({"messages": [{"role": "user", "content": ["x"]}]}), "messages.0.content.0"),
        (json!({"messages": [{"role": "user", "content": [{"type": "text"}]}]}), "messages.0.content.0.text"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64"}}]}]}),
            "messages.0.content.0.source",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}),
            "messages.0.content.0.tool_use_id",
        ),
        (
            json!({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a"}]}]}),
            "messages.0.content.0.name",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [{}]}]}]}),
            "messages.0.content.0.content.0",
        ),
        (json!({"messages": [], "max_tokens": -1}), "max_tokens"),
        (json!({"messages": [], "temperature": "warm"}), "temperature"),
        (json!({"messages": [], "stop_sequences": "x"}), "stop_sequences"),
        (json!({"messages": [], "thinking": "yes"}), "thinking"),
        (json!({"messages": [], "tools": [{"description": "nameless"}]}), "tools.0.name"),
        (json!({"messages": [], "tool_choice": {"type": "some"}}), "tool_choice"),
        (json!({"messages": [], "tool_choice": {"type": "tool"}}), "tool_choice.name"),
        (json!({"messages": [], "output_config": {"format": {"type": "yaml"}}}), "output_config.format"),
        (json!({"messages": [], "system": [{"type": "image", "source": {"type": "url", "url": "u"}}]}), "system"),
    ] {
        let error = refused(&body);
        assert_eq!((error.class, error.param.as_deref()), (ErrorClass::BadRequest, Some(param)), "{body}");
        assert!(error.message.contains(param), "{}", error.message);
    }
    assert_eq!(refused(&json!([])).param, None);
}

#[test]
fn a_request_without_a_bound_is_read() {
    decoded(&json!({"messages": [{"role": "user", "content": null}]}), |request, _| {
        assert_eq!(request.max_output, None);
        assert!(request.messages[0].parts.is_empty());
    });
}

proptest! {
    #[test]
    fn nothing_that_is_json_makes_the_reader_panic(body in json_like(), key in "messages|system|tools|thinking|tool_choice|output_config|metadata") {
        let mut losses = Losses::default();
        let bytes = serde_json::to_vec(&json!({"messages": [], key: body.clone()})).unwrap();
        let _ = request(View::parse(&bytes).unwrap(), &mut losses);
        let bytes = serde_json::to_vec(&json!({"messages": [{"role": "user", "content": [body]}]})).unwrap();
        let _ = request(View::parse(&bytes).unwrap(), &mut losses);
    }
}

/// JSON that is made of the words of the shape.
fn json_like() -> impl Strategy<Value = Value> {
    let word = "type|text|image|tool_use|tool_result|thinking|source|base64|content|id|name|input|role|user|enabled|data|schema";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((word, inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
