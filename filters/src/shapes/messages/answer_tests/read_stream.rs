//! Streams, read.

use bytes::Bytes;
use proptest::prelude::*;

use super::{collected, read, read_events, stream};
use crate::Shape;
use crate::json::View;
use crate::neutral::{ErrorClass, Event, Finish, Opening, Part, StateFormat, Usage};
use crate::shapes::codec::Codec as _;
use crate::shapes::messages::Messages;

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[],"stop_reason":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":7,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":3},"cache_read_input_tokens":5,"output_tokens":1,"service_tier":"standard"}}}"#;
const END: &str =
    r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":20}}"#;
const STOP: &str = r#"{"type":"message_stop"}"#;
const TEXT: &str = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
const HI: &str = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#;
const CLOSE: &str = r#"{"type":"content_block_stop","index":0}"#;
const CALL: &str = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}"#;

fn delta(delta: &str) -> String {
    format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#)
}

fn arguments(json: &str) -> String {
    delta(&format!(r#"{{"type":"input_json_delta","partial_json":{}}}"#, serde_json::Value::from(json)))
}

fn error_of(events: &[Event]) -> &crate::neutral::ApiError {
    match events.last() {
        Some(Event::Error(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn text(part: u32, text: &str) -> Event {
    Event::Text { part, text: text.to_owned() }
}

fn finish(finish: Finish, native: &str) -> Event {
    Event::Finish { finish, native: native.to_owned() }
}

fn all_arguments(events: &[Event]) -> Vec<&str> {
    let mut all = Vec::new();
    for event in events {
        if let Event::Arguments { json, .. } = event {
            all.push(json.as_str());
        }
    }
    all
}

#[test]
fn a_stream_is_read_event_by_event() {
    let usage = Usage { input: 10, cache_read: 5, cache_write: 4, cache_write_1h: 3, output: 1, ..Usage::default() };
    let start =
        Event::Start { id: "msg_1".to_owned(), model: "claude".to_owned(), service_class: Some("standard".to_owned()) };
    let golden = [
        start,
        Event::Usage(usage),
        Event::Heartbeat,
        Event::Open { part: 0, what: Opening::Text },
        text(0, "Hi"),
        Event::Close { part: 0 },
        Event::Usage(Usage { output: 20, ..usage }),
        finish(Finish::Stop, "end_turn"),
        Event::End,
    ];
    assert_eq!(read_events(&[START, r#"{"type": "ping"}"#, TEXT, HI, CLOSE, END, STOP]), golden);
}

/// What llama.cpp's server sends: no `input`, another id, only output tokens at the end, no pings.
#[test]
fn the_stream_of_a_llama_server_is_understood() {
    let events = read_events(&[
        r#"{"type":"message_start","message":{"id":"chatcmpl-x","type":"message","role":"assistant","content":[],"model":"smollm2","stop_reason":null,"stop_sequence":null,"usage":{"cache_read_input_tokens":4,"input_tokens":30,"output_tokens":0}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"Xyz","name":"get_weather"}}"#,
        &arguments("{\"city\":"),
        &arguments(" \"Paris\"}"),
        CLOSE,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":17}}"#,
        STOP,
    ]);
    let response = collected(&events).unwrap();
    assert!(matches!(&response.parts[..], [Part::ToolCall(call)] if call.arguments == "{\"city\": \"Paris\"}"));
    let usage = Usage { input: 30, cache_read: 4, output: 17, ..Usage::default() };
    assert_eq!((response.usage, response.finish), (Some(usage), Finish::ToolCalls));
}

#[test]
fn pitfall_001_a_stream_that_is_split_anywhere_inside_a_character_is_the_same() {
    let whole = stream(&[START, TEXT, &HI.replace("Hi", "Hé 🦀 ok"), CLOSE, END, STOP]);
    let events = read([whole.clone()]);
    assert!(events.contains(&text(0, "Hé 🦀 ok")));
    for at in 0..whole.len() {
        assert_eq!(read([whole.slice(..at), whole.slice(at..)]), events, "split at {at}");
    }
}

#[test]
fn pitfall_002_comments_line_ends_several_data_lines_and_a_missing_last_blank_line_are_handled() {
    let plain = read_events(&[START, TEXT, HI, CLOSE, END, STOP]);
    let split = HI.replacen(r#""index""#, "\ndata: \"index\"", 1);
    let lines = format!(
        "\u{feff}event: message_start\r\ndata: {START}\r\n\r\ndata:{TEXT}\r\n\r\nevent: content_block_delta\ndata: {split}\n\ndata: {CLOSE}\r\rid: 7\ndata: {END}\n\ndata: {STOP}"
    );
    assert_eq!(read([Bytes::from(lines)]), plain);
    let comments = format!(": hello\n\n: x\ndata: {START}\n\n");
    let kinds = read([Bytes::from(comments)]);
    assert!(matches!(&kinds[..], [Event::Heartbeat, Event::Start { .. }, Event::Usage(_), Event::Error(_)]));
}

#[test]
fn pitfall_006_an_end_without_a_reason_is_an_error() {
    for events in [
        &[][..],
        &[START],
        &[START, TEXT, HI],
        &[START, TEXT, HI, CLOSE],
        &[START, TEXT, HI, CLOSE, STOP],
        &[START, r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":1}}"#, STOP],
    ] {
        assert_eq!(error_of(&read_events(events)).class, ErrorClass::Upstream, "{events:?}");
    }
    let events = read_events(&[START, TEXT, HI, CLOSE, END]);
    assert!(matches!(&events[..], [.., Event::Finish { .. }, Event::End]), "it said why it ended");
}

#[test]
fn pitfall_010_type_code_and_param_of_an_error_survive() {
    let error = r#"{"type":"error","error":{"type":"odd_error","message":"Too bad","code":"c1","param":"tools"}}"#;
    let events = read_events(&[START, TEXT, HI, error, HI]);
    let error = error_of(&events);
    assert_eq!(
        (&*error.message, error.code.as_deref(), error.param.as_deref()),
        ("Too bad", Some("c1"), Some("tools"))
    );
    let overloaded = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    assert_eq!(error_of(&read_events(&[overloaded])).class, ErrorClass::Overloaded);
    let foreign = r#"{"error":{"type":"rate_limit_error","message":"m"}}"#;
    assert_eq!(error_of(&read_events(&[START, foreign])).class, ErrorClass::RateLimit);
    let broken = read([Bytes::from_static(b"data: {\"type\":\n\n")]);
    assert_eq!(error_of(&broken).class, ErrorClass::Upstream);
}

#[test]
fn pitfall_011_a_second_message_is_an_error_and_the_same_again_is_not() {
    let other = START.replace("msg_1", "msg_2");
    assert_eq!(error_of(&read_events(&[START, TEXT, &other])).class, ErrorClass::Upstream);
    let again = read_events(&[START, START, TEXT, HI, CLOSE, END, STOP]);
    assert_eq!(again, read_events(&[START, TEXT, HI, CLOSE, END, STOP]));
}

#[test]
fn pitfall_020_an_omitted_thought_is_no_silence() {
    let thinking =
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#;
    let signature = delta(r#"{"type":"signature_delta","signature":"EqQB"}"#);
    let events = read_events(&[START, thinking, r#"{"type":"ping"}"#, &signature, CLOSE, END, STOP]);
    let [Event::Start { .. }, Event::Usage(_), Event::Heartbeat, open, state, close, ..] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(*open, Event::Open { part: 0, what: Opening::Reasoning { summary: false } });
    assert!(matches!(state, Event::State { part: 0, state } if state.format == StateFormat::AnthropicSignature));
    assert_eq!(*close, Event::Close { part: 0 });
}

#[test]
fn pitfall_024_arguments_are_passed_on_to_the_end_of_the_block() {
    let events = read_events(&[START, CALL, &arguments("{\"a\":1}"), &arguments(" "), &arguments("x"), CLOSE, END]);
    assert_eq!(all_arguments(&events), ["{\"a\":1}", " ", "x"]);
}

#[test]
fn pitfall_026_a_call_without_arguments_has_no_event_of_them() {
    for empty in [&[][..], &[arguments("")]] {
        let mut stream = vec![START, CALL];
        stream.extend(empty.iter().map(String::as_str));
        stream.extend([CLOSE, END, STOP]);
        let events = read_events(&stream);
        assert!(all_arguments(&events).is_empty());
        let response = collected(&events).unwrap();
        assert!(matches!(&response.parts[..], [Part::ToolCall(call)] if call.arguments == "{}"));
    }
}

#[test]
fn pitfall_027_input_at_the_start_of_a_block_counts_when_no_deltas_come() {
    let start = CALL.replace(r#""input":{}"#, r#""input":{ "a" : 1 }"#);
    assert_eq!(all_arguments(&read_events(&[START, &start, CLOSE, END])), ["{\"a\":1}"]);
    let both = read_events(&[START, &start, &arguments("{\"a\":2}"), CLOSE, END]);
    assert_eq!(all_arguments(&both), ["{\"a\":2}"]);
    let as_text = CALL.replace(r#""input":{}"#, r#""input":"{\"a\":3}""#);
    assert_eq!(all_arguments(&read_events(&[START, &as_text, CLOSE, END])), ["{\"a\":3}"]);
}

#[test]
fn pitfall_030_cut_arguments_are_passed_on_with_the_limit_as_reason() {
    let limit = END.replace("end_turn", "max_tokens");
    let events = read_events(&[START, CALL, &arguments("{\"a\":\"cu"), &limit, STOP]);
    assert_eq!(all_arguments(&events), ["{\"a\":\"cu"]);
    assert!(events.contains(&finish(Finish::Length, "max_tokens")));
}

#[test]
fn pitfall_036_streamed_calls_finish_with_tool_calls_whatever_the_provider_says() {
    for (word, native) in [(r#""end_turn""#, "end_turn"), (r#""STOP""#, "STOP"), ("null", ""), (r#""x""#, "x")] {
        let end = END.replace(r#""end_turn""#, word);
        let events = read_events(&[START, CALL, CLOSE, &end, STOP]);
        assert!(events.contains(&finish(Finish::ToolCalls, native)), "{word}: {events:?}");
    }
}

#[test]
fn pitfall_069_the_signature_comes_whole_before_its_part_closes() {
    let thinking = r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#;
    let events = read_events(&[
        START,
        thinking,
        &delta(r#"{"type":"thinking_delta","thinking":"Hm"}"#),
        &delta(r#"{"type":"signature_delta","signature":"+/sig=="}"#),
        CLOSE,
        END,
    ]);
    let [_, _, open, reasoning, Event::State { part: 0, state }, Event::Close { part: 0 }, ..] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(*open, Event::Open { part: 0, what: Opening::Reasoning { summary: false } });
    assert_eq!(*reasoning, Event::Reasoning { part: 0, text: "Hm".to_owned() });
    assert_eq!((state.format, &*state.data), (StateFormat::AnthropicSignature, "+/sig=="));
}

#[test]
fn pitfall_086_cache_reads_and_writes_of_a_stream_are_in_one_bucket_each() {
    let events = read_events(&[START, TEXT, HI, CLOSE, END, STOP]);
    let usage = collected(&events).unwrap().usage.unwrap();
    assert_eq!((usage.input, usage.cache_read, usage.cache_write, usage.cache_write_1h), (10, 5, 4, 3));
    assert_eq!(usage.total(), 10 + 5 + 7 + 20);
}

#[test]
fn pitfall_087_counters_at_the_end_take_the_place_of_those_at_the_start() {
    let end = END.replace(
        r#""output_tokens":20"#,
        r#""input_tokens":100,"cache_read_input_tokens":50,"cache_creation_input_tokens":null,"output_tokens":20,"server_tool_use":{"web_search_requests":3},"output_tokens_details":{"thinking_tokens":6}"#,
    );
    let earlier = r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":12}}"#;
    let events = read_events(&[START, TEXT, HI, CLOSE, earlier, &end, STOP]);
    let usages: Vec<Usage> =
        events.iter().filter_map(|event| if let Event::Usage(usage) = event { Some(*usage) } else { None }).collect();
    let first = Usage { input: 10, cache_read: 5, cache_write: 4, cache_write_1h: 3, output: 1, ..Usage::default() };
    let last = Usage { input: 100, cache_read: 50, output: 20, reasoning: 6, web_searches: 3, ..first };
    assert_eq!(usages, [first, Usage { output: 12, ..first }, last]);
}

#[test]
fn pitfall_098_every_text_block_is_a_part() {
    let second = |event: &str| event.replace(r#""index":0"#, r#""index":1"#);
    let events = read_events(&[START, TEXT, HI, CLOSE, &second(TEXT), &second(HI), &second(CLOSE), END, STOP]);
    let texts: Vec<&Event> = events.iter().filter(|event| matches!(event, Event::Text { .. })).collect();
    assert_eq!(texts, [&text(0, "Hi"), &text(1, "Hi")]);
}

#[test]
fn pitfall_102_a_paused_turn_is_streamed() {
    let events = read_events(&[START, TEXT, HI, CLOSE, &END.replace("end_turn", "pause_turn"), STOP]);
    assert!(events.contains(&finish(Finish::Paused, "pause_turn")));
}

#[test]
fn blocks_of_hosted_tools_are_carried_whole() {
    let start = r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{},"caller":{"type":"direct"}}}"#;
    let compaction = r#"{"type":"content_block_start","index":1,"content_block":{"type":"compaction","content":null}}"#;
    let events = read_events(&[
        START,
        start,
        &arguments("{\"query\""),
        &arguments(": \"q\"}"),
        CLOSE,
        compaction,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"compaction_delta","content":"Su"}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"compaction_delta","content":"m"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        END,
        STOP,
    ]);
    let raws: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Open { what: Opening::Opaque(opaque), .. } => {
                assert_eq!(opaque.shape, Shape::Messages);
                Some((&*opaque.kind, opaque.raw.raw()))
            }
            _ => None,
        })
        .collect();
    let search = r#"{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query": "q"},"caller":{"type":"direct"}}"#;
    let compaction = r#"{"type":"compaction","content":"Sum"}"#;
    assert_eq!(raws, [("server_tool_use", search), ("compaction", compaction)]);
    assert!(events.contains(&finish(Finish::Stop, "end_turn")), "they are no calls of the client");
}

#[test]
fn what_hosts_leave_out_is_understood() {
    // No start of the message or of the block, no index, no stop of the block, `[DONE]` at the end.
    let bare = "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"Hm\"}}\n\n";
    let end = format!("data: {END}\n\ndata: [DONE]\n\n");
    let events = read([Bytes::from(format!("{bare}{end}"))]);
    let golden = [
        Event::Start { id: String::new(), model: String::new(), service_class: None },
        Event::Open { part: 0, what: Opening::Text },
        text(0, "Hi"),
        Event::Close { part: 0 },
        Event::Open { part: 1, what: Opening::Reasoning { summary: false } },
        Event::Reasoning { part: 1, text: "Hm".to_owned() },
    ];
    assert_eq!(events[..6], golden);
    assert!(matches!(&events[6..], [Event::Usage(_), Event::Close { part: 1 }, Event::Finish { .. }, Event::End]));
    // The type may be only in the name of the event.
    let named =
        "event: content_block_delta\ndata: {\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n";
    let events = read([Bytes::from(format!("{named}{end}"))]);
    assert!(events.contains(&text(0, "Hi")));
}

#[test]
fn arguments_of_no_call_and_calls_without_a_name_are_errors() {
    assert_eq!(error_of(&read_events(&[START, TEXT, &arguments("{}")])).class, ErrorClass::Upstream);
    let nameless = CALL.replace(r#""name":"f","#, "");
    assert_eq!(error_of(&read_events(&[START, &nameless])).class, ErrorClass::Upstream);
}

#[test]
fn the_number_of_open_blocks_is_bounded() {
    let calls: Vec<String> = (0..65).map(|index| CALL.replace("\"index\":0", &format!("\"index\":{index}"))).collect();
    let calls: Vec<&str> = calls.iter().map(String::as_str).collect();
    assert_eq!(error_of(&read_events(&calls)).class, ErrorClass::Upstream);
}

proptest! {
    #[test]
    fn a_stream_is_read_the_same_however_it_is_split(cuts in proptest::collection::vec(0_usize..4_000, 0..20)) {
        let whole = stream(&[START, TEXT, &HI.replace("Hi", "Hé 🦀 ok"), CLOSE, &CALL.replace("\"index\":0", "\"index\":1"), END, STOP]);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % whole.len()).collect();
        cuts.extend([0, whole.len()]);
        cuts.sort_unstable();
        let chunks = cuts.windows(2).map(|pair| whole.slice(pair[0]..pair[1]));
        prop_assert_eq!(read(chunks), read([whole.clone()]));
    }

    #[test]
    fn no_bytes_make_it_panic(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just(START.to_owned()), Just(TEXT.to_owned()), Just(HI.to_owned()), Just(CLOSE.to_owned()),
                Just(CALL.to_owned()), Just(END.to_owned()), Just(arguments("{")), Just(STOP.to_owned()),
                Just(delta(r#"{"type":"thinking_delta","thinking":"x"}"#)),
                Just(r#"{"type":"content_block_start","index":1,"content_block":{"type":"new","x":1}}"#.to_owned()),
                Just(r#"{"type":"content_block_start","content_block":{"type":"thinking","thinking":"a"}}"#.to_owned()),
                "\\PC{0,60}", "[{}\\[\\]\",:a-z0-9]{0,40}",
            ],
            0..20,
        )
    ) {
        let bytes: String = pieces.iter().map(|piece| format!("data: {piece}\n\n")).collect();
        read([Bytes::from(bytes)]);
    }
}

#[test]
fn calls_of_one_id_are_told_apart() {
    let call = r#"{"type":"tool_use","id":"t","name":"f","input":{}}"#;
    let start = |index: u32| format!(r#"{{"type":"content_block_start","index":{index},"content_block":{call}}}"#);
    let events = read_events(&[START, &start(0), &start(1), END, STOP]);
    let id = |event: Event| match event {
        Event::Open { what: Opening::ToolCall { id, .. }, .. } => Some(id),
        _ => None,
    };
    assert_eq!(events.into_iter().filter_map(id).collect::<Vec<_>>(), ["t", "t_2"]);
    let whole = format!(r#"{{"type":"message","content":[{call},{call}],"stop_reason":"tool_use"}}"#);
    let whole = Messages.decode_response(View::parse(whole.as_bytes()).unwrap(), super::SEED).unwrap();
    let id = |part: &Part<'_>| if let Part::ToolCall(call) = part { call.id.to_string() } else { String::new() };
    assert_eq!(whole.parts.iter().map(id).collect::<Vec<_>>(), ["t", "t_2"]);
}

#[test]
fn blocks_that_are_open_hold_no_more_than_one_bound_together() {
    let large = "x".repeat(900 * 1024);
    let block = format!(r#"{{"type":"tool_use","id":"t","name":"f","input":{{"a":"{large}"}}}}"#);
    let start = |index: u32| format!(r#"{{"type":"content_block_start","index":{index},"content_block":{block}}}"#);
    let failed = |blocks: u32| {
        let blocks: Vec<String> = (0..blocks).map(start).collect();
        let events: Vec<&str> =
            [START].into_iter().chain(blocks.iter().map(String::as_str)).chain([END, STOP]).collect();
        read_events(&events).iter().any(|event| matches!(event, Event::Error(_)))
    };
    assert_eq!((failed(8), failed(12)), (false, true));
}
