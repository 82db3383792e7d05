//! What is measured: each way of translation, and next to it what the same bytes cost where nothing is translated.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use ovth_filters::json::splice;
use ovth_filters::neutral::{Answering, HostRules, Profile, Thinking};
use ovth_filters::shapes::{Edits, MAX_EVENT_BYTES, peek};
use ovth_filters::sse::{Framer, Piece};
use ovth_filters::tap::Tap;
use ovth_filters::translate::{self, Aggregate, StreamTranslator, Upstream};
use ovth_filters::{Operation, Shape};

use crate::inputs;

/// One thing to measure.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Of what comes in.
    pub(crate) bytes: usize,
    pub(crate) run: Box<dyn Fn()>,
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    let (chat, messages) = (inputs::chat_request(), inputs::messages_request());
    let (chat_stream, messages_stream) = (inputs::chat_stream(), inputs::messages_stream());
    vec![
        passed("request chat, same shape", Shape::Chat, &chat),
        translated("request chat -> messages", Shape::Chat, Shape::Messages, &chat),
        passed("request messages, same shape", Shape::Messages, &messages),
        translated("request messages -> chat", Shape::Messages, Shape::Chat, &messages),
        tapped("stream chat, same shape", Shape::Chat, &chat_stream),
        streamed("stream chat -> messages", Shape::Chat, Shape::Messages, &chat_stream),
        gathered("stream chat -> whole messages", Shape::Chat, Shape::Messages, &chat_stream),
        tapped("stream messages, same shape", Shape::Messages, &messages_stream),
        streamed("stream messages -> chat", Shape::Messages, Shape::Chat, &messages_stream),
        gathered("stream messages -> whole chat", Shape::Messages, Shape::Chat, &messages_stream),
    ]
}

/// A request that goes on in its shape: the peek, and the edits that the proxy makes.
fn passed(name: &'static str, shape: Shape, body: &Bytes) -> Case {
    let body = body.clone();
    let run = {
        let body = body.clone();
        move || {
            let found = peek(shape, Operation::Generate, black_box(&body)).expect("it is a request");
            let edits = Edits { model: "another", ask_usage: true, completion_tokens_field: false, max_output: None };
            black_box(splice(&body, &found.edits(&edits)));
        }
    };
    Case { name, bytes: body.len(), run: Box::new(run) }
}

/// A request that is translated; the proxy peeks at it too.
fn translated(name: &'static str, client: Shape, shape: Shape, body: &Bytes) -> Case {
    let host = HostRules { openai_fields: true, stream_options: true, ..HostRules::default() };
    let profile = Profile { model: "another".to_owned(), thinking: Thinking::Adaptive, host, ..Profile::default() };
    let (bytes, body) = (body.len(), body.clone());
    let run = move || {
        black_box(peek(client, Operation::Generate, black_box(&body)).expect("it is a request"));
        let upstream = Upstream { shape, profile: &profile, stream: false, max_output: None, without_state: false };
        black_box(translate::request(client, black_box(&body), upstream).expect("it can be translated"));
    };
    Case { name, bytes, run: Box::new(run) }
}

/// The stream in chunks as sockets give them.
fn chunks(stream: &Bytes) -> Vec<Bytes> {
    (0..stream.len()).step_by(1_400).map(|at| stream.slice(at..(at + 1_400).min(stream.len()))).collect()
}

fn each_event(chunks: &[Bytes], mut take: impl FnMut(&Piece)) {
    let mut framer = Framer::new(MAX_EVENT_BYTES);
    for chunk in chunks {
        framer.push(chunk.clone());
        while let Some(piece) = framer.next() {
            take(&piece);
        }
    }
}

/// A stream that goes on in its shape: the framer and the tap.
fn tapped(name: &'static str, shape: Shape, stream: &Bytes) -> Case {
    let (bytes, chunks) = (stream.len(), chunks(stream));
    let run = move || {
        let mut tap = Tap::new(shape);
        each_event(&chunks, |piece| {
            black_box(tap.piece(piece));
        });
        assert!(tap.is_complete(), "it ends as it must");
    };
    Case { name, bytes, run: Box::new(run) }
}

fn answering() -> Answering {
    Answering { include_usage: true, seed: "seed".to_owned(), model: "m".to_owned(), ..Answering::default() }
}

/// A stream that is translated; the tap reads it too.
fn streamed(name: &'static str, upstream: Shape, client: Shape, stream: &Bytes) -> Case {
    let (bytes, chunks) = (stream.len(), chunks(stream));
    let run = move || {
        let mut tap = Tap::new(upstream);
        let mut translator = StreamTranslator::new(upstream, client, &answering()).expect("it can be translated");
        let mut out = BytesMut::new();
        each_event(&chunks, |piece| {
            black_box(tap.piece(piece));
            if let Piece::Event(event) = piece {
                translator.event(event, &mut out).expect("the stream is whole");
            }
            // What is written goes out at once.
            black_box(out.split().freeze());
        });
        assert!(translator.is_ended(), "it ends as it must");
    };
    Case { name, bytes, run: Box::new(run) }
}

/// A stream for a client that wants it whole.
fn gathered(name: &'static str, upstream: Shape, client: Shape, stream: &Bytes) -> Case {
    let (bytes, chunks) = (stream.len(), chunks(stream));
    let run = move || {
        let mut tap = Tap::new(upstream);
        let mut aggregate = Aggregate::new(upstream, client, &answering()).expect("it can be translated");
        each_event(&chunks, |piece| {
            black_box(tap.piece(piece));
            if let Piece::Event(event) = piece {
                aggregate.event(event);
            }
        });
        black_box(aggregate.end().expect("the stream is whole"));
    };
    Case { name, bytes, run: Box::new(run) }
}
