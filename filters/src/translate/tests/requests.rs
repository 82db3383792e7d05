//! Requests sent on in the other shape, and read again as if they were a client's.

use serde_json::{Value, json};

use super::recordings::{assert_counted, exchanges};
use super::{bare, by_value, codec, other, taking_all};
use crate::Shape;
use crate::json::{Json, View};
use crate::neutral::{
    ApiError, Document, Image, Losses, Message, Output, Part, Profile, ReasoningAsk, ReasoningMode, Request, Role,
    Source, StateFormat, Thinking, Tool, ToolChoice,
};
use crate::translate::{self, Translated, Upstream};

/// What a request asks, by value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) instructions: Vec<String>,
    pub(super) turns: Vec<Turn>,
    /// Name, description, schema and strictness of each function.
    pub(super) tools: Vec<(String, Option<String>, Value, Option<bool>)>,
    pub(super) choice: Option<ToolChoice<'static>>,
    pub(super) parallel: Option<bool>,
    pub(super) output: Option<Value>,
    pub(super) max_output: Option<u64>,
    pub(super) stop: Vec<String>,
    pub(super) temperature: Option<f64>,
    pub(super) reasoning: ReasoningAsk,
    pub(super) end_user: Option<String>,
}

pub(super) type Said = (&'static str, String);

/// What stands where a custom tool has no schema, and around what it is called with.
pub(super) const CUSTOM: &str = "of a custom tool";

/// All that one side says before the other does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Turn {
    pub(super) role: String,
    /// Texts, and images and files as their bytes or addresses, with what they are.
    pub(super) said: Vec<Said>,
    /// Id, name and arguments.
    pub(super) calls: Vec<(String, String, Value)>,
    /// Id, what it holds, and whether the tool failed.
    pub(super) results: Vec<(String, Vec<Said>, bool)>,
    /// Reasoning with its state.
    pub(super) thoughts: Vec<(String, Option<(StateFormat, String)>)>,
    /// What only one shape has.
    pub(super) own: Vec<String>,
}

fn asked(request: &Request<'_>) -> Asked {
    let mut turns: Vec<Turn> = Vec::new();
    for message in &request.messages {
        let role = format!("{:?}", message.role);
        if turns.last().is_none_or(|turn| turn.role != role) {
            turns.push(Turn { role, ..Turn::default() });
        }
        add(turns.last_mut().unwrap(), message);
    }
    turns.retain(|turn| *turn != Turn { role: turn.role.clone(), ..Turn::default() });
    let tools = request.tools.iter().filter_map(|tool| match tool {
        Tool::Function(function) => {
            let schema = function.parameters.as_ref().map_or(Value::Null, value_of);
            let description = function.description.as_ref().map(ToString::to_string).filter(|text| !text.is_empty());
            Some((function.name.to_string(), description, schema, function.strict))
        }
        Tool::Custom(custom) => {
            let description = custom.description.as_ref().map(ToString::to_string);
            Some((custom.name.to_string(), description, Value::from(CUSTOM), None))
        }
        Tool::Hosted(_) => None,
    });
    let output = match &request.output {
        Output::Text => None,
        Output::JsonObject => Some(Value::from("any object")),
        Output::Schema { schema, .. } => Some(value_of(schema)),
    };
    let choice = request.tool_choice.as_ref().map(|choice| match choice {
        ToolChoice::Auto => ToolChoice::Auto,
        ToolChoice::None => ToolChoice::None,
        ToolChoice::Required => ToolChoice::Required,
        ToolChoice::Named(name) => ToolChoice::Named(name.to_string().into()),
        ToolChoice::Allowed { required, names } => ToolChoice::Allowed {
            required: *required,
            names: names.iter().map(|name| name.to_string().into()).collect(),
        },
    });
    Asked {
        instructions: request.instructions.iter().map(|text| text.text.to_string()).collect(),
        turns,
        tools: tools.collect(),
        choice,
        parallel: request.parallel_tools,
        output,
        max_output: request.max_output,
        stop: request.stop.iter().map(ToString::to_string).collect(),
        temperature: request.sampling.temperature,
        reasoning: reasoning(request.reasoning),
        end_user: request.end_user.as_ref().map(ToString::to_string),
    }
}

/// Who asks for an effort or a budget wants reasoning, and who wants it wants to see it, in so many words or not.
fn reasoning(mut ask: ReasoningAsk) -> ReasoningAsk {
    if ask.mode == ReasoningMode::Unsaid && (ask.effort.is_some() || ask.budget.is_some()) {
        ask.mode = ReasoningMode::On;
    }
    ask.show = ask.show.filter(|show| !show);
    ask
}

fn add(turn: &mut Turn, message: &Message<'_>) {
    let mut answered = String::new();
    for part in &message.parts {
        match part {
            // The blocks of a turn of the model's are one text in chat.
            Part::Text(text) if message.role == Role::Assistant => answered.push_str(&text.text),
            Part::Refusal(text) => answered.push_str(text),
            Part::ToolCall(call) => {
                let arguments = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
                let arguments = if call.custom { json!({CUSTOM: &*call.arguments}) } else { by_value(arguments) };
                turn.calls.push((call.id.to_string(), call.name.to_string(), arguments));
            }
            Part::ToolResult(result) => {
                let content = result.content.iter().filter_map(said).collect();
                turn.results.push((result.call_id.to_string(), content, result.is_error));
            }
            Part::Reasoning(thought) => {
                turn.thoughts.push((thought.text.to_string(), thought.state.as_ref().and_then(bare)));
            }
            Part::Opaque(opaque) => turn.own.push(opaque.kind.to_string()),
            part => turn.said.extend(said(part)),
        }
    }
    if !answered.trim().is_empty() {
        turn.said.push(("text", answered));
    }
}

fn said(part: &Part<'_>) -> Option<Said> {
    let (kind, source, title) = match part {
        Part::Text(text) if text.text.trim().is_empty() => return None,
        Part::Text(text) => return Some(("text", text.text.to_string())),
        Part::Image(Image { source, .. }) => ("image", source, None),
        Part::Document(Document { source, title, .. }) => ("document", source, title.as_ref()),
        Part::Sound(sound) => return Some(("sound", sound.data.to_string())),
        Part::Video(video) => ("video", &video.source, None),
        _ => return None,
    };
    Some(match source {
        Source::Base64 { data, .. } => (kind, data.to_string()),
        Source::Url(url) => (kind, url.to_string()),
        Source::File { id, .. } => (kind, id.to_string()),
        Source::Text(text) => {
            (TEXT_FILE, title.map_or_else(|| text.to_string(), |title| format!("Title: {title}\n\n{text}")))
        }
    })
}

pub(super) const TEXT_FILE: &str = "a file of text";

fn value_of(json: &Json<'_>) -> Value {
    serde_json::from_str(json.raw()).unwrap()
}

/// The request for a target of the other shape that takes all, and reasons as it is asked to.
fn sent(shape: Shape, body: &[u8], by_budget: bool) -> Result<Translated, ApiError> {
    let thinking = if by_budget { Thinking::Budget } else { Thinking::Adaptive };
    let profile = Profile { thinking, ..taking_all() };
    let upstream =
        Upstream { shape: other(shape), profile: &profile, stream: false, max_output: None, without_state: false };
    translate::request(shape, body, upstream)
}

pub(super) fn read(shape: Shape, body: &[u8]) -> Asked {
    let request = codec(shape).decode_request(View::parse(body).unwrap(), &mut Losses::default());
    asked(&request.unwrap_or_else(|error| panic!("{error:?}: {}", String::from_utf8_lossy(body))))
}

/// Recorded requests that cannot be sent in the other shape, with the field that is named to the client.
const REFUSED: [(&str, &str); 3] = [
    // Messages has no sound.
    ("chat-completions/bedrock-audio-in-01.json", "messages.content.input_audio"),
    // And one answer only.
    ("chat-completions/multi-choice-n-01.json", "n"),
    // Servers of tools that Anthropic calls itself.
    ("messages/mcp-tool-use-thinking-signature-thinking-out-01.json", "mcp_servers"),
];

#[test]
fn every_request_that_is_sent_in_the_other_shape_asks_the_same() {
    let (mut crossed, mut refused, mut without) = (Vec::new(), Vec::new(), Vec::new());
    for exchange in exchanges() {
        let (name, shape) = (exchange.name.clone(), exchange.shape);
        let Some(body) = exchange.request() else {
            without.push(name);
            continue;
        };
        let before = read(shape, &body);
        let translated = match sent(shape, &body, before.reasoning.budget.is_some()) {
            Ok(translated) => translated,
            Err(error) => {
                let param = error.param.unwrap_or_default();
                assert!(REFUSED.contains(&(&name, &param)), "{name}: {param}: {}", error.message);
                refused.push(name);
                continue;
            }
        };
        assert_sent(&name, shape, before, &translated);
        crossed.push(name);
    }
    assert_counted("requests", &crossed, 98);
    assert_counted("requests that are refused with the field's name", &refused, REFUSED.len());
    assert_counted("answers whose request was not recorded", &without, 2);
}

/// Holds a request of that shape to saying the same in the other one.
pub(super) fn assert_same(name: &str, shape: Shape, body: &[u8]) {
    let translated = sent(shape, body, false).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    assert_sent(name, shape, read(shape, body), &translated);
}

fn assert_sent(name: &str, shape: Shape, before: Asked, translated: &Translated) {
    let after = read(other(shape), &translated.body);
    let losses = translated.losses.to_string();
    assert_eq!(after, expected(shape, before, &losses), "{name} [{losses}]");
}

/// What the other shape makes of a request: all of it but for these. What is not silent is among the losses.
fn expected(from: Shape, mut asked: Asked, losses: &str) -> Asked {
    let noted = |loss: &str| assert!(losses.split(", ").any(|noted| noted == loss), "{loss} is not in [{losses}]");
    if asked.tools.is_empty() && asked.choice == Some(ToolChoice::Auto) {
        // All tools were the provider's own, which is said of each of them.
        asked.choice = None;
    }
    for turn in &mut asked.turns {
        turn.own.drain(..).for_each(|kind| noted(&format!("dropped:content.{kind}")));
    }
    let mut calls: Vec<String> = Vec::new();
    for turn in &mut asked.turns {
        // Results stand in the order of their calls.
        turn.results.sort_by_key(|(id, ..)| calls.iter().position(|call| call == id));
        calls = turn.calls.iter().map(|(id, ..)| id.clone()).collect();
    }
    match from {
        Shape::Chat => {
            // Messages must have a bound; nothing is known of what the model could do.
            asked.max_output = asked.max_output.or(Some(8_192));
            for turn in &mut asked.turns {
                // Nobody's reasoning but Anthropic's own can go there.
                turn.thoughts.retain(|(_, state)| {
                    let format = state.as_ref().map(|(format, _)| *format);
                    matches!(format, Some(StateFormat::AnthropicSignature | StateFormat::AnthropicRedacted))
                });
            }
            // Reasoning and a temperature do not go together; 1 is what is there without one.
            if asked.reasoning.mode == ReasoningMode::On && asked.temperature == Some(1.0) {
                asked.temperature = None;
            }
            // Nor do reasoning and a choice that makes the model call.
            if asked.choice.as_ref().is_some_and(ToolChoice::is_forced) {
                let reasoning = &asked.reasoning;
                if reasoning.mode == ReasoningMode::On || reasoning.effort.is_some() || reasoning.budget.is_some() {
                    noted("approximated:thinking");
                }
                asked.reasoning.mode = ReasoningMode::Off;
            }
        }
        _ => {
            for turn in &mut asked.turns {
                let mut attached = Vec::new();
                for (id, content, is_error) in &mut turn.results {
                    // There is no mark of a failure; the text begins with a word.
                    if std::mem::take(is_error) {
                        content[0].1.insert_str(0, "Error: ");
                    }
                    // `tool` messages hold text only: images follow in a message of the user's.
                    for (kind, data) in content.iter_mut().filter(|(kind, _)| *kind != "text") {
                        noted("approximated:tool_result.content");
                        attached.push(("text", format!("[{kind} result of call {id}]")));
                        let note = format!("[{kind} result of call {id} follows]");
                        attached.push((*kind, std::mem::replace(data, note)));
                        *kind = "text";
                    }
                }
                turn.said.splice(..0, attached);
                // A file of text is text.
                for (kind, _) in turn.said.iter_mut().filter(|(kind, _)| *kind == TEXT_FILE) {
                    noted("approximated:content.document");
                    *kind = "text";
                }
            }
        }
    }
    merge(&mut asked);
    asked
}

/// What holds nothing any more is left out, and what stood around it is one.
pub(super) fn merge(asked: &mut Asked) {
    let turns = std::mem::take(&mut asked.turns);
    for turn in turns.into_iter().filter(|turn| *turn != Turn { role: turn.role.clone(), ..Turn::default() }) {
        match asked.turns.last_mut().filter(|last| last.role == turn.role) {
            Some(last) => {
                last.said.extend(turn.said);
                last.calls.extend(turn.calls);
                last.results.extend(turn.results);
                last.thoughts.extend(turn.thoughts);
            }
            None => asked.turns.push(turn),
        }
    }
}
