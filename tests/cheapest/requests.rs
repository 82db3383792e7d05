//! Requests as they were recorded, changed by chance; and what they want, read in a way of its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ovth_filters::Shape;
use serde_json::{Value, json};

/// `splitmix64`: the same requests on every run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound.max(1) as u64) as usize
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// A recorded request.
pub(crate) struct Recorded {
    shape: Shape,
    body: Value,
}

/// A request of the test.
pub(crate) struct Asked {
    pub(crate) shape: Shape,
    pub(crate) body: Value,
    /// The size of its prompt, where that is another than the body's.
    pub(crate) input: Option<u64>,
}

/// What a request wants.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) shape: Shape,
    pub(crate) input: u64,
    pub(crate) max_output: Option<u64>,
    /// Abilities by the names of the catalogue.
    pub(crate) abilities: BTreeSet<&'static str>,
    pub(crate) forced_tool: bool,
    pub(crate) reasons: bool,
    pub(crate) rests: bool,
    /// Fields that models may refuse, by the names of the catalogue.
    pub(crate) fields: BTreeSet<&'static str>,
}

const SHAPES: [(Shape, &str); 2] = [(Shape::Chat, "chat-completions"), (Shape::Messages, "messages")];

impl Recorded {
    /// Those of the folder that `OVTH_RECORDINGS` names, else the fixtures.
    pub(crate) fn all() -> Vec<Recorded> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recordings");
        let given = std::env::var_os("OVTH_RECORDINGS").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let root = given.as_deref().unwrap_or(&own);
        let mut recorded = Vec::new();
        for (shape, folder) in SHAPES {
            let mut files: Vec<PathBuf> =
                std::fs::read_dir(root.join(folder)).unwrap().map(|file| file.unwrap().path()).collect();
            files.sort();
            for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "json")) {
                let recording: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
                let body = recording["request"]["body"].clone();
                if body["messages"].is_array() {
                    recorded.push(Recorded { shape, body });
                }
            }
        }
        match given {
            Some(root) => assert!(recorded.len() >= 60, "only {} requests in {}", recorded.len(), root.display()),
            None => super::tell(&format!(
                "OVTH_RECORDINGS is not set: at least 60 recorded requests left out, {} fixtures drawn from",
                recorded.len()
            )),
        }
        recorded
    }

    /// The same with another model, size, bound and some fields and parts.
    pub(crate) fn changed(&self, random: &mut Random) -> Asked {
        let mut body = self.body.clone();
        body["model"] = json!("auto");
        let fields = body.as_object_mut().unwrap();
        for name in ["temperature", "top_p", "tools", "tool_choice", "stream", "reasoning_effort", "thinking"] {
            if random.one_in(2) {
                fields.remove(name);
            }
        }
        let bound = [1, 100, 1_024, 4_096, 30_000, 70_000, 140_000][random.below(7)];
        fields.remove("max_completion_tokens");
        fields.remove("max_tokens");
        match (random.below(3), self.shape) {
            (0, Shape::Chat) => _ = fields.insert("max_completion_tokens".to_owned(), json!(bound)),
            (1, _) | (0, _) => _ = fields.insert("max_tokens".to_owned(), json!(bound)),
            _ => {}
        }
        if random.one_in(3) {
            fields.insert("stream".to_owned(), json!(true));
        }
        match self.shape {
            Shape::Messages => change_messages(&mut body, random),
            _ => change_chat(&mut body, random),
        }
        // Prompts of all sizes: recordings are short.
        let magnitudes = [500, 3_000, 20_000, 90_000, 150_000, 250_000, 450_000, 1_200_000];
        let magnitude = magnitudes[random.below(8)];
        let input = random.one_in(2).then(|| 1 + random.below(magnitude) as u64);
        Asked { shape: self.shape, body, input }
    }
}

fn put(body: &mut Value, name: &str, value: Value) {
    body.as_object_mut().unwrap().insert(name.to_owned(), value);
}

fn add_part(body: &mut Value, part: Value) {
    let message = json!({"role": "user", "content": [{"type": "text", "text": "And this?"}, part]});
    body["messages"].as_array_mut().unwrap().push(message);
}

fn change_chat(body: &mut Value, random: &mut Random) {
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}});
    if random.one_in(5) {
        put(body, "tools", json!([tool]));
        if random.one_in(2) {
            put(body, "tool_choice", json!(["required", "auto"][random.below(2)]));
        }
        if random.one_in(2) {
            put(body, "parallel_tool_calls", json!(random.one_in(2)));
        }
    }
    if random.one_in(6) {
        put(body, "reasoning_effort", json!(["none", "low", "high"][random.below(3)]));
    }
    if random.one_in(8) {
        put(body, "response_format", json!({"type": "json_schema", "json_schema": {"name": "s", "schema": {}}}));
    }
    for (name, value) in [
        ("temperature", json!([0.2, 1.0][random.below(2)])),
        ("top_p", json!(0.9)),
        ("presence_penalty", json!([0, 1][random.below(2)])),
        ("frequency_penalty", json!(0.5)),
        ("stop", json!(["END"])),
        ("seed", json!(7)),
        ("n", json!(1 + random.below(2))),
        ("logprobs", json!(random.one_in(2))),
        ("logit_bias", json!({"50": 1})),
    ] {
        if random.one_in(14) {
            put(body, name, value);
        }
    }
    if random.one_in(7) {
        add_part(body, json!({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}));
    }
    if random.one_in(12) {
        add_part(body, json!({"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0="}}));
    }
    if random.one_in(16) {
        add_part(body, json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}));
    }
}

fn change_messages(body: &mut Value, random: &mut Random) {
    if random.one_in(5) {
        put(body, "tools", json!([{"name": "f", "input_schema": {"type": "object"}}]));
        if random.one_in(2) {
            put(body, "tool_choice", json!({"type": (["any", "auto"][random.below(2)])}));
        }
    }
    if random.one_in(6) {
        let thinking = [json!({"type": "enabled", "budget_tokens": 1024}), json!({"type": "disabled"})];
        put(body, "thinking", thinking[random.below(2)].clone());
    }
    if random.one_in(8) {
        put(body, "output_config", json!({"format": {"type": "json_schema", "schema": {}}}));
    }
    for (name, value) in
        [("temperature", json!([0.2, 1.0][random.below(2)])), ("top_p", json!(0.9)), ("top_k", json!(5))]
    {
        if random.one_in(14) {
            put(body, name, value);
        }
    }
    let source = |kind: &str| json!({"type": "base64", "media_type": kind, "data": "AAAA"});
    if random.one_in(7) {
        add_part(body, json!({"type": "image", "source": source("image/png")}));
    }
    if random.one_in(12) {
        add_part(body, json!({"type": "document", "source": source("application/pdf")}));
    }
    if random.one_in(8) {
        put(body, "system", json!([{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]));
    }
    if random.one_in(20) {
        body["messages"].as_array_mut().unwrap().push(json!({"role": "assistant", "content": "{"}));
    }
}

impl Asked {
    /// What it wants, with a prompt of so many tokens.
    pub(crate) fn wants(&self, input: u64) -> Wanted {
        let body = &self.body;
        let mut wanted = Wanted {
            shape: self.shape,
            input,
            max_output: None,
            abilities: BTreeSet::new(),
            forced_tool: false,
            reasons: false,
            rests: false,
            fields: BTreeSet::new(),
        };
        let is_chat = self.shape == Shape::Chat;
        for name in ["max_tokens", "max_completion_tokens"] {
            if let Some(bound) = body[name].as_u64() {
                wanted.max_output = Some(wanted.max_output.map_or(bound, |other: u64| other.min(bound)));
                if is_chat {
                    wanted.fields.insert(name);
                }
            }
        }
        let some = |value: &Value| value.as_array().is_some_and(|list| !list.is_empty());
        if some(&body["tools"]) || some(&body["functions"]) {
            wanted.abilities.insert("tools");
        }
        let choice = &body["tool_choice"];
        let kind = choice["type"].as_str().unwrap_or_default();
        wanted.forced_tool = if is_chat {
            choice == "required" || choice == "any" || kind == "function" || kind == "custom"
        } else {
            kind == "any" || kind == "tool"
        };
        if wanted.forced_tool {
            wanted.abilities.insert("tool_choice");
        }
        if body["parallel_tool_calls"] == true && is_chat {
            wanted.abilities.insert("parallel_tools");
        }
        if body["stream"] == true {
            wanted.abilities.insert("streaming");
        }
        let format = body["response_format"]["type"].as_str().unwrap_or_default();
        if (is_chat && format.starts_with("json_"))
            || (!is_chat && (body["output_config"]["format"].is_object() || body["output_format"].is_object()))
        {
            wanted.abilities.insert("structured_outputs");
        }
        reasoning(body, is_chat, &mut wanted);
        if wanted.reasons {
            wanted.abilities.insert("reasoning");
        }
        for message in body["messages"].as_array().unwrap() {
            parts(&message["content"], &mut wanted.abilities);
        }
        if has_key(body, "cache_control") {
            wanted.abilities.insert("prompt_caching");
        }
        fields(body, is_chat, &mut wanted.fields);
        wanted
    }
}

fn reasoning(body: &Value, is_chat: bool, wanted: &mut Wanted) {
    let effort = body["reasoning_effort"].as_str();
    if is_chat {
        wanted.rests = effort == Some("none");
        wanted.reasons = effort.is_some_and(|effort| effort != "none");
        for name in ["reasoning", "thinking"] {
            let object = &body[name];
            let says_no = object["enabled"] == false
                || ["effort", "type"].iter().any(|key| object[key] == "none" || object[key] == "disabled");
            wanted.reasons |= object.is_object() && !says_no;
        }
    } else if let Some(kind) = body["thinking"]["type"].as_str() {
        (wanted.reasons, wanted.rests) = (kind != "disabled", kind == "disabled");
    }
}

fn parts(content: &Value, abilities: &mut BTreeSet<&'static str>) {
    for part in content.as_array().into_iter().flatten() {
        let kind = part["type"].as_str().unwrap_or_default();
        let ability = match kind {
            "image" | "image_url" | "input_image" | "computer_screenshot" => "vision",
            // One of plain text counts as well: not every model that takes text takes it as a document.
            "file" | "document" | "input_file" => "pdf",
            "input_audio" | "audio_url" => "audio_input",
            _ => "",
        };
        if !ability.is_empty() {
            abilities.insert(ability);
        }
        parts(&part["content"], abilities);
    }
}

fn has_key(value: &Value, name: &str) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(key, value)| key == name || has_key(value, name)),
        Value::Array(items) => items.iter().any(|item| has_key(item, name)),
        _ => false,
    }
}

fn fields(body: &Value, is_chat: bool, fields: &mut BTreeSet<&'static str>) {
    let number = |name: &str| body[name].as_f64();
    if number("temperature").is_some_and(|value| value != 1.0) {
        fields.insert("temperature");
    }
    if !is_chat {
        for name in ["top_p", "top_k"] {
            if !body[name].is_null() {
                fields.insert(name);
            }
        }
        if body["thinking"]["type"] == "enabled" && !body["thinking"]["budget_tokens"].is_null() {
            fields.insert("thinking.type=enabled with budget_tokens");
        }
        if body["messages"].as_array().unwrap().last().is_some_and(|message| message["role"] == "assistant") {
            fields.insert("assistant prefill");
        }
        return;
    }
    if number("top_p").is_some_and(|value| value != 1.0) {
        fields.insert("top_p");
    }
    for name in ["presence_penalty", "frequency_penalty"] {
        if number(name).is_some_and(|value| value != 0.0) {
            fields.insert(name);
        }
    }
    for name in ["stop", "seed", "top_logprobs", "parallel_tool_calls"] {
        if !body[name].is_null() {
            fields.insert(name);
        }
    }
    if body["logprobs"] == true {
        fields.insert("logprobs");
    }
    if body["n"].as_u64() > Some(1) {
        fields.insert("n");
    }
    if body["logit_bias"].as_object().is_some_and(|bias| !bias.is_empty()) {
        fields.insert("logit_bias");
    }
}
