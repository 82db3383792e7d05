//! What a recorded answer says of itself, read from its JSON by what each API's documentation says that the counts mean.

use serde_json::{Value, json};

use super::cost::dollars;
use crate::support::{Recording, Shape};

/// A provider's own figures of one answer; each token is in one of `input`, `cache_*` and `output`.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) input: u64,
    pub(super) cache_read: u64,
    pub(super) cache_write: u64,
    pub(super) cache_write_1h: u64,
    pub(super) output: u64,
    /// Parts of `input` and of `output`.
    pub(super) reasoning: u64,
    pub(super) audio_input: u64,
    pub(super) audio_output: u64,
    pub(super) image_output: u64,
    pub(super) web_searches: u64,
    pub(super) finish_reason: Option<String>,
    pub(super) service_class: Option<String>,
    /// What the provider says that it costs, in pico-dollars.
    pub(super) told_cost: Option<u128>,
}

impl Figures {
    /// Those of that answer; none where it has no counts.
    pub(super) fn of(recording: &Recording) -> Option<Figures> {
        let answer = Answer(recording.reports());
        let figures = match recording.shape {
            Shape::Chat => chat(&answer)?,
            Shape::Responses => responses(&answer)?,
            Shape::GenerateContent => google(&answer)?,
            Shape::Messages => messages(&answer)?,
        };
        let told_cost = answer.last(&["/usage/cost", "/message/usage/cost", "/response/usage/cost"], dollars);
        Some(Figures { told_cost, ..figures })
    }

    /// As an entry shows them.
    pub(super) fn tokens(&self) -> Value {
        json!({
            "input": self.input, "cache_read": self.cache_read, "cache_write": self.cache_write,
            "cache_write_1h": self.cache_write_1h, "output": self.output, "reasoning": self.reasoning,
            "audio_input": self.audio_input, "audio_output": self.audio_output, "image_output": self.image_output,
        })
    }

    /// All tokens of the prompt.
    pub(super) fn prompt(&self) -> u64 {
        self.input + self.cache_read + self.cache_write + self.cache_write_1h
    }

    /// All tokens.
    pub(super) fn total(&self) -> u64 {
        self.prompt() + self.output
    }
}

/// The JSON objects of an answer, in order.
struct Answer(Vec<Value>);

impl Answer {
    /// The last value at any of these places that is what is asked for.
    fn last<'a, T>(&'a self, places: &[&str], take: impl Fn(&'a Value) -> Option<T>) -> Option<T> {
        let mut values = self.0.iter().rev().flat_map(|object| places.iter().filter_map(|place| object.pointer(place)));
        values.find_map(take)
    }

    /// A count, wherever the usage is.
    fn count(&self, field: &str) -> Option<u64> {
        let places = ["/usage", "/x_groq/usage", "/message/usage", "/response/usage", "/usageMetadata"]
            .map(|at| format!("{at}/{field}"));
        self.last(&places.each_ref().map(String::as_str), Value::as_u64)
    }

    fn word(&self, places: &[&str]) -> Option<String> {
        self.last(places, |value| value.as_str().filter(|word| !word.is_empty()).map(str::to_owned))
    }

    /// The sum of a count over the steps that Anthropic bills beside the counts of the message.
    fn beside(&self, field: &str) -> u64 {
        let steps = self.last(&["/usage/iterations"], Value::as_array);
        let is_beside =
            |step: &&Value| ["compaction", "advisor_message"].contains(&step["type"].as_str().unwrap_or(""));
        steps.into_iter().flatten().filter(is_beside).map(|step| step[field].as_u64().unwrap_or(0)).sum()
    }
}

fn chat(answer: &Answer) -> Option<Figures> {
    let count = |field: &str| answer.count(field).unwrap_or(0);
    let prompt = answer.count("prompt_tokens")?;
    let cache_read = count("prompt_tokens_details/cached_tokens").max(count("prompt_cache_hit_tokens"));
    let cache_write = count("prompt_tokens_details/cache_write_tokens");
    let reasoning = count("completion_tokens_details/reasoning_tokens").max(count("reasoning_tokens"));
    let completion = count("completion_tokens");
    // Some hosts count reasoning beside the completion; only their total tells.
    let beside = count("total_tokens") == prompt + completion + reasoning;
    let tier = answer.word(&["/service_tier"]).or_else(|| answer.word(&["/usage/service_tier"]));
    Some(Figures {
        // One recorded host counts more tokens as cached than the prompt has.
        input: prompt.saturating_sub(cache_read + cache_write),
        cache_read,
        cache_write,
        output: if beside { completion + reasoning } else { completion },
        reasoning,
        audio_input: count("prompt_tokens_details/audio_tokens"),
        audio_output: count("completion_tokens_details/audio_tokens"),
        image_output: count("completion_tokens_details/image_tokens"),
        web_searches: count("server_tool_use_details/web_search_requests"),
        finish_reason: answer.word(&["/choices/0/finish_reason"]),
        // OpenAI's own word for what others call standard.
        service_class: tier.map(|tier| if tier == "default" { "standard".to_owned() } else { tier }),
        ..Figures::default()
    })
}

fn responses(answer: &Answer) -> Option<Figures> {
    let count = |field: &str| answer.count(field).unwrap_or(0);
    let prompt = answer.count("input_tokens")?;
    let [cache_read, cache_write] =
        ["cached_tokens", "cache_write_tokens"].map(|name| count(&format!("input_tokens_details/{name}")));
    let items = answer.last(&["/response/output", "/output"], Value::as_array);
    // Pages that are opened, and what is looked for in them, are no searches.
    let is_search = |item: &&Value| {
        item["type"] == "web_search_call" && item["action"]["type"].as_str().is_none_or(|action| action == "search")
    };
    let tier = answer.word(&["/response/service_tier", "/service_tier"]).filter(|tier| tier != "auto");
    let why = ["/response/incomplete_details/reason", "/incomplete_details/reason"];
    Some(Figures {
        input: prompt - cache_read - cache_write,
        cache_read,
        cache_write,
        output: count("output_tokens"),
        reasoning: count("output_tokens_details/reasoning_tokens"),
        web_searches: items.into_iter().flatten().filter(is_search).count() as u64,
        finish_reason: answer.word(&why).or_else(|| answer.word(&["/response/status", "/status"])),
        service_class: tier.map(|tier| if tier == "default" { "standard".to_owned() } else { tier }),
        ..Figures::default()
    })
}

fn google(answer: &Answer) -> Option<Figures> {
    let count = |field: &str| answer.count(field).unwrap_or(0);
    let prompt = answer.count("promptTokenCount")?;
    let (cache_read, thoughts) = (count("cachedContentTokenCount"), count("thoughtsTokenCount"));
    let audio = |list: &str| -> u64 {
        let entries = answer.last(&[&format!("/usageMetadata/{list}")], Value::as_array).into_iter().flatten();
        entries.filter(|entry| entry["modality"] == "AUDIO").filter_map(|entry| entry["tokenCount"].as_u64()).sum()
    };
    let traffic = answer.word(&["/usageMetadata/trafficType"]).map(|traffic| match traffic.as_str() {
        "ON_DEMAND" => "standard".to_owned(),
        other => panic!("no answer was recorded with {other}"),
    });
    Some(Figures {
        input: prompt + count("toolUsePromptTokenCount") - cache_read,
        cache_read,
        output: count("candidatesTokenCount") + thoughts,
        reasoning: thoughts,
        audio_input: audio("promptTokensDetails") + audio("toolUsePromptTokensDetails") - audio("cacheTokensDetails"),
        finish_reason: answer.word(&["/candidates/0/finishReason", "/promptFeedback/blockReason"]),
        service_class: answer.word(&["/usageMetadata/serviceTier"]).or(traffic),
        ..Figures::default()
    })
}

fn messages(answer: &Answer) -> Option<Figures> {
    let count = |field: &str| answer.count(field).unwrap_or(0);
    let both = |field: &str| count(field) + answer.beside(field);
    let output = answer.count("output_tokens")? + answer.beside("output_tokens");
    let hour = count("cache_creation/ephemeral_1h_input_tokens");
    let place = |field: &str| answer.word(&[&format!("/usage/{field}"), &format!("/message/usage/{field}")]);
    assert_ne!(place("speed").as_deref(), Some("fast"), "no answer was recorded at another speed");
    let region = place("inference_geo").filter(|geo| !["global", "not_available"].contains(&geo.as_str()));
    assert_eq!(region, None, "no answer was recorded in a region that has a price of its own");
    let tier = place("service_tier").or_else(|| place("inference_geo").map(|_| "standard".to_owned()));
    Some(Figures {
        input: both("input_tokens"),
        cache_read: both("cache_read_input_tokens"),
        cache_write: both("cache_creation_input_tokens") - hour,
        cache_write_1h: hour,
        output,
        reasoning: count("output_tokens_details/thinking_tokens"),
        web_searches: count("server_tool_use/web_search_requests"),
        finish_reason: answer.word(&["/stop_reason", "/delta/stop_reason"]),
        service_class: tier,
        ..Figures::default()
    })
}
