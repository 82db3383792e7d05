//! What it costs to choose: the plan of a request over the whole catalogue, by kind of request. `cargo bench --bench plan`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement that cannot be taken ends the run, and its result is what it prints"
)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ovth_filters::{Operation, Shape, shapes};
use ovth_gateway::catalog::{Catalog, Date};
use ovth_gateway::config::{Environment, parse};
use ovth_gateway::providers;
use ovth_gateway::routing::{Ask, Health, Live, Snapshot};
use serde_json::{Value, json};

/// Plans in one batch, of which the mean is taken.
const BATCH: u32 = 500;
/// Batches of each kind of request.
const BATCHES: usize = 40;

/// Every provider that has models in the catalogue, and routes of each kind of choice over all of them.
const CONFIG: &str = "
providers:
  deepseek: {base_url: 'https://deepseek.test/v1', api_key: sk-0123456789abcdef0123}
  mistral: {base_url: 'https://mistral.test/v1', api_key: sk-0123456789abcdef0123}
  xai: {base_url: 'https://xai.test/v1', api_key: sk-0123456789abcdef0123}
  moonshot: {base_url: 'https://moonshot.test/v1', api_key: sk-0123456789abcdef0123}
  zai: {base_url: 'https://zai.test/v1', api_key: sk-0123456789abcdef0123}
routes:
  auto: {strategy: cheapest-capable, quality_floor: ['*']}
  good: {strategy: cheapest-capable}
  fast: {strategy: lowest-latency, quality_floor: ['*']}
";

fn main() {
    // `cargo test --benches` runs this file too, and is not to be kept waiting.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let env = Environment::from_pairs([
        ("ANTHROPIC_API_KEY", "sk-ant-api03-0123456789abcdef0123"),
        ("OPENAI_API_KEY", "sk-proj-0123456789abcdef0123"),
        ("GOOGLE_API_KEY", "AIza0123456789abcdef0123"),
        ("OVTH_MASTER_KEY", "0123456789abcdef0123456789abcdef"),
    ]);
    let (config, _) = parse(CONFIG, Path::new("/"), &env, providers::builtins()).unwrap();
    let catalog = Arc::new(Catalog::embedded().unwrap());
    let (snapshot, _) = Snapshot::build(config, catalog, "2026-11-22".parse::<Date>().unwrap()).unwrap();
    let health = Health::new();
    println!("{:<34}{:>14}{:>12}{:>12}{:>12}", "request", "able", "p50 us", "p99 us", "CPU us");
    for (name, model, body) in requests() {
        let bytes = serde_json::to_vec(&body).unwrap();
        let peek = shapes::peek(Shape::Chat, Operation::Generate, &bytes).unwrap();
        let ask = Ask {
            shape: Shape::Chat,
            operation: Operation::Generate,
            model,
            needs: peek.needs,
            input_tokens: peek.estimated_input_tokens(),
            max_output: peek.max_output,
        };
        let plan = || {
            let live = Live { health: Some(&health), ..Live::nothing() };
            black_box(snapshot.plan_with(black_box(&ask), &live))
        };
        let able =
            plan().unwrap().choice.map_or_else(String::new, |choice| format!("{} of {}", choice.able, choice.of));
        (0..BATCH).for_each(|_| drop(plan()));
        let (cpu, mut batches) = (on_cpu(), Vec::new());
        for _ in 0..BATCHES {
            let began = Instant::now();
            (0..BATCH).for_each(|_| drop(plan()));
            batches.push(began.elapsed() / BATCH);
        }
        let cpu = (on_cpu() - cpu) / (BATCH * BATCHES as u32);
        batches.sort();
        let us = |time: Duration| format!("{:.2}", time.as_secs_f64() * 1e6);
        let of = |percent: usize| us(*batches.get(batches.len() * percent / 100).unwrap());
        println!("{:<34}{able:>14}{:>12}{:>12}{:>12}", format!("{model}: {name}"), of(50), of(99), us(cpu));
    }
}

fn requests() -> Vec<(&'static str, &'static str, Value)> {
    let plain = json!({"messages": [{"role": "user", "content": "Hello"}]});
    let mut tools = plain.clone();
    tools["tools"] = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    tools["tool_choice"] = json!("required");
    let mut schema = plain.clone();
    schema["response_format"] =
        json!({"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}});
    schema["reasoning_effort"] = json!("high");
    let image = json!({"messages": [{"role": "user", "content": [
        {"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "https://host.test/a.png"}}]}]});
    let long = json!({"messages": [{"role": "user", "content": "word ".repeat(200_000)}], "max_tokens": 20_000});
    let mut all = Vec::new();
    for model in ["auto", "good", "fast"] {
        for (name, body) in [
            ("plain", &plain),
            ("forced tools", &tools),
            ("schema, effort", &schema),
            ("image", &image),
            ("200k words", &long),
        ] {
            let mut body = body.clone();
            body["model"] = json!(model);
            all.push((name, model, body));
        }
    }
    all.push((
        "by its name",
        "gpt-5.2",
        json!({"model": "gpt-5.2", "messages": [{"role": "user", "content": "Hello"}]}),
    ));
    all
}

/// The time that this thread has had a processor.
fn on_cpu() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(told.split_whitespace().next().unwrap().parse().unwrap())
}
