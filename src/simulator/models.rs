//! The lists of models, as OpenAI and Anthropic have them, and which models Google's has.

use serde::Serialize;

#[derive(Serialize)]
struct OpenAiList {
    object: &'static str,
    data: Vec<OpenAiModel>,
}

#[derive(Serialize)]
struct OpenAiModel {
    id: String,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

#[derive(Serialize)]
struct AnthropicList {
    data: Vec<AnthropicModel>,
    has_more: bool,
    first_id: Option<String>,
    last_id: Option<String>,
}

#[derive(Serialize)]
struct AnthropicModel {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    display_name: String,
    created_at: &'static str,
}

/// The models listed; any other is answered too.
const OPENAI: [&str; 4] = ["gpt-5", "gpt-5-mini", "gpt-4o", "gpt-4o-mini"];
/// Those of Google.
pub(super) const GOOGLE: [&str; 4] = ["gemini-2.5-flash", "gemini-2.5-pro", "gemini-3.5-flash", "gemini-embedding-001"];
const ANTHROPIC: [&str; 4] = ["claude-opus-4-7", "claude-sonnet-4-5", "claude-haiku-4-5", "claude-haiku-4-5-20251001"];

/// The list in OpenAI's form.
pub(super) fn openai_list() -> Vec<u8> {
    let data = OPENAI.iter().chain(&ANTHROPIC).map(|id| openai(id)).collect();
    serde_json::to_vec_pretty(&OpenAiList { object: "list", data }).unwrap_or_default()
}

/// One model in OpenAI's form; none when the id is the one that is unknown.
pub(super) fn openai_model(id: &str) -> Option<Vec<u8>> {
    (id != "no-such-model").then(|| serde_json::to_vec_pretty(&openai(id)).unwrap_or_default())
}

/// The list in Anthropic's form.
pub(super) fn anthropic_list() -> Vec<u8> {
    let data: Vec<AnthropicModel> = ANTHROPIC.iter().map(|id| anthropic(id)).collect();
    let first_id = data.first().map(|model| model.id.clone());
    let last_id = data.last().map(|model| model.id.clone());
    serde_json::to_vec(&AnthropicList { data, has_more: false, first_id, last_id }).unwrap_or_default()
}

/// One model in Anthropic's form; none when the id is the one that is unknown.
pub(super) fn anthropic_model(id: &str) -> Option<Vec<u8>> {
    (id != "no-such-model").then(|| serde_json::to_vec(&anthropic(id)).unwrap_or_default())
}

fn openai(id: &str) -> OpenAiModel {
    OpenAiModel { id: id.to_owned(), object: "model", created: 1_754_524_800, owned_by: "simulator" }
}

fn anthropic(id: &str) -> AnthropicModel {
    AnthropicModel {
        kind: "model",
        id: id.to_owned(),
        display_name: format!("{id} (simulated)"),
        created_at: "2025-10-01T00:00:00Z",
    }
}
