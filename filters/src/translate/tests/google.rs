//! What crosses between generate_content and the other shapes: the same on the other side, and what has no place there is listed here.

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use super::recordings::{self, Exchange, assert_counted, exchanges, recorded};
use super::{SEED, Told, answering, by_value, codec, of_custom, streams, taking_all, told, wrapped};
use crate::Shape;
use crate::json::View;
use crate::neutral::{
    ApiError, Effort, Finish, Losses, Part, Profile, Reasoning, Request, Response, Role, State, StateFormat, Tool,
    Usage,
};
use crate::shapes::generate_content::signature_state;
use crate::sse::{ArrayFramer, Piece, RawEvent};
use crate::translate::{self, Aggregate, StreamTranslator, Upstream};

pub(super) const OWN: Shape = Shape::GenerateContent;
const OTHERS: [Shape; 2] = [Shape::Chat, Shape::Messages];

pub(super) fn google() -> Vec<Exchange> {
    let recorded = recorded(&[("generate-content", OWN)]);
    assert!(recorded.is_empty() || recorded.len() == 42, "{} recordings", recorded.len());
    recordings::own("generate-content", OWN).into_iter().chain(recorded).collect()
}

/// The events of a stream, in either framing.
pub(super) fn events(stream: &Bytes) -> Vec<RawEvent> {
    let mut found = Vec::new();
    if stream.trim_ascii_start().starts_with(b"[") {
        let mut framer = ArrayFramer::new(1 << 20);
        framer.push(stream.clone());
        let mut take = |piece| {
            if let Piece::Event(event) = piece {
                found.push(event)
            }
        };
        std::iter::from_fn(|| framer.next()).for_each(&mut take);
        framer.finish().into_iter().for_each(&mut take);
    } else {
        // The last event of responses repeats all of the answer.
        found = super::responses::events(stream, 4_096);
    }
    found
}

fn read_stream(shape: Shape, stream: &Bytes) -> Result<Response, ApiError> {
    let (mut decoder, mut told) = (codec(shape).stream_decoder(SEED), Vec::new());
    events(stream).iter().for_each(|event| decoder.event(event, &mut told));
    decoder.end(&mut told);
    streams::collected(&told)
}

fn read_whole(shape: Shape, body: &[u8]) -> Result<Response, ApiError> {
    codec(shape).decode_response(View::parse(body).unwrap(), SEED)
}

/// What an exchange's provider answered, as it is read, and as clients of another shape are told it: whole, and as a stream.
pub(super) fn crossed(exchange: &Exchange, client: Shape) -> Option<(Response, [Response; 2])> {
    let shape = exchange.shape;
    let (name, answering) = (&exchange.name, answering());
    let (answer, whole, stream) = match (exchange.stream(), exchange.body()) {
        (Some(stream), _) => {
            let answer = read_stream(shape, &stream).ok()?;
            let mut aggregate = Aggregate::new(shape, client, &answering).unwrap();
            let mut translator = StreamTranslator::new(shape, client, &answering).unwrap();
            let mut out = BytesMut::new();
            for event in events(&stream) {
                aggregate.event(&event);
                translator.event(&event, &mut out).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            }
            translator.end(&mut out).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            (answer, aggregate.end().unwrap(), out.freeze())
        }
        (None, Some(body)) if exchange.status() == 200 => {
            let answer = read_whole(shape, &body).ok()?;
            let whole = translate::response(shape, client, &body, &answering).unwrap();
            let stream = translate::response_as_stream(shape, client, &body, &answering).unwrap();
            (answer, whole, stream.into())
        }
        _ => return None,
    };
    let whole = read_whole(client, &whole).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let streamed = read_stream(client, &stream).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    Some((answer, [whole, streamed]))
}

/// An answer in words, with what order does not matter for in one order.
pub(super) fn said(mut response: Response) -> Told {
    for part in &mut response.parts {
        let state = match part {
            Part::Reasoning(reasoning) => &mut reasoning.state,
            Part::ToolCall(call) => &mut call.state,
            _ => continue,
        };
        // Of another provider's, what a Gemini client was told.
        if let Some(known) = state.take_if(|state| state.format == StateFormat::GoogleSignature) {
            *state = signature_state(known.data.clone());
        }
    }
    let mut told = told(&response);
    told.states.sort_by(|(_, one), (_, other)| one.cmp(other));
    told
}

/// What clients of that shape make of an answer of Google's: all of it but for these.
pub(super) fn expected_of_google(client: Shape, mut answer: Told) -> Told {
    if client == Shape::Chat {
        if let Finish::Filtered { explanation, .. } = answer.finish {
            // The explanation is the text of the refusal; there is no place for the category.
            answer.refusal = explanation.unwrap_or_default();
            answer.finish = Finish::Filtered { explanation: None, category: None };
        }
        return answer;
    }
    answer.cited.clear();
    answer.id = answering().minted("msg_", 0);
    answer.service_class = answer.service_class.filter(|class| ["standard", "priority", "batch"].contains(&&**class));
    let usage = answer.usage.unwrap_or_default();
    answer.usage = Some(Usage { audio_input: 0, audio_output: 0, image_output: 0, ..usage });
    answer
}

/// What Gemini clients make of an answer of another shape: all of it but for these.
pub(super) fn expected_by_google(mut answer: Told) -> Told {
    // A refusal is text there, and the reason why it ended.
    if !answer.refusal.is_empty() {
        answer.text.push_str(&std::mem::take(&mut answer.refusal));
        if matches!(answer.finish, Finish::Stop) {
            answer.finish = Finish::Filtered { explanation: None, category: None };
        }
    }
    answer.finish = match answer.finish {
        // There are no words for these.
        Finish::StopSequence(_) | Finish::Paused => Finish::Stop,
        Finish::ContextFull => Finish::Length,
        Finish::Filtered { explanation, .. } => Finish::Filtered { explanation, category: Some("SAFETY".to_owned()) },
        finish => finish,
    };
    // Citations of others have no place.
    answer.cited.clear();
    if answer.id.is_empty() {
        answer.id = answering().minted("", 0);
    }
    if answer.model.is_empty() {
        answer.model = answering().model;
    }
    // Writing a cache costs nothing of its own there, and searches are not counted.
    let usage = answer.usage.unwrap_or_default();
    let input = usage.input + usage.cache_write + usage.cache_write_1h;
    answer.usage = Some(Usage { input, cache_write: 0, cache_write_1h: 0, web_searches: 0, ..usage });
    answer.service_class = answer.service_class.map(|class| class.split('+').next().unwrap_or_default().to_owned());
    for (_, _, arguments, custom) in &mut answer.calls {
        // There are functions only.
        let given = arguments.take();
        *arguments = if std::mem::take(custom) { of_custom(given) } else { wrapped(given) };
    }
    answer
}

/// Whether it is no answer of Google's but an error with a status of its own.
pub(super) fn is_error(exchange: &Exchange) -> bool {
    exchange.name.contains("generate-content/error-")
}

#[test]
fn every_answer_of_google_says_the_same_in_the_other_shapes_whole_and_streamed() {
    for client in OTHERS {
        let mut names = Vec::new();
        for exchange in google() {
            let Some((answer, told)) = crossed(&exchange, client) else {
                assert!(is_error(&exchange), "{}", exchange.name);
                continue;
            };
            let expected = expected_of_google(client, said(answer));
            for told in told {
                assert_eq!(said(told), expected, "{} to {client}", exchange.name);
            }
            names.push(exchange.name);
        }
        assert_counted(&format!("answers of Google's to {client}"), &names, 40);
    }
}

#[test]
fn every_answer_of_the_others_says_the_same_to_gemini_clients_whole_and_streamed() {
    let mut names = Vec::new();
    for exchange in exchanges() {
        let Some((answer, told)) = crossed(&exchange, OWN) else { continue };
        let expected = expected_by_google(said(answer));
        for told in told {
            assert_eq!(said(told), expected, "{}", exchange.name);
        }
        names.push(exchange.name);
    }
    assert_counted("answers of others to Gemini clients", &names, 88);
}

/// What of a request must arrive: who says what, calls and results, tools.
#[derive(Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) texts: Vec<(bool, String)>,
    pub(super) calls: Vec<(String, Value)>,
    pub(super) results: Vec<(String, bool)>,
    pub(super) media: Vec<String>,
    pub(super) tools: Vec<String>,
    pub(super) forced: bool,
    pub(super) output: bool,
    pub(super) max_output: Option<u64>,
    temperature: Option<f64>,
}

pub(super) fn asked(request: &Request<'_>) -> Asked {
    let mut asked = Asked {
        texts: Vec::new(),
        calls: Vec::new(),
        results: Vec::new(),
        media: Vec::new(),
        tools: Vec::new(),
        forced: request.tool_choice.as_ref().is_some_and(crate::neutral::ToolChoice::is_forced),
        output: request.output != crate::neutral::Output::Text,
        max_output: request.max_output,
        temperature: request.sampling.temperature,
    };
    let instructions: String = request.instructions.iter().map(|text| &*text.text).collect();
    asked.say(false, &instructions);
    for message in &request.messages {
        for part in &message.parts {
            asked.part(part, message.role == Role::Assistant);
        }
    }
    for tool in &request.tools {
        match tool {
            Tool::Function(function) => asked.tools.push(function.name.to_string()),
            Tool::Custom(custom) => asked.tools.push(custom.name.to_string()),
            Tool::Hosted(_) => {}
        }
    }
    asked
}

impl Asked {
    /// Where there is no mark of a failure, the text of a result begins with a word.
    pub(super) fn tell_failures(&mut self) {
        for (text, is_error) in &mut self.results {
            if std::mem::take(is_error) {
                text.insert_str(0, "Error:");
            }
        }
    }

    fn say(&mut self, is_model: bool, text: &str) {
        let text = text.trim();
        match self.texts.last_mut() {
            _ if text.is_empty() => {}
            Some((last, known)) if *last == is_model => known.push_str(text),
            _ => self.texts.push((is_model, text.to_owned())),
        }
    }

    fn part(&mut self, part: &Part<'_>, is_model: bool) {
        match part {
            Part::Text(text) => self.say(is_model, &text.text),
            Part::Refusal(text) => self.say(is_model, text),
            Part::ToolCall(call) => {
                let arguments = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
                let given = by_value(arguments);
                self.calls.push((call.name.to_string(), if call.custom { of_custom(given) } else { wrapped(given) }));
            }
            Part::ToolResult(result) => {
                let mut text = String::new();
                for part in &result.content {
                    match part {
                        Part::Text(said) => text.push_str(&said.text),
                        part => self.part(part, is_model),
                    }
                }
                // An object that was told as a text is one.
                let text = serde_json::from_str::<Value>(&text).map_or(text, |value| value.to_string());
                self.results.push((text.split_whitespace().collect(), result.is_error));
            }
            Part::Image(_) | Part::Document(_) | Part::Sound(_) | Part::Video(_) if is_model => {}
            Part::Image(image) => self.media.push(format!("{:?}", image.source).chars().take(120).collect()),
            Part::Document(_) => self.media.push("document".to_owned()),
            Part::Sound(_) => self.media.push("sound".to_owned()),
            Part::Video(_) => self.media.push("video".to_owned()),
            Part::Reasoning(_) | Part::Opaque(_) => {}
        }
    }
}

pub(super) fn read_request(shape: Shape, body: &[u8]) -> Asked {
    let request = codec(shape).decode_request(View::parse(body).unwrap(), &mut Losses::default());
    asked(&request.unwrap_or_else(|error| panic!("{error:?}: {}", String::from_utf8_lossy(body))))
}

pub(super) fn send(
    client: Shape,
    upstream: Shape,
    body: &[u8],
    profile: &Profile,
) -> Result<translate::Translated, ApiError> {
    let upstream = Upstream { shape: upstream, profile, stream: false, max_output: None, without_state: false };
    translate::request(client, body, upstream)
}

/// A target of Google's that takes all.
pub(super) fn newer() -> Profile {
    Profile { efforts: vec![Effort::Minimal, Effort::Low, Effort::Medium, Effort::High], ..taking_all() }
}

/// Recorded requests of Gemini clients that cannot be sent in the other shapes, with the field that is named to the client.
const REFUSED: [(&str, Shape, &str); 3] = [
    ("generate-content/google-vertex-audio-in-01.json", Shape::Chat, "contents[0].parts[1].fileData"),
    ("generate-content/google-vertex-audio-in-01.json", Shape::Messages, "contents[0].parts[1].fileData"),
    ("generate-content/video-in-cache-read-system-01.json", Shape::Messages, "contents.parts.video_url"),
];

#[test]
fn every_request_of_gemini_clients_asks_the_same_in_the_other_shapes() {
    for upstream in OTHERS {
        let (mut names, mut refused) = (Vec::new(), Vec::new());
        for exchange in google() {
            let name = exchange.name.clone();
            let Some(body) = exchange.request() else { continue };
            let sent = match send(OWN, upstream, &body, &taking_all()) {
                Ok(sent) => sent,
                Err(error) => {
                    let param = error.param.unwrap_or_default();
                    assert!(
                        REFUSED.contains(&(&name, upstream, &param)),
                        "{name} to {upstream}: {param}: {}",
                        error.message
                    );
                    refused.push(name);
                    continue;
                }
            };
            let (mut before, mut after) = (read_request(OWN, &body), read_request(upstream, &sent.body));
            if upstream == Shape::Messages {
                // It must have a bound.
                (before.max_output, after.max_output) = (None, None);
            } else {
                before.tell_failures();
            }
            assert_eq!(after, before, "{name} to {upstream} [{}]", sent.losses);
            names.push(name);
        }
        let expected = REFUSED.iter().filter(|(_, shape, _)| *shape == upstream).count();
        assert_counted(&format!("requests that are refused by {upstream}"), &refused, expected);
        assert_counted(&format!("requests to {upstream}"), &names, 42 - expected);
    }
}

/// Recorded requests of other clients that cannot be sent to Google, with the field that is named to the client.
const NOT_TO_GOOGLE: [(&str, &str); 2] = [
    // One answer only.
    ("chat-completions/multi-choice-n-01.json", "n"),
    // Servers of tools that Anthropic calls itself.
    ("messages/mcp-tool-use-thinking-signature-thinking-out-01.json", "mcp_servers"),
];

#[test]
fn every_request_of_other_clients_asks_the_same_of_google() {
    let (mut names, mut refused) = (Vec::new(), Vec::new());
    for exchange in exchanges() {
        let name = exchange.name.clone();
        let Some(body) = exchange.request() else { continue };
        let sent = match send(exchange.shape, OWN, &body, &newer()) {
            Ok(sent) => sent,
            Err(error) => {
                let param = error.param.unwrap_or_default();
                assert!(NOT_TO_GOOGLE.contains(&(&name, &param)), "{name}: {param}: {}", error.message);
                refused.push(name);
                continue;
            }
        };
        let (mut before, mut after) = (read_request(exchange.shape, &body), read_request(OWN, &sent.body));
        let losses = sent.losses.to_string();
        for asked in [&mut before, &mut after] {
            // The order of results is that of the calls.
            asked.results.sort();
            asked.texts = asked
                .texts
                .drain(..)
                .map(|(who, text)| (who, text.replace("<system-reminder>\n", "").replace("\n</system-reminder>", "")))
                .collect();
        }
        if losses.contains("approximated:content.document") {
            // Texts with a title stand among the others.
            (before.texts, after.texts, before.media, after.media) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        }
        assert_eq!(after, before, "{name} [{losses}]");
        names.push(name);
    }
    assert_counted("requests of others that Google cannot serve", &refused, NOT_TO_GOOGLE.len());
    assert_counted("requests of others to Google", &names, 99);
}

/// The next request of a client that sends all of its answer back.
pub(super) fn next_request(client: Shape, answer: &Value) -> Value {
    if client == OWN {
        let content = answer["candidates"][0]["content"].clone();
        let calls = content["parts"].as_array().cloned().unwrap_or_default();
        let results: Vec<Value> = calls.iter().filter_map(|part| part.get("functionCall"))
            .map(|call| json!({"functionResponse": {"id": call["id"], "name": call["name"], "response": {"output": "ok"}}})).collect();
        let mut contents = vec![json!({"role": "user", "parts": [{"text": "one"}]})];
        contents.extend((!content.is_null()).then_some(content));
        contents.extend((!results.is_empty()).then(|| json!({"role": "user", "parts": results})));
        contents.push(json!({"role": "user", "parts": [{"text": "two"}]}));
        return json!({"contents": contents, "generationConfig": {"thinkingConfig": {"includeThoughts": true}, "maxOutputTokens": 9_000}});
    }
    if client == Shape::Responses {
        return super::responses::next_of_responses(answer);
    }
    super::loops::next_request(client, answer)
}

/// State that goes back, of reasoning and of calls.
pub(super) fn states(request: &Request<'_>) -> Vec<(StateFormat, String)> {
    let bare = |state: &State<'_>| (state.format != StateFormat::Plain).then(|| (state.format, state.data.to_string()));
    let mut found: Vec<(StateFormat, String)> = request
        .messages
        .iter()
        .filter(|message| message.role == Role::Assistant)
        .flat_map(|message| &message.parts)
        .filter_map(|part| match part {
            Part::Reasoning(Reasoning { state: Some(state), .. }) => bare(state),
            Part::ToolCall(call) => call.state.as_ref().and_then(bare),
            _ => None,
        })
        .collect();
    found.sort_by(|(_, one), (_, other)| one.cmp(other));
    found
}

/// An answer in the client's shape, sent back as history to its own provider.
pub(super) fn looped(exchange: &Exchange, client: Shape, profile: &Profile) -> Option<(Response, Vec<u8>)> {
    let answer = crossed(exchange, client)?.0;
    let body = codec(client).encode_response(&answer, &answering());
    let request = next_request(client, &serde_json::from_slice(&body).unwrap());
    let sent = send(client, exchange.shape, &serde_json::to_vec(&request).unwrap(), profile);
    let sent = sent.unwrap_or_else(|error| panic!("{}: {error:?} {request}", exchange.name));
    Some((answer, sent.body))
}

pub(super) fn states_of(parts: &[Part<'static>]) -> Vec<(StateFormat, String)> {
    let message = crate::neutral::Message { role: Role::Assistant, name: None, parts: parts.to_vec() };
    states(&Request { messages: vec![message], ..Request::default() })
}

#[test]
fn pitfall_60_63_and_69_signatures_of_google_come_back_on_the_parts_that_they_came_with() {
    for client in OTHERS {
        let mut names = Vec::new();
        for exchange in google() {
            let Some((answer, body)) = looped(&exchange, client, &newer()) else { continue };
            let text = String::from_utf8(body.clone()).unwrap();
            assert!(!text.contains("gw1.") && !text.contains("Z3cxL"), "{text}");
            let request =
                codec(OWN).decode_request(View::parse(text.as_bytes()).unwrap(), &mut Losses::default()).unwrap();
            // What only Google's own shape has did not go to the client.
            assert_eq!(states(&request), states_of(&answer.parts), "{} over {client}", exchange.name);
            // Each signature stands on a part of the kind that it came with.
            let back: Value = serde_json::from_str(&text).unwrap();
            let signed = |part: &Value| part["thoughtSignature"].as_str().map(str::to_owned);
            let parts = back["contents"][1]["parts"].as_array().cloned().unwrap_or_default();
            for part in &answer.parts {
                if let Part::ToolCall(call) = part
                    && let Some(state) = &call.state
                {
                    let found = parts.iter().find(|part| signed(part).as_deref() == Some(&state.data)).unwrap();
                    assert_eq!(found["functionCall"]["name"], *call.name, "{}", exchange.name);
                }
                if let Part::Reasoning(Reasoning { state: Some(state), .. }) = part {
                    let found = parts.iter().find(|part| signed(part).as_deref() == Some(&state.data)).unwrap();
                    assert_eq!(
                        found["text"] == "",
                        state.id.is_some(),
                        "pitfall 63: {} over {client}: {found}",
                        exchange.name
                    );
                }
            }
            names.push(exchange.name);
        }
        assert_counted(&format!("answers of Google's that come back over {client}"), &names, 40);
    }
}

#[test]
fn pitfall_67_and_69_state_of_others_comes_back_to_them_over_gemini_clients() {
    let mut names = Vec::new();
    for exchange in exchanges() {
        let profile = Profile { thinking: crate::neutral::Thinking::Adaptive, ..taking_all() };
        let Some((answer, body)) = looped(&exchange, OWN, &profile) else { continue };
        let text = String::from_utf8(body.clone()).unwrap();
        assert!(!text.contains("gw1.") && !text.contains("Z3cxL"), "{text}");
        let request =
            codec(exchange.shape).decode_request(View::parse(&body).unwrap(), &mut Losses::default()).unwrap();
        assert_eq!(states(&request), states_of(&answer.parts), "{}", exchange.name);

        // Another provider of the same shape gets none of it.
        let mut foreign = profile.clone();
        foreign.origin.account = "another".into();
        let (_, body) = looped(&exchange, OWN, &foreign).unwrap();
        let request =
            codec(exchange.shape).decode_request(View::parse(&body).unwrap(), &mut Losses::default()).unwrap();
        assert_eq!(states(&request), [], "{}", exchange.name);
        names.push(exchange.name);
    }
    assert_counted("answers of others that come back over Gemini clients", &names, 88);
}

#[test]
fn pitfall_82_each_turn_of_an_agent_begins_with_the_bytes_of_the_one_before() {
    for (client, conversation) in
        [(Shape::Chat, super::agents::chat as fn(usize) -> Value), (Shape::Messages, super::agents::messages)]
    {
        let older = Profile { thinking: crate::neutral::Thinking::Budget, ..taking_all() };
        for profile in [newer(), older] {
            let mut before: Option<Vec<u8>> = None;
            for turns in 0..=20 {
                let body = serde_json::to_vec(&conversation(turns)).unwrap();
                let sent = send(client, OWN, &body, &profile).unwrap().body;
                assert_eq!(sent, send(client, OWN, &body, &profile).unwrap().body);
                if let Some(before) = before {
                    let view = View::parse(&before).unwrap();
                    let last = view.member("contents").unwrap().elements().last().unwrap();
                    // The last content may go on: all but the brackets behind its parts is there again.
                    let end = last.raw().as_ptr() as usize - before.as_ptr() as usize + last.raw().len() - 2;
                    assert!(sent.starts_with(&before[..end]), "{client} at turn {turns}");
                }
                before = Some(sent);
            }
        }
    }
}

#[test]
fn pitfall_61_a_signature_that_a_client_left_out_is_put_back_on_its_call() {
    let answer = json!({"candidates": [{"content": {"parts": [
        {"text": "t", "thought": true}, {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "SiG1"}, {"functionCall": {"name": "g", "args": {}}},
    ]}, "finishReason": "STOP"}]}).to_string();
    let answering = answering();
    let told = translate::answer((OWN, Shape::Chat), answer.as_bytes(), &answering, false).unwrap();
    let kept = told.kept.unwrap();
    let mut translator = StreamTranslator::new(OWN, Shape::Chat, &answering).unwrap();
    let mut out = BytesMut::new();
    let event = RawEvent { bytes: format!("data: {answer}\n\n").into() };
    translator.event(&event, &mut out).unwrap();
    translator.end(&mut out).unwrap();
    assert_eq!(translator.take_kept(&answering).unwrap(), kept, "the same of a stream");

    let calls: Vec<Value> = kept
        .calls
        .iter()
        .zip(["f", "g"])
        .map(|(id, name)| json!({"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}}))
        .collect();
    let results = kept.calls.iter().map(|id| json!({"role": "tool", "tool_call_id": id, "content": "ok"}));
    let messages: Vec<Value> =
        [json!({"role": "user", "content": "go"}), json!({"role": "assistant", "content": null, "tool_calls": calls})]
            .into_iter()
            .chain(results)
            .collect();
    let body = json!({"messages": messages}).to_string();
    let reasoning: std::sync::Arc<[Reasoning<'static>]> = kept.reasoning.clone().into();
    let profile = newer();
    let upstream = Upstream { shape: OWN, profile: &profile, stream: false, max_output: None, without_state: false };
    let recall = |id: &str| kept.calls.iter().any(|call| call == id).then(|| std::sync::Arc::clone(&reasoning));
    let sent = translate::request_recalling(Shape::Chat, body.as_bytes(), upstream, &recall).unwrap();
    let sent: Value = serde_json::from_slice(&sent.body).unwrap();
    let parts = &sent["contents"][1]["parts"];
    assert_eq!((&parts[0]["thoughtSignature"], parts[1].get("thoughtSignature")), (&json!("SiG1"), None));
    assert!(parts[0]["functionCall"].get("id").is_none(), "pitfall 39: Google gave none");
}
