//! What recorded answers cost by the shipped catalogue: `OVTH_RECORDINGS` names the folder.
//!
//! With `OVTH_PRICES` set to a path the figures are written there, one JSON object a line, for `compare.py`, which has
//! them reckoned a second time by an independent calculator.
#![expect(clippy::unwrap_used, clippy::print_stderr, clippy::indexing_slicing, reason = "tests")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ovth_filters::Shape;
use ovth_filters::neutral::Usage;
use ovth_filters::shapes::MAX_EVENT_BYTES;
use ovth_filters::sse::Framer;
use ovth_filters::tap::Tap;
use ovth_gateway::catalog::Catalog;
use serde_json::Value;

/// The folders of recordings, and the shape in which their answers are read.
const FOLDERS: [(&str, Shape); 5] = [
    ("chat-completions", Shape::Chat),
    ("embeddings", Shape::Chat),
    ("generate-content", Shape::GenerateContent),
    ("messages", Shape::Messages),
    ("responses", Shape::Responses),
];

/// Recordings of these providers have list prices under that name of the catalogue. Azure and Vertex sell models of
/// others at their prices; a reseller's prices are its own.
const PROVIDERS: [(&str, &str); 9] = [
    ("anthropic", "anthropic"),
    ("azure", "openai"),
    ("deepseek", "deepseek"),
    ("google", "google"),
    ("google-vertex", "google"),
    ("groq", "groq"),
    ("mistral", "mistral"),
    ("openai", "openai"),
    ("xai", "xai"),
];

/// The provider and the model under which the catalogue has a price; OpenRouter's ids say whose model it is.
fn listed<'a>(recorded_at: &str, model: &'a str) -> Option<(&'a str, &'a str)> {
    if recorded_at == "openrouter" {
        let (lab, model) = model.split_once('/')?;
        return Some((if lab == "x-ai" { "xai" } else { lab }, model));
    }
    PROVIDERS.iter().find(|(name, _)| *name == recorded_at).map(|(_, provider)| (*provider, model))
}

/// Recordings with usage and a price of which there must be at least so many.
const AT_LEAST: usize = 100;

/// Reads the answer as it would pass through the gateway.
fn tapped(shape: Shape, response: &Value) -> Tap {
    let mut tap = Tap::new(shape);
    match response["body_text"].as_str() {
        // A stream of Gemini's that is one array is no server-sent event.
        Some(text) if !text.starts_with('[') => {
            let mut framer = Framer::new(MAX_EVENT_BYTES * 16);
            framer.push(Bytes::copy_from_slice(text.as_bytes()));
            while let Some(piece) = framer.next().or_else(|| framer.finish()) {
                tap.piece(&piece);
            }
        }
        Some(text) => drop(tap.body(text.as_bytes())),
        None => drop(tap.body(&serde_json::to_vec(&response["body"]).unwrap())),
    }
    tap
}

/// The model: as the answer says, else as the request does.
fn model(tap: &Tap, exchange: &Value) -> String {
    let asked = || exchange["request"]["body"]["model"].as_str().map(str::to_owned);
    let path = || {
        let path = exchange["request"]["path"].as_str()?;
        Some(path.rsplit('/').next()?.split(':').next()?.to_owned())
    };
    tap.model().map(str::to_owned).or_else(asked).or_else(path).unwrap_or_default()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn recorded_answers_have_a_cost() {
    let Some(root) = std::env::var_os("OVTH_RECORDINGS").filter(|root| !root.is_empty()).map(PathBuf::from) else {
        eprintln!("left out: all recordings, because OVTH_RECORDINGS names no folder with them");
        return;
    };
    let catalog = Catalog::embedded().unwrap();
    let mut lines = String::new();
    let mut priced = 0;
    for (folder, shape) in FOLDERS {
        for path in files(&root.join(folder)) {
            let exchange: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            if exchange["response"]["status"] != 200 {
                continue;
            }
            let tap = tapped(shape, &exchange["response"]);
            let Some(usage) = tap.usage() else { continue };
            let recorded_at = exchange["provider"].as_str().unwrap();
            let model = model(&tap, &exchange);
            let Some((provider, model)) = listed(recorded_at, &model) else { continue };
            let price = catalog.lookup(provider, model).and_then(|model| model.price.clone());
            let class = tap.service_class();
            let cost = price.as_ref().and_then(|price| price.cost(&usage, class));
            priced += usize::from(cost.is_some());
            let Usage { input, cache_read, cache_write, cache_write_1h, output, .. } = usage;
            let Usage { reasoning, audio_input, audio_output, image_output, web_searches, .. } = usage;
            let line = serde_json::json!({
                "recording": format!("{folder}/{}", path.file_name().unwrap().to_string_lossy()),
                "recorded_at": recorded_at,
                "provider": provider,
                "model": model,
                "service_class": class,
                "covered": price.as_ref().is_some_and(|price| price.covers(&usage, class)),
                "pico_dollars": cost.map(|cost| cost.0),
                "input": input, "cache_read": cache_read, "cache_write": cache_write, "cache_write_1h": cache_write_1h,
                "output": output, "reasoning": reasoning, "audio_input": audio_input, "audio_output": audio_output,
                "image_output": image_output, "web_searches": web_searches,
            });
            writeln!(lines, "{line}").unwrap();
        }
    }
    assert!(priced >= AT_LEAST, "{priced} recorded answers have a cost");
    if let Some(path) = std::env::var_os("OVTH_PRICES") {
        std::fs::write(path, lines).unwrap();
    }
}
