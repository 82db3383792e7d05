//! Requests to and from responses, read again as if they were a client's: what is asked is the same, but for what is listed here.

use std::collections::HashMap;

use serde_json::json;

use super::recordings::{Exchange, assert_counted};
use super::requests::{Asked, CUSTOM, TEXT_FILE, merge, read};
use super::responses::{OLDER, judge, others, own, upstream};
use super::{of_custom, taking_all};
use crate::Shape;
use crate::neutral::{Profile, ReasoningMode, StateFormat, Thinking, ToolChoice};
use crate::translate;

const RESPONSES: Shape = Shape::Responses;

/// A request on its way to a provider.
struct Sent {
    before: Asked,
    after: Asked,
    losses: String,
    /// Texts at which the gateway itself ends the answer.
    stops: Vec<String>,
}

/// What was asked and what the provider reads, or the field that is named in the refusal.
fn both(exchange: &Exchange, to: Shape) -> Result<Sent, String> {
    let (name, body) = (&exchange.name, exchange.request().unwrap());
    let by_budget = exchange.shape == Shape::Messages && String::from_utf8_lossy(&body).contains("budget_tokens");
    let thinking = if by_budget { Thinking::Budget } else { Thinking::Adaptive };
    let profile = Profile { thinking, ..taking_all() };
    let sent = translate::request(exchange.shape, &body, upstream(to, &profile));
    let sent = sent.map_err(|error| error.param.unwrap_or(error.message))?;
    let again = translate::request(exchange.shape, &body, upstream(to, &profile)).unwrap();
    assert_eq!(again.body, sent.body, "{name}: the same bytes each time");
    if to == RESPONSES {
        judge(&serde_json::from_slice(&sent.body).unwrap());
    }
    let (before, after) = (read(exchange.shape, &body), read(to, &sent.body));
    Ok(Sent { before, after, losses: sent.losses.to_string(), stops: sent.answering.stops })
}

/// Each line in which two values differ.
fn differences(before: &Asked, after: &Asked) -> String {
    let (before, after) = (format!("{before:#?}"), format!("{after:#?}"));
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let only = |these: &[&str], those: &[&str]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).map(|line| line.trim().chars().take(200).collect()).collect()
    };
    format!("-{:?}\n    +{:?}", only(&before, &after), only(&after, &before))
}

fn crossing(exchanges: Vec<Exchange>, targets: &[Shape]) -> (Vec<String>, Vec<(String, String)>) {
    let (mut crossed, mut refused, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for exchange in exchanges.iter().filter(|exchange| exchange.request().is_some()) {
        for &to in targets {
            let name = format!("{} to {to}", exchange.name);
            match both(exchange, to) {
                Ok(sent) => {
                    let expected = expected((exchange.shape, to), &sent);
                    if sent.after != expected {
                        wrong.push(format!("{name} [{}]:\n    {}", sent.losses, differences(&expected, &sent.after)));
                    }
                    crossed.push(name);
                }
                Err(param) => refused.push((name, param)),
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), crossed.len(), wrong.join("\n"));
    (crossed, refused)
}

/// What the provider's shape makes of a request: all of it but for these. What is not silent is among the losses.
fn expected((from, to): (Shape, Shape), sent: &Sent) -> Asked {
    let mut asked = sent.before.clone();
    let noted = |loss: &str| assert!(sent.losses.split(", ").any(|noted| noted == loss), "{loss}: [{}]", sent.losses);
    if asked.tools.is_empty() && asked.choice == Some(ToolChoice::Auto) {
        // All tools were the provider's own, which is said of each of them.
        asked.choice = None;
    }
    for turn in &mut asked.turns {
        turn.own.drain(..).for_each(|kind| noted(&format!("dropped:content.{kind}")));
    }
    if to == RESPONSES {
        to_responses(from, sent, &mut asked);
    } else {
        of_responses(to, sent, &mut asked);
    }
    merge(&mut asked);
    asked
}

fn to_responses(from: Shape, sent: &Sent, asked: &mut Asked) {
    // No stop texts there: the gateway itself ends the answer at them.
    assert_eq!(sent.stops, asked.stop);
    asked.stop.clear();
    // One text, with a blank line between them.
    if asked.instructions.len() > 1 {
        asked.instructions = vec![asked.instructions.join("\n\n")];
    }
    // Unsaid is strict there and not elsewhere.
    for (.., strict) in &mut asked.tools {
        *strict = strict.or(Some(false));
    }
    for turn in &mut asked.turns {
        // OpenAI takes back no reasoning but its own.
        turn.thoughts.retain(|(_, state)| matches!(state, Some((StateFormat::OpenAiEncrypted, _))));
        for (_, content, is_error) in &mut turn.results {
            // There is no mark of a failure; the text begins with a word.
            if std::mem::take(is_error) {
                content[0].1.insert_str(0, "Error: ");
            }
        }
        for (kind, _) in turn.said.iter_mut().filter(|(kind, _)| *kind == TEXT_FILE) {
            assert_eq!(from, Shape::Messages);
            *kind = "text";
        }
    }
}

fn of_responses(to: Shape, sent: &Sent, asked: &mut Asked) {
    // Calls are parallel unless it is said that they are not.
    asked.parallel = asked.parallel.filter(|parallel| !parallel);
    if to == Shape::Chat {
        // OpenAI takes no longer ids there; a call and its result keep one.
        let short: HashMap<String, String> = ids(&sent.before)
            .zip(ids(&sent.after))
            .filter(|(long, short)| {
                long.len() > 40 && short.len() <= 40 && long.get(..23).is_some_and(|begin| short.starts_with(begin))
            })
            .collect();
        for turn in &mut asked.turns {
            let calls = turn.calls.iter_mut().map(|(id, ..)| id);
            for id in calls.chain(turn.results.iter_mut().map(|(id, ..)| id)) {
                *id = short.get(id).unwrap_or(id).clone();
            }
        }
        return;
    }
    // Messages must have a bound; nothing is known of what the model could do.
    asked.max_output = asked.max_output.or(Some(8_192));
    // Tools are not strict there unless they say so, and take objects: a custom one is a function of one text.
    for (_, _, schema, strict) in &mut asked.tools {
        *strict = strict.filter(|strict| *strict);
        if *schema == CUSTOM {
            assert!(sent.losses.contains("approximated:tools.custom"), "[{}]", sent.losses);
            *schema = json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]});
        }
    }
    for (.., arguments) in asked.turns.iter_mut().flat_map(|turn| &mut turn.calls) {
        if let Some(text) = arguments.get_mut(CUSTOM) {
            *arguments = of_custom(text.take());
        }
    }
    // Reasoning and a temperature do not go together.
    if asked.reasoning.mode == ReasoningMode::On && asked.temperature.take_if(|degrees| *degrees != 1.0).is_some() {
        assert!(sent.losses.contains("dropped:temperature"), "[{}]", sent.losses);
    }
    for turn in &mut asked.turns {
        // Anthropic takes back no reasoning but its own.
        turn.thoughts.retain(|(_, state)| {
            let format = state.as_ref().map(|(format, _)| *format);
            matches!(format, Some(StateFormat::AnthropicSignature | StateFormat::AnthropicRedacted))
        });
    }
    // Whether calls may be parallel is said beside the choice.
    if sent.before.parallel.is_some() && !asked.tools.is_empty() {
        asked.choice = asked.choice.take().or(Some(ToolChoice::Auto));
    }
    // Reasoning does not go together with a choice that makes the model call.
    if asked.choice.as_ref().is_some_and(ToolChoice::is_forced) {
        if asked.reasoning.mode == ReasoningMode::On {
            assert!(sent.losses.contains("approximated:thinking"), "[{}]", sent.losses);
        }
        asked.reasoning.mode = ReasoningMode::Off;
    }
}

fn ids(asked: &Asked) -> impl Iterator<Item = String> {
    asked.turns.iter().flat_map(|turn| turn.calls.iter().map(|(id, ..)| id.clone()))
}

/// Which recorded requests are refused, and the field that is named; none where there are no recordings.
fn assert_refused(refused: &[(String, String)], expected: &[(String, String)]) {
    let is_given = std::env::var_os("OVTH_RECORDINGS").is_some();
    assert_eq!(refused, if is_given { expected } else { &[] });
}

#[test]
fn every_request_of_clients_of_responses_asks_the_same_in_the_older_shapes() {
    let (crossed, refused) = crossing(own(), &OLDER);
    let refusals = [
        // An answer to be asked for later.
        ("stream-basic-01", ["background"; 2]),
        // A tool of OpenAI's own that must be called.
        ("stream-code-interpreter-citations-reasoning-item-01", ["tool_choice"; 2]),
        // A file that was uploaded to OpenAI.
        ("tool-results-reasoning-item-image-in-01", ["input.content.image", "input.content.file_id"]),
        ("tool-results-tools-01", ["background"; 2]),
    ];
    let named = refusals.iter().flat_map(|(name, params)| {
        let named = OLDER.into_iter().zip(params);
        named.map(move |(to, param)| (format!("responses/{name}.json to {to}"), (*param).to_owned()))
    });
    assert_refused(&refused, &named.collect::<Vec<_>>());
    assert_counted("requests of responses", &crossed, 78);
}

#[test]
fn every_request_of_the_older_shapes_asks_the_same_in_responses() {
    let (crossed, refused) = crossing(others(), &[RESPONSES]);
    let refusals = [
        // There is no sound in responses.
        ("chat-completions/bedrock-audio-in-01.json", "content.input_audio"),
        // And one answer only.
        ("chat-completions/multi-choice-n-01.json", "n"),
        // Servers of tools that Anthropic calls itself.
        ("messages/mcp-tool-use-thinking-signature-thinking-out-01.json", "mcp_servers"),
    ];
    let named = refusals.map(|(name, param)| (format!("{name} to responses"), param.to_owned()));
    assert_refused(&refused, &named);
    assert_counted("requests to responses", &crossed, 98);
}
