//! The request: its wire type, what OpenAI refuses of it, and the prompt it is.

use serde::Deserialize;
use serde_json::Value;

use super::super::content::Content;
use super::super::prompt::{Format, Prompt, Reasoning, ToolChoice, ToolOffer, input_tokens};
use super::super::refusal::Refusal;
use super::render::ENCRYPTED;

/// The fields of a request that change the answer; others are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Request {
    model: Option<String>,
    input: Content<Item>,
    instructions: Option<String>,
    previous_response_id: Option<String>,
    conversation: Option<Value>,
    stream: Option<bool>,
    max_output_tokens: Option<i64>,
    tools: Option<Vec<Tool>>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    text: Option<TextOptions>,
    reasoning: Option<ReasoningOptions>,
    include: Option<Vec<String>>,
    store: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Item {
    #[serde(rename = "type")]
    kind: Option<String>,
    role: Option<String>,
    content: Content<Part>,
    id: Option<String>,
    encrypted_content: Option<String>,
    call_id: Option<String>,
    arguments: Option<String>,
    input: Option<String>,
    output: Content<Part>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Part {
    text: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tool {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    parameters: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TextOptions {
    format: Option<TextFormat>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TextFormat {
    #[serde(rename = "type")]
    kind: String,
    schema: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReasoningOptions {
    effort: Option<String>,
    summary: Option<String>,
}

/// Tokens of an image or a file, whose bytes are no text.
const MEDIA_TOKENS: u64 = 85;
/// Tokens that frame an item.
const ITEM_TOKENS: u64 = 4;
/// The least bound on the output that is taken (<https://platform.openai.com/docs/api-reference/responses/create>).
const LEAST_OUTPUT: i64 = 16;

impl Request {
    /// Reads a body.
    pub(in super::super) fn parse(body: &[u8]) -> Result<Request, Refusal> {
        serde_json::from_slice(body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Refusal::bad_request(format!("Invalid type in the request: {error}")),
            _ => Refusal::bad_request("We could not parse the JSON body of your request."),
        })
    }

    /// Whether answers carry reasoning that can come back to a server that kept none.
    pub(super) fn wants_encrypted_reasoning(&self) -> bool {
        self.include.iter().flatten().any(|include| include == "reasoning.encrypted_content")
    }

    /// Whether the tool of that name takes free text.
    pub(super) fn is_custom(&self, name: &str) -> bool {
        self.tools.iter().flatten().any(|tool| tool.kind == "custom" && tool.name.as_deref() == Some(name))
    }

    /// What is said of storing, as answers repeat it.
    pub(super) fn stores(&self) -> bool {
        self.store != Some(false)
    }

    /// The instructions, as answers repeat them.
    pub(super) fn instructions(&self) -> Option<&str> {
        self.instructions.as_deref()
    }

    /// The bound on the output, as answers repeat it.
    pub(super) fn max_output_tokens(&self) -> Option<i64> {
        self.max_output_tokens
    }

    /// The prompt, if OpenAI would take it.
    pub(in super::super) fn prompt(&self) -> Result<Prompt, Refusal> {
        let model = self.model.clone().filter(|model| !model.is_empty());
        let model = model.ok_or_else(|| missing("model"))?;
        self.check(&model)?;
        let items = self.input.parts();
        let text = match &self.input {
            Content::Text(text) => text.clone(),
            _ => {
                items.iter().rev().find(|item| item.role.as_deref() == Some("user")).map(Item::text).unwrap_or_default()
            }
        };
        let last = items.last().filter(|item| item.is_output());
        Ok(Prompt {
            model,
            stream: self.stream == Some(true),
            text,
            tool_result: last.map(|item| item.output.joined(|part| part.text.as_deref())),
            tools: self.tools.iter().flatten().filter_map(Tool::offer).collect(),
            tool_choice: self.choice(),
            parallel: self.parallel_tool_calls != Some(false),
            reasoning: self.reasoning(),
            max_output: self.max_output_tokens.and_then(|max| u64::try_from(max).ok()),
            format: self.format(),
            input: self.input_tokens(),
            ..Prompt::default()
        })
    }

    fn reasoning(&self) -> Reasoning {
        match &self.reasoning {
            Some(options) if options.effort.as_deref() == Some("none") => Reasoning::Off,
            Some(options) if options.summary.is_some() => Reasoning::Shown,
            Some(options) if options.effort.is_some() => Reasoning::Hidden,
            _ => Reasoning::Off,
        }
    }

    fn input_tokens(&self) -> u64 {
        let tools = self.tools.iter().flatten().map(|tool| input_tokens(tool.parameters.to_string().len()) + 8);
        let instructions = self.instructions.as_ref().map_or(0, |text| input_tokens(text.len()));
        let input = match &self.input {
            Content::Text(text) => ITEM_TOKENS + input_tokens(text.len()),
            other => other.parts().iter().map(Item::tokens).sum(),
        };
        3 + instructions + input + tools.sum::<u64>()
    }

    fn choice(&self) -> ToolChoice {
        match &self.tool_choice {
            Some(Value::String(choice)) if choice == "none" => ToolChoice::None,
            Some(Value::String(choice)) if choice == "required" => ToolChoice::Any,
            Some(Value::Object(choice)) => match choice.get("name").and_then(Value::as_str) {
                Some(name) => ToolChoice::Named(name.to_owned()),
                None if choice.get("mode").and_then(Value::as_str) == Some("required") => ToolChoice::Any,
                None => ToolChoice::Auto,
            },
            _ => ToolChoice::Auto,
        }
    }

    fn format(&self) -> Format {
        match self.text.as_ref().and_then(|text| text.format.as_ref()) {
            Some(format) if format.kind == "json_object" => Format::JsonObject,
            Some(format) if format.kind == "json_schema" => Format::Schema(format.schema.clone()),
            _ => Format::Text,
        }
    }

    fn check(&self, model: &str) -> Result<(), Refusal> {
        if model == "no-such-model" {
            let message = format!("The model `{model}` does not exist or you do not have access to it.");
            return Err(Refusal::bad_request(message).at("model").code("model_not_found"));
        }
        if let Some(id) = &self.previous_response_id {
            let message = format!("Previous response with id '{id}' not found.");
            return Err(Refusal::bad_request(message).at("previous_response_id").code("previous_response_not_found"));
        }
        if matches!(self.input, Content::Absent) && self.conversation.is_none() {
            return Err(missing("input"));
        }
        if self.max_output_tokens.is_some_and(|max| max < LEAST_OUTPUT) {
            let message = format!(
                "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= {LEAST_OUTPUT}, but got {} instead.",
                self.max_output_tokens.unwrap_or_default()
            );
            return Err(Refusal::bad_request(message).at("max_output_tokens").code("integer_below_min_value"));
        }
        self.input.parts().iter().try_for_each(Item::check_reasoning)?;
        outputs_have_calls(self.input.parts())
    }
}

impl Item {
    /// Reasoning comes back with what it was sealed in, or not at all: nothing is kept here that its id could stand for.
    fn check_reasoning(&self) -> Result<(), Refusal> {
        if self.kind.as_deref() != Some("reasoning") || self.encrypted_content.as_deref() == Some(ENCRYPTED) {
            return Ok(());
        }
        let id = self.id.as_deref().unwrap_or_default();
        if self.encrypted_content.is_some() {
            let message = format!("The encrypted content for item {id} could not be verified.");
            return Err(Refusal::bad_request(message).code("invalid_encrypted_content"));
        }
        let message = format!("Item with id '{id}' not found. Items are not persisted when `store` is set to false.");
        Err(Refusal::new(404, "invalid_request_error", message).at("input"))
    }

    fn text(&self) -> String {
        self.content.joined(|part| part.text.as_deref())
    }

    fn is_output(&self) -> bool {
        matches!(self.kind.as_deref(), Some("function_call_output" | "custom_tool_call_output"))
    }

    fn tokens(&self) -> u64 {
        let of = |content: &Content<Part>| match content {
            Content::Absent => 0,
            Content::Text(text) => input_tokens(text.len()),
            Content::Parts(parts) => {
                parts.iter().map(|part| part.text.as_ref().map_or(MEDIA_TOKENS, |text| input_tokens(text.len()))).sum()
            }
        };
        let called = self.arguments.as_ref().or(self.input.as_ref()).map_or(0, |text| input_tokens(text.len()) + 8);
        ITEM_TOKENS + of(&self.content) + of(&self.output) + called
    }
}

impl Tool {
    /// Tools that OpenAI runs itself are never called.
    fn offer(&self) -> Option<ToolOffer> {
        let is_ours = matches!(self.kind.as_str(), "function" | "custom");
        let name = self.name.clone().filter(|_| is_ours)?;
        Some(ToolOffer { name, schema: self.parameters.clone() })
    }
}

fn missing(name: &str) -> Refusal {
    Refusal::bad_request(format!("Missing required parameter: '{name}'.")).at(name).code("missing_required_parameter")
}

/// Every output has its call before it, and every call its output behind it.
fn outputs_have_calls(items: &[Item]) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    for item in items {
        let id = item.call_id.as_deref().unwrap_or_default();
        match item.kind.as_deref() {
            Some("function_call" | "custom_tool_call") => open.push(id),
            Some("function_call_output" | "custom_tool_call_output") => {
                let Some(at) = open.iter().position(|open| *open == id) else {
                    let message = format!("No tool call found for function call output with call_id {id}.");
                    return Err(Refusal::bad_request(message).at("input"));
                };
                open.swap_remove(at);
            }
            _ => {}
        }
    }
    match open.first() {
        None => Ok(()),
        Some(id) => Err(Refusal::bad_request(format!("No tool output found for function call {id}.")).at("input")),
    }
}
