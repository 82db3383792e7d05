//! The input of recorded requests, as it is estimated, against what the providers counted: set `OVTH_RECORDINGS` to a
//! folder with `chat-completions/` and `messages/`.
#![expect(clippy::unwrap_used, clippy::print_stderr, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use ovth_filters::Shape;
use ovth_filters::shapes::MAX_EVENT_BYTES;
use ovth_filters::sse::Framer;
use ovth_filters::tap::Tap;
use ovth_filters::tokens::{Family, estimate_input};
use serde_json::Value;

const FOLDERS: [(&str, Shape); 4] = [
    ("chat-completions", Shape::Chat),
    ("messages", Shape::Messages),
    ("responses", Shape::Responses),
    ("generate-content", Shape::GenerateContent),
];

/// So many requests with counts there must be of chat and messages, and so many of them that can be estimated.
const AT_LEAST: [usize; 2] = [80, 60];

/// So few tokens more or less are no matter, however small the request is.
const A_FEW: u64 = 10;

/// Requests whose input nobody can tell from what the client sent.
const HIDDEN: [(&str, &str); 22] = [
    ("bedrock-audio-in-01", "sound"),
    ("huggingface-image-in-01", "a picture behind an address: its size is not in the request"),
    ("length-image-in-01", "a picture behind an address"),
    ("openrouter-citations-reasoning-content-reasoning-details-01", "the host sends on what a PDF says, not the PDF"),
    ("openrouter-stream-reasoning-details-cache-read-01", "the host compressed the prompt and routed it elsewhere"),
    ("openrouter-stream-tools-01", "a tool that the host runs: what it found is in the count"),
    ("mistral-thinking-out-multi-turn-01", "the host puts a long system prompt in front of its thinking models"),
    ("mistral-tools-01", "tools that may not be called"),
    ("advisor-thinking-signature-thinking-out-01", "a tool of the provider"),
    ("citations-document-in-01", "instructions for citations"),
    ("stream-citations-document-in-01", "instructions for citations"),
    ("code-execution-thinking-signature-thinking-out-01", "a tool of the provider"),
    ("stream-code-execution-thinking-signature-thinking-out-01", "a tool of the provider"),
    ("compaction-system-01", "the provider compacted the conversation"),
    ("mcp-tool-use-thinking-signature-thinking-out-01", "the tools are listed by another server"),
    ("pause-turn-web-search-thinking-signature-01", "a tool of the provider"),
    ("stream-web-search-citations-thinking-signature-01", "a tool of the provider"),
    ("stream-web-search-citations-tools-01", "a tool of the provider"),
    ("tool-call-custom-tool-search-tool-bm25-01", "a tool of the provider; others are left out until they are found"),
    ("tool-call-tool-results-tool-search-tool-bm25-01", "the same"),
    ("tool-results-memory-tools-01", "a tool of the provider"),
    ("web-fetch-thinking-signature-thinking-out-01", "a tool of the provider"),
];

/// What is off by more than a tenth, and why.
const BEYOND: [(&str, &str); 6] = [
    ("image-in-document-in-01", "a picture and a PDF, of which only the bytes are known"),
    ("tool-results-image-in-tools-01", "a picture"),
    (
        "parallel-tools-tool-call-system-01",
        "fewer instructions for tools: the provider's counts of like requests differ",
    ),
    ("parallel-tools-tool-call-structured-output-01", "instructions for structured output"),
    ("stream-parallel-tools-tool-call-01", "Claude 3.5 had shorter instructions for tools"),
    ("stream-parallel-tools-tool-call-02", "the same"),
];

struct Sum {
    requests: usize,
    within: [usize; 2],
    estimate: u64,
    counted: u64,
}

/// What the provider counted of the prompt.
fn prompt(shape: Shape, response: &Value) -> Option<u64> {
    let mut tap = Tap::new(shape);
    match response["body_text"].as_str() {
        Some(text) => {
            let mut framer = Framer::new(MAX_EVENT_BYTES * 16);
            framer.push(Bytes::copy_from_slice(text.as_bytes()));
            while let Some(piece) = framer.next() {
                tap.piece(&piece);
            }
        }
        None => drop(tap.body(&serde_json::to_vec(&response["body"]).unwrap())),
    }
    tap.usage().map(|usage| usage.prompt()).filter(|prompt| response["status"] == 200 && *prompt > 0)
}

#[test]
fn the_input_of_recorded_requests_is_estimated_near_to_what_providers_count() {
    let Some(root) = std::env::var_os("OVTH_RECORDINGS").filter(|root| !root.is_empty()).map(PathBuf::from) else {
        eprintln!("left out: all recordings, because OVTH_RECORDINGS names no folder with them");
        return;
    };
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    let mut counts = [0, 0];
    for (folder, shape) in FOLDERS {
        let is_served = matches!(shape, Shape::Chat | Shape::Messages);
        let mut paths: Vec<_> =
            std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let exchange: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let request = &exchange["request"]["body"];
            let Some(counted) = prompt(shape, &exchange["response"]).filter(|_| request.is_object()) else { continue };
            let body = serde_json::to_vec(request).unwrap();
            let model = request["model"].as_str().unwrap_or_default();
            let estimate = estimate_input(shape, &body, Family::of(shape, model));
            let off = (i64::try_from(estimate).unwrap() - i64::try_from(counted).unwrap()) * 1000
                / i64::try_from(counted).unwrap();
            let why = |list: &[(&str, &'static str)]| {
                list.iter().find(|(listed, _)| is_served && *listed == name).map(|(_, why)| *why)
            };
            let (hidden, beyond) = (why(&HIDDEN), why(&BEYOND));
            eprintln!(
                "{folder}/{name}: {model}: {estimate} for {counted}, {off:+} thousandths, by bytes {}{}",
                body.len().div_ceil(4),
                hidden.or(beyond).map_or_else(String::new, |why| format!(" ({why})")),
            );
            counts[0] += usize::from(is_served);
            if hidden.is_some() {
                continue;
            }
            counts[1] += usize::from(is_served);
            if is_served && beyond.is_none() {
                assert!(off.abs() <= 100 || estimate.abs_diff(counted) <= A_FEW, "{name}");
            }
            let provider = exchange["provider"].as_str().unwrap_or("?");
            let sum = sums.entry(format!("{folder} of {provider}")).or_insert(Sum {
                requests: 0,
                within: [0, 0],
                estimate: 0,
                counted: 0,
            });
            sum.requests += 1;
            sum.within[0] += usize::from(off.abs() <= 50);
            sum.within[1] += usize::from(off.abs() <= 100);
            (sum.estimate, sum.counted) = (sum.estimate + estimate, sum.counted + counted);
        }
    }
    for (who, Sum { requests, within, estimate, counted }) in sums {
        let off = (i64::try_from(estimate).unwrap() - i64::try_from(counted).unwrap()) * 1000
            / i64::try_from(counted).unwrap();
        eprintln!(
            "{who}: {requests} requests, {} within a twentieth, {} within a tenth; all: {estimate} for {counted}, {off:+} thousandths",
            within[0], within[1],
        );
        if who == "chat-completions of openai" {
            assert!(off.abs() <= 50, "{who}");
        }
    }
    eprintln!("{} requests of chat and messages have counts, {} can be estimated", counts[0], counts[1]);
    assert!(counts[0] >= AT_LEAST[0] && counts[1] >= AT_LEAST[1], "{counts:?}");
}
