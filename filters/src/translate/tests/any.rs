//! Conversations and answers of any kind, as far as both shapes can say them: the same on the other side.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use serde_json::{Value, json};

use super::requests;
use super::{SEED, answering, answers, codec, other, streams, told};
use crate::Shape;
use crate::json::View;
use crate::neutral::{self, Finish, Part, Reasoning, Response, State, StateFormat, TextPart, ToolCall, Usage};
use crate::translate;

/// Words with what is hard about them: quotes, escapes, letters of several bytes, control characters, line separators.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}( [a-z]{1,8}){0,3}",
        "[ab\"\\\\/\n\r\t\u{0}\u{7f}\u{2028}\u{e9}\u{1f30d}{}:,]{1,20}".prop_map(|text| format!("x{text}x")),
    ]
}

fn arguments() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        words().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((words(), inner), 0..4).prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    });
    vec((words(), value), 0..4).prop_map(|members| members.into_iter().collect::<Value>())
}

fn thought() -> impl Strategy<Value = Part<'static>> {
    let state = |format, data: String| State { format, data: data.into(), id: None, origin: None, extra: None };
    let signed = (words(), "[A-Za-z0-9+/]{4,20}={0,2}").prop_map(move |(text, data)| Reasoning {
        text: text.into(),
        summary: false,
        state: Some(state(StateFormat::AnthropicSignature, data)),
    });
    let hidden = "[A-Za-z0-9+/]{4,20}={0,2}".prop_map(move |data| Reasoning {
        state: Some(state(StateFormat::AnthropicRedacted, data)),
        ..Reasoning::default()
    });
    let plain = words().prop_map(|text| Reasoning { text: text.into(), ..Reasoning::default() });
    prop_oneof![signed, hidden, plain].prop_map(Part::Reasoning)
}

fn call() -> impl Strategy<Value = Part<'static>> {
    ("[a-zA-Z0-9_-]{1,20}", "[a-zA-Z0-9_-]{1,64}", arguments()).prop_map(|(id, name, arguments)| {
        let (id, name, arguments) = (id.into(), name.into(), arguments.to_string().into());
        Part::ToolCall(ToolCall { id, name, arguments, custom: false, cache: None, state: None })
    })
}

/// Reasoning, texts and calls, in any order.
fn parts() -> impl Strategy<Value = Vec<Part<'static>>> {
    let text = words().prop_map(|text| Part::Text(TextPart::new(text)));
    vec(prop_oneof![thought(), text, call()], 0..6).prop_map(|mut parts| {
        // No two calls of one answer have the same id.
        for (number, part) in parts.iter_mut().enumerate() {
            if let Part::ToolCall(call) = part {
                call.id.to_mut().push_str(&format!("_{number}"));
            }
        }
        parts
    })
}

fn usage() -> impl Strategy<Value = Usage> {
    vec(0..1_000_000_u64, 4).prop_map(|counts| {
        let [input, cache_read, cache_write, output] = counts[..] else { panic!("four") };
        Usage { input, cache_read, cache_write, output, reasoning: output / 3, ..Usage::default() }
    })
}

pub(super) fn response() -> impl Strategy<Value = Response> {
    (parts(), usage(), any::<bool>()).prop_map(|(parts, usage, cut)| {
        let calls = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
        let finish = match (cut, calls) {
            (true, _) => Finish::Length,
            (false, true) => Finish::ToolCalls,
            (false, false) => Finish::Stop,
        };
        let (id, model) = ("msg_1".to_owned(), "m".to_owned());
        Response { id, model, parts, finish, native_finish: String::new(), usage: Some(usage), service_class: None }
    })
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![Just(Shape::Chat), Just(Shape::Messages)]
}

/// A request with a conversation in which every call has its result, results in any order.
fn conversation() -> impl Strategy<Value = (Shape, Value)> {
    let turn = (parts(), vec(words(), 4), any::<bool>(), option::of(words()));
    (shape(), option::of(words()), vec(turn, 0..6)).prop_map(|(client, system, turns)| {
        let mut messages = vec![json!({"role": "user", "content": "begin"})];
        let mut tools: Vec<String> = Vec::new();
        for (mut parts, mut results, reversed, after) in turns {
            if parts.is_empty() {
                parts.push(Part::Text(TextPart::new("well")));
            }
            let answer = Response { parts, ..empty() };
            let body: Value = serde_json::from_slice(&codec(client).encode_response(&answer, &answering())).unwrap();
            for part in &answer.parts {
                if let Part::ToolCall(call) = part
                    && !tools.iter().any(|name| *name == call.name)
                {
                    tools.push(call.name.to_string());
                }
            }
            let calls: Vec<&str> = answer
                .parts
                .iter()
                .filter_map(|part| if let Part::ToolCall(call) = part { Some(&*call.id) } else { None })
                .collect();
            let mut results: Vec<Value> = calls
                .iter()
                .map(|id| (id, results.pop().unwrap_or_default()))
                .map(|(id, text)| match client {
                    Shape::Chat => json!({"role": "tool", "tool_call_id": id, "content": text}),
                    _ => json!({"type": "tool_result", "tool_use_id": id, "content": text}),
                })
                .collect();
            if reversed {
                results.reverse();
            }
            let after = after.or_else(|| results.is_empty().then(|| "go on".to_owned()));
            if client == Shape::Chat {
                messages.push(body["choices"][0]["message"].clone());
                messages.append(&mut results);
                messages.extend(after.map(|text| json!({"role": "user", "content": text})));
            } else {
                if !body["content"].as_array().unwrap().is_empty() {
                    messages.push(json!({"role": "assistant", "content": body["content"]}));
                }
                results.extend(after.map(|text| json!({"type": "text", "text": text})));
                messages.push(json!({"role": "user", "content": results}));
            }
        }
        let schema = json!({"type": "object", "properties": {}});
        let tools: Vec<Value> = match client {
            Shape::Chat => tools
                .iter()
                .map(|name| json!({"type": "function", "function": {"name": name, "parameters": schema}}))
                .collect(),
            _ => tools.iter().map(|name| json!({"name": name, "input_schema": schema})).collect(),
        };
        let mut request = json!({"model": "m", "max_tokens": 5_000, "tools": tools, "messages": messages});
        match (client, system) {
            (Shape::Messages, Some(system)) => request["system"] = Value::from(system),
            (_, Some(system)) => {
                let messages = request["messages"].as_array_mut().unwrap();
                messages.insert(0, json!({"role": "system", "content": system}));
            }
            _ => {}
        }
        (client, request)
    })
}

fn empty() -> Response {
    Response {
        id: String::new(),
        model: String::new(),
        parts: Vec::new(),
        finish: Finish::Stop,
        native_finish: String::new(),
        usage: None,
        service_class: None,
    }
}

proptest! {
    #[test]
    fn any_answer_is_the_same_in_the_other_shape_whole_and_streamed(
        shape in shape(), response in response(), sizes in vec(1..200_usize, 1..20)
    ) {
        let whole = codec(shape).encode_response(&response, &answering());
        let expected = answers::expected(shape, told(&response));
        let crossed = translate::response(shape, other(shape), &whole, &answering()).unwrap();
        let again = codec(other(shape)).decode_response(View::parse(&crossed).unwrap(), SEED).unwrap();
        assert_eq!(told(&again), expected);

        let mut encoder = codec(shape).stream_encoder(&answering());
        let mut stream = bytes::BytesMut::new();
        neutral::told(response).iter().for_each(|event| encoder.event(event, &mut stream));
        let mut rest: Bytes = stream.freeze();
        let mut chunks: Vec<Bytes> = sizes.iter().map(|size| rest.split_to(rest.len().min(*size))).collect();
        chunks.push(rest);
        let (out, error) = streams::translated(shape, chunks);
        assert_eq!(error, None);
        let streamed = streams::collected(&streams::read(other(shape), [out])).unwrap();
        assert_eq!(told(&streamed), expected);
    }

    #[test]
    fn any_conversation_says_the_same_in_the_other_shape((client, request) in conversation()) {
        requests::assert_same("any", client, &serde_json::to_vec(&request).unwrap());
    }
}
