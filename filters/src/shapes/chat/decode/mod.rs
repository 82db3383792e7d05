//! Reads a chat request into the neutral form: OpenAI's own fields, and those that OpenRouter, LiteLLM and other vendors
//! added and their clients send.

mod content;
mod history;
mod reasoning;
mod tools;
mod turns;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::super::fields::{bound_at, flag, mark, number, refused, text, tier, whole, wrong};
use crate::json::{ValueKind, View};
use crate::neutral::{ApiError, ErrorClass, Losses, Output, ReasoningAsk, Request};

/// Reads a request; see [`super::super::codec::Codec::decode_request`].
pub(super) fn request<'a>(body: View<'a>, losses: &mut Losses) -> Result<Request<'a>, ApiError> {
    if body.kind() != ValueKind::Object {
        return Err(ApiError::new(ErrorClass::BadRequest, "the request body must be a JSON object"));
    }
    let mut request = Request::default();
    let mut late = Late::default();
    for (name, value) in body.members().filter(|(_, value)| !value.is_null()) {
        if !late.take(&name, value) && !field(&mut request, &name, value)? && !says_nothing(&name, value) {
            request.extras.push((name, value.json()));
        }
    }
    late.finish(&mut request, losses)?;
    Ok(request)
}

/// How much is asked to reason by `reasoning`, `reasoning_effort`, `include_reasoning` and `thinking`, in this order.
///
/// # Errors
/// As [`request`].
pub(crate) fn reasoning_ask(said: [Option<View<'_>>; 4]) -> Result<ReasoningAsk, ApiError> {
    let [reasoning, effort, include, thinking] = said.map(|value| value.filter(|value| !value.is_null()));
    reasoning::Fields { reasoning, effort, include, thinking }.read()
}

/// Fields that decide together: their order in the body says nothing.
#[derive(Default)]
struct Late<'a> {
    messages: Option<View<'a>>,
    tools: tools::Fields<'a>,
    reasoning: reasoning::Fields<'a>,
    max_tokens: Option<View<'a>>,
    max_completion_tokens: Option<View<'a>>,
    user: Option<View<'a>>,
    safety_identifier: Option<View<'a>>,
}

impl<'a> Late<'a> {
    fn take(&mut self, name: &str, value: View<'a>) -> bool {
        let place = match name {
            "messages" => &mut self.messages,
            "tools" => &mut self.tools.tools,
            "functions" => &mut self.tools.functions,
            "tool_choice" => &mut self.tools.tool_choice,
            "function_call" => &mut self.tools.function_call,
            "parallel_tool_calls" => &mut self.tools.parallel,
            "reasoning" => &mut self.reasoning.reasoning,
            "reasoning_effort" => &mut self.reasoning.effort,
            "include_reasoning" => &mut self.reasoning.include,
            "thinking" => &mut self.reasoning.thinking,
            "max_tokens" => &mut self.max_tokens,
            "max_completion_tokens" => &mut self.max_completion_tokens,
            "user" => &mut self.user,
            "safety_identifier" => &mut self.safety_identifier,
            _ => return false,
        };
        *place = Some(value);
        true
    }

    fn finish(self, request: &mut Request<'a>, losses: &mut Losses) -> Result<(), ApiError> {
        let messages = self.messages.ok_or_else(|| wrong("messages", "there: an array with at least one message"))?;
        turns::read(messages, request, losses)?;
        self.tools.read(request)?;
        request.reasoning = self.reasoning.read()?;
        request.max_output = match (self.max_completion_tokens, self.max_tokens) {
            (Some(bound), _) => Some(bound_at("max_completion_tokens", bound)?),
            (None, Some(bound)) => Some(bound_at("max_tokens", bound)?),
            (None, None) => None,
        };
        request.end_user = match (self.safety_identifier, self.user) {
            (Some(user), _) => Some(text("safety_identifier", user)?),
            (None, Some(user)) => Some(text("user", user)?),
            (None, None) => None,
        };
        request.end_user = request.end_user.take().filter(|user| !user.is_empty());
        Ok(())
    }
}

/// Reads a field that stands for itself; `false` when it has no place in the neutral form.
fn field<'a>(request: &mut Request<'a>, name: &str, value: View<'a>) -> Result<bool, ApiError> {
    let sampling = &mut request.sampling;
    match name {
        // The route decides which model it is.
        "model" => {}
        "stream" => request.stream = flag("stream", value)?,
        "stream_options" => {
            request.include_usage |= value.member("include_usage").and_then(View::bool) == Some(true);
        }
        // OpenRouter's way to ask for the same.
        "usage" => request.include_usage |= value.member("include").and_then(View::bool) == Some(true),
        "temperature" => sampling.temperature = Some(number("temperature", value)?),
        "top_p" => sampling.top_p = Some(number("top_p", value)?),
        // Clients of local servers say with 0 or -1 that it is off.
        "top_k" => {
            let bound = number("top_k", value)?;
            sampling.top_k = value.u64().filter(|_| bound > 0.0);
        }
        "frequency_penalty" => {
            sampling.frequency_penalty = Some(number("frequency_penalty", value)?).filter(|penalty| *penalty != 0.0);
        }
        "presence_penalty" => {
            sampling.presence_penalty = Some(number("presence_penalty", value)?).filter(|penalty| *penalty != 0.0);
        }
        "seed" => sampling.seed = Some(seed(value)?),
        "n" => request.choices = Some(whole("n", value)?).filter(|choices| *choices > 0),
        "stop" => request.stop = stops(value)?,
        "service_tier" => request.tier = Some(tier(text("service_tier", value)?)),
        "response_format" => match output(value)? {
            Some(output) => request.output = output,
            None => return Ok(false),
        },
        "cache_control" => request.cache = mark(value),
        "prompt_cache_key" => request.cache_key = Some(text("prompt_cache_key", value)?),
        "provider" => {
            request.require_parameters =
                value.member("require_parameters").and_then(View::bool).unwrap_or(request.require_parameters);
            // The rest chooses among hosts, which is the route's matter here.
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Whether a field that has no place says only what holds without it.
fn says_nothing(name: &str, value: View<'_>) -> bool {
    let is = |number: f64| value.f64() == Some(number);
    match name {
        "logprobs" | "store" => value.bool() == Some(false),
        "logit_bias" | "metadata" => value.kind() == ValueKind::Object && value.members().next().is_none(),
        "models" | "transforms" | "plugins" => value.kind() == ValueKind::Array && value.elements().next().is_none(),
        "top_logprobs" | "min_p" | "top_a" => is(0.0),
        "repetition_penalty" => is(1.0),
        "modalities" => {
            let is_text = |modality: View<'_>| modality.string().as_deref() == Some("text");
            value.kind() == ValueKind::Array && value.elements().all(is_text)
        }
        _ => false,
    }
}

fn seed(value: View<'_>) -> Result<i64, ApiError> {
    let whole = value.raw().parse().ok();
    whole
        .or_else(|| value.u64().and_then(|seed| i64::try_from(seed).ok()))
        .ok_or_else(|| wrong("seed", "a whole number"))
}

fn stops(value: View<'_>) -> Result<Vec<Cow<'_, str>>, ApiError> {
    let stops = match value.kind() {
        ValueKind::Array => value.elements().map(View::string).collect::<Option<Vec<_>>>(),
        _ => value.string().map(|stop| vec![stop]),
    };
    let mut stops = stops.ok_or_else(|| wrong("stop", "a string or an array of strings"))?;
    stops.retain(|stop| !stop.is_empty());
    Ok(stops)
}

/// Reads `response_format`; `None` when it is of a kind that only some hosts have.
fn output(value: View<'_>) -> Result<Option<Output<'_>>, ApiError> {
    let kind = value.member("type").and_then(View::string);
    let kind = kind.ok_or_else(|| wrong("response_format.type", "`text`, `json_object` or `json_schema`"))?;
    Ok(match &*kind {
        "text" => Some(Output::Text),
        "json_object" => Some(Output::JsonObject),
        "json_schema" => {
            let format = value.member("json_schema").filter(|format| format.kind() == ValueKind::Object);
            let format =
                format.ok_or_else(|| wrong("response_format.json_schema", "an object with a name and a schema"))?;
            let schema = match format.member("schema") {
                Some(schema) if schema.kind() == ValueKind::Object => schema,
                Some(_) => return Err(wrong("response_format.json_schema.schema", "a JSON Schema, an object")),
                // Any object will do.
                None => return Ok(Some(Output::JsonObject)),
            };
            Some(Output::Schema {
                name: format.member("name").and_then(View::string),
                description: format.member("description").and_then(View::string),
                schema: schema.json(),
                strict: format.member("strict").and_then(View::bool),
            })
        }
        _ => None,
    })
}
