//! The tap on short streams that hold what hosts really send, whole and split anywhere.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::neutral::ErrorClass;
use crate::sse::Framer;

/// The kinds in short: S, C, U, H, F, D, or E with the class.
fn read(shape: Shape, chunks: impl IntoIterator<Item = Bytes>) -> (String, Tap) {
    let mut tap = Tap::new(shape);
    let mut framer = Framer::new(crate::shapes::MAX_EVENT_BYTES);
    let mut kinds = String::new();
    let mut read = |piece: &Piece, tap: &mut Tap| match tap.piece(piece) {
        EventKind::Structural => kinds.push('S'),
        EventKind::Content => kinds.push('C'),
        EventKind::UsageOnly => kinds.push('U'),
        EventKind::Heartbeat => kinds.push('H'),
        EventKind::Finish => kinds.push('F'),
        EventKind::Done => kinds.push('D'),
        EventKind::Error(error) => kinds.push_str(&format!("E({})", error.class)),
    };
    for chunk in chunks {
        framer.push(chunk);
        while let Some(piece) = framer.next() {
            read(&piece, &mut tap);
        }
    }
    if let Some(piece) = framer.finish() {
        read(&piece, &mut tap);
    }
    (kinds, tap)
}

fn chat(events: &[&str]) -> (String, Tap) {
    let stream: String = events.iter().map(|data| format!("data: {data}\n\n")).collect();
    read(Shape::Chat, [Bytes::from(stream)])
}

fn messages(events: &[&str]) -> (String, Tap) {
    let stream: String = events.iter().map(|data| format!("event: x\ndata: {data}\n\n")).collect();
    read(Shape::Messages, [Bytes::from(stream)])
}

fn delta(delta: &str) -> String {
    format!(r#"{{"id":"c","model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}],"usage":null}}"#)
}

const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","model":"claude","content":[],"stop_reason":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":7,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":3},"cache_read_input_tokens":5,"output_tokens":1}}}"#;

#[test]
fn reads_a_chat_stream() {
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"prompt_tokens_details":{"cached_tokens":30,"cache_write_tokens":10},"completion_tokens_details":{"reasoning_tokens":8}}}"#;
    let (kinds, tap) = chat(&[
        &delta(r#"{"role":"assistant","content":""}"#),
        &delta(r#"{"content":"H\u00e9\n"}"#),
        STOP,
        usage,
        "[DONE]",
    ]);
    assert_eq!(kinds, "SCFUD");
    let expected = Usage {
        input: 60,
        cache_read: 30,
        cache_write: 10,
        cache_write_1h: 0,
        output: 20,
        reasoning: 8,
        ..Usage::default()
    };
    assert_eq!(tap.usage(), Some(expected));
    assert_eq!((tap.model(), tap.finish_reason(), tap.delivered_tokens()), (Some("m"), Some("stop"), 5));
    assert!(tap.is_complete() && tap.usage_is_final());
}

#[test]
fn knows_what_is_content_in_chat() {
    for (content, tokens) in [
        (r#"{"content":"a"}"#, 3),
        (r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"ab"}]},{"type":"text","text":"c"}]}"#, 3),
        (r#"{"refusal":"no"}"#, 3),
        (r#"{"content":null,"reasoning_content":"hm"}"#, 3),
        (r#"{"content":"","reasoning":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm"}]}"#, 3),
        (r#"{"reasoning_details":[{"type":"reasoning.summary","summary":"hm"}]}"#, 3),
        (r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"x"}]}"#, 0),
        (r#"{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":""}}]}"#, 8),
        (r#"{"tool_calls":[{"index":0,"type":null,"function":{"arguments":"{\"a\""}}]}"#, 5),
        (r#"{"tool_calls":[{"type":"custom","custom":{"name":"f","input":"x"}}]}"#, 8),
        (r#"{"function_call":{"arguments":"{}"}}"#, 3),
        (r#"{"audio":{"data":"AAAA"}}"#, 0),
        (r#"{"audio":{"transcript":"hi"}}"#, 3),
        (r#"{"annotations":[{"type":"url_citation"}]}"#, 0),
        (r#"{"images":[{"type":"image_url"}]}"#, 0),
    ] {
        let (kinds, tap) = chat(&[&delta(content)]);
        assert_eq!((kinds.as_str(), tap.delivered_tokens()), ("C", tokens), "{content}");
    }
    for frame in [
        r#"{"role":"","content":""}"#,
        r#"{"content":null,"tool_calls":[],"refusal":null}"#,
        r#"{"content":"","refusal":"","tool_calls":null,"function_call":{"arguments":"","name":""}}"#,
        r#"{"audio":{"id":"a","expires_at":1}}"#,
        r#"{"reasoning_details":[],"annotations":[]}"#,
        "{}",
        "null",
    ] {
        assert_eq!(chat(&[&delta(frame)]).0, "S", "{frame}");
    }
}

#[test]
fn takes_odd_chunks_of_chat() {
    for chunk in [
        r#"{"choices":null}"#,
        r#"{"choices":[],"prompt_filter_results":[{}]}"#,
        r#"{"choices":[],"usage":null}"#,
        r#"{"choices":[],"moderation":{}}"#,
        r#"{"choices":[null],"error":null}"#,
        r#"{"error":{}}"#,
        "{}",
        "1",
    ] {
        assert_eq!(chat(&[chunk]).0, "S", "{chunk}");
    }
    let (kinds, tap) =
        read(Shape::Chat, [Bytes::from_static(b": OPENROUTER PROCESSING\n\n\ndata:\n\ndata: [DONE] \n\n")]);
    assert_eq!(kinds, "HHHD");
    assert!(!tap.is_complete(), "a terminator alone does not say that the answer was finished");
}

#[test]
fn a_whole_message_beside_the_delta_is_not_counted_again() {
    let chunk = r#"{"choices":[{"message":{"content":"one two"},"delta":{"content":" two"}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    let (kinds, tap) = chat(&[chunk, r#"{"choices":[{"message":{"content":"x"}}]}"#]);
    assert_eq!((kinds.as_str(), tap.delivered_tokens()), ("CC", 3));
    assert_eq!(tap.usage().unwrap().output, 2);
}

#[test]
fn final_counts_and_a_terminator_finish_an_answer_that_gave_no_reason() {
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":2,"completion_tokens":1}}"#;
    let content = delta(r#"{"content":"4"}"#);
    assert!(chat(&[&content, usage, "[DONE]"]).1.is_complete());
    assert!(!chat(&[&content, usage]).1.is_complete());
    assert!(!chat(&[&content, "[DONE]"]).1.is_complete());
    let (kinds, tap) = chat(&[&content, r#"{"choices":[{"delta":{"content":""},"finish_reason":""}]}"#]);
    assert_eq!((kinds.as_str(), tap.is_complete(), tap.finish_reason()), ("CS", false, None));
}

#[test]
fn reads_usage_under_the_names_that_hosts_use() {
    let usage = |object: &str| chat(&[&format!(r#"{{"choices":[],"usage":{object}}}"#)]).1.usage();
    let some = |input, cache_read, cache_write, output, reasoning| {
        Some(Usage { input, cache_read, cache_write, cache_write_1h: 0, output, reasoning, ..Usage::default() })
    };
    assert_eq!(
        usage(r#"{"prompt_tokens":9,"completion_tokens":2,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":5}"#),
        some(5, 4, 0, 2, 0)
    );
    assert_eq!(
        usage(
            r#"{"prompt_tokens":9,"completion_tokens":2,"cache_read_input_tokens":4,"cache_creation_input_tokens":3}"#
        ),
        some(2, 4, 3, 2, 0)
    );
    assert_eq!(
        usage(
            r#"{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":null,"completion_tokens_details":null}"#
        ),
        some(9, 0, 0, 2, 0)
    );
    // More cached than there was, and more reasoning than output: never negative.
    assert_eq!(
        usage(
            r#"{"prompt_tokens":3,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":5}}"#
        ),
        some(0, 4, 0, 2, 2)
    );
    // Reasoning beside the completion, as the total shows.
    assert_eq!(
        usage(
            r#"{"prompt_tokens":3,"completion_tokens":2,"total_tokens":10,"completion_tokens_details":{"reasoning_tokens":5}}"#
        ),
        some(3, 0, 0, 7, 5)
    );
    assert_eq!(usage("{}"), None);
    let (kinds, tap) = chat(&[
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"r","usage":{"prompt_tokens":18,"completion_tokens":73}}}"#,
    ]);
    assert_eq!((kinds.as_str(), tap.usage()), ("F", some(18, 0, 0, 73, 0)));
    let (_, tap) = chat(&[
        r#"{"choices":[{"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":1,"completion_tokens":2}}]}"#,
    ]);
    assert_eq!(tap.usage(), some(1, 0, 0, 2, 0));
}

#[test]
fn the_last_count_that_is_a_number_holds() {
    let (_, tap) = chat(&[
        r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":4}}}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":null,"completion_tokens":7}}"#,
    ]);
    assert_eq!(tap.usage(), Some(Usage { input: 5, cache_read: 4, output: 7, ..Usage::default() }));
}

#[test]
fn an_error_in_a_chat_stream_keeps_the_words_of_the_provider() {
    let mut tap = Tap::new(Shape::Chat);
    let data = r#"{"error":{"message":"Tool call validation failed","type":"invalid_request_error","code":"tool_use_failed","param":"tools","status_code":400}}"#;
    let event = RawEvent { bytes: Bytes::from(format!("event: error\ndata: {data}\n\n")) };
    let EventKind::Error(error) = tap.event(&event) else { unreachable!() };
    assert_eq!(error.class, ErrorClass::BadRequest);
    assert_eq!(error.message, "Tool call validation failed");
    assert_eq!((error.code.as_deref(), error.param.as_deref()), (Some("tool_use_failed"), Some("tools")));
    for (data, kinds) in [
        (
            r#"{"error":{"message":"m","code":429},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}"#,
            "E(rate_limit)",
        ),
        (r#"{"object":"error","message":"too large","code":413}"#, "E(too_large)"),
        (r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"error"}]}"#, "E(upstream)"),
        (r#"{"error":"boom"}"#, "E(upstream)"),
        ("{\"choices\":[{\"delta\":{\"content\":\"cut", "E(upstream)"),
        ("<html>", "E(upstream)"),
    ] {
        let (found, tap) = chat(&[data]);
        assert_eq!((found.as_str(), tap.is_complete()), (kinds, false), "{data}");
    }
}

#[test]
fn reads_a_messages_stream() {
    let (kinds, tap) = messages(&[
        START,
        r#"{"type": "ping"}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"Eq"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hello"}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{"cited_text":"x"}}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t","name":"fn","input":{}}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"content_block_start","index":3,"content_block":{"type":"redacted_thinking","data":"x"}}"#,
        r#"{"type":"something_new"}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"input_tokens":12,"cache_creation_input_tokens":8,"cache_read_input_tokens":null,"output_tokens":30,"output_tokens_details":{"thinking_tokens":9}}}"#,
        r#"{"type":"message_stop"}"#,
    ]);
    assert_eq!(kinds, "SHSCCSSCCSCSCSCSFD");
    let expected = Usage {
        input: 12,
        cache_read: 5,
        cache_write: 5,
        cache_write_1h: 3,
        output: 30,
        reasoning: 9,
        ..Usage::default()
    };
    assert_eq!(tap.usage(), Some(expected));
    assert_eq!((tap.model(), tap.finish_reason(), tap.delivered_tokens()), (Some("claude"), Some("tool_use"), 62));
    assert!(tap.is_complete() && tap.usage_is_final());
}

#[test]
fn a_cut_messages_stream_has_counts_that_are_not_final() {
    let (kinds, tap) = messages(&[START, r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}"#]);
    assert_eq!(kinds, "SC");
    assert_eq!(tap.usage().map(|usage| (usage.input, usage.output)), Some((10, 1)));
    assert!(!tap.is_complete() && !tap.usage_is_final());
}

#[test]
fn steps_that_the_counters_leave_out_are_counted_and_those_in_them_are_not_counted_twice() {
    let step = |kind: &str, input: u64, output: u64| {
        format!(
            r#"{{"type":"{kind}","input_tokens":{input},"output_tokens":{output},"cache_read_input_tokens":2,"cache_creation_input_tokens":7,"cache_creation":{{"ephemeral_1h_input_tokens":3,"ephemeral_5m_input_tokens":4}}}}"#
        )
    };
    let told = |iterations: &str| {
        let usage = format!(r#"{{"output_tokens":8,"iterations":{iterations},"input_tokens":220}}"#);
        let body = format!(r#"{{"type":"message","content":[],"stop_reason":"end_turn","usage":{usage}}}"#);
        let mut whole = Tap::new(Shape::Messages);
        whole.body(body.as_bytes());
        let delta = format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"end_turn"}},"usage":{usage}}}"#);
        let start = START
            .replace(r#","cache_creation_input_tokens":7"#, "")
            .replace(r#""cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":3},"#, "")
            .replace(r#""cache_read_input_tokens":5,"#, "");
        // An earlier list is a part of the later one.
        let (_, streamed) = messages(&[&start, &delta, &delta]);
        assert_eq!(streamed.usage(), whole.usage(), "{usage}");
        whole.usage().unwrap()
    };
    let own = Usage { input: 220, output: 8, ..Usage::default() };
    assert_eq!(told("null"), own);
    assert_eq!(told("[]"), own);
    assert_eq!(told(r#"[7, {"type":"compaction"}, {"type":9}]"#), own);
    let inside = step("message", 220, 8);
    assert_eq!(told(&format!("[{inside}]")), own);
    let beside = format!("[{},{inside},{}]", step("compaction", 55_196, 125), step("advisor_message", 2_518, 22));
    let all = Usage {
        input: 220 + 55_196 + 2_518,
        cache_read: 4,
        cache_write: 8,
        cache_write_1h: 6,
        output: 8 + 125 + 22,
        ..Usage::default()
    };
    assert_eq!(told(&beside), all);
}

#[test]
fn errors_and_second_messages_in_a_messages_stream() {
    assert_eq!(messages(&[START, START]).0, "SS");
    assert_eq!(messages(&[START, &START.replace("msg_1", "msg_2")]).0, "SE(upstream)");
    for (data, kinds) in [
        (r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, "E(overloaded)"),
        (
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"m","details":{"error_code":"contract_spend_limit_reached"}}}"#,
            "E(operator_billing)",
        ),
        (r#"{"error":{"message":"m","code":503}}"#, "E(overloaded)"),
        (r#"{"type":"message_start""#, "E(upstream)"),
    ] {
        assert_eq!(messages(&[data]).0, kinds, "{data}");
    }
    // The event's name stands in for the type.
    let (kinds, _) = read(
        Shape::Messages,
        [Bytes::from_static(b"event: error\ndata: {\"message\":\"m\"}\n\nevent: ping\ndata: {}\n\n")],
    );
    assert_eq!(kinds, "E(upstream)H");
}

#[test]
fn reads_whole_answers() {
    let mut tap = Tap::new(Shape::Chat);
    let body = r#"{"id":"c","model":"m","choices":[{"message":{"role":"assistant","content":"hello","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":4,"completion_tokens":3}}"#;
    assert_eq!(tap.body(body.as_bytes()), EventKind::Content);
    assert_eq!((tap.delivered_tokens(), tap.finish_reason(), tap.is_complete()), (10, Some("tool_calls"), true));
    assert_eq!(tap.usage(), Some(Usage { input: 4, output: 3, ..Usage::default() }));

    let mut tap = Tap::new(Shape::Messages);
    let body = r#"{"type":"message","model":"claude","content":[{"type":"text","text":"hello"},{"type":"tool_use","name":"f","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":4,"output_tokens":3}}"#;
    assert_eq!(tap.body(body.as_bytes()), EventKind::Content);
    assert_eq!((tap.delivered_tokens(), tap.model(), tap.is_complete()), (45, Some("claude"), true));
    assert!(tap.usage_is_final());

    for (shape, body) in [
        (Shape::Chat, r#"{"error":{"message":"filtered","code":"content_filter"}}"#),
        (Shape::Messages, r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#),
        (Shape::Chat, "<html>"),
        (Shape::Messages, r#"{"content":[]"#),
    ] {
        let mut tap = Tap::new(shape);
        assert!(matches!(tap.body(body.as_bytes()), EventKind::Error(_)), "{body}");
        assert!(!tap.is_complete());
    }
}

#[test]
fn an_event_too_large_to_be_read_is_content_and_may_have_been_the_last_one() {
    let large = delta(&format!(r#"{{"content":"{}"}}"#, "x".repeat(70_000)));
    let (kinds, tap) = chat(&[&delta(r#"{"content":"a"}"#), &large, "[DONE]"]);
    assert_eq!((kinds.as_str(), tap.is_complete()), ("CCD", true));
}

proptest! {
    #[test]
    fn reads_the_same_however_a_stream_is_split(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10), crlf in any::<bool>()) {
        let end = if crlf { "\r\n\r\n" } else { "\n\n" };
        let usage = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}"#;
        let content = delta("{\"content\":\"h\u{e9}\"}");
        let stream: String = [&content, STOP, usage, "[DONE]"].iter().map(|data| format!("data: {data}{end}")).collect();
        let stream = Bytes::from(stream);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).chain([0, stream.len()]).collect();
        cuts.sort_unstable();
        let (kinds, tap) = read(Shape::Chat, cuts.windows(2).map(|cut| stream.slice(cut[0]..cut[1])));
        prop_assert_eq!(kinds, "CFUD");
        prop_assert_eq!((tap.usage().map(|usage| usage.total()), tap.delivered_tokens()), (Some(11), 4));
    }

    #[test]
    fn never_panics(data in prop::collection::vec(any::<u8>(), 0..120), text in "[\\[\\]{}:,\"a-z0-9\\\\ ]{0,80}") {
        for shape in Shape::ALL {
            for bytes in [&data[..], text.as_bytes()] {
                let mut tap = Tap::new(shape);
                tap.body(bytes);
                read(shape, [Bytes::copy_from_slice(bytes)]);
                let _ = crate::shapes::peek(shape, crate::Operation::Generate, bytes);
                let _ = crate::shapes::decode_error(shape, bytes);
            }
        }
    }
}

/// What a whole answer says: its counts, and at which service class it was served.
fn whole(shape: Shape, body: &str) -> (Option<Usage>, Option<String>) {
    let mut tap = Tap::new(shape);
    tap.body(body.as_bytes());
    (tap.usage(), tap.service_class().map(str::to_owned))
}

#[test]
fn sound_images_and_searches_are_parts_and_calls_not_more_tokens() {
    let (usage, class) = whole(
        Shape::Chat,
        r#"{"service_tier":"flex","usage":{"prompt_tokens":100,"completion_tokens":50,"prompt_tokens_details":{"cached_tokens":40,
            "audio_tokens":30,"cache_write_tokens":20,"cache_write_tokens_details":{"ttl_30m_tokens":15,"ttl_12h_tokens":5}},
            "completion_tokens_details":{"reasoning_tokens":10,"audio_tokens":25,"image_tokens":5},
            "server_tool_use_details":{"web_search_requests":3}}}"#,
    );
    let expected = Usage {
        input: 40,
        cache_read: 40,
        cache_write: 15,
        cache_write_1h: 5,
        output: 50,
        reasoning: 10,
        audio_input: 30,
        audio_output: 25,
        image_output: 5,
        web_searches: 3,
    };
    assert_eq!((usage, class.as_deref()), (Some(expected), Some("flex")));
    assert_eq!(expected.total(), 150);
    let (usage, _) = whole(
        Shape::Chat,
        r#"{"usage":{"prompt_tokens":9,"completion_tokens":9,"prompt_tokens_details":{"audio_tokens":70,"cached_tokens":4},
            "completion_tokens_details":{"reasoning_tokens":5,"audio_tokens":70,"image_tokens":70}}}"#,
    );
    let parts = usage.map(|usage| (usage.audio_input, usage.reasoning, usage.audio_output, usage.image_output));
    assert_eq!(parts, Some((5, 5, 4, 0)), "a part is never more than what it is a part of");
}

#[test]
fn searches_of_messages_are_counted_once() {
    let usage = r#"{"input_tokens":10,"output_tokens":1,"server_tool_use":{"web_search_requests":0}}"#;
    let start = format!(r#"{{"type":"message_start","message":{{"id":"m","usage":{usage}}}}}"#);
    let delta = |searches| {
        format!(
            r#"{{"type":"message_delta","delta":{{}},"usage":{{"output_tokens":5,"server_tool_use":{{"web_search_requests":{searches}}}}}}}"#
        )
    };
    let (_, tap) = messages(&[&start, &delta(2), &delta(3)]);
    assert_eq!(tap.usage(), Some(Usage { input: 10, output: 5, web_searches: 3, ..Usage::default() }));
}

#[test]
fn the_service_class_is_one_word_for_all_shapes() {
    let chat = |tier: &str| whole(Shape::Chat, &format!(r#"{{"service_tier":{tier},"usage":{{}}}}"#)).1;
    assert_eq!(chat(r#""default""#).as_deref(), Some("standard"));
    assert_eq!(chat(r#""priority""#).as_deref(), Some("priority"));
    assert_eq!(chat(r#""SCALE""#).as_deref(), Some("scale"));
    for unsaid in ["null", r#""auto""#, r#""""#, "7", r#""a b""#, &format!("{:?}", "x".repeat(33))] {
        assert_eq!(chat(unsaid), None, "{unsaid}");
    }
    let mistral = whole(Shape::Chat, r#"{"usage":{"prompt_tokens":1,"service_tier":"standard"}}"#).1;
    assert_eq!(mistral.as_deref(), Some("standard"));
    let messages = |words: &str| whole(Shape::Messages, &format!(r#"{{"usage":{{{words}}}}}"#)).1;
    for (words, class) in [
        (r#""service_tier":"batch""#, Some("batch")),
        (r#""service_tier":"priority","inference_geo":"global","speed":"standard""#, Some("priority")),
        (r#""inference_geo":"not_available""#, Some("standard")),
        (r#""inference_geo":"us""#, Some("standard+us")),
        (r#""inference_geo":"us","service_tier":"standard","speed":"fast""#, Some("fast+us")),
        (r#""inference_geo":null,"service_tier":null,"speed":null"#, None),
    ] {
        assert_eq!(messages(words).as_deref(), class, "{words}");
    }
    let gemini = |words: &str| whole(Shape::GenerateContent, &format!(r#"{{"usageMetadata":{{{words}}}}}"#)).1;
    assert_eq!(gemini(r#""serviceTier":"flex""#).as_deref(), Some("flex"));
    assert_eq!(gemini(r#""trafficType":"ON_DEMAND""#).as_deref(), Some("standard"));
    assert_eq!(gemini(r#""trafficType":"ON_DEMAND_PRIORITY""#).as_deref(), Some("priority"));
    assert_eq!(gemini(r#""trafficType":"PROVISIONED_THROUGHPUT""#), None);
}

#[test]
fn a_later_event_of_messages_does_not_undo_what_the_first_said_of_the_class() {
    let start = r#"{"type":"message_start","message":{"id":"m","usage":{"input_tokens":1,"service_tier":"batch","inference_geo":"us"}}}"#;
    let delta = r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":5}}"#;
    assert_eq!(messages(&[start, delta]).1.service_class(), Some("batch+us"));
}

#[test]
fn reads_the_counts_of_responses() {
    let usage = r#"{"input_tokens":90,"input_tokens_details":{"cached_tokens":30,"cache_write_tokens":10},"output_tokens":20,"output_tokens_details":{"reasoning_tokens":8},"total_tokens":110}"#;
    let output = r#"[{"type":"web_search_call","action":{"type":"search"}},{"type":"web_search_call","action":{"type":"open_page"}},{"type":"web_search_call"},{"type":"message"}]"#;
    let expected = Usage {
        input: 50,
        cache_read: 30,
        cache_write: 10,
        output: 20,
        reasoning: 8,
        web_searches: 2,
        ..Usage::default()
    };
    let body = format!(r#"{{"model":"m","service_tier":"default","output":{output},"usage":{usage}}}"#);
    assert_eq!(whole(Shape::Responses, &body), (Some(expected), Some("standard".to_owned())));
    let told = format!(r#"{{"tool_usage":{{"web_search":{{"num_requests":7}}}},"output":{output},"usage":{usage}}}"#);
    assert_eq!(whole(Shape::Responses, &told).0, Some(Usage { web_searches: 7, ..expected }));
    let stream = format!(
        "event: response.created\ndata: {{\"type\":\"response.created\",\"response\":{{\"service_tier\":\"auto\",\"usage\":null}}}}\n\n\
         event: response.completed\ndata: {{\"type\":\"response.completed\",\"response\":{body}}}\n\n"
    );
    let (kinds, tap) = read(Shape::Responses, [Bytes::from(stream)]);
    assert_eq!((kinds.as_str(), tap.usage(), tap.service_class()), ("SD", Some(expected), Some("standard")));
    assert_eq!(tap.model(), Some("m"));
}

#[test]
fn what_gemini_counts_while_it_thinks_is_not_the_last_word() {
    let thought = r#"data: {"candidates":[{"content":{"parts":[{"text":"a thought","thought":true}]}}],"usageMetadata":{"promptTokenCount":44,"totalTokenCount":44}}"#;
    let thoughts = format!("{thought}\r\n\r\n");
    let (_, tap) = read(Shape::GenerateContent, [Bytes::from(thoughts.clone())]);
    assert!(tap.delivered_tokens() > 0 && !tap.usage_is_final(), "nothing of the thoughts is in the counts");
    let end = r#"data: {"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":44,"thoughtsTokenCount":902,"totalTokenCount":946}}"#;
    let (_, tap) = read(Shape::GenerateContent, [Bytes::from(format!("{thoughts}{end}\r\n\r\n"))]);
    assert!(tap.usage_is_final() && tap.usage().is_some_and(|usage| usage.output == 902));
}

#[test]
fn reads_the_counts_of_generate_content() {
    let usage = r#"{"promptTokenCount":100,"cachedContentTokenCount":30,"candidatesTokenCount":20,"thoughtsTokenCount":8,"toolUsePromptTokenCount":7,"totalTokenCount":135,"promptTokensDetails":[{"modality":"TEXT","tokenCount":60},{"modality":"AUDIO","tokenCount":40}],"cacheTokensDetails":[{"modality":"AUDIO","tokenCount":10}],"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":5},{"modality":"AUDIO","tokenCount":3}]}"#;
    let expected = Usage {
        input: 77,
        cache_read: 30,
        output: 28,
        reasoning: 8,
        audio_input: 30,
        audio_output: 3,
        image_output: 5,
        ..Usage::default()
    };
    let body = format!(r#"{{"modelVersion":"m","usageMetadata":{usage}}}"#);
    assert_eq!(whole(Shape::GenerateContent, &body).0, Some(expected));
    assert_eq!(whole(Shape::GenerateContent, &format!("[{body},{{}}]")).0, Some(expected));
    let first = r#"data: {"usageMetadata":{"promptTokenCount":100,"thoughtsTokenCount":8}}"#;
    let stream = format!("{first}\r\n\r\ndata: {body}\r\n\r\n");
    assert_eq!(read(Shape::GenerateContent, [Bytes::from(stream)]).1.usage(), Some(expected));
    let among = r#"{"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":9,"thoughtsTokenCount":4,"totalTokenCount":19}}"#;
    let expected = Usage { input: 10, output: 9, reasoning: 4, ..Usage::default() };
    assert_eq!(whole(Shape::GenerateContent, among).0, Some(expected));
    for odd in ["{}", "null", "[]", "x", r#"{"usageMetadata":[]}"#, r#"{"usageMetadata":{"promptTokensDetails":{}}}"#] {
        assert_eq!(whole(Shape::GenerateContent, odd).0, None, "{odd}");
    }
}

#[test]
fn the_cost_that_a_router_tells_is_read_to_the_last_digit() {
    let told = |usage: &str| {
        let (_, tap) = chat(&[STOP, &format!(r#"{{"choices":[],"usage":{usage}}}"#)]);
        tap.told_cost().map(|cost| cost.0)
    };
    assert_eq!(told(r#"{"prompt_tokens":1,"completion_tokens":2}"#), None);
    assert_eq!(told(r#"{"prompt_tokens":1,"completion_tokens":2,"cost":null}"#), None);
    assert_eq!(told(r#"{"prompt_tokens":1,"completion_tokens":2,"cost":{"total_cost":1}}"#), None);
    assert_eq!(told(r#"{"prompt_tokens":1,"completion_tokens":2,"cost":1.25e-4}"#), Some(125_000_000));
    let details = r#""cost_details":{"upstream_inference_cost":0.002}"#;
    let with = |is_byok: bool| told(&format!(r#"{{"prompt_tokens":1,"cost":0.0001,"is_byok":{is_byok},{details}}}"#));
    assert_eq!(with(false), Some(100_000_000), "what the router pays is in what it charges");
    assert_eq!(with(true), Some(2_100_000_000), "what the operator's own account is charged comes besides");
    for (shape, body) in [
        (Shape::Chat, r#"{"choices":[],"usage":{"prompt_tokens":1,"cost":0.5}}"#),
        (
            Shape::Responses,
            r#"{"object":"response","status":"completed","output":[],"usage":{"input_tokens":1,"cost":0.5}}"#,
        ),
        (Shape::Messages, r#"{"type":"message","content":[],"usage":{"input_tokens":1,"output_tokens":1,"cost":0.5}}"#),
    ] {
        let mut tap = Tap::new(shape);
        tap.body(body.as_bytes());
        assert_eq!(tap.told_cost().map(|cost| cost.0), Some(500_000_000_000), "{shape:?}");
    }
}
