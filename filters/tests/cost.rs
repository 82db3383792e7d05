//! How long it takes to peek at a request, and to read an event of an answer. A measurement: run it alone, with `--release --ignored --nocapture`.
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "tests")]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ovth_filters::shapes::{MAX_EVENT_BYTES, peek};
use ovth_filters::sse::Framer;
use ovth_filters::tap::Tap;
use ovth_filters::{Operation, Shape};

/// A conversation of so many messages, with what coding clients send besides.
fn body(shape: Shape, messages: usize) -> String {
    let mut body = String::from(r#"{"model":"claude-sonnet-4.5","max_tokens":32000,"stream":true,"temperature":1,"#);
    body += match shape {
        Shape::Messages => {
            r#""metadata":{"user_id":"{\"device_id\":\"0123456789abcdef0123456789abcdef\",\"account_uuid\":\"\",\"session_id\":\"0d31d0b6-91d4-4e65-8d4e-4a2c1d4f8f4b\"}"},"#
        }
        _ => r#""user":"somebody@example.org","#,
    };
    body += r#""messages":["#;
    for at in 0..messages {
        let role = if at % 2 == 0 { "user" } else { "assistant" };
        let text = "Where is the \\\"bound\\\" set?\\n".repeat(20);
        write!(
            body,
            r#"{}{{"role":"{role}","content":[{{"type":"text","text":"{text}"}}]}}"#,
            if at > 0 { "," } else { "" }
        )
        .unwrap();
    }
    body + "]}"
}

#[test]
#[ignore = "a measurement: run it alone, with --release"]
fn peeking_is_cheap() {
    for shape in [Shape::Chat, Shape::Messages] {
        for messages in [1, 100, 2_000] {
            let body = body(shape, messages);
            let rounds = 2_000_000 / body.len() + 10;
            let mut best = Duration::MAX;
            for _ in 0..20 {
                let started = Instant::now();
                for _ in 0..rounds {
                    std::hint::black_box(
                        peek(shape, Operation::Generate, std::hint::black_box(body.as_bytes())).unwrap(),
                    );
                }
                best = best.min(started.elapsed() / u32::try_from(rounds).unwrap());
            }
            eprintln!("{shape:?}, {} bytes: {best:?}", body.len());
            let bound = Duration::from_micros(20 + body.len() as u64 / 500);
            assert!(cfg!(debug_assertions) || best < bound, "{shape:?}: {best:?}");
        }
    }
}

#[test]
#[ignore = "a measurement: run it alone, with --release"]
fn reading_an_event_is_cheap() {
    let chat = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":" somewhere\n"},"finish_reason":null}]}"#;
    let messages = r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" somewhere in the \"middle\""}}"#;
    for (shape, event) in [(Shape::Chat, chat), (Shape::Messages, messages)] {
        let stream = Bytes::from(format!("{event}\n\n").repeat(1_000));
        let mut best = Duration::MAX;
        for _ in 0..50 {
            let (mut framer, mut tap) = (Framer::new(MAX_EVENT_BYTES), Tap::new(shape));
            let started = Instant::now();
            framer.push(stream.clone());
            while let Some(piece) = framer.next() {
                std::hint::black_box(tap.piece(&piece));
            }
            best = best.min(started.elapsed() / 1_000);
        }
        eprintln!("{shape:?}: {best:?} an event");
        assert!(cfg!(debug_assertions) || best < Duration::from_micros(5), "{shape:?}: {best:?}");
    }
}
