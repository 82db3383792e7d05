//! The chat request: its wire type, what a provider refuses of it, and the prompt it is.

use serde::Deserialize;
use serde_json::Value;

use super::super::content::Content;
use super::super::generation::{refuses_max_tokens, refuses_tools_while_reasoning};
use super::super::prompt::{Format, Prompt, Reasoning, ToolChoice, ToolOffer, input_tokens};
use super::super::refusal::Refusal;

/// The fields of a chat request that change the answer; others are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Request {
    model: Option<String>,
    messages: Option<Vec<Message>>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    n: Option<i64>,
    stop: Content<String>,
    tools: Option<Vec<Tool>>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    response_format: Option<ResponseFormat>,
    reasoning_effort: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StreamOptions {
    include_usage: Option<bool>,
    include_obfuscation: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    role: String,
    content: Content<Part>,
    tool_calls: Option<Vec<ToolCall>>,
    tool_call_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToolCall {
    id: String,
    function: Function,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tool {
    function: Function,
    custom: Option<Function>,
}

/// A function as it is offered (`parameters`) or called (`arguments`).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Function {
    name: String,
    parameters: Value,
    arguments: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ResponseFormat {
    #[serde(rename = "type")]
    kind: String,
    json_schema: Option<JsonSchema>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct JsonSchema {
    schema: Value,
}

/// Tokens of an image or a file, whose bytes are no text.
const MEDIA_TOKENS: u64 = 85;
/// Tokens that frame a message.
const MESSAGE_TOKENS: u64 = 4;
/// Prompts from this length on are cached, in steps of 128 tokens
/// (<https://platform.openai.com/docs/guides/prompt-caching>).
const CACHED_FROM: u64 = 1024;

impl Request {
    /// Reads a body.
    pub(in super::super) fn parse(body: &[u8]) -> Result<Request, Refusal> {
        serde_json::from_slice(body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Refusal::bad_request(format!("Invalid type in the request: {error}")),
            _ => Refusal::bad_request(
                "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library \
                 correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
            ),
        })
    }

    /// The number of choices.
    pub(in super::super) fn choices(&self) -> usize {
        self.n.and_then(|n| usize::try_from(n).ok()).unwrap_or(1)
    }

    /// Whether the client asked for the usage chunk.
    pub(in super::super) fn include_usage(&self) -> bool {
        self.stream_options.as_ref().and_then(|options| options.include_usage) == Some(true)
    }

    /// Whether chunks carry `obfuscation`.
    pub(in super::super) fn obfuscated(&self) -> bool {
        self.stream_options.as_ref().and_then(|options| options.include_obfuscation) != Some(false)
    }

    /// The prompt, if a provider would take it.
    pub(in super::super) fn prompt(&self) -> Result<Prompt, Refusal> {
        let model = self.model.clone().filter(|model| !model.is_empty());
        let model = model.ok_or_else(|| Refusal::bad_request("you must provide a model parameter"))?;
        self.check(&model)?;
        let messages = self.messages.as_deref().unwrap_or_default();
        let last_user = messages.iter().rev().find(|message| message.role == "user");
        let last = messages.last().filter(|message| matches!(message.role.as_str(), "tool" | "function"));
        let input = self.input_tokens(messages);
        let multi_turn = messages.iter().any(|message| message.role == "assistant");
        let cache_read = if multi_turn && input >= CACHED_FROM { input / 128 * 128 } else { 0 };
        let hides = self.reasoning_effort.as_deref().is_some_and(|effort| effort != "none");
        Ok(Prompt {
            model,
            stream: self.stream == Some(true),
            text: last_user.map(Message::text).unwrap_or_default(),
            tool_result: last.map(Message::text),
            tools: self.tools.iter().flatten().map(Tool::offer).collect(),
            tool_choice: self.choice(),
            parallel: self.parallel_tool_calls != Some(false),
            reasoning: if hides { Reasoning::Hidden } else { Reasoning::Off },
            max_output: self.max_completion_tokens.or(self.max_tokens).and_then(|max| u64::try_from(max).ok()),
            stop: match &self.stop {
                Content::Absent => Vec::new(),
                Content::Text(stop) => vec![stop.clone()],
                Content::Parts(stops) => stops.clone(),
            },
            format: self.format(),
            input: input - cache_read,
            cache_read,
            ..Prompt::default()
        })
    }

    fn input_tokens(&self, messages: &[Message]) -> u64 {
        let tools =
            self.tools.iter().flatten().map(|tool| input_tokens(tool.function.parameters.to_string().len()) + 8);
        3 + messages.iter().map(Message::tokens).sum::<u64>() + tools.sum::<u64>()
    }

    fn choice(&self) -> ToolChoice {
        match &self.tool_choice {
            Some(Value::String(choice)) if choice == "none" => ToolChoice::None,
            Some(Value::String(choice)) if choice == "required" => ToolChoice::Any,
            Some(Value::Object(choice)) => {
                let inner = choice.get("function").or_else(|| choice.get("custom"));
                let name = inner.and_then(|function| function.get("name")).and_then(Value::as_str);
                name.map_or(ToolChoice::Auto, |name| ToolChoice::Named(name.to_owned()))
            }
            _ => ToolChoice::Auto,
        }
    }

    fn format(&self) -> Format {
        match self.response_format.as_ref().map(|format| (format.kind.as_str(), &format.json_schema)) {
            Some(("json_object", _)) => Format::JsonObject,
            Some(("json_schema", Some(schema))) => Format::Schema(schema.schema.clone()),
            _ => Format::Text,
        }
    }

    fn check(&self, model: &str) -> Result<(), Refusal> {
        let missing = |name: &str| {
            Refusal::bad_request(format!("Missing required parameter: '{name}'."))
                .at(name)
                .code("missing_required_parameter")
        };
        let messages = self.messages.as_deref().ok_or_else(|| missing("messages"))?;
        if model == "no-such-model" {
            let message = format!("The model `{model}` does not exist or you do not have access to it.");
            return Err(Refusal::new(404, "invalid_request_error", message).code("model_not_found"));
        }
        if messages.is_empty() {
            let message = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.";
            return Err(Refusal::bad_request(message).at("messages").code("empty_array"));
        }
        within("temperature", self.temperature, 0.0, 2.0)?;
        within("top_p", self.top_p, 0.0, 1.0)?;
        at_least_one("n", self.n)?;
        at_least_one("max_tokens", self.max_tokens)?;
        at_least_one("max_completion_tokens", self.max_completion_tokens)?;
        if self.n.is_some_and(|n| n > 128) {
            let message = "Invalid 'n': integer above maximum value. Expected a value <= 128.";
            return Err(Refusal::bad_request(message).at("n").code("integer_above_max_value"));
        }
        if self.stream_options.is_some() && self.stream != Some(true) {
            let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
            return Err(Refusal::bad_request(message).at("stream_options"));
        }
        if self.tool_choice.is_some() && self.tools.as_ref().is_none_or(Vec::is_empty) {
            let message = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.";
            return Err(Refusal::bad_request(message).at("tool_choice"));
        }
        self.check_generation(model)?;
        calls_are_answered(messages)
    }

    /// What newer models refuse.
    fn check_generation(&self, model: &str) -> Result<(), Refusal> {
        if self.max_tokens.is_some() && refuses_max_tokens(model) {
            let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
            return Err(Refusal::bad_request(message).at("max_tokens").code("unsupported_parameter"));
        }
        let offers_tools = self.tools.as_ref().is_some_and(|tools| !tools.is_empty());
        if offers_tools && self.reasoning_effort.as_deref() != Some("none") && refuses_tools_while_reasoning(model) {
            let message = format!(
                "Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions. Please use \
                 /v1/responses instead."
            );
            return Err(Refusal::bad_request(message).at("reasoning_effort"));
        }
        Ok(())
    }
}

impl Message {
    fn text(&self) -> String {
        self.content.joined(|part| part.text.as_deref())
    }

    fn tokens(&self) -> u64 {
        let content: u64 = match &self.content {
            Content::Absent => 0,
            Content::Text(text) => input_tokens(text.len()),
            Content::Parts(parts) => {
                let tokens = |part: &Part| part.text.as_ref().map_or(MEDIA_TOKENS, |text| input_tokens(text.len()));
                parts.iter().map(tokens).sum()
            }
        };
        let calls = self.tool_calls.iter().flatten();
        MESSAGE_TOKENS + content + calls.map(|call| input_tokens(call.function.arguments.len()) + 8).sum::<u64>()
    }
}

impl Tool {
    fn offer(&self) -> ToolOffer {
        let function = self.custom.as_ref().unwrap_or(&self.function);
        ToolOffer { name: function.name.clone(), schema: function.parameters.clone() }
    }
}

fn within(name: &'static str, value: Option<f64>, least: f64, most: f64) -> Result<(), Refusal> {
    let (bound, sign, code) = match value {
        Some(value) if value < least => ("below minimum", ">=", "decimal_below_min_value"),
        Some(value) if value > most => ("above maximum", "<=", "decimal_above_max_value"),
        _ => return Ok(()),
    };
    let (limit, value) = (if sign == ">=" { least } else { most }, value.unwrap_or_default());
    let message =
        format!("Invalid '{name}': decimal {bound} value. Expected a value {sign} {limit}, but got {value} instead.");
    Err(Refusal::bad_request(message).at(name).code(code))
}

fn at_least_one(name: &'static str, value: Option<i64>) -> Result<(), Refusal> {
    match value {
        Some(value) if value < 1 => {
            let message = format!(
                "Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {value} instead."
            );
            Err(Refusal::bad_request(message).at(name).code("integer_below_min_value"))
        }
        _ => Ok(()),
    }
}

/// Every call has its result right behind it, and every result its call.
fn calls_are_answered(messages: &[Message]) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    let unanswered = |open: &[&str], index: usize| {
        let message = format!(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. \
             The following tool_call_ids did not have response messages: {}",
            open.join(", ")
        );
        Err(Refusal::bad_request(message).at(format!("messages.[{index}].role")))
    };
    let mut answered: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        if message.role == "tool" {
            let id = message.tool_call_id.as_deref().unwrap_or_default();
            if let Some(at) = open.iter().position(|open| *open == id) {
                answered.push(open.swap_remove(at));
            } else if !answered.contains(&id) {
                let text = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
                return Err(Refusal::bad_request(text).at(format!("messages.[{index}].role")));
            }
            continue;
        }
        if !open.is_empty() {
            return unanswered(&open, index);
        }
        answered.clear();
        open.extend(message.tool_calls.iter().flatten().map(|call| call.id.as_str()));
        if !matches!(message.role.as_str(), "system" | "developer" | "user" | "assistant" | "function") {
            let text = format!(
                "Invalid value: '{}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.",
                message.role
            );
            return Err(Refusal::bad_request(text).at(format!("messages[{index}].role")).code("invalid_value"));
        }
        if message.content.parts().iter().any(|part| part.kind.is_empty()) {
            let text = format!("Missing required parameter: 'messages[{index}].content[0].type'.");
            return Err(Refusal::bad_request(text).code("missing_required_parameter"));
        }
    }
    if open.is_empty() { Ok(()) } else { unanswered(&open, messages.len()) }
}
