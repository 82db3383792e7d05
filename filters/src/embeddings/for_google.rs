//! The other way: Google's `embedContent` and `batchEmbedContents` as OpenAI's `POST /v1/embeddings`, and the answer back.

use std::borrow::Cow;

use serde::Serialize;

use super::{Embedded, wrong};
use crate::json::{Json, ValueKind, View};
use crate::neutral::{ApiError, ErrorClass, Losses};

/// A request of Google's as the one of OpenAI's that it is.
#[derive(Debug)]
pub struct OpenAiCall {
    /// The body.
    pub body: Vec<u8>,
    /// What the way back has to know.
    pub asked: GoogleAsked,
    /// What did not go on as the client said it.
    pub losses: Losses,
}

/// How the client wants its vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GoogleAsked {
    /// So many texts were sent.
    pub texts: usize,
    /// In a list, also where it is only one: `batchEmbedContents`.
    pub batch: bool,
    /// About how many tokens the texts have, where the provider does not count them: a token for each four bytes.
    pub estimated_tokens: u64,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a [Cow<'a, str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u64>,
    encoding_format: &'static str,
}

/// Reads a client's request and writes the one for that model of OpenAI's. `batch`: it is one of `batchEmbedContents`.
///
/// # Errors
/// `BadRequest`, naming the field, for what is wrong or what OpenAI cannot embed: images, vectors of several sizes.
pub fn to_openai(body: &[u8], model: &str, batch: bool) -> Result<OpenAiCall, ApiError> {
    let view = View::parse(body).map_err(|error| {
        ApiError::new(ErrorClass::BadRequest, format!("the request body is not valid JSON: {error}"))
    })?;
    let mut reader = Reader::default();
    if batch {
        let requests = member(view, "requests").filter(|requests| requests.kind() == ValueKind::Array);
        let requests = requests.ok_or_else(|| wrong("requests", "an array of requests with a `content` each"))?;
        for request in requests.elements() {
            reader.request(request)?;
        }
    } else {
        reader.request(view)?;
    }
    let Reader { texts, dimensions, losses } = reader;
    if texts.is_empty() {
        return Err(wrong("requests", "an array with at least one request"));
    }
    let bytes = texts.iter().map(|text| text.len() as u64).fold(0, u64::saturating_add);
    let asked = GoogleAsked { texts: texts.len(), batch, estimated_tokens: bytes.div_ceil(4) };
    let dimensions = dimensions.flatten();
    let body = Body { model, input: &texts, dimensions, encoding_format: "float" };
    let body = serde_json::to_vec(&body).expect("texts and numbers have a JSON form");
    Ok(OpenAiCall { body, asked, losses })
}

#[derive(Default)]
struct Reader<'a> {
    texts: Vec<Cow<'a, str>>,
    /// That of all requests; the first says it.
    dimensions: Option<Option<u64>>,
    losses: Losses,
}

impl<'a> Reader<'a> {
    fn request(&mut self, request: View<'a>) -> Result<(), ApiError> {
        let mut own = None;
        let mut content = None;
        for (name, value) in request.members().filter(|(_, value)| !value.is_null()) {
            match &*name {
                "model" => {}
                "content" => content = Some(value),
                "outputDimensionality" | "output_dimensionality" => {
                    let wanted = value.u64().filter(|wanted| *wanted > 0);
                    own = Some(wanted.ok_or_else(|| wrong("outputDimensionality", "a whole number, at least 1"))?);
                }
                name => self.losses.dropped(name.to_owned()),
            }
        }
        if *self.dimensions.get_or_insert(own) != own {
            return Err(wrong("outputDimensionality", "the same in all requests of a batch, for this model"));
        }
        let content = content.ok_or_else(|| wrong("content", "there: an object with `parts`"))?;
        self.texts.push(text(content)?);
        Ok(())
    }
}

fn member<'a>(view: View<'a>, name: &str) -> Option<View<'a>> {
    view.member(name).filter(|value| !value.is_null())
}

/// The text of a content; its parts are embedded as one.
fn text<'a>(content: View<'a>) -> Result<Cow<'a, str>, ApiError> {
    const MUST_BE: &str = "texts, as this model embeds nothing else, and not empty";
    let parts = member(content, "parts").ok_or_else(|| wrong("content.parts", MUST_BE))?;
    let single = Some(parts).filter(|parts| parts.kind() == ValueKind::Object);
    let mut whole: Option<Cow<'a, str>> = None;
    for part in parts.elements().chain(single) {
        let text = member(part, "text").and_then(View::string).ok_or_else(|| wrong("content.parts", MUST_BE))?;
        whole = Some(match whole {
            None => text,
            Some(before) => Cow::Owned(format!("{before}\n{text}")),
        });
    }
    whole.filter(|text| !text.is_empty()).ok_or_else(|| wrong("content.parts", MUST_BE))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding: Option<&'a Values<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    embeddings: Option<&'a [Values<'a>]>,
    usage_metadata: Usage,
}

#[derive(Serialize)]
struct Values<'a> {
    values: Json<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    prompt_token_count: u64,
    total_token_count: u64,
}

/// Writes the answer to a client's request from OpenAI's.
///
/// # Errors
/// `Upstream` when it is no such answer or has another number of vectors than there were texts; the error that it holds.
pub fn from_openai(answer: &[u8], asked: GoogleAsked) -> Result<Embedded, ApiError> {
    let broken = |message: String| ApiError::new(ErrorClass::Upstream, message);
    let view = View::parse(answer)
        .map_err(|error| broken(format!("the provider sent an answer that is not valid JSON: {error}")))?;
    if member(view, "error").is_some() {
        return Err(crate::shapes::decode_error(crate::Shape::Chat, answer).into_api_error());
    }
    let mut vectors = Vec::with_capacity(asked.texts);
    for (place, one) in member(view, "data").into_iter().flat_map(View::elements).enumerate() {
        let index = one.member("index").and_then(View::u64).unwrap_or(place as u64);
        let values = one.member("embedding").filter(|values| values.kind() == ValueKind::Array);
        let values =
            values.ok_or_else(|| broken("the provider sent an embedding that is no list of numbers".to_owned()))?;
        vectors.push((index, Values { values: values.json() }));
    }
    if vectors.len() != asked.texts {
        let (got, sent) = (vectors.len(), asked.texts);
        return Err(broken(format!("the provider sent {got} embeddings for {sent} texts")));
    }
    vectors.sort_by_key(|(index, _)| *index);
    let vectors: Vec<Values<'_>> = vectors.into_iter().map(|(_, values)| values).collect();
    let counted = member(view, "usage").and_then(|usage| usage.member("prompt_tokens")?.u64());
    let prompt_tokens = counted.unwrap_or(asked.estimated_tokens);
    let answer = Answer {
        embedding: vectors.first().filter(|_| !asked.batch),
        embeddings: asked.batch.then_some(&vectors),
        usage_metadata: Usage { prompt_token_count: prompt_tokens, total_token_count: prompt_tokens },
    };
    let body = serde_json::to_vec(&answer).expect("numbers and checked JSON have a JSON form");
    Ok(Embedded { body, prompt_tokens, is_counted: counted.is_some() })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use serde_json::{Value, json};

    use super::*;

    fn told(body: &Value, batch: bool) -> OpenAiCall {
        to_openai(body.to_string().as_bytes(), "text-embedding-3-small", batch).unwrap()
    }

    fn content(text: &str) -> Value {
        json!({"parts": [{"text": text}]})
    }

    #[test]
    fn one_text_and_several_become_a_list_of_texts() {
        let one = told(&json!({"content": {"parts": [{"text": "a"}, {"text": "b"}]}, "taskType": "X"}), false);
        let body: Value = serde_json::from_slice(&one.body).unwrap();
        assert_eq!(body, json!({"model": "text-embedding-3-small", "input": ["a\nb"], "encoding_format": "float"}));
        assert_eq!(one.losses.to_string(), "dropped:taskType");
        let request = |text| json!({"model": "models/m", "content": content(text), "outputDimensionality": 4});
        let several = told(&json!({"requests": [request("a"), request("b")]}), true);
        let body: Value = serde_json::from_slice(&several.body).unwrap();
        assert_eq!((&body["input"], &body["dimensions"]), (&json!(["a", "b"]), &json!(4)));
        assert_eq!((several.asked.texts, several.asked.estimated_tokens), (2, 1));
    }

    #[test]
    fn vectors_come_back_in_their_order_and_form() {
        let answer =
            br#"{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}],"usage":{"prompt_tokens":5}}"#;
        let asked = GoogleAsked { texts: 2, batch: true, estimated_tokens: 9 };
        let embedded = from_openai(answer, asked).unwrap();
        let body: Value = serde_json::from_slice(&embedded.body).unwrap();
        assert_eq!(body["embeddings"], json!([{"values": [1]}, {"values": [2]}]));
        assert_eq!(body["usageMetadata"], json!({"promptTokenCount": 5, "totalTokenCount": 5}));
        assert_eq!((embedded.prompt_tokens, embedded.is_counted), (5, true));
        let asked = GoogleAsked { texts: 1, batch: false, estimated_tokens: 9 };
        let embedded = from_openai(br#"{"data":[{"embedding":[1]}]}"#, asked).unwrap();
        let body: Value = serde_json::from_slice(&embedded.body).unwrap();
        assert_eq!((&body["embedding"], body.get("embeddings")), (&json!({"values": [1]}), None));
        assert_eq!((embedded.prompt_tokens, embedded.is_counted), (9, false));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let sized = |size: u64| json!({"content": content("a"), "outputDimensionality": size});
        for (body, batch, param) in [
            (json!({}), false, "content"),
            (json!({"content": {}}), false, "content.parts"),
            (json!({"content": content("")}), false, "content.parts"),
            (json!({"content": {"parts": [{"inlineData": {}}]}}), false, "content.parts"),
            (sized(0), false, "outputDimensionality"),
            (json!({}), true, "requests"),
            (json!({"requests": []}), true, "requests"),
            (json!({"requests": [sized(4), sized(5)]}), true, "outputDimensionality"),
        ] {
            let error = to_openai(body.to_string().as_bytes(), "m", batch).unwrap_err();
            assert_eq!((error.class, error.param.as_deref()), (ErrorClass::BadRequest, Some(param)), "{body}");
        }
        let asked = GoogleAsked { texts: 1, ..GoogleAsked::default() };
        for answer in [&b"x"[..], b"{}", br#"{"data":[{"embedding":"AAA="}]}"#, br#"{"data":[{},{}]}"#] {
            assert_eq!(from_openai(answer, asked).unwrap_err().class, ErrorClass::Upstream);
        }
        let limited = br#"{"error":{"message":"slow","code":"rate_limit_exceeded"}}"#;
        assert_eq!(from_openai(limited, asked).unwrap_err().class, ErrorClass::RateLimit);
    }
}
