//! What has gone wrong elsewhere between two shapes, over all ways that are not one shape's own.

use bytes::{Bytes, BytesMut};
use ovth_filters::Shape;
use ovth_filters::neutral::ApiError;
use ovth_filters::translate::{self, StreamTranslator};
use serde_json::{Value, json};

use super::exchanges::{
    Ask, Asked, Call, Reply, SHAPES, TEXT, TOOL, Told, arguments, assembled, ids, next_request, request, stream, whole,
};
use super::feature::{Feature, Way};
use super::judge::answer::{End, stream as judge_stream};
use super::judge::feed::events;

/// The ways between two shapes.
fn between() -> impl Iterator<Item = Way> {
    Way::all().filter(|way| way.client != way.upstream)
}

/// What the client gets of a stream, with the error that ends it if it broke.
fn streamed(way: Way, bytes: &str) -> (String, Option<ApiError>) {
    let sent = way.sent(&request(way.client, Ask { stream: true, ..Ask::default() }), true).unwrap();
    let mut translator = StreamTranslator::new(way.upstream, way.client, &sent.answering).unwrap();
    let (mut out, mut failure) = (BytesMut::new(), None);
    for event in events(&Bytes::copy_from_slice(bytes.as_bytes()), &[]) {
        failure = failure.or(translator.event(&event, &mut out).err());
    }
    failure = failure.or(translator.end(&mut out).err());
    if let Some(error) = &failure {
        translator.fail(error.clone(), "req_1", &mut out);
    }
    (String::from_utf8(out.to_vec()).unwrap(), failure)
}

/// The same answer whole and as a stream, as the client has it.
fn both(way: Way, answer: &Value, bytes: &str) -> [Value; 2] {
    let sent = way.sent(&request(way.client, Ask::default()), false).unwrap();
    let told = translate::response(way.upstream, way.client, answer.to_string().as_bytes(), &sent.answering).unwrap();
    let (streamed, failure) = streamed(way, bytes);
    assert_eq!(failure, None, "{way:?}");
    [serde_json::from_slice(&told).unwrap(), assembled(way.client, &streamed)]
}

/// What says why an answer ended, in a stream.
fn reason(shape: Shape) -> &'static str {
    match shape {
        Shape::Chat => "\"finish_reason\":\"stop\"",
        Shape::Responses => "event: response.completed",
        Shape::Messages => "\"stop_reason\":\"end_turn\"",
        Shape::GenerateContent => "\"finishReason\":\"STOP\"",
    }
}

#[test]
fn pitfall_6_and_121_a_stream_that_is_cut_before_it_says_why_it_ended_is_an_error_wherever_it_is_cut() {
    for way in between() {
        let bytes = stream(way.upstream, &Feature::Plain.reply(way.upstream)).replace("\r\n", "\n");
        let end = bytes.find(reason(way.upstream)).unwrap();
        let ends = bytes.match_indices("\n\n").map(|(at, _)| at + 2).filter(|at| *at <= end);
        let mut cuts = 0;
        for at in [0].into_iter().chain(ends) {
            let (told, failure) = streamed(way, bytes.get(..at).unwrap());
            assert!(failure.is_some(), "{way:?} cut at {at}");
            assert_eq!(judge_stream(way.client, told.as_bytes()).1, End::Error, "{way:?} cut at {at}: {told}");
            cuts += 1;
        }
        assert!(cuts > 4, "{way:?}: {cuts} cuts");
    }
}

#[test]
fn pitfall_13_streams_of_chat_end_with_done_and_no_others() {
    for way in between() {
        let (told, failure) = streamed(way, &stream(way.upstream, &Feature::Plain.reply(way.upstream)));
        assert_eq!(failure, None);
        assert_eq!(told.ends_with("data: [DONE]\n\n"), way.client == Shape::Chat, "{way:?}");
        assert_eq!(told.matches("[DONE]").count(), usize::from(way.client == Shape::Chat), "{way:?}");
    }
}

#[test]
fn pitfall_20_and_120_what_keeps_a_provider_s_stream_alive_keeps_the_client_s_alive() {
    for way in between() {
        let bytes = stream(way.upstream, &Feature::Plain.reply(way.upstream));
        let sent = way.sent(&request(way.client, Ask { stream: true, ..Ask::default() }), true).unwrap();
        let mut translator = StreamTranslator::new(way.upstream, way.client, &sent.answering).unwrap();
        let mut out = BytesMut::new();
        let mut all = events(&Bytes::from(bytes), &[]).into_iter();
        for event in all.by_ref().take(3) {
            translator.event(&event, &mut out).unwrap();
        }
        let before = out.len();
        let mark = match way.upstream {
            Shape::Messages => "event: ping\ndata: {\"type\":\"ping\"}\n\n",
            _ => ": OPENROUTER PROCESSING\n\n",
        };
        translator.event(&events(&Bytes::from_static(mark.as_bytes()), &[])[0], &mut out).unwrap();
        let told = String::from_utf8(out[before..].to_vec()).unwrap();
        match way.client {
            Shape::Messages => assert!(told.starts_with("event: ping\n"), "{way:?}: {told:?}"),
            // Google's own SDK takes a comment for an answer.
            Shape::GenerateContent => assert!(!told.is_empty() && told.trim().is_empty(), "{way:?}: {told:?}"),
            Shape::Chat | Shape::Responses => assert!(told.starts_with(':'), "{way:?}: {told:?}"),
        }
        all.for_each(|event| translator.event(&event, &mut out).unwrap());
        translator.end(&mut out).unwrap();
        assert_eq!(judge_stream(way.client, &out).1, End::Success);
    }
}

#[test]
fn pitfall_26_a_call_without_arguments_has_an_empty_object_in_every_shape() {
    for way in between() {
        let call = Call { id: Some(ids(way.upstream)[0]), arguments: json!({}) };
        let reply = Reply { calls: vec![call], ..Reply::default() };
        let (mut answer, mut bytes) = (whole(way.upstream, &reply), stream(way.upstream, &reply));
        match way.upstream {
            Shape::Chat => {
                answer["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = json!("");
                bytes = bytes.replace("\"arguments\":\"{}\"", "\"arguments\":\"\"");
            }
            Shape::Responses => {
                answer["output"][0]["arguments"] = json!("");
                bytes = bytes
                    .replace("\"arguments\":\"{}\"", "\"arguments\":\"\"")
                    .replace("\"delta\":\"{}\"", "\"delta\":\"\"");
            }
            Shape::Messages => bytes = bytes.replace("\"partial_json\":\"{}\"", "\"partial_json\":\"\""),
            Shape::GenerateContent => {
                answer["candidates"][0]["content"]["parts"][0]["functionCall"].as_object_mut().unwrap().remove("args");
                bytes = bytes.replace("\"args\":{},", "");
            }
        }
        assert!(!bytes.contains("\"{}\"") && !bytes.contains("\"args\""), "{way:?}: {bytes}");
        for told in both(way, &answer, &bytes) {
            assert_eq!(
                Told::of(way.client, &told).calls,
                [(ids(way.upstream)[0].to_owned(), TOOL.to_owned(), json!({}))],
                "{way:?}"
            );
        }
    }
}

#[test]
fn pitfall_36_an_answer_with_calls_ends_for_them_though_the_provider_says_stop() {
    for way in between() {
        let call = Call { id: Some(ids(way.upstream)[0]), arguments: arguments("Oslo") };
        let reply = Reply { calls: vec![call], text: TEXT, ..Reply::default() };
        let (mut answer, mut bytes) = (whole(way.upstream, &reply), stream(way.upstream, &reply));
        match way.upstream {
            Shape::Chat => {
                answer["choices"][0]["finish_reason"] = json!("stop");
                bytes = bytes.replace("\"finish_reason\":\"tool_calls\"", "\"finish_reason\":\"stop\"");
            }
            Shape::Messages => {
                answer["stop_reason"] = json!("end_turn");
                bytes = bytes.replace("\"stop_reason\":\"tool_use\"", "\"stop_reason\":\"end_turn\"");
            }
            // They have no other word.
            Shape::Responses | Shape::GenerateContent => {}
        }
        assert!(!bytes.contains("tool_use\",\"stop_sequence") && !bytes.contains("\"finish_reason\":\"tool_calls\""));
        let word = match way.client {
            Shape::Chat => "tool_calls",
            Shape::Responses => "completed",
            Shape::Messages => "tool_use",
            Shape::GenerateContent => "STOP",
        };
        for told in both(way, &answer, &bytes) {
            assert_eq!(Told::of(way.client, &told).finish, word, "{way:?}");
        }
    }
}

#[test]
fn pitfall_92_counts_are_numbers_or_absent_also_where_the_provider_gives_none() {
    fn nulls(value: &Value) -> bool {
        value.is_null() || value.as_object().is_some_and(|members| members.values().any(nulls))
    }
    for way in between() {
        let reply = Feature::Plain.reply(way.upstream);
        let (mut answer, name) = (
            whole(way.upstream, &reply),
            if way.upstream == Shape::GenerateContent { "usageMetadata" } else { "usage" },
        );
        let with = both(way, &answer, &stream(way.upstream, &reply));
        answer.as_object_mut().unwrap().remove(name);
        let bytes = stream(way.upstream, &reply).replace(&format!("\"{name}\":"), "\"other\":");
        let without = both(way, &answer, &bytes);
        for told in with.iter().chain(&without) {
            let usage = if way.client == Shape::GenerateContent { &told["usageMetadata"] } else { &told["usage"] };
            let is_absent = usage.is_null() && without.contains(told);
            assert!(is_absent || !nulls(usage), "{way:?}: {usage}");
        }
    }
}

#[test]
fn pitfall_100_and_101_a_prompt_that_google_blocks_is_a_filtered_answer_and_no_error() {
    let usage = json!({"promptTokenCount": 8, "totalTokenCount": 8});
    let blocked = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": usage, "modelVersion": "m-1", "responseId": "up-1"});
    let empty = json!({"candidates": [{"finishReason": "SAFETY", "index": 0}], "usageMetadata": usage, "modelVersion": "m-1", "responseId": "up-1"});
    for client in SHAPES.into_iter().filter(|client| *client != Shape::GenerateContent) {
        let way = Way { client, upstream: Shape::GenerateContent };
        for answer in [&blocked, &empty] {
            for told in both(way, answer, &format!("data: {answer}\r\n\r\n")) {
                let told = Told::of(client, &told);
                let word = if client == Shape::Messages { "refusal" } else { "content_filter" };
                assert_eq!(
                    (told.finish.as_str(), told.text.as_str(), told.calls.len()),
                    (word, "", 0),
                    "{client}: {answer}"
                );
            }
        }
    }
}

#[test]
fn pitfall_103_an_answer_that_is_complete_and_empty_has_just_ended() {
    for way in between() {
        let reply = Reply::default();
        for told in both(way, &whole(way.upstream, &reply), &stream(way.upstream, &reply)) {
            let told = Told::of(way.client, &told);
            let word = match way.client {
                Shape::Chat => "stop",
                Shape::Responses => "completed",
                Shape::Messages => "end_turn",
                Shape::GenerateContent => "STOP",
            };
            assert_eq!((told.finish.as_str(), told.text.as_str()), (word, ""), "{way:?}");
        }
    }
}

#[test]
fn pitfall_1_and_2_line_ends_comments_and_cuts_inside_of_characters_make_no_difference() {
    for way in between() {
        let plain = stream(way.upstream, &Feature::Thinking.reply(way.upstream)).replace("\r\n", "\n");
        let sent = way.sent(&request(way.client, Ask { stream: true, ..Feature::Thinking.ask() }), true).unwrap();
        let told = |bytes: &str| {
            let mut framer = ovth_filters::sse::Framer::new(1 << 20);
            let mut translator = StreamTranslator::new(way.upstream, way.client, &sent.answering).unwrap();
            let mut out = BytesMut::new();
            let mut take = |piece: ovth_filters::sse::Piece| {
                let ovth_filters::sse::Piece::Event(event) = piece else { panic!("no event is over the bound") };
                // What keeps a stream alive is told, too, and is looked at elsewhere.
                if !event.is_comment() {
                    translator.event(&event, &mut out).unwrap();
                }
            };
            for byte in bytes.as_bytes() {
                framer.push(Bytes::copy_from_slice(&[*byte]));
                while let Some(piece) = framer.next() {
                    take(piece);
                }
            }
            framer.finish().into_iter().for_each(&mut take);
            translator.end(&mut out).unwrap();
            String::from_utf8(out.to_vec()).unwrap()
        };
        let expected = told(&plain);
        assert!(!expected.contains('\u{fffd}'));
        let commented = plain.replace("\n\n", "\n\n: still there\n\n");
        let forms = [
            plain.replace('\n', "\r\n"),
            plain.replace('\n', "\r"),
            commented,
            plain.trim_end().to_owned(),
            format!("\u{feff}{plain}"),
            plain.replace("data: {", "data: {\ndata: "),
        ];
        for form in forms {
            assert_eq!(told(&form), expected, "{way:?}");
        }
    }
}

#[test]
fn pitfall_40_names_that_a_provider_would_refuse_are_changed_and_known_again() {
    for way in between() {
        let own = match way.client {
            Shape::Chat | Shape::Responses => "x".repeat(64),
            Shape::Messages => "x".repeat(100),
            Shape::GenerateContent => format!("{}.now:here", "x".repeat(90)),
        };
        let renamed = |body: &Value, name: &str| -> Value {
            serde_json::from_str(&body.to_string().replace(TOOL, name)).unwrap()
        };
        let body = renamed(&request(way.client, Feature::ToolCall.ask()), &own);
        let sent = way.sent(&body, false).unwrap();
        let name = Asked::of(way.upstream, &serde_json::from_slice(&sent.body).unwrap()).tools[0].0.clone();
        let most = if matches!(way.upstream, Shape::Chat | Shape::Responses) { 64 } else { 128 };
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        assert!(name.len() <= most, "{way:?}: {name}");
        assert!(way.upstream == Shape::GenerateContent || name.bytes().all(is_legal), "{way:?}: {name}");
        let answer = renamed(&whole(way.upstream, &Feature::ToolCall.reply(way.upstream)), &name);
        let told =
            translate::response(way.upstream, way.client, answer.to_string().as_bytes(), &sent.answering).unwrap();
        let told: Value = serde_json::from_slice(&told).unwrap();
        assert_eq!(Told::of(way.client, &told).calls[0].1, own, "{way:?}");
        let next = way.sent(&next_request(way.client, body, &told), false).unwrap();
        let asked = Asked::of(way.upstream, &serde_json::from_slice(&next.body).unwrap());
        assert_eq!((&asked.tools[0].0, &asked.calls[0].1), (&name, &name), "{way:?}: the same name in the next turn");
    }
}

#[test]
fn pitfall_43_and_82_each_turn_goes_up_with_the_bytes_of_the_turn_before() {
    for way in between() {
        let list = match way.upstream {
            Shape::Chat | Shape::Messages => "messages",
            Shape::Responses => "input",
            Shape::GenerateContent => "contents",
        };
        let reply = Feature::Thinking.reply(way.upstream);
        let mut body = request(way.client, Feature::Thinking.ask());
        let mut before: Option<String> = None;
        for turn in 0..6 {
            let sent = way.sent(&body, false).unwrap();
            let bytes = String::from_utf8(sent.body.clone()).unwrap();
            let begins = bytes.find(&format!("\"{list}\":[")).unwrap();
            let turns: Vec<&serde_json::value::RawValue> = {
                let raw: std::collections::BTreeMap<String, &serde_json::value::RawValue> =
                    serde_json::from_str(&bytes).unwrap();
                serde_json::from_str(raw[list].get()).unwrap()
            };
            let joined = turns.iter().map(|turn| turn.get()).collect::<Vec<_>>().join(",");
            if let Some(before) = before.replace(joined.clone()) {
                assert!(joined.starts_with(&before), "{way:?}, turn {turn}:\n{before}\n{joined}");
                assert!(joined.len() > before.len());
            }
            assert!(begins > 0);
            // A new answer has calls with ids of its own.
            let id = ids(way.upstream)[0];
            let new = format!("{}{turn}{turn}", id.get(..id.len() - 2).unwrap());
            let answer = whole(way.upstream, &reply).to_string().replace(id, &new);
            let told = translate::response(way.upstream, way.client, answer.as_bytes(), &sent.answering).unwrap();
            body = next_request(way.client, body, &serde_json::from_slice(&told).unwrap());
        }
    }
}
