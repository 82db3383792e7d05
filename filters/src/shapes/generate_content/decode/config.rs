//! `generationConfig`: bounds, how to choose words, what the answer must look like, how much to think.

use std::borrow::Cow;

use super::super::super::schema;
use super::super::numbers;
use super::{camel, member, refused, wrong};
use crate::json::{Json, ValueKind, View};
use crate::neutral::{ApiError, Effort, Losses, Output, ReasoningMode, Request};

/// Reads it into the request.
pub(super) fn read<'a>(value: View<'a>, request: &mut Request<'a>, losses: &mut Losses) -> Result<(), ApiError> {
    if value.kind() != ValueKind::Object {
        return Err(wrong("generationConfig", "an object"));
    }
    let mut format = Format::default();
    for (name, value) in value.members().filter(|(_, value)| !value.is_null()) {
        let name = camel(&name);
        if !format.take(&name, value) && !setting(&name, value, request)? && !says_nothing(&name, value) {
            losses.dropped(format!("generationConfig.{name}"));
        }
    }
    format.read(request, losses)
}

/// Reads a field that stands for itself; `false` when it has no place.
fn setting<'a>(name: &str, value: View<'a>, request: &mut Request<'a>) -> Result<bool, ApiError> {
    let sampling = &mut request.sampling;
    match name {
        "temperature" => sampling.temperature = Some(number(name, value)?),
        "topP" => sampling.top_p = Some(number(name, value)?),
        "topK" => sampling.top_k = Some(whole(name, value)?).filter(|top_k| *top_k > 0),
        "seed" => sampling.seed = Some(value.raw().parse().map_err(|_| wrong_setting(name, "a whole number"))?),
        "presencePenalty" => sampling.presence_penalty = penalty(name, value)?,
        "frequencyPenalty" => sampling.frequency_penalty = penalty(name, value)?,
        "maxOutputTokens" => match whole(name, value)? {
            0 => return Err(wrong_setting(name, "at least 1")),
            bound => request.max_output = Some(bound),
        },
        "candidateCount" => {
            if whole(name, value)? > 1 {
                let message = "`generationConfig.candidateCount` above 1 can be had of Gemini models only: leave it out, or send the request several times";
                return Err(refused("generationConfig.candidateCount", message));
            }
        }
        "stopSequences" => {
            let stops: Option<Vec<Cow<'a, str>>> = value.elements().map(View::string).collect();
            let stops = stops.filter(|_| value.kind() == ValueKind::Array);
            request.stop = stops.ok_or_else(|| wrong_setting(name, "an array of strings"))?;
            request.stop.retain(|stop| !stop.is_empty());
        }
        "responseModalities" => modalities(value)?,
        "speechConfig" | "imageConfig" => {
            let field = format!("generationConfig.{name}");
            return Err(refused(&field, format!("`{field}` is for Gemini models that speak or draw: leave it out")));
        }
        "thinkingConfig" => thinking(value, request)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Whether a field that has no place says only what holds without it.
fn says_nothing(name: &str, value: View<'_>) -> bool {
    match name {
        "responseLogprobs" | "enableEnhancedCivicAnswers" => value.bool() == Some(false),
        "mediaResolution" => value.string().is_some_and(|word| word.ends_with("_UNSPECIFIED")),
        _ => false,
    }
}

/// An answer of text is what everyone gives; others only Gemini models do.
fn modalities(value: View<'_>) -> Result<(), ApiError> {
    const FIELD: &str = "generationConfig.responseModalities";
    let is_text = |modality: View<'_>| {
        modality.string().is_some_and(|word| word.eq_ignore_ascii_case("TEXT") || word.ends_with("_UNSPECIFIED"))
    };
    if value.elements().all(is_text) {
        return Ok(());
    }
    Err(refused(FIELD, format!("`{FIELD}` asks for more than text, which cannot be had of this model: leave it out")))
}

fn thinking(value: View<'_>, request: &mut Request<'_>) -> Result<(), ApiError> {
    const FIELD: &str = "thinkingConfig";
    if value.kind() != ValueKind::Object {
        return Err(wrong_setting(FIELD, "an object"));
    }
    let asked = &mut request.reasoning;
    for (name, value) in value.members().filter(|(_, value)| !value.is_null()) {
        match &*camel(&name) {
            "includeThoughts" => asked.show = Some(value.bool() == Some(true)),
            "thinkingBudget" => match numbers::number(value) {
                Some(0.0) => asked.mode = ReasoningMode::Off,
                // As much as the model sees fit.
                Some(-1.0) => asked.mode = ReasoningMode::On,
                _ => asked.budget = Some(whole("thinkingConfig.thinkingBudget", value)?),
            },
            "thinkingLevel" => {
                let word = value.string().unwrap_or_default().to_ascii_lowercase();
                match Effort::named(&word) {
                    Some(effort) => asked.effort = Some(effort),
                    None if word.ends_with("_unspecified") => {}
                    None => {
                        let levels = "`MINIMAL`, `LOW`, `MEDIUM`, `HIGH` or `XHIGH`";
                        return Err(wrong_setting("thinkingConfig.thinkingLevel", levels));
                    }
                }
            }
            _ => {}
        }
    }
    let has_budget = asked.budget.is_some() || asked.mode != ReasoningMode::Unsaid;
    if has_budget && asked.effort.is_some() {
        let message = "`generationConfig.thinkingConfig` takes one of `thinkingBudget` and `thinkingLevel`, not both";
        return Err(refused("generationConfig.thinkingConfig", message));
    }
    Ok(())
}

/// What the answer must look like, which several fields say together.
#[derive(Default)]
struct Format<'a> {
    media_type: Option<View<'a>>,
    legacy: Option<View<'a>>,
    schema: Option<View<'a>>,
    formats: Option<View<'a>>,
}

impl<'a> Format<'a> {
    fn take(&mut self, name: &str, value: View<'a>) -> bool {
        let place = match name {
            "responseMimeType" => &mut self.media_type,
            "responseSchema" => &mut self.legacy,
            "responseJsonSchema" => &mut self.schema,
            "responseFormat" => &mut self.formats,
            _ => return false,
        };
        *place = Some(value);
        true
    }

    fn read(mut self, request: &mut Request<'a>, losses: &mut Losses) -> Result<(), ApiError> {
        // The newer form of the same: `[{"text": {"mimeType": ..., "jsonSchema": ...}}]`.
        if let Some(formats) = self.formats {
            let single = Some(formats).filter(|formats| formats.kind() == ValueKind::Object);
            for (name, value) in formats.elements().chain(single).flat_map(View::members) {
                if camel(&name) != "text" {
                    let field = "generationConfig.responseFormat";
                    return Err(refused(field, format!("`{field}` asks for more than text: leave it out")));
                }
                self.media_type = self.media_type.or(member(value, "mimeType"));
                self.schema = self.schema.or(member(value, "jsonSchema")).or(member(value, "schema"));
            }
        }
        if self.legacy.is_some() && self.schema.is_some() {
            let message = "`generationConfig.responseSchema` stands beside `generationConfig.responseJsonSchema`: send one of them";
            return Err(refused("generationConfig.responseSchema", message));
        }
        let is_object = |schema: &View<'_>| schema.kind() == ValueKind::Object;
        for (name, schema) in [("responseSchema", self.legacy), ("responseJsonSchema", self.schema)] {
            if schema.is_some_and(|schema| !is_object(&schema)) {
                return Err(wrong_setting(name, "a schema, an object"));
            }
        }
        let schema: Option<Json<'a>> = self.legacy.map(schema::from_openapi).or(self.schema.map(View::json));
        let media_type = self.media_type.and_then(View::string).unwrap_or_default();
        request.output = match (&*media_type, schema) {
            ("text/plain" | "", None) => Output::Text,
            ("application/json" | "", Some(schema)) => {
                Output::Schema { name: None, description: None, schema, strict: None }
            }
            ("application/json", None) => Output::JsonObject,
            ("text/x.enum", Some(schema)) => {
                // One of these words, bare there and in quotes elsewhere.
                losses.approximated("generationConfig.responseMimeType");
                Output::Schema { name: None, description: None, schema, strict: None }
            }
            ("text/plain", Some(_)) => {
                let message = "`generationConfig.responseMimeType` must be `application/json` where there is a schema";
                return Err(refused("generationConfig.responseMimeType", message));
            }
            _ => {
                let types = "`text/plain`, `application/json` or `text/x.enum`";
                return Err(wrong_setting("responseMimeType", types));
            }
        };
        Ok(())
    }
}

fn wrong_setting(name: &str, must_be: &str) -> ApiError {
    wrong(&format!("generationConfig.{name}"), must_be)
}

/// A penalty of nothing is none.
fn penalty(name: &str, value: View<'_>) -> Result<Option<f64>, ApiError> {
    Ok(Some(number(name, value)?).filter(|penalty| *penalty != 0.0))
}

fn number(name: &str, value: View<'_>) -> Result<f64, ApiError> {
    numbers::number(value).ok_or_else(|| wrong_setting(name, "a number"))
}

fn whole(name: &str, value: View<'_>) -> Result<u64, ApiError> {
    numbers::whole(value).ok_or_else(|| wrong_setting(name, "a whole number that is not negative"))
}
