//! Models as a router lists them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use super::*;
use crate::catalog::Catalog;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::embedded().unwrap());

fn model(provider: &str, name: &str) -> Entry {
    Entry::Model(Arc::clone(CATALOG.lookup(provider, name).unwrap()))
}

fn read(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

fn priced(entry: &Entry) -> Priced<'_> {
    Priced { entry, price: entry.model().and_then(|model| model.price.as_deref()) }
}

#[test]
fn a_model_has_its_prices_as_strings_for_a_token_and_what_it_takes() {
    let entry = model("anthropic", "claude-haiku-5-5");
    let told = read(&listed_model(&priced(&entry)));
    let price = entry.model().unwrap().price.as_ref().unwrap().base.input.unwrap();
    assert_eq!(told["pricing"]["prompt"], price.to_string());
    assert_eq!(
        (told["id"].as_str(), told["object"].as_str(), told["owned_by"].as_str()),
        (Some("claude-haiku-5-5"), Some("model"), Some("anthropic"))
    );
    assert_eq!(told["context_length"], 1_000_000);
    assert_eq!(told["architecture"]["output_modalities"], json!(["text"]));
    let parameters = told["supported_parameters"].as_array().unwrap();
    assert!(parameters.contains(&json!("tools")) && !parameters.contains(&json!("logprobs")), "{parameters:?}");
}

#[test]
fn a_route_and_a_model_without_a_price_say_that_it_is_not_told() {
    let route = Entry::Route("auto".into());
    let told = read(&router_list(&[priced(&route)]));
    assert_eq!((told["object"].as_str(), told["total_count"].as_u64()), (Some("list"), Some(1)));
    assert_eq!(told["data"][0]["pricing"], json!({"prompt": "-1", "completion": "-1"}));
    assert_eq!(told["data"][0]["architecture"]["tokenizer"], "Router");
}

#[test]
fn the_places_of_a_model_tell_how_they_do() {
    let entry = model("anthropic", "claude-haiku-5-5");
    let figures = Figures { attempts: (4, 1), latency: Some(1_500_000), speed: Some(50_000), avoided: false };
    let place = |figures| Place {
        provider: "anthropic".into(),
        provider_name: "Anthropic".to_owned(),
        model: "claude-haiku-5-5".into(),
        entry: entry.model().map(|model| Arc::new(model.clone())),
        price: None,
        figures,
    };
    let told = read(&router_endpoints(
        &priced(&entry),
        &[place(figures), place(Figures { avoided: true, ..Figures::default() })],
    ));
    let endpoints = &told["data"]["endpoints"];
    assert_eq!(
        (endpoints[0]["uptime_last_5m"].as_f64(), endpoints[0]["latency_last_30m"]["p50"].as_f64()),
        (Some(75.0), Some(1500.0))
    );
    assert_eq!(
        (endpoints[0]["throughput_last_30m"]["p99"].as_f64(), endpoints[0]["status"].as_i64()),
        (Some(50.0), Some(0))
    );
    assert_eq!((&endpoints[1]["uptime_last_5m"], endpoints[1]["status"].as_i64()), (&Value::Null, Some(-2)));
}

#[test]
fn a_list_can_be_narrowed() {
    let (haiku, embedding) = (model("anthropic", "claude-haiku-5-5"), model("openai", "text-embedding-3-small"));
    let route = Entry::Route("auto".into());
    let all = || vec![priced(&route), priced(&haiku), priced(&embedding)];
    let picked = |query: &str| {
        ModelsQuery::from_query(Some(query)).pick(all()).iter().map(|one| one.entry.id().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(picked("category=x").len(), 3);
    assert_eq!(picked("supported_parameters=tools,tool_choice"), ["auto", "claude-haiku-5-5"]);
    assert_eq!(picked("output_modalities=embeddings"), ["text-embedding-3-small"]);
    assert_eq!(picked("input_modalities=image"), ["claude-haiku-5-5"]);
    assert_eq!(picked("q=HAIKU"), ["claude-haiku-5-5"]);
    assert_eq!(picked("offset=1&limit=1"), ["claude-haiku-5-5"]);
}
