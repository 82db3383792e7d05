//! The request: its wire type, what Google refuses of it, and the prompt it is.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::super::prompt::{Format, Prompt, Reasoning, ToolChoice, ToolOffer, input_tokens};
use super::super::refusal::Refusal;
use super::render::SIGNATURE;

/// The fields of a request that change the answer; others are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in super::super) struct Request {
    contents: Vec<Content>,
    #[serde(alias = "system_instruction")]
    system_instruction: Option<Content>,
    tools: Vec<Tool>,
    #[serde(alias = "tool_config")]
    tool_config: Option<ToolConfig>,
    #[serde(alias = "generation_config")]
    generation_config: GenerationConfig,
    /// What `countTokens` may wrap its request in.
    generate_content_request: Option<Box<Request>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Content {
    role: Option<String>,
    parts: Vec<Part>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Part {
    text: Option<String>,
    #[serde(alias = "function_call")]
    function_call: Option<Function>,
    #[serde(alias = "function_response")]
    function_response: Option<Function>,
    #[serde(alias = "thought_signature")]
    thought_signature: Option<String>,
}

/// A call or a response.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Function {
    id: Option<String>,
    name: String,
    args: Value,
    response: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Tool {
    #[serde(alias = "function_declarations")]
    function_declarations: Vec<Declaration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Declaration {
    name: String,
    parameters: Value,
    #[serde(alias = "parameters_json_schema")]
    parameters_json_schema: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ToolConfig {
    #[serde(alias = "function_calling_config")]
    function_calling_config: CallingConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CallingConfig {
    mode: String,
    #[serde(alias = "allowed_function_names")]
    allowed_function_names: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct GenerationConfig {
    #[serde(alias = "max_output_tokens")]
    max_output_tokens: Option<i64>,
    #[serde(alias = "stop_sequences")]
    stop_sequences: Vec<String>,
    #[serde(alias = "response_mime_type")]
    response_mime_type: Option<String>,
    #[serde(alias = "response_schema")]
    response_schema: Value,
    #[serde(alias = "response_json_schema")]
    response_json_schema: Value,
    #[serde(alias = "thinking_config")]
    thinking_config: Option<ThinkingConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ThinkingConfig {
    #[serde(alias = "include_thoughts")]
    include_thoughts: bool,
    #[serde(alias = "thinking_budget")]
    thinking_budget: Option<i64>,
    #[serde(alias = "thinking_level")]
    thinking_level: Option<String>,
}

/// Tokens of an image or a file, whose bytes are no text.
const MEDIA_TOKENS: u64 = 258;

/// The most stop sequences.
const MOST_STOPS: usize = 5;

impl Request {
    /// Reads a body.
    pub(in super::super) fn parse(body: &[u8]) -> Result<Request, Refusal> {
        let mut request: Request =
            serde_json::from_slice(body).map_err(|error| refusal(format!("Invalid JSON payload received. {error}")))?;
        Ok(request.generate_content_request.take().map_or(request, |inner| *inner))
    }

    /// The prompt, if Google would take it.
    pub(in super::super) fn prompt(&self, model: &str, stream: bool) -> Result<Prompt, Refusal> {
        if model == "no-such-model" {
            let message = format!(
                "models/{model} is not found for API version v1beta, or is not supported for generateContent. Call ListModels to \
                 see the list of available models and their supported methods."
            );
            return Err(Refusal::new(404, "NOT_FOUND", message));
        }
        self.check(model)?;
        let is_user =
            |content: &&Content| content.role.as_deref() != Some("model") && content.responses().next().is_none();
        let last_user = self.contents.iter().rev().find(is_user);
        let last = self.contents.last().and_then(|content| content.responses().last());
        let config = &self.generation_config;
        Ok(Prompt {
            model: model.to_owned(),
            stream,
            text: last_user.map(Content::text).unwrap_or_default(),
            tool_result: last.map(|function| shown(&function.response)),
            tools: self.tools.iter().flat_map(|tool| &tool.function_declarations).map(Declaration::offer).collect(),
            tool_choice: self.choice(),
            parallel: true,
            reasoning: self.reasoning(),
            max_output: config.max_output_tokens.and_then(|max| u64::try_from(max).ok()),
            stop: config.stop_sequences.clone(),
            format: self.format(),
            input: self.input_tokens(),
            ..Prompt::default()
        })
    }

    fn reasoning(&self) -> Reasoning {
        match &self.generation_config.thinking_config {
            Some(config) if config.thinking_budget == Some(0) => Reasoning::Off,
            Some(config) if config.include_thoughts => Reasoning::Shown,
            Some(config) if config.thinking_level.is_some() || config.thinking_budget.is_some() => Reasoning::Hidden,
            _ => Reasoning::Off,
        }
    }

    fn choice(&self) -> ToolChoice {
        let Some(config) = self.tool_config.as_ref().map(|config| &config.function_calling_config) else {
            return ToolChoice::Auto;
        };
        match (config.mode.as_str(), config.allowed_function_names.as_slice()) {
            ("NONE", _) => ToolChoice::None,
            ("ANY", [name]) => ToolChoice::Named(name.clone()),
            ("ANY", _) => ToolChoice::Any,
            _ => ToolChoice::Auto,
        }
    }

    fn format(&self) -> Format {
        let config = &self.generation_config;
        let schema =
            [&config.response_json_schema, &config.response_schema].into_iter().find(|schema| schema.is_object());
        match (config.response_mime_type.as_deref(), schema) {
            (Some("application/json"), Some(schema)) => Format::Schema(lowered(schema)),
            (Some("application/json"), None) => Format::JsonObject,
            _ => Format::Text,
        }
    }

    fn input_tokens(&self) -> u64 {
        let contents = self.contents.iter().chain(&self.system_instruction);
        let declared = self.tools.iter().flat_map(|tool| &tool.function_declarations);
        contents.map(Content::tokens).sum::<u64>()
            + declared.map(|tool| input_tokens(tool.offer().schema.to_string().len()) + 8).sum::<u64>()
    }

    fn check(&self, model: &str) -> Result<(), Refusal> {
        if self.contents.is_empty() {
            return Err(refusal("* GenerateContentRequest.contents: contents is not specified".to_owned()));
        }
        if self.contents.iter().any(|content| content.parts.is_empty()) {
            return Err(refusal(
                "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.".to_owned(),
            ));
        }
        let config = &self.generation_config;
        if config.stop_sequences.len() > MOST_STOPS {
            return Err(refusal("The number of stop sequences exceeds the limit of 5.".to_owned()));
        }
        if config.response_json_schema.is_object() && config.response_schema.is_object() {
            return Err(refusal("Only one of response_schema and response_json_schema may be set.".to_owned()));
        }
        if let Some(thinking) = &config.thinking_config
            && thinking.thinking_budget.is_some()
            && thinking.thinking_level.is_some()
        {
            return Err(refusal("You can only set only one of thinking budget and thinking level.".to_owned()));
        }
        responses_match_calls(&self.contents)?;
        known_signatures(&self.contents)?;
        if wants_signatures(model) { signed(&self.contents) } else { Ok(()) }
    }
}

impl Content {
    fn text(&self) -> String {
        self.parts.iter().filter_map(|part| part.text.as_deref()).collect::<Vec<_>>().join("\n")
    }

    fn responses(&self) -> impl Iterator<Item = &Function> {
        self.parts.iter().filter_map(|part| part.function_response.as_ref())
    }

    fn calls(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.function_call.is_some())
    }

    fn tokens(&self) -> u64 {
        let of = |part: &Part| match (&part.text, &part.function_call, &part.function_response) {
            (Some(text), _, _) => input_tokens(text.len()),
            (_, Some(call), _) => input_tokens(call.args.to_string().len()) + 8,
            (_, _, Some(response)) => input_tokens(response.response.to_string().len()) + 8,
            _ => MEDIA_TOKENS,
        };
        self.parts.iter().map(of).sum()
    }
}

impl Declaration {
    fn offer(&self) -> ToolOffer {
        let schema =
            if self.parameters_json_schema.is_object() { &self.parameters_json_schema } else { &self.parameters };
        ToolOffer { name: self.name.clone(), schema: lowered(schema) }
    }
}

fn refusal(message: String) -> Refusal {
    Refusal::new(400, "INVALID_ARGUMENT", message)
}

/// What a tool said: its `output` or `result`, else the whole object.
fn shown(response: &Value) -> String {
    let inner = ["output", "result", "error"].iter().find_map(|name| response.get(name)).unwrap_or(response);
    inner.as_str().map_or_else(|| inner.to_string(), str::to_owned)
}

/// A schema with the names of its types in lower case, as JSON Schema has them.
fn lowered(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| match value {
                    Value::String(kind) if name == "type" => (name.clone(), kind.to_lowercase().into()),
                    other => (name.clone(), lowered(other)),
                })
                .collect(),
        ),
        Value::Array(values) => values.iter().map(lowered).collect(),
        other => other.clone(),
    }
}

/// A turn of calls is followed by as many responses, in one content. One that names its call and is said twice counts once: Gemini CLI
/// does so when it resumes a session.
fn responses_match_calls(contents: &[Content]) -> Result<(), Refusal> {
    let mut open = 0;
    for content in contents {
        let mut named = BTreeSet::new();
        let answered =
            content.responses().filter(|response| response.id.as_ref().is_none_or(|id| named.insert(id))).count();
        if answered != open {
            return Err(refusal(
                "Please ensure that the number of function response parts is equal to the number of function call parts of the \
                 function call turn."
                    .to_owned(),
            ));
        }
        open = content.calls().count();
    }
    Ok(())
}

/// What Google takes in place of a signature: <https://ai.google.dev/gemini-api/docs/thought-signatures>.
const NO_SIGNATURE: [&str; 2] = ["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"];

/// Signatures come back as they were given.
fn known_signatures(contents: &[Content]) -> Result<(), Refusal> {
    let given = contents.iter().flat_map(|content| &content.parts).filter_map(|part| part.thought_signature.as_deref());
    let is_known = |signature: &str| signature == SIGNATURE || NO_SIGNATURE.contains(&signature);
    if given.into_iter().all(is_known) { Ok(()) } else { Err(refusal("Thought signature is not valid.".to_owned())) }
}

/// Gemini 3 and later want the signatures of the current turn back
/// (<https://ai.google.dev/gemini-api/docs/thought-signatures>).
fn wants_signatures(model: &str) -> bool {
    let version =
        model.strip_prefix("gemini-").and_then(|rest| rest.chars().next()).and_then(|first| first.to_digit(10));
    version.is_some_and(|major| major >= 3)
}

/// Of each step of the current turn, the first call carries a signature.
fn signed(contents: &[Content]) -> Result<(), Refusal> {
    let turn = contents
        .iter()
        .rev()
        .take_while(|content| content.role.as_deref() == Some("model") || content.responses().next().is_some());
    for content in turn {
        if let Some(first) = content.calls().next()
            && first.thought_signature.as_deref().is_none_or(str::is_empty)
        {
            return Err(refusal(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly."
                    .to_owned(),
            ));
        }
    }
    Ok(())
}
