//! What was delivered of recorded streams, as the tap estimates it, against what the providers counted: set
//! `OVTH_RECORDINGS` to a folder with `chat-completions/` and `messages/`.
#![expect(clippy::unwrap_used, clippy::print_stderr, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use ovth_filters::Shape;
use ovth_filters::neutral::Usage;
use ovth_filters::shapes::MAX_EVENT_BYTES;
use ovth_filters::sse::{Framer, Piece};
use ovth_filters::tap::{EventKind, Tap};
use ovth_filters::tokens::{Family, estimate_input};
use serde_json::Value;

/// Recorded streams whose counts hold what was not delivered, and so cannot be estimated from what was.
const HIDDEN: [(&str, &str); 5] = [
    ("openrouter-stream-reasoning-details-cache-read-01", "118 tokens of reasoning came encrypted"),
    ("openrouter-stream-tools-01", "a tool that runs at the host: its call was not delivered"),
    ("stream-code-execution-thinking-signature-thinking-out-01", "a tool that runs at the provider"),
    ("stream-web-search-citations-thinking-signature-01", "a tool that runs at the provider"),
    ("stream-web-search-citations-tools-01", "a tool that runs at the provider"),
];

/// A recorded stream, and what is known of it.
struct Stream {
    name: String,
    shape: Shape,
    /// Who counted: the host that the file is named after, or who the shape is of.
    family: String,
    bytes: Bytes,
    request: Value,
    hidden: bool,
}

/// What the tap has of a stream whose client left before it was finished.
struct Cut {
    told: Option<Usage>,
    delivered: u64,
}

/// All streams with final counts, and these; nothing when no folder is named.
fn streams() -> Vec<(Stream, Usage)> {
    let Some(root) = std::env::var_os("OVTH_RECORDINGS").map(PathBuf::from) else {
        eprintln!("left out: all recordings, because OVTH_RECORDINGS names no folder with them");
        return Vec::new();
    };
    let mut streams = Vec::new();
    for (folder, shape, family) in
        [("chat-completions", Shape::Chat, "openai"), ("messages", Shape::Messages, "anthropic")]
    {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let exchange: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let text = exchange["response"]["body_text"].as_str().filter(|_| exchange["response"]["status"] == 200);
            let Some(text) = text.filter(|_| exchange["stream"] == true) else { continue };
            let family = name.split_once("-stream-").map_or(family, |(host, _)| host).to_owned();
            let hidden = HIDDEN.iter().any(|(hidden, _)| name == *hidden);
            let bytes = Bytes::copy_from_slice(text.as_bytes());
            let stream = Stream { name, shape, family, bytes, request: exchange["request"]["body"].clone(), hidden };
            let whole = read(&stream, |_| false);
            if let Some(usage) = whole.usage().filter(|_| whole.usage_is_final()) {
                streams.push((stream, usage));
            }
        }
    }
    streams.sort_by(|(a, _), (b, _)| (&a.family, &a.name).cmp(&(&b.family, &b.name)));
    streams
}

/// Reads a stream up to the first event that is the end.
fn read(stream: &Stream, is_end: impl Fn(&EventKind) -> bool) -> Tap {
    let mut framer = Framer::new(MAX_EVENT_BYTES);
    let mut tap = Tap::new(stream.shape);
    framer.push(stream.bytes.clone());
    while let Some(piece) = framer.next() {
        let Piece::Event(event) = &piece else { continue };
        // What an event is does not depend on those before it; another tap looks ahead.
        if is_end(&Tap::new(stream.shape).event(event)) {
            break;
        }
        tap.event(event);
    }
    tap
}

/// The client leaves right before the answer is finished.
fn cut(stream: &Stream) -> Cut {
    let tap = read(stream, |kind| matches!(kind, EventKind::Finish | EventKind::UsageOnly | EventKind::Done));
    Cut { told: tap.usage(), delivered: tap.delivered_tokens_by(family(stream)) }
}

/// Whose model answered.
fn family(stream: &Stream) -> Family {
    Family::of(stream.shape, stream.request["model"].as_str().unwrap_or_default())
}

/// How far an estimate is from what it should be, in thousandths of that.
fn off(estimate: u64, counted: u64) -> i64 {
    (i64::try_from(estimate).unwrap() - i64::try_from(counted).unwrap()) * 1000 / i64::try_from(counted.max(1)).unwrap()
}

#[test]
fn delivered_output_is_estimated_near_to_what_providers_count() {
    let mut families: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for (stream, usage) in streams() {
        let estimate = cut(&stream).delivered;
        let Stream { name, family, hidden, .. } = stream;
        let off = off(estimate, usage.output);
        let note = if hidden { " (left out: it holds what was not delivered)" } else { "" };
        eprintln!("{family:12} {name}: {estimate} for {}, {off:+} thousandths{note}", usage.output);
        if hidden {
            continue;
        }
        if usage.output > 150 {
            assert!(off.abs() <= 150, "{name}");
        }
        let sums = families.entry(family).or_default();
        (sums[0], sums[1]) = (sums[0] + estimate, sums[1] + usage.output);
    }
    for (family, [estimate, counted]) in families {
        let off = off(estimate, counted);
        eprintln!("all of {family}: {estimate} for {counted}, {off:+} thousandths");
        if counted >= 500 {
            assert!(off.abs() <= 50, "{family}");
        }
    }
}

#[test]
fn who_leaves_a_messages_stream_is_charged_within_a_twentieth_of_what_the_provider_counts() {
    for (stream, usage) in streams().iter().filter(|(stream, _)| stream.shape == Shape::Messages) {
        let Cut { told, delivered } = cut(stream);
        let told = told.unwrap();
        let charged = told.prompt() + told.output.max(delivered);
        let off = off(charged, usage.total());
        eprintln!("{}: {charged} for {}, {off:+} thousandths", stream.name, usage.total());
        if usage.total() > 500 && !stream.hidden {
            assert!(off.abs() <= 50, "{}", stream.name);
        }
    }
}

/// Chat streams whose charge is off by more than a twentieth, and by more than a few tokens.
const BEYOND: [(&str, &str); 1] =
    [("mistral-stream-thinking-out-01", "97 tokens in all, of which a third are of thinking that was not delivered")];

/// So few tokens more or less are no matter, however small the exchange is.
const A_FEW: u64 = 10;

#[test]
fn who_leaves_a_chat_stream_is_charged_within_a_twentieth_of_what_the_provider_counts() {
    let mut sums = [0, 0];
    let (mut within, mut all) = (0, 0);
    for (stream, usage) in streams().iter().filter(|(stream, _)| stream.shape == Shape::Chat && !stream.hidden) {
        let body = serde_json::to_vec(&stream.request).unwrap();
        let prompt = estimate_input(Shape::Chat, &body, family(stream));
        let charged = prompt + cut(stream).delivered;
        let off = off(charged, usage.total());
        let is_near = off.abs() <= 50 || charged.abs_diff(usage.total()) <= A_FEW;
        eprintln!(
            "{}: {charged} for {}, {off:+} thousandths; the prompt {prompt} for {}, the answer {} for {}",
            stream.name,
            usage.total(),
            usage.prompt(),
            charged - prompt,
            usage.output,
        );
        assert!(is_near || BEYOND.iter().any(|(name, _)| *name == stream.name), "{}", stream.name);
        (within, all) = (within + usize::from(off.abs() <= 50), all + 1);
        sums = [sums[0] + charged, sums[1] + usage.total()];
    }
    let off = off(sums[0], sums[1]);
    eprintln!("all: {} for {}, {off:+} thousandths; {within} of {all} within a twentieth", sums[0], sums[1]);
    assert!(off.abs() <= 50);
    assert!(within * 5 >= all * 4, "{within} of {all}");
}
