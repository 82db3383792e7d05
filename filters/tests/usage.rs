//! The token counts of all recorded answers, by kind, against the provider's own figures: `OVTH_RECORDINGS` names the
//! folder.
//!
//! The figures are read a second time here, by paths into the whole JSON and by what each API's documentation says that
//! they mean.
#![expect(clippy::unwrap_used, clippy::print_stderr, clippy::indexing_slicing, reason = "tests")]

use std::path::PathBuf;

use bytes::Bytes;
use ovth_filters::Shape;
use ovth_filters::neutral::Usage;
use ovth_filters::shapes::MAX_EVENT_BYTES;
use ovth_filters::sse::Framer;
use ovth_filters::tap::Tap;
use serde_json::Value;

/// So many answers with counts there must be.
const AT_LEAST: usize = 170;

const FOLDERS: [(&str, Shape); 5] = [
    ("chat-completions", Shape::Chat),
    ("embeddings", Shape::Chat),
    ("generate-content", Shape::GenerateContent),
    ("messages", Shape::Messages),
    ("responses", Shape::Responses),
];

/// What an answer says: its counts, and at which class it was served.
#[derive(Debug, Default, PartialEq)]
struct Told {
    usage: Option<Usage>,
    class: Option<String>,
}

/// By the tap, as a stream or as one body.
fn tapped(shape: Shape, response: &Value, chunk: usize) -> Told {
    let mut tap = Tap::new(shape);
    match response["body_text"].as_str().map(|text| Bytes::copy_from_slice(text.as_bytes())) {
        // Gemini's streams that are one array are no server-sent events.
        Some(text) if !text.starts_with(b"[") => {
            // The last event of a stream of responses repeats the whole answer.
            let mut framer = Framer::new(MAX_EVENT_BYTES * 16);
            for at in (0..text.len()).step_by(chunk) {
                framer.push(text.slice(at..(at + chunk).min(text.len())));
                while let Some(piece) = framer.next() {
                    tap.piece(&piece);
                }
            }
            if let Some(piece) = framer.finish() {
                tap.piece(&piece);
            }
        }
        Some(text) => drop(tap.body(&text)),
        None => drop(tap.body(&serde_json::to_vec(&response["body"]).unwrap())),
    }
    Told { usage: tap.usage(), class: tap.service_class().map(str::to_owned) }
}

/// All JSON objects of an answer, in order.
fn objects(response: &Value) -> Vec<Value> {
    match response["body_text"].as_str() {
        None => vec![response["body"].clone()],
        Some(text) if text.starts_with('[') => serde_json::from_str(text).unwrap(),
        Some(text) => {
            text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?.trim()).ok()).collect()
        }
    }
}

/// The last value at one of the paths that is a number or a word.
struct Answer(Vec<Value>);

impl Answer {
    fn last(&self, paths: &[&str]) -> Option<&Value> {
        let values = self.0.iter().rev();
        let mut found = values.flat_map(|object| paths.iter().filter_map(|path| object.pointer(path)));
        found.find(|value| value.is_u64() || value.as_str().is_some_and(|word| !word.is_empty()))
    }

    fn count(&self, paths: &[&str]) -> Option<u64> {
        self.last(paths)?.as_u64()
    }

    fn word(&self, paths: &[&str]) -> Option<&str> {
        self.last(paths)?.as_str()
    }

    /// The sum of a count over the steps that Anthropic bills beside the counts of a message.
    fn beside(&self, field: &str) -> u64 {
        let lists = self.0.iter().rev().find_map(|object| object.pointer("/usage/iterations")?.as_array());
        let is_beside = |step: &&Value| step["type"] == "compaction" || step["type"] == "advisor_message";
        lists.into_iter().flatten().filter(is_beside).filter_map(|step| step[field].as_u64()).sum()
    }

    /// The sum of one modality in the last list of that name.
    fn modality(&self, list: &str, wanted: &str) -> u64 {
        let lists = self.0.iter().rev().filter_map(|object| object.pointer("/usageMetadata")?.get(list)?.as_array());
        let Some(list) = lists.clone().next() else { return 0 };
        list.iter().filter(|entry| entry["modality"] == wanted).filter_map(|entry| entry["tokenCount"].as_u64()).sum()
    }
}

/// `usage` wherever the shape has it.
fn usage_paths(field: &str) -> [String; 4] {
    ["/usage", "/x_groq/usage", "/message/usage", "/response/usage"].map(|at| format!("{at}/{field}"))
}

fn told(shape: Shape, answer: &Answer) -> Told {
    let count = |field: &str| {
        let paths = usage_paths(field);
        answer.count(&paths.each_ref().map(String::as_str))
    };
    let word = |field: &str| {
        let paths = usage_paths(field);
        answer.word(&paths.each_ref().map(String::as_str))
    };
    let or_zero = |field: &str| count(field).unwrap_or(0);
    match shape {
        Shape::Messages => {
            let hour = or_zero("cache_creation/ephemeral_1h_input_tokens");
            // No recorded step that the counts leave out has a part in a cache.
            let usage = count("output_tokens").map(|output| Usage {
                input: or_zero("input_tokens") + answer.beside("input_tokens"),
                cache_read: or_zero("cache_read_input_tokens"),
                cache_write: or_zero("cache_creation_input_tokens") - hour,
                cache_write_1h: hour,
                output: output + answer.beside("output_tokens"),
                reasoning: or_zero("output_tokens_details/thinking_tokens"),
                web_searches: or_zero("server_tool_use/web_search_requests"),
                ..Usage::default()
            });
            Told { usage, class: word("service_tier").map(str::to_owned) }
        }
        Shape::GenerateContent => {
            let count = |field: &str| answer.count(&[&format!("/usageMetadata/{field}")]);
            let or_zero = |field: &str| count(field).unwrap_or(0);
            let audio = answer.modality("promptTokensDetails", "AUDIO")
                + answer.modality("toolUsePromptTokensDetails", "AUDIO")
                - answer.modality("cacheTokensDetails", "AUDIO");
            let cache_read = or_zero("cachedContentTokenCount");
            let usage = count("promptTokenCount").map(|prompt| Usage {
                input: prompt + or_zero("toolUsePromptTokenCount") - cache_read,
                cache_read,
                output: or_zero("candidatesTokenCount") + or_zero("thoughtsTokenCount"),
                reasoning: or_zero("thoughtsTokenCount"),
                audio_input: audio,
                ..Usage::default()
            });
            let tier = answer.word(&["/usageMetadata/serviceTier"]);
            let traffic = answer.word(&["/usageMetadata/trafficType"]).map(|_| "standard");
            Told { usage, class: tier.or(traffic).map(str::to_owned) }
        }
        Shape::Responses => {
            let cache_read = or_zero("input_tokens_details/cached_tokens");
            let cache_write = or_zero("input_tokens_details/cache_write_tokens");
            let outputs = answer.0.iter().rev().filter_map(|object| {
                object.pointer("/response/output").or_else(|| object.pointer("/output"))?.as_array()
            });
            let searches = |item: &&Value| {
                item["type"] == "web_search_call"
                    && item["action"]["type"].as_str().is_none_or(|action| action == "search")
            };
            let calls = outputs.clone().next().map_or(0, |items| items.iter().filter(searches).count());
            let usage = count("input_tokens").map(|input| Usage {
                input: input - cache_read - cache_write,
                cache_read,
                cache_write,
                output: or_zero("output_tokens"),
                reasoning: or_zero("output_tokens_details/reasoning_tokens"),
                web_searches: calls as u64,
                ..Usage::default()
            });
            Told { usage, class: standard(answer.word(&["/response/service_tier", "/service_tier"])) }
        }
        Shape::Chat => {
            let cache_read = or_zero("prompt_tokens_details/cached_tokens").max(or_zero("prompt_cache_hit_tokens"));
            let cache_write = or_zero("prompt_tokens_details/cache_write_tokens");
            let reasoning = or_zero("completion_tokens_details/reasoning_tokens");
            let completion = or_zero("completion_tokens");
            let usage = count("prompt_tokens").map(|prompt| {
                // Where reasoning stands beside the completion, the total has all three.
                let beside = count("total_tokens") == Some(prompt + completion + reasoning);
                Usage {
                    input: prompt.saturating_sub(cache_read + cache_write),
                    cache_read,
                    cache_write,
                    output: if beside { completion + reasoning } else { completion },
                    reasoning,
                    audio_input: or_zero("prompt_tokens_details/audio_tokens"),
                    audio_output: or_zero("completion_tokens_details/audio_tokens"),
                    image_output: or_zero("completion_tokens_details/image_tokens"),
                    web_searches: or_zero("server_tool_use_details/web_search_requests"),
                    ..Usage::default()
                }
            });
            Told { usage, class: standard(answer.word(&["/service_tier"]).or_else(|| word("service_tier"))) }
        }
    }
}

/// OpenAI calls the standard class `default`, and says `auto` while it is open.
fn standard(tier: Option<&str>) -> Option<String> {
    let tier = tier.filter(|tier| *tier != "auto")?;
    Some(if tier == "default" { "standard" } else { tier }.to_owned())
}

#[test]
fn every_recorded_count_is_the_providers_own_by_kind() {
    let Some(root) = std::env::var_os("OVTH_RECORDINGS").filter(|root| !root.is_empty()).map(PathBuf::from) else {
        eprintln!("left out: all recordings, because OVTH_RECORDINGS names no folder with them");
        return;
    };
    let mut counted = 0;
    for (folder, shape) in FOLDERS {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let exchange: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let response = &exchange["response"];
            if response["status"] != 200 {
                continue;
            }
            // Google's embeddings have their own form.
            let shape = if response["body"]["usageMetadata"].is_object() { Shape::GenerateContent } else { shape };
            let expected = told(shape, &Answer(objects(response)));
            for chunk in [usize::MAX / 2, 1, 1_000] {
                assert_eq!(tapped(shape, response, chunk), expected, "{}", path.display());
            }
            counted += usize::from(expected.usage.is_some());
        }
    }
    eprintln!("{counted} answers have counts");
    assert!(counted >= AT_LEAST, "{counted} answers have counts");
}
