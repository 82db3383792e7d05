//! Streams of Google in events.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use bytes::Bytes;
use serde_json::{Value, json};

use super::Decoder;
use crate::Shape;
use crate::neutral::{CitationKind, Collector, ErrorClass, Event, Finish, Opening, Part, Response, State, StateFormat};
use crate::shapes::codec::DecodeStream;
use crate::sse::{Framer, Piece};

fn events(stream: &str) -> Vec<Event> {
    let mut framer = Framer::new(1 << 20);
    framer.push(Bytes::copy_from_slice(stream.as_bytes()));
    let mut decoder = Decoder::new("seed");
    let mut out = Vec::new();
    while let Some(Piece::Event(event)) = framer.next() {
        decoder.event(&event, &mut out);
    }
    decoder.end(&mut out);
    out
}

fn stream(chunks: &[Value]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n")).collect()
}

fn chunk(parts: Value) -> Value {
    json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}], "modelVersion": "m", "responseId": "r"})
}

fn last(parts: Value, reason: &str) -> Value {
    let mut chunk = chunk(parts);
    *chunk.pointer_mut("/candidates/0").unwrap() = json!({"content": {"parts": chunk.pointer("/candidates/0/content/parts").unwrap(), "role": "model"}, "finishReason": reason});
    chunk
}

fn answer(chunks: &[Value]) -> Response {
    let mut collector = Collector::default();
    let events = events(&stream(chunks));
    let mut open: Option<u32> = None;
    for event in &events {
        match event {
            Event::Open { part, .. } => assert_eq!(open.replace(*part), None, "one part at a time"),
            Event::Close { part } => assert_eq!(open.take(), Some(*part)),
            _ => {}
        }
    }
    events.into_iter().for_each(|event| collector.take(event));
    collector.finish().unwrap()
}

fn broken(chunks: &[Value]) -> (ErrorClass, String) {
    match events(&stream(chunks)).pop() {
        Some(Event::Error(error)) => (error.class, error.message),
        other => panic!("{other:?}"),
    }
}

fn google(data: &str, id: Option<&str>) -> State<'static> {
    let id = id.map(|id| id.to_owned().into());
    State { format: StateFormat::GoogleSignature, data: data.to_owned().into(), id, origin: None, extra: None }
}

#[test]
fn pieces_of_text_and_of_thoughts_are_one_part_each() {
    let usage = json!({"promptTokenCount": 8, "candidatesTokenCount": 2, "thoughtsTokenCount": 20, "totalTokenCount": 30, "serviceTier": "flex"});
    let mut end = last(json!([{"text": "b"}]), "STOP");
    end["usageMetadata"] = usage;
    let response = answer(&[
        chunk(json!([{"text": "th", "thought": true}])),
        chunk(json!([{"text": "ink", "thought": true}, {"text": "a"}])),
        end,
    ]);
    assert_eq!((response.id.as_str(), response.model.as_str()), ("r", "m"));
    assert!(
        matches!(&response.parts[..], [Part::Reasoning(thought), Part::Text(text)] if thought.text == "think" && thought.summary && text.text == "ab")
    );
    let usage = response.usage.unwrap();
    assert_eq!((usage.input, usage.output, usage.reasoning), (8, 22, 20), "pitfall 90");
    assert_eq!((response.finish, response.native_finish.as_str()), (Finish::Stop, "STOP"));
    assert_eq!(response.service_class.as_deref(), Some("flex"));
}

#[test]
fn pitfall_37_and_38_all_calls_of_a_chunk_are_kept_with_ids_of_their_own() {
    let response = answer(&[last(
        json!([
            {"functionCall": {"name": "f"}, "thoughtSignature": "S1"}, {"functionCall": {"name": "f", "args": {"a": 1e2}}}, {"functionCall": {"id": "x", "name": "g", "args": {}}}, {"functionCall": {"id": "x", "name": "g", "args": {}}},
        ]),
        "STOP",
    )]);
    let calls: Vec<(&str, &str, bool)> = response
        .parts
        .iter()
        .map(|part| match part {
            Part::ToolCall(call) => (&*call.id, &*call.arguments, call.state.is_some()),
            part => panic!("{part:?}"),
        })
        .collect();
    let [first, second, third, fourth] = calls[..] else { panic!("{calls:?}") };
    assert!(first.0.starts_with("call_gw") && second.0.starts_with("call_gw") && first.0 != second.0);
    assert_eq!((first.1, first.2, second.1, second.2), ("{}", true, "{\"a\":100.0}", false), "pitfall 62");
    assert_eq!((third.0, fourth.0), ("x", "x_2"));
    assert_eq!(response.finish, Finish::ToolCalls, "pitfall 36");
}

#[test]
fn pitfall_63_and_64_signatures_of_texts_stay_apart() {
    let response = answer(&[
        chunk(json!([{"text": "a"}])),
        chunk(json!([{"text": "b", "thoughtSignature": "S1"}])),
        chunk(json!([{"text": "c"}])),
        last(json!([{"text": "", "thoughtSignature": "S2"}]), "STOP"),
    ]);
    let told: Vec<Value> = response
        .parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => json!(text.text),
            Part::Reasoning(reasoning) => {
                assert!(reasoning.text.is_empty());
                let state = reasoning.state.as_ref().unwrap();
                json!([state.data, state.id])
            }
            part => panic!("{part:?}"),
        })
        .collect();
    assert_eq!(told, [json!("a"), json!(["S1", null]), json!("b"), json!("c"), json!(["S2", "empty_text"])]);
    let thought = answer(&[last(
        json!([{"text": "t", "thought": true, "thoughtSignature": "S"}, {"text": "u", "thought": true}]),
        "STOP",
    )]);
    assert!(
        matches!(&thought.parts[..], [Part::Reasoning(one), Part::Reasoning(two)] if one.state == Some(google("S", None)) && two.state.is_none())
    );
}

#[test]
fn reasons_are_told_apart() {
    let text = || json!([{"text": "x"}]);
    let finish = |reason: &str| answer(&[last(text(), reason)]).finish;
    assert_eq!(finish("MAX_TOKENS"), Finish::Length);
    assert_eq!(finish("CONTINUATION"), Finish::Length);
    assert_eq!(finish("SOMETHING_NEW"), Finish::Stop);
    for reason in
        ["SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "MODEL_ARMOR", "IMAGE_SAFETY"]
    {
        assert!(matches!(finish(reason), Finish::Filtered { category: Some(word), .. } if word == reason));
    }
    for reason in ["MALFORMED_FUNCTION_CALL", "OTHER", "UNEXPECTED_TOOL_CALL", "MISSING_THOUGHT_SIGNATURE", "NO_IMAGE"]
    {
        assert_eq!(finish(reason), Finish::Stop, "what was said stays");
        let (class, message) = broken(&[last(json!([]), reason)]);
        assert_eq!(class, ErrorClass::Upstream);
        assert!(message.contains(reason), "{message}");
    }
    let calls = json!([{"functionCall": {"name": "f"}}]);
    assert_eq!(answer(&[last(calls.clone(), "MAX_TOKENS")]).finish, Finish::Length, "a limit wins over calls");
    assert_eq!(answer(&[last(calls, "MALFORMED_RESPONSE")]).finish, Finish::ToolCalls);
}

#[test]
fn pitfall_100_and_101_blocked_prompts_and_candidates_without_content_are_answers() {
    let blocked = answer(&[
        json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "no"}, "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3}}),
    ]);
    assert_eq!(
        blocked.finish,
        Finish::Filtered { explanation: Some("no".to_owned()), category: Some("PROHIBITED_CONTENT".to_owned()) }
    );
    assert!(blocked.parts.is_empty());
    for content in [json!(null), json!({}), json!({"role": "model"}), json!({"parts": null})] {
        let empty = answer(&[json!({"candidates": [{"content": content, "finishReason": "MAX_TOKENS"}]})]);
        assert_eq!((empty.finish, empty.parts.len()), (Finish::Length, 0));
    }
}

#[test]
fn pitfall_006_an_answer_that_ends_without_a_reason_is_broken() {
    for chunks in
        [vec![], vec![chunk(json!([{"text": "a"}]))], vec![last(json!([{"text": "a"}]), "FINISH_REASON_UNSPECIFIED")]]
    {
        let (class, message) = broken(&chunks);
        assert_eq!(
            (class, message.as_str()),
            (ErrorClass::Upstream, "the provider's answer ended before it was finished")
        );
    }
}

#[test]
fn pitfall_10_and_106_errors_of_the_provider_end_the_answer_in_its_words() {
    let error = json!({"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}});
    for chunks in [
        vec![error.clone()],
        vec![json!([error.clone()])],
        vec![chunk(json!([{"text": "a"}])), error.clone(), last(json!([]), "STOP")],
    ] {
        assert_eq!(broken(&chunks), (ErrorClass::Overloaded, "overloaded".to_owned()));
    }
    assert!(matches!(events("data: {broken\n\n").pop(), Some(Event::Error(_))));
    assert_eq!(broken(&[chunk(json!([{"functionCall": {}}]))]).0, ErrorClass::Upstream);
}

#[test]
fn other_kinds_of_parts_are_carried_whole_and_pictures_as_chat_hosts_have_them() {
    let response = answer(&[last(
        json!([
            {"executableCode": {"code": "1", "language": "PYTHON"}, "thoughtSignature": "S"}, {"codeExecutionResult": {"outcome": "OK"}}, {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}, {"inlineData": {"mimeType": "audio/wav", "data": "UklG"}}, {"toolCall": {"id": "1"}},
        ]),
        "STOP",
    )]);
    let kinds: Vec<(Shape, &str)> = response
        .parts
        .iter()
        .map(|part| match part {
            Part::Opaque(opaque) => (opaque.shape, &*opaque.kind),
            part => panic!("{part:?}"),
        })
        .collect();
    let own = Shape::GenerateContent;
    assert_eq!(
        kinds,
        [
            (own, "executableCode"),
            (own, "codeExecutionResult"),
            (Shape::Chat, "image_url"),
            (own, "inlineData"),
            (own, "toolCall")
        ]
    );
    assert!(
        matches!(response.parts.first(), Some(Part::Opaque(code)) if code.raw.raw().contains("\"thoughtSignature\":\"S\""))
    );
}

#[test]
fn arguments_that_come_value_by_value_are_put_together() {
    let piece = |call: Value| chunk(json!([{"functionCall": call}]));
    let response = answer(&[
        chunk(json!([{"functionCall": {"name": "f", "id": "1", "willContinue": true}, "thoughtSignature": "S"}])),
        piece(
            json!({"partialArgs": [{"jsonPath": "$.city", "stringValue": "Ber", "willContinue": true}], "willContinue": true}),
        ),
        piece(
            json!({"partialArgs": [{"jsonPath": "$.city", "stringValue": "lin"}, {"jsonPath": "$.days[1]['n']", "numberValue": 3}, {"jsonPath": "$.x", "nullValue": null}], "willContinue": true}),
        ),
        piece(json!({"partialArgs": [{"jsonPath": "$.ok", "boolValue": true}]})),
        last(json!([{"functionCall": {"name": "g", "args": {}}}]), "STOP"),
    ]);
    assert!(matches!(&response.parts[..], [Part::ToolCall(f), Part::ToolCall(g)]
        if f.arguments == "{\"city\":\"Berlin\",\"days\":[null,{\"n\":3}],\"x\":null,\"ok\":true}" && f.state.is_some() && f.id == "1" && g.name == "g"));
    assert_eq!(
        broken(&[piece(
            json!({"name": "f", "willContinue": true, "partialArgs": [{"jsonPath": "$.a[900000]", "stringValue": ""}]})
        )])
        .0,
        ErrorClass::Upstream
    );
}

#[test]
fn where_a_text_was_found_is_told_in_characters_also_when_it_comes_behind_the_reason() {
    let text = "Gr\u{fc}\u{df}e. The sky is blue.";
    let start = text.find("The").unwrap();
    let grounding = json!({
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}, {"web": {"uri": "https://b"}}],
        "groundingSupports": [{"segment": {"startIndex": start, "endIndex": text.len(), "text": "The sky is blue."}, "groundingChunkIndices": [0, 1, 7]}, {"segment": {"endIndex": 3, "text": "elsewhere"}, "groundingChunkIndices": [0]}],
    });
    let after = json!({"candidates": [{"groundingMetadata": grounding, "citationMetadata": {"citationSources": [{"uri": "https://c", "startIndex": 0, "endIndex": 2}, {}]}}]});
    let response =
        answer(&[chunk(json!([{"text": text}])), last(json!([{"text": "", "thoughtSignature": "S"}]), "STOP"), after]);
    let Some(Part::Text(part)) = response.parts.first() else { panic!("{:?}", response.parts) };
    let cited: Vec<Value> = part
        .citations
        .iter()
        .map(|citation| match &citation.kind {
            CitationKind::Web { url, title, start, end } => json!([url, title, start, end]),
            CitationKind::Other => json!(null),
        })
        .collect();
    assert_eq!(
        cited,
        [
            json!(["https://a", "A", 7, 23]),
            json!(["https://b", null, 7, 23]),
            json!(["https://a", "A", null, null]),
            json!(["https://c", null, 0, 2])
        ]
    );
    assert_eq!(response.parts.len(), 2, "the signature stands behind it");
}

#[test]
fn an_answer_starts_once_and_nothing_follows_its_end() {
    let told = events(&stream(&[
        chunk(json!([{"text": "a"}])),
        last(json!([{"text": "b"}]), "STOP"),
        json!({"usageMetadata": {"promptTokenCount": 1}}),
    ]));
    let starts = told.iter().filter(|event| matches!(event, Event::Start { .. })).count();
    assert_eq!(starts, 1);
    assert!(matches!(&told[told.len() - 2..], [Event::Finish { .. }, Event::End]));
    assert!(matches!(told.get(1), Some(Event::Open { part: 0, what: Opening::Text })));
    let mut decoder = Decoder::new("s");
    let mut out = Vec::new();
    decoder.end(&mut out);
    decoder.end(&mut out);
    assert_eq!(out.len(), 1);
}
