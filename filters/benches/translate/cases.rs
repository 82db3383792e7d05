//! What is measured: each way of translation, and next to it what the same bytes cost where nothing is translated.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use ovth_filters::json::splice;
use ovth_filters::neutral::{Answering, HostRules, Profile, Thinking};
use ovth_filters::shapes::{Edits, InPath, MAX_EVENT_BYTES, Peek, peek_in_path};
use ovth_filters::sse::{Framer, Piece};
use ovth_filters::tap::Tap;
use ovth_filters::translate::{self, Aggregate, StreamTranslator, Upstream};
use ovth_filters::{Operation, Shape};

use crate::inputs;

/// One thing to measure.
pub(crate) struct Case {
    pub(crate) name: String,
    /// Of what comes in.
    pub(crate) bytes: usize,
    pub(crate) run: Box<dyn Fn()>,
}

const SHAPES: [Shape; 4] = [Shape::Chat, Shape::Responses, Shape::Messages, Shape::GenerateContent];

/// All of them: requests, streams and gathered streams over all sixteen ways.
pub(crate) fn all() -> Vec<Case> {
    let ways = || SHAPES.into_iter().flat_map(|from| SHAPES.map(|to| (from, to)));
    let mut cases = Vec::new();
    for (client, upstream) in ways() {
        let body = inputs::request(client);
        cases.push(if client == upstream {
            passed(format!("request {client}, same shape"), client, &body)
        } else {
            translated(format!("request {client} -> {upstream}"), client, upstream, &body)
        });
    }
    for (upstream, client) in ways() {
        let stream = inputs::stream(upstream);
        cases.push(if client == upstream {
            tapped(format!("stream {client}, same shape"), client, &stream)
        } else {
            streamed(format!("stream {upstream} -> {client}"), upstream, client, &stream)
        });
    }
    for (upstream, client) in ways().filter(|(upstream, client)| upstream != client) {
        let stream = inputs::stream(upstream);
        cases.push(gathered(format!("stream {upstream} -> whole {client}"), upstream, client, &stream));
    }
    cases
}

/// A request that goes on in its shape: the peek, and the edits that the proxy makes.
fn passed(name: String, shape: Shape, body: &Bytes) -> Case {
    let body = body.clone();
    let run = {
        let body = body.clone();
        move || {
            let found = peeked(shape, &body);
            let edits = Edits { model: "another", ask_usage: true, completion_tokens_field: false, max_output: None };
            black_box(splice(&body, &found.edits(&edits)));
        }
    };
    Case { name, bytes: body.len(), run: Box::new(run) }
}

/// What the proxy asks of every request.
fn peeked(shape: Shape, body: &Bytes) -> Peek {
    let path = InPath { model: "m", stream: true };
    peek_in_path(shape, Operation::Generate, path, black_box(body)).expect("it is a request")
}

/// A request that is translated; the proxy peeks at it too.
fn translated(name: String, client: Shape, shape: Shape, body: &Bytes) -> Case {
    let host = HostRules { openai_fields: true, stream_options: true, ..HostRules::default() };
    let profile = Profile { model: "another".to_owned(), thinking: Thinking::Adaptive, host, ..Profile::default() };
    let (bytes, body) = (body.len(), body.clone());
    let run = move || {
        black_box(peeked(client, &body));
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
fn tapped(name: String, shape: Shape, stream: &Bytes) -> Case {
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
fn streamed(name: String, upstream: Shape, client: Shape, stream: &Bytes) -> Case {
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
        translator.end(&mut out).expect("the stream is whole");
        black_box(out.split().freeze());
        assert!(translator.is_ended(), "it ends as it must");
    };
    Case { name, bytes, run: Box::new(run) }
}

/// A stream for a client that wants it whole.
fn gathered(name: String, upstream: Shape, client: Shape, stream: &Bytes) -> Case {
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
