//! Recorded answers through the running gateway: the entry in the ledger has the provider's own figures by kind, and costs what the
//! catalogue's price makes of them. The figures and the costs are read and reckoned a second time here, from the recordings'
//! JSON and the catalogue's.

mod cost;
mod figures;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use self::cost::{Catalogue, dollars};
use self::figures::Figures;
use crate::recordings::{KEPT, is_given, load};
use crate::support::{Answer, Bed, Gate, Gateway, Recording, Shape, Upstream, Way, tell};

/// So many entries there must be, of them so many of streams, with a known cost, with a service class; if the folder is given.
const AT_LEAST: [usize; 4] = [164, 85, 134, 118];
/// The same of the fixtures beside these tests.
const AT_LEAST_OF_FIXTURES: [usize; 4] = [25, 11, 0, 10];

/// The providers that are built in, with the path that their base URL ends in. The others are hosts of our own under the name
/// that the recording has, which some of them have in the catalogue, too.
const BUILT_IN: [(&str, &str); 4] = [("anthropic", ""), ("google", ""), ("openai", "/v1"), ("openrouter", "/api/v1")];

/// Every recorded provider under its own name, all of them the same mock.
fn config(recordings: &[Recording], upstream: &Upstream) -> String {
    let mut hosts: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<String>)> = BTreeMap::new();
    for recording in recordings {
        let (shapes, models) = hosts.entry(recording.provider()).or_default();
        shapes.insert(recording.shape_name());
        models.insert(recording.model());
    }
    let mut config = String::from("providers:\n");
    for (id, (shapes, models)) in &hosts {
        let built_in = BUILT_IN.iter().find(|(name, _)| name == id);
        let end = built_in.map_or("/v1", |(_, end)| end);
        write!(
            config,
            "  {id}:\n    base_url: http://{}{end}\n    api_key: upstream-secret-0123456789\n",
            upstream.address()
        )
        .expect("a string");
        if built_in.is_none() {
            let models: Vec<&String> = models.iter().collect();
            let shapes: Vec<&str> = shapes.iter().copied().collect();
            writeln!(config, "    shapes: [{}]\n    models: {models:?}", shapes.join(", ")).expect("a string");
        }
    }
    config
}

/// One recording, as it was replayed.
struct Replayed<'a> {
    recording: &'a Recording,
    request_id: String,
    model_sent: String,
}

async fn replay<'a>(gateway: &Gateway, upstream: &Upstream, recording: &'a Recording, index: usize) -> Replayed<'a> {
    let asked = format!("{}/{}", recording.provider(), recording.model());
    let request = recording.request_with(&asked, &recording.body_to(&asked)).bearer(gateway.key());
    let response = gateway.send(&request, Way::Sized).await;
    assert_eq!(upstream.requests().len(), index + 1, "{}: one attempt: {response:?}", recording.name);
    let seen = upstream.request(index).await;
    recording.check_asked(&seen);
    Replayed { recording, request_id: response.request_id().to_owned(), model_sent: recording.model() }
}

#[tokio::test]
async fn entries_of_recorded_answers_have_the_provider_s_own_figures_and_cost_what_the_catalogue_says() {
    let (mut left_out, mut played) = (Vec::new(), Vec::new());
    for recording in load() {
        let figures = Figures::of(&recording);
        match figures {
            _ if recording.status != 200 => left_out.push((recording.name, "an error")),
            _ if recording.shape == Shape::Responses && KEPT.contains(&recording.name.as_str()) => {
                left_out.push((recording.name, "an answer that is to be kept"));
            }
            _ if recording.hides_an_error() => left_out.push((recording.name, "an error inside a 200")),
            None => left_out.push((recording.name, "no counts")),
            Some(figures) => played.push((recording, figures)),
        }
    }
    let (recordings, figures): (Vec<Recording>, Vec<Figures>) = played.into_iter().unzip();
    // Once in large pieces and once in small ones: what an event says may come in any number of them.
    let answers =
        [8192, 61].into_iter().flat_map(|piece| recordings.iter().map(move |recording| recording.answer(piece)));
    let upstream = Upstream::script(answers.collect()).await;
    let gateway = Gateway::start(&config(&recordings, &upstream)).await;
    let mut replays = Vec::new();
    for (index, recording) in recordings.iter().chain(&recordings).enumerate() {
        replays.push(replay(&gateway, &upstream, recording, index).await);
    }
    let catalogue = Catalogue::read();
    let (mut counted, mut wrong) = ([0; 4], Vec::new());
    for (index, (replayed, figures)) in replays.iter().zip(figures.iter().chain(&figures)).enumerate() {
        let entry = gateway.entry(&replayed.request_id).await;
        let by_catalogue = || catalogue.cost(replayed.recording.provider(), &replayed.recording.model(), figures);
        let cost = figures.told_cost.filter(|_| replayed.recording.provider() == "openrouter").or_else(by_catalogue);
        wrong.extend(differences(replayed, figures, cost, &entry));
        if index < recordings.len() {
            let has = [true, replayed.recording.stream, cost.is_some(), figures.service_class.is_some()];
            for (count, has) in counted.iter_mut().zip(has) {
                *count += usize::from(has);
            }
        }
    }
    let [all, streams, priced, classed] = counted;
    let mut reasons = BTreeMap::new();
    for (_, reason) in &left_out {
        *reasons.entry(reason).or_insert(0) += 1;
    }
    tell(&format!(
        "{all} entries compared, twice each: {streams} of streams, {priced} with a cost, {classed} with a service class; \
         left out: {reasons:?}"
    ));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let at_least = if is_given() { AT_LEAST } else { AT_LEAST_OF_FIXTURES };
    for (count, least) in counted.iter().zip(at_least) {
        assert!(*count >= least, "{counted:?}, not {at_least:?}; left out: {left_out:?}");
    }
}

/// Every field of an entry that is not what the recording says, with both values.
fn differences(replayed: &Replayed<'_>, figures: &Figures, cost: Option<u128>, entry: &Value) -> Vec<String> {
    let Replayed { recording, model_sent, .. } = replayed;
    let shape = recording.shape_name();
    let asked = format!("{}/{}", recording.provider(), recording.model());
    let expected = [
        ("tokens", figures.tokens()),
        ("web_searches", json!(figures.web_searches)),
        ("usage_source", json!("provider")),
        ("charged_tokens", json!(figures.total())),
        ("service_class", json!(figures.service_class)),
        ("finish_reason", json!(figures.finish_reason)),
        ("provider", json!(recording.provider())),
        ("model", json!(recording.model())),
        ("model", json!(model_sent)),
        ("model_asked", json!(asked)),
        ("shape", json!(shape)),
        ("upstream_shape", json!(shape)),
        ("operation", json!("generate")),
        ("stream", json!(recording.asks_for_a_stream())),
        ("status", json!(200)),
        ("cost_known", json!(cost.is_some())),
    ];
    let fields = expected.into_iter().map(|(field, expected)| (field, entry[field].clone(), expected));
    let derived = [
        ("outcome is ok", json!(entry["outcome"] == "ok"), json!(recording.is_good())),
        ("cost in pico-dollars", json!(dollars(&entry["cost_usd"])), json!(cost)),
        ("has a price's source", json!(entry["price_source"].is_string()), json!(cost.is_some())),
    ];
    let all = fields.chain(derived).filter(|(_, found, expected)| found != expected);
    all.map(|(field, found, expected)| format!("{}: {field}: {found}, not {expected}", recording.name)).collect()
}

#[tokio::test]
async fn the_last_word_on_the_service_class_and_the_end_of_an_answer_counts() {
    let gate = Gate::new();
    let first =
        r#"{"id":"c","model":"m","service_tier":"priority","choices":[{"index":0,"delta":{"content":"hello"}}]}"#;
    let ends = r#"{"id":"c","model":"m","service_tier":"default","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#;
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}}"#;
    let event = |data: &str| format!("data: {data}\n\n");
    let answer = Answer::stream().event(event(first)).wait(&gate).event(event(ends) + &event(usage) + &event("[DONE]"));
    let bed = Bed::start(Upstream::always(answer.finished()).await, Upstream::silent().await).await;
    let mut client = bed.gateway.open(Shape::Chat, Shape::Chat.ask_stream(&bed.sole(), "hello")).await;
    let head = client.head().await;
    client.content_event().await.expect("the first words");
    gate.open();
    client.events().await;
    let entry = bed.gateway.entry(head.header("x-request-id").expect("a request id")).await;
    assert_eq!((&entry["service_class"], &entry["finish_reason"]), (&json!("standard"), &json!("length")), "{entry}");
}
