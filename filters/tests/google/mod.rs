//! Whatever comes in or from generate_content: it is refused in clear words, or told so that the other side takes it.

use bytes::Bytes;
use ovth_filters::Shape;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use serde_json::{Value, json};

use super::judge::ask::{answering, profile, upstream};
use super::judge::feed::{judge_answer_to, judge_stream_to};
use super::judge::request::judge_request;

const OWN: Shape = Shape::GenerateContent;

fn word() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,8}", "[ab\"\\\\\n\r\u{0}\u{e9}\u{1f30d}{}:]{0,10}"]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        4 => word().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((word(), inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// One value of these, or anything at all.
fn mostly(values: Vec<Value>) -> impl Strategy<Value = Value> {
    prop_oneof![9 => prop::sample::select(values), 1 => any_value()]
}

fn id() -> impl Strategy<Value = Value> {
    mostly(vec![json!(null), json!("a1b2"), json!("call_1"), json!("toolu_1"), json!("")])
}

fn text() -> impl Strategy<Value = Value> {
    mostly(vec![json!("hi"), json!(""), json!(" \n"), json!("STOP\u{e9}\n\nit")])
}

fn signature() -> impl Strategy<Value = Value> {
    mostly(vec![json!(null), json!("EhIKEA=="), json!("Z3cxLmEuYi5jLmQ="), json!("skip_thought_signature_validator")])
}

fn part() -> impl Strategy<Value = Value> {
    let name = || mostly(vec![json!("f"), json!("g.h"), json!("f")]);
    let call = (id(), name(), any_value())
        .prop_map(|(id, name, args)| json!({"functionCall": {"id": id, "name": name, "args": args}}));
    let result = (id(), name(), any_value())
        .prop_map(|(id, name, response)| json!({"functionResponse": {"id": id, "name": name, "response": response}}));
    let kind = mostly(vec![
        json!("image/png"),
        json!("application/pdf"),
        json!("text/plain"),
        json!("audio/wav"),
        json!("video/mp4"),
    ]);
    let data = kind.prop_map(|kind| json!({"inlineData": {"mimeType": kind, "data": "aGk="}}));
    let plain = prop_oneof![
        4 => (text(), any::<bool>()).prop_map(|(text, thought)| json!({"text": text, "thought": thought})),
        3 => call,
        3 => result,
        1 => data,
        1 => any_value(),
    ];
    (plain, signature()).prop_map(|(mut part, signature)| {
        if let Some(part) = part.as_object_mut() {
            part.insert("thoughtSignature".to_owned(), signature);
        }
        part
    })
}

fn content() -> impl Strategy<Value = Value> {
    let role = mostly(vec![json!("user"), json!("model"), json!("model"), json!("user"), json!(null)]);
    (role, vec(part(), 0..5)).prop_map(|(role, parts)| json!({"role": role, "parts": parts}))
}

fn request() -> impl Strategy<Value = Value> {
    let function = (mostly(vec![json!("f"), json!("g.h")]), any_value())
        .prop_map(|(name, schema)| json!({"name": name, "parameters": schema}));
    let name = prop::sample::select(vec![
        "maxOutputTokens",
        "temperature",
        "topK",
        "stopSequences",
        "responseMimeType",
        "responseSchema",
        "thinkingConfig",
        "candidateCount",
        "seed",
        "unknown\n",
    ]);
    let sane = mostly(vec![
        json!(1),
        json!(0.5),
        json!(["x"]),
        json!("application/json"),
        json!({"type": "OBJECT"}),
        json!({"thinkingBudget": 5}),
        json!({"thinkingLevel": "LOW", "includeThoughts": true}),
    ]);
    let mode = mostly(vec![json!("AUTO"), json!("ANY"), json!("NONE"), json!("VALIDATED")]);
    (vec(content(), 0..7), vec(function, 0..3), vec((name, sane), 0..4), mode).prop_map(|(contents, functions, config, mode)| {
        let config: Value = config.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        json!({"contents": contents, "tools": [{"functionDeclarations": functions}], "generationConfig": config, "toolConfig": {"functionCallingConfig": {"mode": mode}}})
    })
}

/// A request of the other clients: a conversation with calls and results that may or may not fit.
fn chat_request() -> impl Strategy<Value = Value> {
    let message = prop_oneof![
        text().prop_map(|text| json!({"role": "user", "content": text})),
        text().prop_map(|text| json!({"role": "system", "content": text})),
        (text(), vec((id(), any_value(), signature()), 0..3)).prop_map(|(text, calls)| {
            let calls: Vec<Value> = calls.into_iter().map(|(id, arguments, signature)| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments.to_string()}, "extra_content": {"google": {"thought_signature": signature}}})).collect();
            json!({"role": "assistant", "content": text, "tool_calls": calls})
        }),
        (id(), text()).prop_map(|(id, text)| json!({"role": "tool", "tool_call_id": id, "content": text})),
        any_value(),
    ];
    let effort = mostly(vec![json!(null), json!("low"), json!("none"), json!("max")]);
    (vec(message, 0..7), any_value(), effort).prop_map(|(messages, schema, effort)| {
        json!({"messages": messages, "reasoning_effort": effort, "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]})
    })
}

fn chunk() -> impl Strategy<Value = Value> {
    let reason = mostly(vec![
        json!(null),
        json!(null),
        json!("STOP"),
        json!("MAX_TOKENS"),
        json!("SAFETY"),
        json!("MALFORMED_FUNCTION_CALL"),
    ]);
    let usage =
        mostly(vec![json!(null), json!({"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7})]);
    let chunk = (vec(part(), 0..4), reason, usage).prop_map(|(parts, reason, usage)| json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": reason, "index": 0}], "usageMetadata": usage, "modelVersion": "m", "responseId": "r"}));
    let error = Just(json!({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}));
    prop_oneof![18 => chunk, 1 => any_value(), 1 => error]
}

fn client() -> impl Strategy<Value = Shape> {
    prop_oneof![Just(Shape::Chat), Just(Shape::Messages)]
}

fn places(cuts: &[prop::sample::Index], length: usize) -> Vec<usize> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(length + 1)).collect();
    places.sort_unstable();
    places
}

proptest! {
    #[test]
    fn any_request_is_refused_or_becomes_one_that_the_others_take(
        request in request(), to in client(), target in any::<u16>(), how in any::<u8>(),
    ) {
        judge_request(OWN, request.to_string().as_bytes(), upstream(to, &profile(target), how));
    }

    #[test]
    fn any_json_is_a_request_or_refused(value in any_value(), to in client(), target in any::<u16>(), how in any::<u8>()) {
        judge_request(OWN, value.to_string().as_bytes(), upstream(to, &profile(target), how));
    }

    #[test]
    fn any_request_of_the_others_is_refused_or_becomes_one_that_google_takes(
        request in chat_request(), target in any::<u16>(), how in any::<u8>(),
    ) {
        judge_request(Shape::Chat, request.to_string().as_bytes(), upstream(OWN, &profile(target), how));
    }

    #[test]
    fn any_stream_of_google_gives_the_same_wherever_it_is_cut(
        chunks in vec((chunk(), any::<bool>()), 0..12), to in client(), how in any::<u8>(), cuts in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let bytes: String = chunks.iter().map(|(chunk, crlf)| if *crlf { format!("data: {chunk}\r\n\r\n") } else { format!("data: {chunk}\n\n") }).collect();
        let bytes = Bytes::from(bytes);
        judge_stream_to(to, OWN, &bytes, (&places(&cuts, bytes.len()), &answering(how)));
    }

    #[test]
    fn any_answer_of_google_says_the_same_whole_and_as_a_stream(chunk in chunk(), anything in any_value(), to in client(), how in any::<u8>()) {
        for body in [chunk, anything] {
            judge_answer_to(to, OWN, body.to_string().as_bytes(), &answering(how));
        }
    }

    #[test]
    fn any_chat_stream_is_told_to_gemini_clients(
        deltas in vec((text(), id(), any::<bool>()), 0..8), done in any::<bool>(), how in any::<u8>(), cuts in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut bytes = String::new();
        for (number, (text, id, calls)) in deltas.iter().enumerate() {
            let delta = match calls {
                true => json!({"tool_calls": [{"index": number % 3, "id": id, "function": {"name": "f", "arguments": text}}]}),
                false => json!({"content": text, "reasoning_content": if number % 2 == 0 { "hm" } else { "" }}),
            };
            bytes += &format!("data: {}\n\n", json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta}]}));
        }
        if done {
            bytes += "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        }
        let bytes = Bytes::from(bytes);
        judge_stream_to(OWN, Shape::Chat, &bytes, (&places(&cuts, bytes.len()), &answering(how)));
    }
}
