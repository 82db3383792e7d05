//! Embeddings across providers: OpenAI's `POST /v1/embeddings` as calls of Google's `batchEmbedContents`, the other way round, and the answers
//! back.
//!
//! Requests: <https://platform.openai.com/docs/api-reference/embeddings>, <https://ai.google.dev/api/embeddings>.

mod for_google;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::Shape;
use crate::json::{Json, ValueKind, View};
use crate::neutral::{ApiError, ErrorClass, Losses};

pub use for_google::{GoogleAsked, OpenAiCall, from_openai, to_openai};

/// Texts that Google embeds in one call.
pub const MAX_TEXTS: usize = 100;

/// Texts that one request may have, as OpenAI has it.
pub const MAX_INPUTS: usize = 2_048;

/// Whether a client of that shape can have texts embedded by a provider of that one.
#[must_use]
pub const fn is_possible(client: Shape, upstream: Shape) -> bool {
    matches!(client, Shape::Chat | Shape::GenerateContent) && matches!(upstream, Shape::Chat | Shape::GenerateContent)
}

/// An OpenAI request as the calls of Google's that it takes.
#[derive(Debug)]
pub struct GoogleCalls {
    /// The body of each call, in order: at most [`MAX_TEXTS`] texts each.
    pub bodies: Vec<Vec<u8>>,
    /// About how many tokens the texts of each call have: a token for each four bytes.
    pub estimates: Vec<u64>,
    /// What the way back has to know.
    pub asked: Asked,
    /// What did not go on as the client said it.
    pub losses: Losses,
}

/// How the client wants its vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// So many texts were sent.
    pub texts: usize,
    /// As base64 of 32-bit floats, little-endian first, and not as numbers.
    pub base64: bool,
    /// About how many tokens the texts have, where the provider does not count them: a token for each four bytes.
    pub estimated_tokens: u64,
}

#[derive(Serialize)]
struct Batch<'a> {
    requests: Vec<One<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct One<'a> {
    model: &'a str,
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u64>,
}

#[derive(Serialize)]
struct Content<'a> {
    parts: [Part<'a>; 1],
}

#[derive(Serialize)]
struct Part<'a> {
    text: &'a str,
}

/// Reads a client's request and writes the calls for that model of Google's, as it knows it.
///
/// # Errors
/// `BadRequest`, naming the field, for what is wrong or what Google cannot embed: tokens in place of texts, no text at all.
pub fn to_google(body: &[u8], model: &str) -> Result<GoogleCalls, ApiError> {
    let view = View::parse(body).map_err(|error| {
        ApiError::new(ErrorClass::BadRequest, format!("the request body is not valid JSON: {error}"))
    })?;
    if view.kind() != ValueKind::Object {
        return Err(ApiError::new(ErrorClass::BadRequest, "the request body must be a JSON object"));
    }
    let mut losses = Losses::default();
    let mut asked = Asked::default();
    let (mut input, mut dimensions) = (None, None);
    for (name, value) in view.members().filter(|(_, value)| !value.is_null()) {
        match &*name {
            "model" => {}
            "input" => input = Some(value),
            "dimensions" => {
                let wanted = value.u64().filter(|wanted| *wanted > 0);
                dimensions = Some(wanted.ok_or_else(|| wrong("dimensions", "a whole number, at least 1"))?);
            }
            "encoding_format" => match value.string().as_deref() {
                Some("float") => {}
                Some("base64") => asked.base64 = true,
                _ => return Err(wrong("encoding_format", "`float` or `base64`")),
            },
            name => losses.dropped(name.to_owned()),
        }
    }
    let texts = texts(input.ok_or_else(|| wrong("input", "there: a text or an array of texts"))?)?;
    asked.texts = texts.len();
    asked.estimated_tokens = estimate(&texts);
    let estimates = texts.chunks(MAX_TEXTS).map(estimate).collect();
    let model = format!("models/{}", model.strip_prefix("models/").unwrap_or(model));
    let bodies = texts.chunks(MAX_TEXTS).map(|texts| batch(texts, &model, dimensions)).collect();
    Ok(GoogleCalls { bodies, estimates, asked, losses })
}

/// A token for each four bytes.
fn estimate(texts: &[Cow<'_, str>]) -> u64 {
    let bytes = texts.iter().map(|text| text.len() as u64).fold(0, u64::saturating_add);
    bytes.div_ceil(4)
}

fn batch(texts: &[Cow<'_, str>], model: &str, output_dimensionality: Option<u64>) -> Vec<u8> {
    let one = |text| One { model, content: Content { parts: [Part { text }] }, output_dimensionality };
    let requests = texts.iter().map(|text| one(&**text)).collect();
    serde_json::to_vec(&Batch { requests }).expect("texts and numbers have a JSON form")
}

fn texts(input: View<'_>) -> Result<Vec<Cow<'_, str>>, ApiError> {
    const MUST_BE: &str = "a text or an array of texts, none of them empty";
    if let Some(text) = input.string() {
        return if text.is_empty() { Err(wrong("input", MUST_BE)) } else { Ok(vec![text]) };
    }
    if input.kind() != ValueKind::Array {
        return Err(wrong("input", MUST_BE));
    }
    let mut texts = Vec::new();
    for element in input.elements() {
        match element.kind() {
            ValueKind::Number | ValueKind::Array => {
                let message = "`input` holds tokens, which only the models of their own tokenizer can read: send texts";
                return Err(ApiError::new(ErrorClass::BadRequest, message).with_param("input"));
            }
            _ => {}
        }
        let text = element.string().filter(|text| !text.is_empty());
        texts.push(text.ok_or_else(|| wrong("input", MUST_BE))?);
        if texts.len() > MAX_INPUTS {
            return Err(wrong("input", &format!("at most {MAX_INPUTS} texts")));
        }
    }
    if texts.is_empty() {
        return Err(wrong("input", MUST_BE));
    }
    Ok(texts)
}

fn wrong(field: &str, must_be: &str) -> ApiError {
    ApiError::new(ErrorClass::BadRequest, format!("`{field}` must be {must_be}")).with_param(field)
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Embedding<'a>>,
    model: &'a str,
    usage: Usage,
}

#[derive(Serialize)]
struct Embedding<'a> {
    object: &'static str,
    index: usize,
    embedding: Vector<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector<'a> {
    /// As the provider wrote them.
    Numbers(Json<'a>),
    Base64(String),
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    total_tokens: u64,
}

/// An answer for the client, and what it cost.
#[derive(Debug)]
pub struct Embedded {
    /// The body.
    pub body: Vec<u8>,
    /// Tokens of all texts: as the provider counted them, else as they were estimated.
    pub prompt_tokens: u64,
    /// Whether the provider counted them.
    pub is_counted: bool,
}

/// Writes the answer to a client's request from those to the calls that it took, in their order. `model` is the one that answered.
///
/// # Errors
/// `Upstream` when one is no such answer or has another number of vectors than there were texts; the error that one holds.
pub fn from_google(answers: &[&[u8]], asked: Asked, model: &str) -> Result<Embedded, ApiError> {
    let broken = |message: String| ApiError::new(ErrorClass::Upstream, message);
    let mut data = Vec::with_capacity(asked.texts);
    let mut counted: Option<u64> = Some(0);
    for answer in answers {
        let view = View::parse(answer)
            .map_err(|error| broken(format!("the provider sent an answer that is not valid JSON: {error}")))?;
        if view.member("error").is_some() {
            return Err(crate::shapes::decode_error(Shape::GenerateContent, answer).into_api_error());
        }
        // One text may have been embedded by itself.
        let vectors = view.member("embeddings").into_iter().flat_map(View::elements).chain(view.member("embedding"));
        for vector in vectors {
            let values = vector.member("values").filter(|values| values.kind() == ValueKind::Array);
            let values = values.ok_or_else(|| broken("the provider sent an embedding without values".to_owned()))?;
            let embedding = if asked.base64 { Vector::Base64(packed(values)?) } else { Vector::Numbers(values.json()) };
            data.push(Embedding { object: "embedding", index: data.len(), embedding });
        }
        counted = counted.zip(told(view)).map(|(sum, tokens)| sum.saturating_add(tokens));
    }
    if data.len() != asked.texts {
        let (got, sent) = (data.len(), asked.texts);
        return Err(broken(format!("the provider sent {got} embeddings for {sent} texts")));
    }
    let prompt_tokens = counted.unwrap_or(asked.estimated_tokens);
    let usage = Usage { prompt_tokens, total_tokens: prompt_tokens };
    let list = List { object: "list", data, model, usage };
    let body = serde_json::to_vec(&list).expect("texts, numbers and checked JSON have a JSON form");
    Ok(Embedded { body, prompt_tokens, is_counted: counted.is_some() })
}

/// The tokens of one call's texts, where Google's answer to it tells them.
#[must_use]
pub fn google_tokens(answer: &[u8]) -> Option<u64> {
    told(View::parse(answer).ok()?)
}

fn told(answer: View<'_>) -> Option<u64> {
    answer.member("usageMetadata")?.member("promptTokenCount")?.u64()
}

/// Numbers as 32-bit floats, in base64.
fn packed(values: View<'_>) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    for value in values.elements() {
        let number = value.f64().ok_or_else(|| {
            ApiError::new(ErrorClass::Upstream, "the provider sent an embedding with a value that is no number")
        })?;
        #[expect(clippy::cast_possible_truncation, reason = "the format has 32 bits")]
        bytes.extend_from_slice(&(number as f32).to_le_bytes());
    }
    Ok(STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stderr, reason = "tests")]

    use serde_json::{Value, json};

    use super::*;

    fn calls(body: &Value) -> GoogleCalls {
        to_google(body.to_string().as_bytes(), "gemini-embedding-001").unwrap()
    }

    #[test]
    fn a_request_becomes_a_batch() {
        let calls = calls(
            &json!({"model": "x", "input": ["a", "b"], "dimensions": 768, "encoding_format": "float", "user": "bob"}),
        );
        let body: Value = serde_json::from_slice(&calls.bodies[0]).unwrap();
        let one = |text: &str| json!({"model": "models/gemini-embedding-001", "content": {"parts": [{"text": text}]}, "outputDimensionality": 768});
        assert_eq!((calls.bodies.len(), body), (1, json!({"requests": [one("a"), one("b")]})));
        assert_eq!(
            (calls.asked.texts, calls.asked.base64, calls.losses.to_string()),
            (2, false, "dropped:user".to_owned())
        );
    }

    #[test]
    fn pitfall_107_more_than_a_hundred_texts_are_split_and_put_together_again() {
        let texts: Vec<String> = (0..250).map(|number| format!("text {number}")).collect();
        let calls = calls(&json!({"input": texts}));
        let sizes: Vec<usize> = calls
            .bodies
            .iter()
            .map(|body| {
                let body: Value = serde_json::from_slice(body).unwrap();
                body["requests"].as_array().unwrap().len()
            })
            .collect();
        assert_eq!(sizes, [100, 100, 50]);
        let bytes = |range: std::ops::Range<usize>| texts[range].iter().map(|text| text.len() as u64).sum::<u64>();
        let estimates = [bytes(0..100), bytes(100..200), bytes(200..250)].map(|bytes| bytes.div_ceil(4));
        assert_eq!(calls.estimates, estimates);
        let mut number = 0;
        let answers: Vec<Vec<u8>> = sizes
            .iter()
            .map(|size| {
                let embeddings: Vec<Value> = (0..*size)
                    .map(|_| {
                        number += 1;
                        json!({"values": [number]})
                    })
                    .collect();
                json!({"embeddings": embeddings, "usageMetadata": {"promptTokenCount": size}}).to_string().into_bytes()
            })
            .collect();
        let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        let answer = from_google(&answers, calls.asked, "m").unwrap();
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["data"][249], json!({"object": "embedding", "index": 249, "embedding": [250]}));
        assert_eq!(
            (answer.prompt_tokens, answer.is_counted, &body["usage"]),
            (250, true, &json!({"prompt_tokens": 250, "total_tokens": 250}))
        );
        assert!(from_google(&answers[..2], calls.asked, "m").is_err(), "a batch is missing");
        assert_eq!((google_tokens(answers[2]), google_tokens(b"{}"), google_tokens(b"x")), (Some(50), None, None));
    }

    #[test]
    fn pitfall_107_vectors_come_as_base64_where_that_is_asked() {
        let calls = calls(&json!({"input": "a", "encoding_format": "base64"}));
        let answer = from_google(&[br#"{"embeddings":[{"values":[0.5, -1.25, 1e-3]}]}"#], calls.asked, "m").unwrap();
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        let bytes = STANDARD.decode(body["data"][0]["embedding"].as_str().unwrap()).unwrap();
        let floats: Vec<f32> = bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
        assert_eq!(floats, [0.5, -1.25, 1e-3]);
        assert_eq!((answer.prompt_tokens, answer.is_counted), (1, false), "estimated");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, param) in [
            (json!({}), "input"),
            (json!({"input": ""}), "input"),
            (json!({"input": []}), "input"),
            (json!({"input": ["a", ""]}), "input"),
            (json!({"input": [1, 2]}), "input"),
            (json!({"input": [[1, 2]]}), "input"),
            (json!({"input": {"a": 1}}), "input"),
            (json!({"input": "a", "dimensions": 0}), "dimensions"),
            (json!({"input": "a", "encoding_format": "int8"}), "encoding_format"),
        ] {
            let error = to_google(body.to_string().as_bytes(), "m").unwrap_err();
            assert_eq!((error.class, error.param.as_deref()), (ErrorClass::BadRequest, Some(param)), "{body}");
        }
        let asked = Asked { texts: 1, ..Asked::default() };
        for answer in
            [&b"x"[..], b"{}", br#"{"embeddings":[{}]}"#, br#"{"embeddings":[{"values":[1]},{"values":[2]}]}"#]
        {
            assert_eq!(from_google(&[answer], asked, "m").unwrap_err().class, ErrorClass::Upstream);
        }
        let limited = br#"{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED"}}"#;
        assert_eq!(from_google(&[limited], asked, "m").unwrap_err().class, ErrorClass::RateLimit);
    }

    #[test]
    fn recorded_embeddings_are_told_as_openai_tells_them() {
        let Some(root) = std::env::var_os("OVTH_RECORDINGS").map(std::path::PathBuf::from) else {
            eprintln!("left out: recordings, because OVTH_RECORDINGS names no folder with them");
            return;
        };
        let read = |name: &str| -> Value {
            serde_json::from_slice(&std::fs::read(root.join("embeddings").join(name)).unwrap()).unwrap()
        };
        let google = read("google-basic-01.json");
        let text = &google["request"]["body"]["requests"][0]["content"]["parts"][0]["text"];
        let calls = to_google(json!({"input": text, "dimensions": 768}).to_string().as_bytes(), "gemini-embedding-001")
            .unwrap();
        let sent: Value = serde_json::from_slice(&calls.bodies[0]).unwrap();
        assert_eq!(sent, google["request"]["body"]);
        let answer = serde_json::to_vec(&google["response"]["body"]).unwrap();
        let told: Value = serde_json::from_slice(&from_google(&[&answer], calls.asked, "m").unwrap().body).unwrap();
        assert_eq!(told["data"][0]["embedding"], google["response"]["body"]["embeddings"][0]["values"]);
        assert_eq!(told["data"][0]["embedding"].as_array().unwrap().len(), 768);
        let counted = read("google-image-in-01.json");
        let answer = serde_json::to_vec(&counted["response"]["body"]).unwrap();
        let asked = Asked { texts: 1, base64: true, estimated_tokens: 9 };
        assert_eq!(from_google(&[&answer], asked, "m").unwrap().prompt_tokens, 261);
        let openai = read("basic-01.json");
        let request = serde_json::to_vec(&openai["request"]["body"]).unwrap();
        assert!(to_google(&request, "m").unwrap().asked.base64);
    }
}
