//! Configurations, targets and failures for the tests of routing.

use std::sync::Arc;
use std::time::Duration;

use ovth_filters::Shape;
use ovth_filters::neutral::{ApiError, ErrorClass};
use ovth_filters::shapes::Needs;

use super::price::Prices;
use super::target::Served;
use super::{Ask, Snapshot, Target};
use crate::catalog::{Catalog, Date};
use crate::config::{BaseUrl, Config, Limits, Problems, Provider, Quota, Route, Secret, Severity, Strategy, Timeouts};
use crate::providers::{Failure, Upstream, builtins};
use ovth_filters::Operation;

pub(super) const TODAY: &str = "2026-11-22";

/// A provider as the configuration makes it; ids that are built in get their shapes.
pub(super) fn provider(id: &str) -> Provider {
    let shapes = builtins().iter().find(|builtin| builtin.id == id).map_or(&[Shape::Chat][..], |found| found.shapes);
    let seconds = Duration::from_secs(1);
    Provider {
        id: id.into(),
        base_url: BaseUrl { tls: true, host: format!("{id}.test"), port: 443, path: String::new() },
        api_keys: vec![Secret::new(format!("key-of-{id}"))],
        key_weights: vec![1],
        shapes: shapes.to_vec(),
        headers: Vec::new(),
        timeouts: Timeouts { connect: seconds, first_byte: seconds, idle: seconds, total: seconds },
        models: Vec::new(),
        stream_options: true,
        metadata_addresses: false,
    }
}

pub(super) fn route(name: &str, strategy: Strategy, providers: &[&str], models: &[&str]) -> Route {
    Route {
        name: name.into(),
        strategy,
        providers: providers.iter().map(|id| Arc::from(*id)).collect(),
        models: models.iter().map(|name| (*name).to_owned()).collect(),
        options: crate::config::RouteOptions::default(),
    }
}

pub(super) fn config(providers: Vec<Provider>, routes: Vec<Route>) -> Config {
    let seconds = Duration::from_secs(1);
    Config {
        listen: ([127, 0, 0, 1], 0).into(),
        metrics_listen: ([127, 0, 0, 1], 0).into(),
        data_dir: "data".into(),
        threads: None,
        h2c: false,
        master_key: Secret::new("m"),
        limits: Limits { body_bytes: 1, buffered_bytes: 1 },
        clients: crate::config::Clients::default(),
        trusted_proxies: crate::config::Networks::default(),
        admin_listen: None,
        tls: None,
        timeouts: Timeouts { connect: seconds, first_byte: seconds, idle: seconds, total: seconds },
        commit_after: seconds,
        heartbeat: seconds,
        shutdown_grace: seconds,
        account_check: None,
        providers: providers.into_iter().map(Arc::new).collect(),
        keyless: Vec::new(),
        routes,
        health: crate::config::HealthSettings::default(),
        retries: crate::config::RetrySettings::default(),
        quota: Quota::default(),
        ledger: crate::config::LedgerSettings::default(),
        log: crate::config::LogSettings::default(),
        prices: Vec::new(),
        models: Vec::new(),
        catalog: None,
        process_keys: Vec::new(),
    }
}

/// The routes of the guide's file.
pub(super) fn guide_routes() -> Vec<Route> {
    vec![
        route("auto", Strategy::CheapestCapable, &["anthropic", "openai", "google"], &[]),
        route("cheap", Strategy::Ordered, &["google", "anthropic"], &["gemini-1.5-flash", "claude-haiku-4"]),
        route("smart", Strategy::Ordered, &["anthropic", "openai"], &["claude-opus-4.7", "gpt-5"]),
    ]
}

pub(super) fn labs() -> Vec<Provider> {
    ["anthropic", "openai", "google"].map(provider).into()
}

pub(super) fn build(config: Config) -> Result<(Snapshot, Problems), Problems> {
    build_on(TODAY, config)
}

pub(super) fn build_on(day: &str, config: Config) -> Result<(Snapshot, Problems), Problems> {
    let catalog = Catalog::embedded().expect("the shipped catalogue is well-formed");
    Snapshot::build(config, Arc::new(catalog), day.parse::<Date>().expect("a date"))
}

pub(super) fn snapshot(providers: Vec<Provider>, routes: Vec<Route>) -> Snapshot {
    build(config(providers, routes)).unwrap_or_else(|problems| unreachable!("{problems}")).0
}

/// Problems as text, without their order's meaning lost.
pub(super) fn told(problems: &Problems) -> Vec<String> {
    problems.0.iter().map(ToString::to_string).collect()
}

pub(super) fn errors(problems: &Problems) -> usize {
    problems.0.iter().filter(|problem| problem.severity == Severity::Error).count()
}

pub(super) fn ask(shape: Shape, model: &str) -> Ask<'_> {
    let operation = Operation::Generate;
    Ask { shape, operation, model, needs: Needs::default(), input_tokens: 1_000, max_output: None }
}

/// A small catalogue whose models have windows.
const WINDOWS: &str = r#"{"version":"t","models":[
    {"id":"small","provider":"openai","kind":"chat","status":"current","context_window":8000,"api":["chat"]},
    {"id":"same","provider":"openai","kind":"chat","status":"current","context_window":8000,"api":["chat"]},
    {"id":"large","provider":"google","kind":"chat","status":"current","context_window":100000,"api":["chat"]}]}"#;

/// Targets of the chat shape, one for each provider and model.
pub(super) fn targets(list: &[(&str, &str)]) -> Vec<Arc<Target>> {
    let catalog = Catalog::parse(WINDOWS.as_bytes()).expect("a well-formed catalogue");
    list.iter()
        .map(|(id, model)| {
            let upstream = Arc::new(Upstream::new(Arc::new(provider(id))));
            let credential = Secret::new("k");
            let quote = Prices::of_catalogue(catalog.version()).quote(id, [], None);
            let served = Served {
                upstream: &upstream,
                model: &Arc::from(*model),
                entry: catalog.lookup(id, model),
                label: None,
                quote: &quote,
            };
            Arc::new(Target::new(&served, Shape::Chat, Some(&credential)))
        })
        .collect()
}

/// Targets as `provider/model`.
pub(super) fn ids(targets: &[Arc<Target>]) -> Vec<String> {
    targets.iter().map(|target| format!("{}/{}", target.upstream.id(), target.model)).collect()
}

pub(super) fn failure(class: ErrorClass) -> Failure {
    Failure::new(ApiError::new(class, "x"))
}
