//! The messages request: its wire type, what a provider refuses of it, and the prompt it is.

use serde::Deserialize;
use serde_json::Value;

use super::super::content::Content;
use super::super::generation::refuses_sampling;
use super::super::prompt::{Format, Prompt, Reasoning, ToolChoice, ToolOffer, input_tokens};
use super::super::refusal::Refusal;
use super::render::SIGNATURE;

/// The fields of a messages request that change the answer; others are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Request {
    model: Option<String>,
    messages: Option<Vec<Message>>,
    system: Content<Block>,
    max_tokens: Option<i64>,
    stream: Option<bool>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<i64>,
    stop_sequences: Option<Vec<String>>,
    tools: Option<Vec<Tool>>,
    tool_choice: Option<WireChoice>,
    thinking: Option<Thinking>,
    output_config: Option<OutputConfig>,
    output_format: Option<OutputFormat>,
    cache_control: Option<CacheControl>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    role: String,
    content: Content<Block>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    id: Option<String>,
    signature: Option<String>,
    tool_use_id: Option<String>,
    content: Content<InnerBlock>,
    cache_control: Option<CacheControl>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct InnerBlock {
    text: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CacheControl {
    ttl: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tool {
    name: String,
    input_schema: Value,
    cache_control: Option<CacheControl>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WireChoice {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    disable_parallel_tool_use: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Thinking {
    #[serde(rename = "type")]
    kind: String,
    budget_tokens: Option<i64>,
    display: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OutputConfig {
    format: Option<OutputFormat>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OutputFormat {
    schema: Value,
}

/// Tokens of an image or a document, whose bytes are no text.
const MEDIA_TOKENS: u64 = 1_000;
/// Tokens that frame a message.
const MESSAGE_TOKENS: u64 = 4;
/// The version of the API that has no sampling parameters.
const WITHOUT_SAMPLING: &str = "2026-10-21";

impl Request {
    /// Reads a body.
    pub(in super::super) fn parse(body: &[u8]) -> Result<Request, Refusal> {
        serde_json::from_slice(body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Refusal::bad_request(error.to_string()),
            _ => Refusal::bad_request(format!("The request body is not valid JSON: {error}")),
        })
    }

    /// The prompt of a request for an answer, if a provider would take it under that version of the API.
    pub(in super::super) fn prompt(&self, version: Option<&str>) -> Result<Prompt, Refusal> {
        let prompt = self.countable(version)?;
        let max_tokens = self.max_tokens.ok_or_else(|| Refusal::bad_request("max_tokens: Field required"))?;
        let max_output = u64::try_from(max_tokens)
            .map_err(|_| Refusal::bad_request("max_tokens: Input should be greater than or equal to 0".to_owned()))?;
        self.check_sampling(version)?;
        self.check_thinking(max_tokens)?;
        Ok(Prompt { max_output: Some(max_output), ..prompt })
    }

    /// The prompt of a request that only wants its tokens counted.
    pub(in super::super) fn countable(&self, version: Option<&str>) -> Result<Prompt, Refusal> {
        if version.is_none() {
            return Err(Refusal::bad_request("anthropic-version: header is required"));
        }
        let required = |name: &str| Refusal::bad_request(format!("{name}: Field required"));
        let model = self.model.clone().ok_or_else(|| required("model"))?;
        let messages = self.messages.as_deref().ok_or_else(|| required("messages"))?;
        if model == "no-such-model" {
            return Err(Refusal::new(404, "not_found_error", format!("model: {model}")));
        }
        if messages.is_empty() {
            return Err(Refusal::bad_request("messages: at least one message is required"));
        }
        check_messages(messages)?;
        let last = messages.last();
        let last_user = messages.iter().rev().find(|message| message.role == "user" && !message.text().is_empty());
        let (cached, rest) = self.input_tokens(messages);
        let first_turn = !messages.iter().any(|message| message.role == "assistant");
        let choice = self.tool_choice.as_ref();
        Ok(Prompt {
            model,
            stream: self.stream == Some(true),
            text: last_user.map(Message::text).unwrap_or_default(),
            tool_result: last.and_then(Message::tool_result),
            tools: self.tools.iter().flatten().map(Tool::offer).collect(),
            tool_choice: match choice.map(|choice| choice.kind.as_str()) {
                Some("any") => ToolChoice::Any,
                Some("none") => ToolChoice::None,
                Some("tool") => ToolChoice::Named(choice.map(|choice| choice.name.clone()).unwrap_or_default()),
                _ => ToolChoice::Auto,
            },
            parallel: !choice.is_some_and(|choice| choice.disable_parallel_tool_use),
            reasoning: self.reasoning(),
            max_output: None,
            stop: self.stop_sequences.clone().unwrap_or_default(),
            format: self.format(),
            input: rest,
            cache_read: if first_turn { 0 } else { cached },
            cache_write: if first_turn { cached } else { 0 },
            cache_for_an_hour: self.cache_marks(messages).any(|mark| mark.ttl.as_deref() == Some("1h")),
        })
    }

    /// Tokens of the prompt that are to be cached (system and tools, once anything is marked), and of the rest.
    fn input_tokens(&self, messages: &[Message]) -> (u64, u64) {
        let tools = self.tools.iter().flatten().map(|tool| input_tokens(tool.input_schema.to_string().len()) + 8);
        let prefix = content_tokens(&self.system) + tools.sum::<u64>();
        let rest = 3 + messages.iter().map(|message| MESSAGE_TOKENS + content_tokens(&message.content)).sum::<u64>();
        let cached = self.cache_marks(messages).next().is_some();
        if cached { (prefix, rest) } else { (0, prefix + rest) }
    }

    fn cache_marks<'a>(&'a self, messages: &'a [Message]) -> impl Iterator<Item = &'a CacheControl> {
        let blocks = self.system.parts().iter().chain(messages.iter().flat_map(|message| message.content.parts()));
        let tools = self.tools.iter().flatten().filter_map(|tool| tool.cache_control.as_ref());
        blocks.filter_map(|block| block.cache_control.as_ref()).chain(tools).chain(&self.cache_control)
    }

    fn reasoning(&self) -> Reasoning {
        match &self.thinking {
            Some(thinking) if matches!(thinking.kind.as_str(), "enabled" | "adaptive" | "between_tools") => {
                if thinking.display.as_deref() == Some("omitted") { Reasoning::Hidden } else { Reasoning::Shown }
            }
            _ => Reasoning::Off,
        }
    }

    fn format(&self) -> Format {
        let config = self.output_config.as_ref().and_then(|config| config.format.as_ref());
        match config.or(self.output_format.as_ref()) {
            Some(format) => Format::Schema(format.schema.clone()),
            None => Format::Text,
        }
    }

    fn check_sampling(&self, version: Option<&str>) -> Result<(), Refusal> {
        let given = [
            ("temperature", self.temperature.is_some()),
            ("top_p", self.top_p.is_some()),
            ("top_k", self.top_k.is_some()),
        ];
        if version == Some(WITHOUT_SAMPLING)
            && let Some((name, _)) = given.iter().find(|(_, given)| *given)
        {
            return Err(Refusal::bad_request(format!("{name}: Extra inputs are not permitted")));
        }
        // A temperature of 1 is what there is without one.
        let refused =
            given.iter().find(|(name, given)| *given && (*name != "temperature" || self.temperature != Some(1.0)));
        if let Some((name, _)) = refused
            && self.model.as_deref().is_some_and(refuses_sampling)
        {
            return Err(Refusal::bad_request(format!("`{name}` is deprecated for this model.")));
        }
        for (name, value) in [("temperature", self.temperature), ("top_p", self.top_p)] {
            if value.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
                return Err(Refusal::bad_request(format!("{name}: range: 0..1")));
            }
        }
        Ok(())
    }

    fn check_thinking(&self, max_tokens: i64) -> Result<(), Refusal> {
        let Some(thinking) = self.thinking.as_ref().filter(|thinking| thinking.kind == "enabled") else {
            return Ok(());
        };
        let refuse = |message: &str| Err(Refusal::bad_request(message));
        match thinking.budget_tokens {
            None => return refuse("thinking.enabled.budget_tokens: Field required"),
            Some(..1024) => {
                return refuse("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024");
            }
            Some(budget) if budget >= max_tokens => {
                return refuse("`max_tokens` must be greater than `thinking.budget_tokens`.");
            }
            Some(_) => {}
        }
        match self.tool_choice.as_ref().map(|choice| choice.kind.as_str()) {
            Some("any" | "tool") => refuse("Thinking may not be enabled when tool_choice forces tool use."),
            _ => Ok(()),
        }
    }
}

impl Message {
    fn text(&self) -> String {
        self.content.joined(|block| block.text.as_deref())
    }

    /// The text of the tool results, if this message brings any.
    fn tool_result(&self) -> Option<String> {
        let results: Vec<String> =
            (self.content.parts().iter()).filter(|block| block.kind == "tool_result").map(Block::result).collect();
        (!results.is_empty()).then(|| results.join("\n"))
    }
}

impl Block {
    /// The text of a tool result.
    fn result(&self) -> String {
        self.content.joined(|block| block.text.as_deref())
    }
}

impl Tool {
    fn offer(&self) -> ToolOffer {
        ToolOffer { name: self.name.clone(), schema: self.input_schema.clone() }
    }
}

fn content_tokens(content: &Content<Block>) -> u64 {
    match content {
        Content::Absent => 0,
        Content::Text(text) => input_tokens(text.len()),
        Content::Parts(blocks) => (blocks.iter())
            .map(|block| match block.kind.as_str() {
                "image" | "document" => MEDIA_TOKENS,
                "tool_result" => input_tokens(block.result().len()),
                _ => block.text.as_ref().map_or(8, |text| input_tokens(text.len())),
            })
            .sum(),
    }
}

/// Roles, non-empty texts, and every tool use with its result in the next message.
fn check_messages(messages: &[Message]) -> Result<(), Refusal> {
    let mut before: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        if !matches!(message.role.as_str(), "user" | "assistant" | "system") {
            let text = "Input should be 'user' or 'assistant'";
            return Err(Refusal::bad_request(format!("messages.{index}.role: {text}")));
        }
        let mut uses = Vec::new();
        for (at, block) in message.content.parts().iter().enumerate() {
            match block.kind.as_str() {
                "text" if block.text.as_deref().unwrap_or_default().is_empty() => {
                    return Err(Refusal::bad_request("messages: text content blocks must be non-empty"));
                }
                "tool_use" => uses.extend(block.id.as_deref()),
                // It takes back what it signed, as it was, and nothing else.
                "thinking" if block.signature.as_deref() != Some(SIGNATURE) => {
                    let text = format!("messages.{index}.content.{at}: Invalid `signature` in `thinking` block");
                    return Err(Refusal::bad_request(text));
                }
                "tool_result" => {
                    let id = block.tool_use_id.as_deref().unwrap_or_default();
                    let Some(found) = before.iter().position(|open| *open == id) else {
                        let text = format!(
                            "messages.{index}.content.{at}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each \
                             `tool_result` block must have a corresponding `tool_use` block in the previous message."
                        );
                        return Err(Refusal::bad_request(text));
                    };
                    before.swap_remove(found);
                }
                _ => {}
            }
        }
        if !before.is_empty() {
            return Err(unanswered(&before, index - 1));
        }
        before = uses;
    }
    if before.is_empty() { Ok(()) } else { Err(unanswered(&before, messages.len() - 1)) }
}

fn unanswered(ids: &[&str], index: usize) -> Refusal {
    Refusal::bad_request(format!(
        "messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block \
         must have a corresponding `tool_result` block in the next message.",
        ids.join(", ")
    ))
}
