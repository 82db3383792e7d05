//! Generate_content and responses, the two that came last, to and from each other: every recorded exchange, and what of it cannot cross.

use serde_json::Value;

use super::google::{
    Asked, OWN, crossed, expected_by_google, google, is_error, looped, newer, read_request, said, send, states,
    states_of,
};
use super::recordings::{Exchange, assert_counted};
use super::responses::{Kept, expected, judge, kept, own};
use super::{Told, answering, codec, taking_all};
use crate::Shape;
use crate::json::View;
use crate::neutral::{Finish, Losses, Profile, Role};

const OTHER: Shape = Shape::Responses;

/// What clients of responses make of an answer of Google's: all of it but for these.
pub(super) fn expected_of_google(mut answer: Told) -> Told {
    answer.id = answering().minted("resp_", 0);
    let mut answer = expected(OTHER, answer);
    // Signatures may stand anywhere; that the order is the same is told elsewhere.
    answer.states.sort_by(|(_, one), (_, other)| one.cmp(other));
    answer
}

#[test]
fn every_answer_of_google_says_the_same_to_clients_of_responses_whole_and_streamed() {
    let mut names = Vec::new();
    for exchange in google() {
        let Some((answer, told)) = crossed(&exchange, OTHER) else {
            assert!(is_error(&exchange), "{}", exchange.name);
            continue;
        };
        let expected = expected_of_google(said(answer));
        for told in told {
            assert_eq!(said(told), expected, "{}", exchange.name);
        }
        names.push(exchange.name);
    }
    assert_counted("answers of Google's to responses", &names, 40);
}

#[test]
fn every_answer_of_responses_says_the_same_to_gemini_clients_whole_and_streamed() {
    let mut names = Vec::new();
    for exchange in own() {
        let Some((answer, told)) = crossed(&exchange, OWN) else { continue };
        let expected = expected_by_google(said(answer));
        for told in told {
            assert_eq!(said(told), expected, "{}", exchange.name);
        }
        names.push(exchange.name);
    }
    assert_counted("answers of responses to Gemini clients", &names, 39);
}

fn both(exchange: &Exchange, upstream: Shape, profile: &Profile) -> Result<(Asked, Asked, String), String> {
    let body = exchange.request().unwrap();
    let sent = send(exchange.shape, upstream, &body, profile).map_err(|error| error.param.unwrap_or_default())?;
    let again = send(exchange.shape, upstream, &body, profile).unwrap();
    assert_eq!(again.body, sent.body, "{}: the same bytes each time", exchange.name);
    if upstream == OTHER {
        judge(&serde_json::from_slice(&sent.body).unwrap());
    }
    let (mut before, mut after) = (read_request(exchange.shape, &body), read_request(upstream, &sent.body));
    if upstream == OTHER {
        before.tell_failures();
    }
    for asked in [&mut before, &mut after] {
        // The order of results is that of the calls.
        asked.results.sort();
        for (_, text) in &mut asked.texts {
            *text = text.replace("<system-reminder>\n", "").replace("\n</system-reminder>", "");
        }
    }
    Ok((before, after, sent.losses.to_string()))
}

/// Which recorded requests are refused, and the field that is named; none where there are no recordings.
fn assert_refused(refused: &[(String, String)], expected: &[(&str, &str)]) {
    let refused: Vec<(&str, &str)> = refused.iter().map(|(name, param)| (name.as_str(), param.as_str())).collect();
    let is_given = std::env::var_os("OVTH_RECORDINGS").is_some();
    assert_eq!(refused, if is_given { expected } else { &[] });
}

#[test]
fn every_request_of_gemini_clients_asks_the_same_in_responses() {
    let (mut names, mut refused) = (Vec::new(), Vec::new());
    for exchange in google() {
        let profile = taking_all();
        match both(&exchange, OTHER, &profile) {
            Ok((mut before, after, losses)) => {
                // OpenAI takes no lower bound than this.
                before.max_output = before.max_output.map(|bound| bound.max(16));
                assert_eq!(after, before, "{} [{losses}]", exchange.name);
                names.push(exchange.name);
            }
            Err(param) => refused.push((exchange.name, param)),
        }
    }
    assert_refused(
        &refused,
        &[
            ("generate-content/google-vertex-audio-in-01.json", "contents[0].parts[1].fileData"),
            ("generate-content/video-in-cache-read-system-01.json", "contents.parts.video"),
        ],
    );
    assert_counted("requests of Gemini clients to responses", &names, 40);
}

#[test]
fn every_request_of_clients_of_responses_asks_the_same_of_google() {
    let (mut names, mut refused) = (Vec::new(), Vec::new());
    for exchange in own().into_iter().filter(|exchange| exchange.request().is_some()) {
        match both(&exchange, OWN, &newer()) {
            Ok((before, after, losses)) => {
                assert_eq!(after, before, "{} [{losses}]", exchange.name);
                names.push(exchange.name);
            }
            Err(param) => refused.push((exchange.name, param)),
        }
    }
    assert_refused(
        &refused,
        &[
            ("responses/stream-basic-01.json", "background"),
            ("responses/stream-code-interpreter-citations-reasoning-item-01.json", "tool_choice"),
            // A file that was uploaded to OpenAI.
            ("responses/tool-results-reasoning-item-image-in-01.json", "input.content.image"),
            ("responses/tool-results-tools-01.json", "background"),
        ],
    );
    assert_counted("requests of clients of responses to Google", &names, 39);
}

fn back(shape: Shape, body: &[u8]) -> Kept {
    let request = codec(shape).decode_request(View::parse(body).unwrap(), &mut Losses::default()).unwrap();
    kept(request.messages.iter().filter(|message| message.role == Role::Assistant).flat_map(|message| &message.parts))
}

#[test]
fn pitfall_60_62_and_63_signatures_of_google_come_back_through_clients_of_responses_on_the_parts_that_they_came_with() {
    let (mut names, mut signed) = (Vec::new(), Vec::new());
    for exchange in google() {
        let Some((answer, body)) = looped(&exchange, OTHER, &newer()) else { continue };
        let name = exchange.name.clone();
        let text = String::from_utf8(body.clone()).unwrap();
        assert!(!text.contains("gw1.") && !text.contains("Z3cxL"), "{text}");
        let request = codec(OWN).decode_request(View::parse(&body).unwrap(), &mut Losses::default()).unwrap();
        assert_eq!(states(&request), states_of(&answer.parts), "{name}");
        let (mut wanted, found) = (kept(&answer.parts), back(OWN, &body));
        if let Finish::Filtered { explanation: Some(words), .. } = &answer.finish {
            // Why it was filtered is a refusal there, and comes back as one.
            wanted.text.push_str(words);
        }
        let names_of = |kept: &Kept| -> Vec<(String, Value)> {
            kept.calls.iter().map(|(_, name, arguments)| (name.clone(), arguments.clone())).collect()
        };
        assert_eq!((names_of(&found), &found.text), (names_of(&wanted), &wanted.text), "{name}");
        // Each stands on the call that it came with.
        let places = |kept: &Kept| -> Vec<(usize, String)> {
            kept.call_states
                .iter()
                .map(|(id, data)| (kept.calls.iter().position(|(call, ..)| call == id).unwrap(), data.clone()))
                .collect()
        };
        let own = |kept: &Kept| -> Vec<(usize, String)> {
            places(kept).into_iter().filter(|(_, data)| data != "skip_thought_signature_validator").collect()
        };
        assert_eq!(own(&found), places(&wanted), "{name}");
        if !wanted.call_states.is_empty() {
            signed.push(name.clone());
        }

        // Another account gets the words and the calls and nothing of the state.
        let mut foreign = newer();
        foreign.origin.account = "another".into();
        let (_, body) = looped(&exchange, OTHER, &foreign).unwrap();
        let elsewhere = back(OWN, &body);
        assert_eq!((names_of(&elsewhere), &elsewhere.text), (names_of(&found), &found.text), "{name}");
        assert_eq!(own(&elsewhere), [], "{name}");
        names.push(name);
    }
    assert_counted("answers of Google's that come back through responses", &names, 40);
    assert_counted("signed calls among them", &signed, 6);
}

#[test]
fn pitfall_67_and_74_what_a_provider_of_responses_had_said_comes_back_through_gemini_clients() {
    let mut names = Vec::new();
    for exchange in own() {
        let Some((answer, body)) = looped(&exchange, OWN, &taking_all()) else { continue };
        judge(&serde_json::from_slice(&body).unwrap());
        let text = String::from_utf8(body.clone()).unwrap();
        assert!(!text.contains("gw1.") && !text.contains("Z3cxL"), "{text}");
        let (mut wanted, found) = (kept(&answer.parts), back(OTHER, &body));
        // Without state it is refused, and so is state that nothing follows.
        wanted.thoughts.retain(|(_, state)| state.is_some());
        if wanted.text.is_empty() && wanted.calls.is_empty() {
            wanted.thoughts.clear();
        }
        assert_eq!(found, wanted, "{}", exchange.name);
        let mut foreign = taking_all();
        foreign.origin.account = "another".into();
        let (_, body) = looped(&exchange, OWN, &foreign).unwrap();
        let elsewhere = back(OTHER, &body);
        assert_eq!((&elsewhere.text, &elsewhere.calls, elsewhere.thoughts.len()), (&found.text, &found.calls, 0));
        names.push(exchange.name);
    }
    assert_counted("answers of responses that come back through Gemini clients", &names, 39);
}
