//! Answers in Google's form: whole, as events and as the pieces of an array.

use serde_json::{Value, json};

use super::super::answer::{Answer, End, words};
use super::super::behaviour::Behaviour;
use super::super::frames::{FrameWriter, Frames};
use super::super::heads::Ids;
use super::super::models::GOOGLE;
use super::super::object::set;

/// What stands for a signature that only the provider can check.
pub(super) const SIGNATURE: &str = "c2ltdWxhdGVkLXRob3VnaHQtc2lnbmF0dXJlLTAxMjM0NTY3ODlhYmNkZWY=";
/// About the bytes of a record, to size the buffer by.
const RECORD_BYTES: usize = 330;

/// The whole answer as JSON.
pub(in super::super) fn response(answer: &Answer, model: &str, no_usage: bool) -> Vec<u8> {
    let mut ids = Ids::next();
    let id = ids.id("");
    let mut parts = Vec::new();
    if let Some(thinking) = &answer.thinking {
        parts.push(json!({"text": thinking, "thought": true}));
    }
    if let Some(text) = &answer.text {
        parts.push(json!({"text": text}));
    }
    parts.extend(calls(answer, model, &mut ids));
    let record = Record { answer, model, id: &id, no_usage };
    serde_json::to_vec_pretty(&record.of(parts, Some(finish(answer)))).unwrap_or_default()
}

/// The stream of an answer as events, with the line ends that Google sends.
pub(in super::super) fn stream(answer: &Answer, model: &str, step: &Behaviour) -> Frames {
    let records = records(answer, model, step);
    let mut out = FrameWriter::with_capacity(records.len() * RECORD_BYTES);
    for record in records {
        out.raw(format!("data: {record}\r\n\r\n").as_bytes());
    }
    out.finish()
}

/// The stream of an answer as one array, written piece by piece: what `alt=sse` is asked for to avoid.
pub(in super::super) fn array(answer: &Answer, model: &str, step: &Behaviour) -> Frames {
    let records = records(answer, model, step);
    let mut out = FrameWriter::with_capacity(records.len() * RECORD_BYTES);
    let last = records.len().saturating_sub(1);
    for (at, record) in records.iter().enumerate() {
        let (before, after) = (if at == 0 { "[" } else { "," }, if at == last { "]" } else { "\r\n" });
        out.raw(format!("{before}{record}{after}").as_bytes());
    }
    out.finish()
}

/// The answer of `countTokens`.
pub(in super::super) fn token_count(tokens: u64) -> Vec<u8> {
    let details = json!([{"modality": "TEXT", "tokenCount": tokens}]);
    serde_json::to_vec_pretty(&json!({"totalTokens": tokens, "promptTokensDetails": details})).unwrap_or_default()
}

/// The list of models.
pub(in super::super) fn model_list() -> Vec<u8> {
    let models: Vec<Value> = GOOGLE.iter().map(|id| described(id)).collect();
    serde_json::to_vec_pretty(&json!({"models": models})).unwrap_or_default()
}

/// One model; none when the id is the one that is unknown.
pub(in super::super) fn model(id: &str) -> Option<Vec<u8>> {
    (id != "no-such-model").then(|| serde_json::to_vec_pretty(&described(id)).unwrap_or_default())
}

fn described(id: &str) -> Value {
    json!({
        "name": format!("models/{id}"), "version": "001", "displayName": format!("{id} (simulated)"),
        "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    })
}

/// What every record of one answer says.
struct Record<'a> {
    answer: &'a Answer,
    model: &'a str,
    id: &'a str,
    no_usage: bool,
}

impl Record<'_> {
    fn of(&self, parts: Vec<Value>, finish: Option<&'static str>) -> Value {
        let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
        if let Some(finish) = finish {
            set(&mut candidate, "finishReason", finish);
        }
        let mut record = json!({"candidates": [candidate]});
        if !self.no_usage {
            set(&mut record, "usageMetadata", usage(self.answer));
        }
        set(&mut record, "modelVersion", self.model);
        set(&mut record, "responseId", self.id);
        record
    }
}

fn records(answer: &Answer, model: &str, step: &Behaviour) -> Vec<Value> {
    let mut ids = Ids::next();
    let id = ids.id("");
    let record = Record { answer, model, id: &id, no_usage: step.no_usage };
    let thoughts =
        answer.thinking.iter().flat_map(|text| words(text)).map(|text| json!({"text": text, "thought": true}));
    let texts = answer.text.iter().flat_map(|text| words(text)).map(|text| json!({"text": text}));
    let called = calls(answer, model, &mut ids);
    let mut parts: Vec<Vec<Value>> = thoughts.chain(texts).map(|part| vec![part]).collect();
    if !called.is_empty() {
        parts.push(called);
    }
    if parts.is_empty() {
        parts.push(vec![json!({"text": ""})]);
    }
    let last = parts.len() - 1;
    parts
        .into_iter()
        .enumerate()
        .map(|(at, parts)| record.of(parts, (at == last && !step.no_finish).then(|| finish(answer))))
        .collect()
}

/// The calls; models from Gemini 3 on give them ids and sign the first.
fn calls(answer: &Answer, model: &str, ids: &mut Ids) -> Vec<Value> {
    let signs = !model.starts_with("gemini-1") && !model.starts_with("gemini-2");
    let call = |(at, call): (usize, &super::super::answer::Call)| {
        let args: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
        let mut function = json!({"name": call.name, "args": args});
        if signs {
            set(&mut function, "id", ids.id(""));
        }
        let mut part = json!({"functionCall": function});
        if signs && at == 0 {
            set(&mut part, "thoughtSignature", SIGNATURE);
        }
        part
    };
    answer.calls.iter().enumerate().map(call).collect()
}

fn finish(answer: &Answer) -> &'static str {
    match answer.end {
        End::Length => "MAX_TOKENS",
        End::Complete | End::Sequence(_) | End::Tools => "STOP",
    }
}

fn usage(answer: &Answer) -> Value {
    let used = &answer.usage;
    let visible = used.output.saturating_sub(used.reasoning);
    let mut usage = json!({
        "promptTokenCount": used.prompt(),
        "candidatesTokenCount": visible,
        "totalTokenCount": used.prompt().saturating_add(used.output),
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": used.prompt()}],
    });
    if used.reasoning > 0 {
        set(&mut usage, "thoughtsTokenCount", used.reasoning);
    }
    if used.cache_read > 0 {
        set(&mut usage, "cachedContentTokenCount", used.cache_read);
    }
    usage
}
