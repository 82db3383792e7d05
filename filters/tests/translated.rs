//! Whatever comes in, translation never panics, and what it writes is what clients and providers take; see `judge`.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod google;
mod judge;

use bytes::Bytes;
use judge::ask::{answering, profile, upstream};
use judge::feed::{judge_answer_to, judge_stream_to};
use judge::request::judge_request;
use ovth_filters::Shape;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The other one of the two older shapes.
fn other(shape: Shape) -> Shape {
    if shape == Shape::Chat { Shape::Messages } else { Shape::Chat }
}

/// Words that requests and answers are made of, in places where they need not belong.
const WORDS: &[&str] = &[
    "",
    "m",
    "user",
    "assistant",
    "tool",
    "system",
    "developer",
    "role",
    "content",
    "type",
    "text",
    "name",
    "id",
    "input",
    "input_schema",
    "tools",
    "tool_choice",
    "tool_calls",
    "tool_use",
    "tool_result",
    "tool_use_id",
    "tool_call_id",
    "function",
    "arguments",
    "custom",
    "image",
    "image_url",
    "source",
    "base64",
    "media_type",
    "data",
    "url",
    "data:image/png;base64,iVBORw0KGgo=",
    "document",
    "title",
    "thinking",
    "signature",
    "redacted_thinking",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "reasoning.text",
    "enabled",
    "budget_tokens",
    "gw1.YQ.Yg.Yw.e30",
    "cache_control",
    "ephemeral",
    "ttl",
    "1h",
    "max_tokens",
    "stop",
    "n",
    "x y",
    "a.b",
    "{\"a\":1}",
    "call_1",
    "is_error",
    "message",
    "delta",
    "choices",
    "finish_reason",
    "stop_reason",
    "usage",
    "index",
    "error",
    "\n",
    "\u{e9}STOP",
];

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(WORDS).prop_map(str::to_owned)
}

/// JSON of those words.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        6 => word().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((word(), inner), 0..5).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// One value of these, or anything at all.
fn mostly(values: Vec<Value>) -> impl Strategy<Value = Value> {
    prop_oneof![9 => prop::sample::select(values), 1 => any_value()]
}

fn id() -> impl Strategy<Value = Value> {
    mostly(vec![json!("call_1"), json!("call_2"), json!("call.1"), json!("call_1_2"), json!("")])
}

fn text() -> impl Strategy<Value = Value> {
    mostly(vec![json!("hi"), json!(""), json!(" \n"), json!("STOP\u{e9}\n\nit"), json!({"type": "text", "text": "t"})])
}

/// A message of a chat request.
fn chat_message() -> impl Strategy<Value = Value> {
    let role = mostly(["system", "developer", "user", "assistant", "tool"].map(Value::from).to_vec());
    let arguments = mostly(vec![json!("{}"), json!("{\"a\": 1}"), json!(""), json!("{"), json!({"a": 1})]);
    let call = (id(), mostly(vec![json!("f"), json!("a.b"), json!("a/b")]), arguments).prop_map(
        |(id, name, arguments)| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}),
    );
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}});
    let content = prop_oneof![text(), vec(prop_oneof![text(), Just(image)], 0..4).prop_map(Value::from)];
    (role, content, vec(call, 0..4), id(), any_value()).prop_map(|(role, content, calls, id, extra)| {
        let mut message = json!({"role": role, "content": content, "reasoning_details": extra});
        match role.as_str() {
            Some("assistant") if !calls.is_empty() => message["tool_calls"] = calls.into(),
            Some("tool") => message["tool_call_id"] = id,
            _ => {}
        }
        message
    })
}

/// A message of a messages request.
fn messages_message() -> impl Strategy<Value = Value> {
    let block = prop_oneof![
        text(),
        text().prop_map(|text| json!({"type": "text", "text": text})),
        (id(), any_value()).prop_map(|(id, input)| json!({"type": "tool_use", "id": id, "name": "f", "input": input})),
        (id(), text()).prop_map(|(id, content)| json!({"type": "tool_result", "tool_use_id": id, "content": content})),
        (id(), text()).prop_map(|(id, text)| json!({"type": "tool_result", "tool_use_id": id, "is_error": true, "content": [{"type": "text", "text": text}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}]})),
        (text(), word()).prop_map(|(text, signature)| json!({"type": "thinking", "thinking": text, "signature": signature})),
        word().prop_map(|data| json!({"type": "redacted_thinking", "data": data})),
    ];
    let role = mostly(["user", "assistant", "user", "assistant", "system"].map(Value::from).to_vec());
    let content = prop_oneof![1 => text(), 4 => vec(block, 0..5).prop_map(Value::from)];
    (role, content).prop_map(|(role, content)| json!({"role": role, "content": content}))
}

/// Fields around the messages, with the names that both shapes have.
fn settings() -> impl Strategy<Value = Vec<(String, Value)>> {
    let tool = (mostly(vec![json!("f"), json!("g.h"), json!("f")]), any_value()).prop_map(|(name, schema)| {
        json!({"type": "function", "name": name, "input_schema": schema, "function": {"name": name, "parameters": schema}})
    });
    let name = prop::sample::select(vec![
        "max_tokens",
        "tool_choice",
        "thinking",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "stop",
        "stop_sequences",
        "temperature",
        "top_p",
        "n",
        "system",
        "metadata",
        "cache_control",
        "output_config",
        "service_tier",
        "stream",
        "provider",
        "unknown field\n",
    ]);
    let sane = mostly(vec![
        json!(1),
        json!(true),
        json!("auto"),
        json!("high"),
        json!({"type": "auto"}),
        json!({"type": "enabled", "budget_tokens": 2000}),
        json!(["STOP"]),
    ]);
    (vec(tool, 0..4), vec((name.prop_map(str::to_owned), sane), 0..5)).prop_map(|(tools, mut fields)| {
        if !tools.is_empty() {
            fields.push(("tools".to_owned(), tools.into()));
        }
        fields
    })
}

fn body(messages: Vec<Value>, settings: Vec<(String, Value)>) -> Vec<u8> {
    let mut body = json!({"model": "m", "max_tokens": 100, "messages": messages});
    settings.into_iter().for_each(|(name, value)| body[name] = value);
    body.to_string().into_bytes()
}

/// A stream of such events, and the bytes that end some of them otherwise.
fn streamed(events: Vec<(Value, u8)>) -> Bytes {
    let mut out = String::new();
    for (data, ending) in events {
        match ending {
            0 => out += ": ping\n\n",
            1 => out += &format!("data: {data}\r\n\r\n"),
            _ => {
                out += &format!(
                    "event: {}\ndata: {data}\n\n",
                    data["type"].as_str().unwrap_or("x").replace(['\n', '\r'], "")
                )
            }
        }
    }
    out.into()
}

fn chat_chunk() -> impl Strategy<Value = Value> {
    let call = (mostly(vec![json!(0), json!(1), json!(null)]), id(), mostly(vec![json!("f"), json!(null), json!("get_weather")]), mostly(vec![json!(""), json!("{}"), json!("{\"a\":")]))
        .prop_map(|(index, id, name, arguments)| json!({"index": index, "id": id, "function": {"name": name, "arguments": arguments}}));
    let delta = prop_oneof![
        text().prop_map(|text| json!({"content": text})),
        text().prop_map(|text| json!({"reasoning_content": text})),
        text().prop_map(|text| json!({"refusal": text})),
        vec(call, 1..3).prop_map(|calls| json!({"tool_calls": calls})),
        any_value().prop_map(|details| json!({"reasoning_details": [details]})),
        any_value(),
    ];
    let finish = mostly(vec![Value::Null, Value::Null, json!("stop"), json!("tool_calls"), json!("error")]);
    let usage = mostly(vec![Value::Null, json!({"prompt_tokens": 3, "completion_tokens": 4})]);
    let chunk = (delta, finish, usage).prop_map(|(delta, finish, usage)| json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": usage}));
    prop_oneof![9 => chunk, 1 => any_value()]
}

fn messages_event() -> impl Strategy<Value = Value> {
    let index = || mostly(vec![json!(0), json!(1), json!(2)]);
    let block = prop_oneof![
        Just(json!({"type": "text", "text": ""})),
        Just(json!({"type": "thinking", "thinking": "", "signature": ""})),
        id().prop_map(|id| json!({"type": "tool_use", "id": id, "name": "get_weather", "input": {}})),
        any_value(),
    ];
    let delta = prop_oneof![
        text().prop_map(|text| json!({"type": "text_delta", "text": text})),
        text().prop_map(|text| json!({"type": "thinking_delta", "thinking": text})),
        word().prop_map(|text| json!({"type": "signature_delta", "signature": text})),
        mostly(vec![json!("{}"), json!("{\"a\""), json!(":1}")])
            .prop_map(|json| json!({"type": "input_json_delta", "partial_json": json})),
        any_value(),
    ];
    prop_oneof![
        3 => (index(), block).prop_map(|(index, block)| json!({"type": "content_block_start", "index": index, "content_block": block})),
        6 => (index(), delta).prop_map(|(index, delta)| json!({"type": "content_block_delta", "index": index, "delta": delta})),
        2 => index().prop_map(|index| json!({"type": "content_block_stop", "index": index})),
        1 => mostly(vec![json!("end_turn"), json!("tool_use"), json!("refusal"), Value::Null]).prop_map(|reason| json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 4}})),
        1 => Just(json!({"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 3}}})),
        1 => prop_oneof![Just(json!({"type": "message_stop"})), Just(json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})), any_value()],
    ]
}

/// An item of a responses request, or of an answer.
fn item() -> impl Strategy<Value = Value> {
    let part = prop_oneof![
        text().prop_map(|text| json!({"type": "input_text", "text": text})),
        text().prop_map(|text| json!({"type": "output_text", "text": text, "annotations": [{"type": "url_citation", "url": "u", "start_index": 3}]})),
        text().prop_map(|text| json!({"type": "refusal", "refusal": text})),
        Just(json!({"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="})),
        any_value(),
    ];
    let role = mostly(["system", "developer", "user", "assistant", "user"].map(Value::from).to_vec());
    let content = prop_oneof![text(), vec(part, 0..4).prop_map(Value::from)];
    let arguments = mostly(vec![json!("{}"), json!("{\"a\": 1}"), json!(""), json!("{"), json!({"a": 1})]);
    let called = mostly(vec![json!("f"), json!("g.h"), json!("parallel"), json!("get_weather"), json!("")]);
    let encrypted = mostly(vec![json!("gAAA"), json!("gw1.YQ.Yg.Yw.e30"), Value::Null, json!("")]);
    prop_oneof![
        4 => (role, content).prop_map(|(role, content)| json!({"type": "message", "role": role, "content": content})),
        3 => (id(), called, arguments).prop_map(|(id, name, arguments)| json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments})),
        1 => (id(), text()).prop_map(|(id, input)| json!({"type": "custom_tool_call", "call_id": id, "name": "get_weather", "input": input})),
        3 => (id(), text()).prop_map(|(id, output)| json!({"type": "function_call_output", "call_id": id, "output": output})),
        2 => (encrypted, text()).prop_map(|(encrypted, text)| json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": text}], "encrypted_content": encrypted})),
        1 => Just(json!({"type": "web_search_call", "id": "ws_1", "status": "completed"})),
        1 => any_value(),
    ]
}

fn responses_body(items: Vec<Value>, settings: Vec<(String, Value)>) -> Vec<u8> {
    let mut body = json!({"model": "m", "max_output_tokens": 100, "input": items});
    settings.into_iter().for_each(|(name, value)| body[name] = value);
    body.to_string().into_bytes()
}

fn responses_event() -> impl Strategy<Value = Value> {
    let index = || mostly(vec![json!(0), json!(1), json!(2)]);
    let delta = prop::sample::select(vec![
        "output_text.delta",
        "refusal.delta",
        "reasoning_summary_text.delta",
        "reasoning_text.delta",
        "function_call_arguments.delta",
        "custom_tool_call_input.delta",
        "output_text.done",
        "function_call_arguments.done",
        "output_text.annotation.added",
        "later.delta",
    ]);
    let end = mostly(vec![json!("completed"), json!("completed"), json!("incomplete"), json!("failed")]);
    prop_oneof![
        3 => (index(), item()).prop_map(|(index, item)| json!({"type": "response.output_item.added", "output_index": index, "item": item})),
        3 => (index(), item()).prop_map(|(index, item)| json!({"type": "response.output_item.done", "output_index": index, "item": item})),
        6 => (index(), index(), delta, text()).prop_map(|(index, inner, kind, text)| json!({"type": format!("response.{kind}"), "output_index": index, "content_index": inner, "summary_index": inner, "delta": text, "text": text, "arguments": text, "annotation": {"type": "url_citation", "url": text}})),
        1 => Just(json!({"type": "response.created", "response": {"id": "resp_1", "model": "m", "status": "in_progress"}})),
        1 => (end, vec(item(), 0..3)).prop_map(|(end, output)| json!({"type": format!("response.{}", end.as_str().unwrap_or("completed")), "response": {"status": end, "output": output, "usage": {"input_tokens": 3, "output_tokens": 4}}})),
        1 => prop_oneof![Just(json!({"type": "error", "code": "server_error", "message": "busy"})), any_value()],
    ]
}

/// Places to cut at.
fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    vec(any::<prop::sample::Index>(), 0..8)
}

fn places(cuts: &[prop::sample::Index], length: usize) -> Vec<usize> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(length + 1)).collect();
    places.sort_unstable();
    places
}

proptest! {
    #[test]
    fn any_chat_request_is_refused_or_becomes_one_that_the_others_take(
        messages in vec(chat_message(), 0..8), settings in settings(), target in any::<u16>(), how in any::<u8>(),
        to in prop::sample::select(vec![Shape::Messages, Shape::Responses]),
    ) {
        judge_request(Shape::Chat, &body(messages, settings), upstream(to, &profile(target), how));
    }

    #[test]
    fn any_messages_request_is_refused_or_becomes_one_that_the_others_take(
        messages in vec(messages_message(), 0..8), settings in settings(), target in any::<u16>(), how in any::<u8>(),
        to in prop::sample::select(vec![Shape::Chat, Shape::Responses]),
    ) {
        judge_request(Shape::Messages, &body(messages, settings), upstream(to, &profile(target), how));
    }

    #[test]
    fn any_json_is_a_request_or_refused(value in any_value(), target in any::<u16>(), how in any::<u8>()) {
        for shape in [Shape::Chat, Shape::Messages] {
            judge_request(shape, value.to_string().as_bytes(), upstream(other(shape), &profile(target), how));
        }
    }

    #[test]
    fn any_chat_stream_gives_the_same_wherever_it_is_cut(
        events in vec((chat_chunk(), 0_u8..9), 0..16), done in any::<bool>(), how in any::<u8>(), cuts in cuts(),
        to in prop::sample::select(vec![Shape::Messages, Shape::Responses]),
    ) {
        let end: &[u8] = if done { b"data: [DONE]\n\n" } else { b"" };
        let bytes = Bytes::from([&*streamed(events), end].concat());
        judge_stream_to(to, Shape::Chat, &bytes, (&places(&cuts, bytes.len()), &answering(how)));
    }

    #[test]
    fn any_messages_stream_gives_the_same_wherever_it_is_cut(
        events in vec((messages_event(), 0_u8..9), 0..20), how in any::<u8>(), cuts in cuts(),
        to in prop::sample::select(vec![Shape::Chat, Shape::Responses]),
    ) {
        let bytes = streamed(events);
        judge_stream_to(to, Shape::Messages, &bytes, (&places(&cuts, bytes.len()), &answering(how)));
    }

    #[test]
    fn any_answer_says_the_same_whole_and_as_a_stream(
        chunk in chat_chunk(), blocks in vec(messages_message(), 1..3), reason in word(), anything in any_value(), how in any::<u8>(),
    ) {
        let answering = answering(how);
        let mut chat = chunk;
        if let Some(choice) = chat.pointer_mut("/choices/0").and_then(Value::as_object_mut) {
            let delta = choice.remove("delta").unwrap_or_default();
            choice.insert("message".to_owned(), delta);
        }
        for to in [Shape::Messages, Shape::Responses] {
            judge_answer_to(to, Shape::Chat, chat.to_string().as_bytes(), &answering);
        }
        let messages = json!({"type": "message", "role": "assistant", "content": blocks.first().unwrap()["content"], "stop_reason": reason});
        for to in [Shape::Chat, Shape::Responses] {
            judge_answer_to(to, Shape::Messages, messages.to_string().as_bytes(), &answering);
            judge_answer_to(Shape::Messages, Shape::Responses, anything.to_string().as_bytes(), &answering);
        }
        for shape in [Shape::Chat, Shape::Messages] {
            judge_answer_to(other(shape), shape, anything.to_string().as_bytes(), &answering);
        }
    }

    #[test]
    fn any_responses_request_is_refused_or_becomes_one_that_the_others_take(
        items in vec(item(), 0..8), settings in settings(), target in any::<u16>(), how in any::<u8>(),
        to in prop::sample::select(vec![Shape::Chat, Shape::Messages, Shape::GenerateContent]),
    ) {
        judge_request(Shape::Responses, &responses_body(items, settings), upstream(to, &profile(target), how));
    }

    #[test]
    fn any_json_is_a_request_of_responses_or_refused(value in any_value(), target in any::<u16>(), how in any::<u8>()) {
        judge_request(Shape::Responses, value.to_string().as_bytes(), upstream(Shape::Messages, &profile(target), how));
    }

    #[test]
    fn any_responses_stream_gives_the_same_wherever_it_is_cut(
        events in vec((responses_event(), 0_u8..9), 0..20), how in any::<u8>(), cuts in cuts(),
        to in prop::sample::select(vec![Shape::Chat, Shape::Messages, Shape::GenerateContent]),
    ) {
        let bytes = streamed(events);
        judge_stream_to(to, Shape::Responses, &bytes, (&places(&cuts, bytes.len()), &answering(how)));
    }

    #[test]
    fn any_responses_answer_says_the_same_whole_and_as_a_stream(
        output in vec(item(), 0..6), status in mostly(vec![json!("completed"), json!("incomplete")]), how in any::<u8>(),
    ) {
        let body = json!({"id": "resp_1", "model": "m", "status": status, "incomplete_details": {"reason": "max_output_tokens"}, "output": output});
        for to in [Shape::Chat, Shape::Messages, Shape::GenerateContent] {
            judge_answer_to(to, Shape::Responses, body.to_string().as_bytes(), &answering(how));
        }
    }
}
