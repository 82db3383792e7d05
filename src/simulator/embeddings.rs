//! Embeddings in OpenAI's and Google's form: short vectors that follow from the text alone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::prompt::input_tokens;
use super::refusal::Refusal;

/// The length of a vector when the request names none.
const DIMENSIONS: usize = 8;
/// The longest vector.
const MOST_DIMENSIONS: usize = 4_096;
/// The most texts of a request of Google's (<https://ai.google.dev/api/embeddings>).
const MOST_REQUESTS: usize = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OpenAi {
    model: String,
    input: Value,
    dimensions: Option<usize>,
    encoding_format: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Google {
    content: Content,
    output_dimensionality: Option<usize>,
    requests: Vec<Google>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Content {
    parts: Vec<Part>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Part {
    text: String,
}

/// The answer to OpenAI's request.
pub(super) fn openai(body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request: OpenAi = serde_json::from_slice(body).map_err(|error| Refusal::bad_request(error.to_string()))?;
    let texts: Vec<String> = match &request.input {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) if items.iter().all(Value::is_number) => vec![request.input.to_string()],
        Value::Array(items) => {
            items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect()
        }
        _ => return Err(Refusal::bad_request("Missing required parameter: 'input'.").at("input")),
    };
    let size = request.dimensions.unwrap_or(DIMENSIONS).clamp(1, MOST_DIMENSIONS);
    let base64 = request.encoding_format.as_deref() == Some("base64");
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = vector(text, size);
            let embedding = if base64 {
                let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
                Value::from(STANDARD.encode(bytes))
            } else {
                json!(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let tokens: u64 = texts.iter().map(|text| input_tokens(text.len())).sum();
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    Ok(written(&json!({"object": "list", "data": data, "model": request.model, "usage": usage})))
}

/// The answer to Google's request for one text.
pub(super) fn google(body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request = google_request(body)?;
    Ok(written(&json!({"embedding": {"values": request.vector()}})))
}

/// The answer to Google's request for several texts.
pub(super) fn google_batch(body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request = google_request(body)?;
    if request.requests.len() > MOST_REQUESTS {
        let message = "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch";
        return Err(Refusal::new(400, "INVALID_ARGUMENT", message));
    }
    let vectors: Vec<Value> = request.requests.iter().map(|one| json!({"values": one.vector()})).collect();
    Ok(written(&json!({"embeddings": vectors})))
}

fn google_request(body: &[u8]) -> Result<Google, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::new(400, "INVALID_ARGUMENT", error.to_string()))
}

impl Google {
    fn vector(&self) -> Vec<f32> {
        let text: String = self.content.parts.iter().map(|part| part.text.as_str()).collect();
        vector(&text, self.output_dimensionality.unwrap_or(DIMENSIONS).clamp(1, MOST_DIMENSIONS))
    }
}

fn vector(text: &str, size: usize) -> Vec<f32> {
    let mut state = text.bytes().fold(17_u32, |state, byte| state.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Sixty-fourths: the same in binary and in decimal.
        f32::from((state >> 25) as u8) / 64.0 - 1.0
    };
    (0..size).map(|_| next()).collect()
}

fn written(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
