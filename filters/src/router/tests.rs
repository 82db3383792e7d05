//! What a router's words in requests come to, and what answers look like to its clients.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::json::splice;
use crate::money::PicoDollars;
use crate::neutral::{ErrorClass, HostRules, Profile, Usage};
use crate::shapes::{Edits, Peek, peek};
use crate::{Operation, Shape};

fn request(more: Value) -> String {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body.to_string()
}

fn found(body: &str) -> Peek {
    peek(Shape::Chat, Operation::Generate, body.as_bytes()).unwrap()
}

fn refused(more: Value) -> (String, String) {
    let error = peek(Shape::Chat, Operation::Generate, request(more).as_bytes()).unwrap_err();
    assert_eq!(error.class, ErrorClass::BadRequest);
    (error.param.unwrap_or_default(), error.message)
}

/// What a host is sent for a body.
fn sent(body: &str, host: HostRules, dialect: Dialect) -> (Value, Vec<String>) {
    let found = found(body);
    let profile = Profile { host, ..Profile::default() };
    let told = Told { profile: &profile, dialect, has_tools: found.needs.tools, max_output: found.max_output };
    let wanted = Edits { model: "real", ask_usage: true, completion_tokens_field: false, max_output: Some(7) };
    let mut edits = found.edits(&wanted);
    let (more, losses) = found.router.as_ref().map(|router| router.edits(body.as_bytes(), &told)).unwrap_or_default();
    edits.extend(more);
    let bytes = splice(&Bytes::from(body.to_owned()), &edits).concat();
    let value =
        serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&bytes)));
    (value, losses.all().iter().map(ToString::to_string).collect())
}

const ALL: &str = r#"{"models":["b","c"],"route":"fallback","messages":[{"role":"user","content":"hi"}],"provider":{"order":["OpenAI"],
    "allow_fallbacks":false,"sort":{"by":"price","partition":"none"},"max_price":{"prompt":1.5,"completion":"2","image":1},"zdr":true,
    "quantizations":["fp8"],"preferred_max_latency":{"p90":2}},"plugins":[{"id":"response-healing"},{"id":"web","enabled":false}],
    "transforms":["middle-out"],"trace":{"trace_id":"t"},"debug":{},"usage":{"include":true},"session_id":"s","user":"u",
    "reasoning":{"effort":"high","exclude":true},"stream":true}"#;

#[test]
fn a_plain_request_has_no_words_of_a_router() {
    assert_eq!(found(&request(json!({"user": "u", "temperature": 1, "reasoning_effort": "low"}))).router, None);
}

#[test]
fn all_words_of_a_router_are_read() {
    let found = found(ALL);
    let router = found.router.unwrap();
    assert_eq!((found.model.as_str(), &router.models[..]), ("b", &["c".to_owned()][..]));
    assert!(router.is_asked() && router.hides_reasoning() && router.searches.is_none());
    assert_eq!((found.session.as_deref(), found.end_user.as_deref()), (Some("s"), Some("u")));
    let wishes = &router.wishes;
    assert_eq!((&wishes.order[..], wishes.allow_fallbacks), (&["openai".into()][..], false));
    assert_eq!((wishes.sort, wishes.across_models), (Some(Sort::Price), true));
    assert_eq!(wishes.max_price.prompt, Some(PicoDollars(1_500_000)));
    assert_eq!(wishes.max_price.completion, Some(PicoDollars(2_000_000)));
    assert_eq!(wishes.max_latency.map(|time| time.as_secs()), Some(2));
    assert_eq!(
        router.ignored,
        [
            "provider.max_price.image",
            "provider.zdr",
            "provider.quantizations",
            "plugins.response-healing",
            "transforms",
            "trace",
            "debug"
        ]
    );
}

#[test]
fn a_plain_host_is_sent_none_of_them_and_reasoning_in_its_own_words() {
    let (body, _) = sent(ALL, HostRules { stream_options: true, ..HostRules::default() }, Dialect::Router);
    let expected = json!({"model": "real", "messages": [{"role": "user", "content": "hi"}], "stream": true, "user": "u", "max_tokens": 7,
        "reasoning_effort": "high", "stream_options": {"include_usage": true}});
    assert_eq!(body, expected);
}

#[test]
fn a_router_is_sent_all_but_the_models_which_are_chosen_here() {
    let (body, _) = sent(ALL, HostRules { router_fields: true, ..HostRules::default() }, Dialect::Router);
    assert_eq!(body["model"], "real");
    assert!(body.get("models").is_none() && body.get("route").is_none());
    for kept in ["provider", "plugins", "transforms", "trace", "usage", "session_id", "reasoning"] {
        assert!(body.get(kept).is_some(), "{kept}");
    }
}

#[test]
fn sampling_that_openai_refuses_is_left_out_for_a_routers_client_and_told() {
    let host = HostRules { openai_fields: true, ..HostRules::default() };
    let body = request(json!({"top_k": 4, "min_p": 0.1, "temperature": 1}));
    let (routers, losses) = sent(&body, host, Dialect::Router);
    assert!(routers.get("top_k").is_none() && routers.get("min_p").is_none() && routers["temperature"] == 1);
    assert_eq!(losses, ["dropped:top_k", "dropped:min_p"]);
    let (plain, losses) = sent(&body, host, Dialect::Plain);
    assert_eq!((plain["top_k"].as_u64(), losses.len()), (Some(4), 0));
}

#[test]
fn a_wrong_value_is_refused_with_its_field() {
    for (more, param) in [
        (json!({"models": "x"}), "models"),
        (json!({"models": [1]}), "models"),
        (json!({"models": vec!["m"; 17]}), "models"),
        (json!({"route": 1}), "route"),
        (json!({"provider": []}), "provider"),
        (json!({"provider": {"order": "openai"}}), "provider.order"),
        (json!({"provider": {"only": [""]}}), "provider.only"),
        (json!({"provider": {"ignore": [1]}}), "provider.ignore"),
        (json!({"provider": {"allow_fallbacks": "no"}}), "provider.allow_fallbacks"),
        (json!({"provider": {"require_parameters": 1}}), "provider.require_parameters"),
        (json!({"provider": {"sort": "cheap"}}), "provider.sort"),
        (json!({"provider": {"sort": {"by": "price", "partition": "x"}}}), "provider.sort.partition"),
        (json!({"provider": {"max_price": {"prompt": -1}}}), "provider.max_price.prompt"),
        (json!({"provider": {"max_price": {"completion": "much"}}}), "provider.max_price.completion"),
        (json!({"provider": {"quantizations": ["fp1"]}}), "provider.quantizations"),
        (json!({"provider": {"data_collection": "maybe"}}), "provider.data_collection"),
        (json!({"provider": {"zdr": "yes"}}), "provider.zdr"),
        (json!({"provider": {"preferred_min_throughput": "fast"}}), "provider.preferred_min_throughput"),
        (json!({"plugins": [{"name": "web"}]}), "plugins"),
        (json!({"transforms": "middle-out"}), "transforms"),
        (json!({"usage": true}), "usage"),
        (json!({"usage": {"include": 1}}), "usage.include"),
        (json!({"trace": 1}), "trace"),
        (json!({"reasoning": "high"}), "reasoning"),
        (json!({"reasoning": {"effort": "low", "max_tokens": 2000}}), "reasoning"),
        (json!({"reasoning": {"effort": "huge"}}), "reasoning.effort"),
        (json!({"reasoning": {"effort": "low"}, "reasoning_effort": "high"}), "reasoning"),
        (json!({"include_reasoning": "yes"}), "include_reasoning"),
    ] {
        let (named, message) = refused(more.clone());
        assert_eq!(named, param, "{more}: {message}");
        assert!(message.contains(&format!("`{param}`")), "{message}");
    }
}

/// The shapes that a router's words may come in, with what each must have.
const SHAPES: [(Shape, &str); 3] =
    [(Shape::Chat, r#""messages":[]"#), (Shape::Messages, r#""messages":[]"#), (Shape::Responses, r#""input":"hi""#)];

/// All fields that are a router's own.
const FIELDS: [(&str, &str); 13] = [
    ("models", r#"["a"]"#),
    ("route", r#""fallback""#),
    ("provider", "{}"),
    ("plugins", "[]"),
    ("transforms", "[]"),
    ("trace", "{}"),
    ("debug", "{}"),
    ("usage", "{}"),
    ("session_id", r#""s""#),
    ("min_p", "0"),
    ("top_a", "0"),
    ("repetition_penalty", "1"),
    ("preset", "null"),
];

/// A name with its last letter as an escape.
fn escaped(name: &str) -> String {
    let (rest, last) = name.split_at(name.len() - 1);
    format!("{rest}\\u{:04x}", last.as_bytes()[0])
}

#[test]
fn a_name_with_escapes_is_the_name_that_it_stands_for() {
    let plain = Profile { host: HostRules { openai_fields: true, ..HostRules::default() }, ..Profile::default() };
    let router = Profile { host: HostRules { router_fields: true, ..HostRules::default() }, ..Profile::default() };
    for (shape, rest) in SHAPES {
        for (name, value) in FIELDS {
            let body = Bytes::from(format!(r#"{{"model":"m","{}":{value},{rest}}}"#, escaped(name)));
            let found = peek(shape, Operation::Generate, &body).unwrap();
            let router_words = found.router.unwrap_or_else(|| panic!("{name} in {shape:?}"));
            let left = |profile| {
                let told = Told { profile, dialect: Dialect::Router, has_tools: false, max_output: None };
                let left = splice(&body, &router_words.edits(&body, &told).0).concat();
                serde_json::from_slice::<Value>(&left).unwrap().as_object().unwrap().len()
            };
            assert_eq!(left(&plain), 2, "{name} in {shape:?}");
            let is_own = matches!(name, "models" | "route" | "preset");
            assert_eq!(left(&router), if is_own { 2 } else { 3 }, "{name} in {shape:?}");
        }
        let body = format!(r#"{{"model":"m","{}":["dear"],{rest}}}"#, escaped("models"));
        assert_eq!(peek(shape, Operation::Generate, body.as_bytes()).unwrap().router.unwrap().models, ["dear"]);
        let body = format!(r#"{{"model":"m","{}":"mine",{rest}}}"#, escaped("preset"));
        let error = peek(shape, Operation::Generate, body.as_bytes()).unwrap_err();
        assert_eq!((error.class, error.param.as_deref()), (ErrorClass::BadRequest, Some("preset")));
    }
    let body = format!(r#"{{"model":"m","{}":["dear"],"input":"x"}}"#, escaped("models"));
    let found = peek(Shape::Chat, Operation::Embed, body.as_bytes()).unwrap();
    assert_eq!(found.router.unwrap().models, ["dear"]);
}

#[test]
fn a_field_that_is_there_twice_is_refused_however_it_is_written() {
    for (shape, rest) in SHAPES {
        for (name, value) in FIELDS {
            let body = format!(r#"{{"model":"m","{name}":{value},"{}":{value},{rest}}}"#, escaped(name));
            let error = peek(shape, Operation::Generate, body.as_bytes()).unwrap_err();
            assert_eq!((error.class, error.param.as_deref()), (ErrorClass::BadRequest, Some(name)), "{body}");
            assert!(error.message.contains("twice"), "{}", error.message);
        }
    }
    for (name, value) in [("top_k", "1"), ("reasoning", "{}"), ("include_reasoning", "true")] {
        let body = format!(r#"{{"model":"m","{name}":{value},"{name}":{value},"messages":[]}}"#);
        let error = peek(Shape::Chat, Operation::Generate, body.as_bytes()).unwrap_err();
        assert_eq!(error.param.as_deref(), Some(name));
    }
}

#[test]
fn nulls_say_nothing() {
    let body =
        request(json!({"models": null, "provider": {"order": null, "sort": null}, "reasoning": null, "plugins": null}));
    let router = found(&body).router.unwrap();
    assert_eq!((router.wishes, router.models.len()), (Wishes::default(), 0));
    let body = request(json!({"provider": null, "plugins": null, "session_id": null, "trace": null, "models": null}));
    let router = found(&body).router.unwrap();
    assert!(!router.is_asked(), "a client that says nothing in a router's words takes us for none");
    let (left, _) = sent(&body, HostRules::default(), Dialect::Plain);
    assert!(left.get("provider").is_none() && left.get("trace").is_none(), "{left}");
}

#[test]
fn a_translation_is_given_what_it_knows() {
    let body = Bytes::from(ALL);
    let left: Value = serde_json::from_slice(&found(ALL).router.unwrap().without_own(&body)).unwrap();
    let mut names: Vec<&String> = left.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["messages", "reasoning", "stream", "usage", "user"]);
}

fn speaker() -> Speaker {
    Speaker { id: "gen-1".into(), provider: "OpenAI".into(), model: "m".into(), created: 9, hides_reasoning: false }
}

fn bill() -> Billed {
    let usage = Usage { input: 10, output: 5, ..Usage::default() };
    Billed { usage, cost: Some(PicoDollars(35_000_000)), prompt_cost: PicoDollars(10_000_000) }
}

/// The events that go out for those that come, however they are split.
fn streamed(events: &str, speaker: &Speaker) -> Vec<Value> {
    let whole = Answer::new(speaker.clone()).stream(Some(Bytes::from(events.to_owned())), Some(true), &bill).unwrap();
    let mut answer = Answer::new(speaker.clone());
    let mut split: Vec<u8> = Vec::new();
    for byte in events.bytes() {
        split.extend(answer.stream(Some(Bytes::from(vec![byte])), None, &bill).unwrap_or_default());
    }
    split.extend(answer.stream(None, Some(true), &bill).unwrap_or_default());
    assert_eq!(split, whole);
    let text = String::from_utf8(split).unwrap();
    let data = text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    data.map(|data| if data == "[DONE]" { json!("[DONE]") } else { serde_json::from_str(data).unwrap() }).collect()
}

#[test]
fn what_a_router_adds_is_in_each_event() {
    let events = concat!(
        ": a comment\n\n",
        "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":5,\"model\":\"gpt\",\"system_fingerprint\":null,",
        "\"usage\":null,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null,\"tool_calls\":null},\"logprobs\":null,",
        "\"finish_reason\":null}]}\n\n",
        "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm \\\"x\\\"\"},\"finish_reason\":\"\"}]}\n\n",
        "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"function_call\"}]}\n\n",
        "data: [DONE]\n\n"
    );
    let seen = streamed(events, &speaker());
    assert_eq!(seen.len(), 5);
    assert_eq!(
        seen[0],
        json!({"id": "gen-1", "provider": "OpenAI", "object": "chat.completion.chunk", "created": 5, "model": "gpt", "choices": [{"index": 0,
            "delta": {"role": "assistant", "content": "", "refusal": null}, "logprobs": null, "finish_reason": null,
            "native_finish_reason": null}]})
    );
    let delta = &seen[1]["choices"][0]["delta"];
    assert_eq!(delta["reasoning"], "hm \"x\"");
    assert_eq!(
        delta["reasoning_details"][0],
        json!({"type": "reasoning.text", "text": "hm \"x\"", "format": "unknown", "index": 0})
    );
    assert_eq!(
        (seen[1]["model"].as_str(), seen[1]["created"].as_u64()),
        (Some("gpt"), Some(5)),
        "what was said before holds"
    );
    let choice = &seen[2]["choices"][0];
    assert_eq!(
        (choice["finish_reason"].as_str(), choice["native_finish_reason"].as_str()),
        (Some("tool_calls"), Some("function_call"))
    );
    let usage = &seen[3]["usage"];
    assert_eq!(seen[3]["choices"], json!([]));
    assert_eq!(
        (usage["prompt_tokens"].as_u64(), usage["total_tokens"].as_u64(), usage["is_byok"].as_bool()),
        (Some(10), Some(15), Some(false))
    );
    assert_eq!(usage["cost"].as_f64(), Some(0.000_035));
    assert_eq!(usage["cost_details"]["upstream_inference_completions_cost"].as_f64(), Some(0.000_025));
    assert_eq!(seen[4], "[DONE]");
}

#[test]
fn token_counts_are_told_once_and_cost_what_is_charged_here() {
    let of = |usage: &str| {
        let events = format!("data: {{\"id\":\"x\",\"choices\":[],\"usage\":{usage}}}\n\ndata: [DONE]\n\n");
        let seen = streamed(&events, &speaker());
        assert_eq!(seen.len(), 2);
        seen[0]["usage"].clone()
    };
    assert_eq!(of(r#"{"prompt_tokens":1,"completion_tokens":2}"#)["cost"].as_f64(), Some(0.000_035));
    assert_eq!(of(r#"{"prompt_tokens":1,"completion_tokens":2,"cost":0.5,"x":1}"#)["cost"].as_f64(), Some(0.000_035));
}

#[test]
fn reasoning_that_is_not_wanted_is_not_told() {
    let hiding = Speaker { hides_reasoning: true, ..speaker() };
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\",\"reasoning\":\"b\",\"reasoning_content\":\"b\",\"reasoning_details\":[]}}]}\n\n";
    assert_eq!(streamed(event, &hiding)[0]["choices"][0]["delta"], json!({"content": "a"}));
}

#[test]
fn a_whole_answer_has_all_that_a_routers_client_needs() {
    let body = r#"{"id":"c","object":"chat.completion","created":1,"model":"gpt","choices":[{"index":0,"message":{"role":"assistant","content":"x",
        "reasoning":"why","tool_calls":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    let told: Value = serde_json::from_slice(&Answer::new(speaker()).whole(Bytes::from(body), &bill)).unwrap();
    assert_eq!(
        (told["id"].as_str(), told["provider"].as_str(), &told["system_fingerprint"]),
        (Some("gen-1"), Some("OpenAI"), &Value::Null)
    );
    let message = &told["choices"][0]["message"];
    assert_eq!(message["reasoning_details"][0]["text"], "why");
    assert!(message.get("tool_calls").is_none());
    assert_eq!(told["usage"]["completion_tokens"], 5);
    let no_json = Bytes::from_static(b"<html>");
    assert_eq!(Answer::new(speaker()).whole(no_json.clone(), &bill), no_json);
}

#[test]
fn errors_are_told_with_a_number_and_a_name() {
    let error = crate::neutral::ApiError::new(ErrorClass::RateLimit, "slow down").with_code("rpm");
    let encoded = encode_error(Shape::Chat, &error, "req_1", Some("OpenAI"));
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    let metadata = json!({"error_type": "rate_limit_exceeded", "provider_name": "OpenAI", "provider_code": "rpm"});
    assert_eq!(
        (encoded.status, body),
        (429, json!({"error": {"code": 429, "message": "slow down", "metadata": metadata}}))
    );
    let messages: Value = serde_json::from_slice(&encode_error(Shape::Messages, &error, "req_1", None).body).unwrap();
    assert_eq!(messages["type"], "error", "Anthropic's clients know their own form only");
    let event = String::from_utf8(Answer::new(speaker()).error_event(&error)).unwrap();
    let chunk: Value = serde_json::from_str(event.trim().strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(
        (chunk["error"]["code"].as_u64(), chunk["choices"][0]["finish_reason"].as_str()),
        (Some(429), Some("error"))
    );
}
