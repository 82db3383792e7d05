//! The settings in force, as the file would say them, without any secret: what `GET /admin/config` shows.

mod routes;

use std::collections::BTreeMap;
use std::time::Duration;

use ovth_filters::money::PicoDollars;
use ovth_filters::price::Rates;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::catalog::Catalog;
use crate::config::{
    Allowance, Cap, Clients, Config, Durability, Globs, LedgerSettings, Limits, LogFormat, LogSettings, OnLedgerError,
    Overshoot, Provider, Quota, RotateEvery, Timeouts, Tls, Weights,
};
use crate::routing::Snapshot;

/// The settings of one configuration by their names in the file, every default filled in. Keys are counted and values of headers left
/// out.
#[derive(Debug, Serialize)]
pub struct Settings {
    listen: String,
    metrics: Metrics,
    data_dir: String,
    threads: Option<usize>,
    h2c: bool,
    admin: AdminListener,
    tls: Option<TlsFiles>,
    trusted_proxies: Vec<String>,
    clients: OfClients,
    limits: Bounds,
    timeouts: Times,
    commit_after: String,
    heartbeat: String,
    providers: BTreeMap<String, Host>,
    providers_without_key: Vec<String>,
    routes: BTreeMap<String, Way>,
    health: routes::Judging,
    retries: routes::Retrying,
    quota: Spend,
    keys: Keys,
    durability: &'static str,
    on_ledger_error: &'static str,
    retention: Retention,
    log: Log,
    /// Absent: never.
    account_check: Option<String>,
    shutdown_grace: String,
    prices: BTreeMap<String, PerMillion>,
    /// Models of which the operator tells facts.
    models: Vec<String>,
    catalog: Source,
    /// Keys that a reload cannot change: where they are used, and the variable of the process that they come from.
    process_keys: Vec<ProcessKey>,
}

#[derive(Debug, Serialize)]
struct Metrics {
    listen: String,
}

#[derive(Debug, Serialize)]
struct AdminListener {
    /// Absent: with the other endpoints.
    listen: Option<String>,
}

#[derive(Debug, Serialize)]
struct TlsFiles {
    listen: Option<String>,
    cert: String,
    key: String,
}

#[derive(Debug, Serialize)]
struct OfClients {
    header_bytes: usize,
    header_count: usize,
    connections: usize,
    connections_per_address: usize,
    requests_per_address: usize,
    head_time: String,
    body_time: String,
    body_rate: usize,
    write_time: String,
    idle_time: String,
    log_address: bool,
}

#[derive(Debug, Serialize)]
struct Bounds {
    body_bytes: usize,
    buffered_bytes: usize,
}

#[derive(Debug, Serialize)]
struct Times {
    connect: String,
    first_byte: String,
    idle: String,
    total: String,
}

#[derive(Debug, Serialize)]
struct Host {
    base_url: String,
    /// How many.
    api_keys: usize,
    key_weights: Vec<u32>,
    shapes: Vec<&'static str>,
    /// Their names.
    headers: Vec<String>,
    timeouts: Times,
    models: Vec<String>,
    stream_options: bool,
    metadata_addresses: bool,
}

#[derive(Debug, Serialize)]
struct Way {
    strategy: &'static str,
    providers: Vec<String>,
    models: Vec<String>,
    #[serde(flatten)]
    options: routes::Options,
}

#[derive(Debug, Serialize)]
struct Spend {
    #[serde(flatten)]
    limits: BTreeMap<&'static str, Box<RawValue>>,
    per_user: bool,
    per_end_user: BTreeMap<&'static str, Box<RawValue>>,
    weights: Counts,
    overshoot: &'static str,
}

#[derive(Debug, Serialize)]
struct Counts {
    input: f64,
    cache_read: f64,
    cache_write: f64,
    output: f64,
}

#[derive(Debug, Serialize)]
struct Keys {
    routes: Option<Vec<String>>,
    models: Option<Vec<String>>,
    expires_at: Option<u64>,
    strict: bool,
}

#[derive(Debug, Serialize)]
struct Retention {
    entry_days: u32,
    entry_bytes: u64,
    usage_days: u32,
}

#[derive(Debug, Serialize)]
struct Log {
    level: String,
    levels: BTreeMap<String, String>,
    format: &'static str,
    access: Option<AccessLog>,
    capture: Option<Capture>,
}

#[derive(Debug, Serialize)]
struct AccessLog {
    file: String,
    rotate_bytes: u64,
    rotate_every: &'static str,
    keep_files: usize,
    keep_days: u64,
    gzip: bool,
}

#[derive(Debug, Serialize)]
struct Capture {
    keys: Option<Vec<String>>,
    routes: Option<Vec<String>>,
    file: String,
    body_bytes: usize,
    total_bytes: u64,
    keep_hours: u64,
    headers: Vec<String>,
    /// How many: a pattern may name a secret.
    redact: usize,
}

/// US dollars for a million tokens; tiers and service classes are left out.
#[derive(Debug, Serialize)]
struct PerMillion {
    input: Option<Box<RawValue>>,
    output: Option<Box<RawValue>>,
    cache_read: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
struct Source {
    /// The operator's own; absent: the built-in one.
    file: Option<String>,
    version: String,
    models: usize,
}

#[derive(Debug, Serialize)]
struct ProcessKey {
    place: String,
    variable: String,
}

/// The settings of a snapshot.
#[must_use]
pub fn settings(snapshot: &Snapshot) -> Settings {
    let config = snapshot.config();
    let LedgerSettings { durability, on_error, retention } = config.ledger;
    let ways = config.routes.iter().map(|route| {
        let providers = route.providers.iter().map(ToString::to_string).collect();
        let options = routes::options(&route.options);
        let way = Way { strategy: route.strategy.as_str(), providers, models: route.models.clone(), options };
        (route.name.to_string(), way)
    });
    Settings {
        listen: config.listen.to_string(),
        metrics: Metrics { listen: config.metrics_listen.to_string() },
        data_dir: config.data_dir.display().to_string(),
        threads: config.threads,
        h2c: config.h2c,
        admin: AdminListener { listen: config.admin_listen.map(|listen| listen.to_string()) },
        tls: config.tls.as_ref().map(tls),
        trusted_proxies: config.trusted_proxies.iter().map(ToString::to_string).collect(),
        clients: clients(&config.clients),
        limits: bounds(config.limits),
        timeouts: times(&config.timeouts),
        commit_after: time(config.commit_after),
        heartbeat: time(config.heartbeat),
        providers: config.providers.iter().map(|provider| (provider.id.to_string(), host(provider))).collect(),
        providers_without_key: config.keyless.clone(),
        routes: ways.collect(),
        health: routes::judging(&config.health),
        retries: routes::retrying(&config.retries),
        quota: spend(&config.quota),
        keys: keys(&config.quota),
        durability: match durability {
            Durability::Strict => "strict",
            Durability::Relaxed => "relaxed",
        },
        on_ledger_error: match on_error {
            OnLedgerError::Refuse => "refuse",
            OnLedgerError::Serve => "serve",
        },
        retention: Retention {
            entry_days: retention.entry_days,
            entry_bytes: retention.entry_bytes,
            usage_days: retention.usage_days,
        },
        log: log(&config.log),
        account_check: config.account_check.map(time),
        shutdown_grace: time(config.shutdown_grace),
        prices: prices(config),
        models: config.models.iter().map(|own| format!("{}/{}", own.provider, own.model)).collect(),
        catalog: source(config, snapshot.catalog()),
        process_keys: process_keys(config),
    }
}

/// Where the files are; never what is in them.
fn tls(tls: &Tls) -> TlsFiles {
    TlsFiles {
        listen: tls.listen.map(|listen| listen.to_string()),
        cert: tls.cert.display().to_string(),
        key: tls.key.display().to_string(),
    }
}

fn clients(clients: &Clients) -> OfClients {
    OfClients {
        header_bytes: clients.header_bytes,
        header_count: clients.header_count,
        connections: clients.connections,
        connections_per_address: clients.connections_per_address,
        requests_per_address: clients.requests_per_address,
        head_time: time(clients.head_time),
        body_time: time(clients.body_time),
        body_rate: clients.body_rate,
        write_time: time(clients.write_time),
        idle_time: time(clients.idle_time),
        log_address: clients.log_address,
    }
}

fn bounds(Limits { body_bytes, buffered_bytes }: Limits) -> Bounds {
    Bounds { body_bytes, buffered_bytes }
}

fn times(times: &Timeouts) -> Times {
    Times {
        connect: time(times.connect),
        first_byte: time(times.first_byte),
        idle: time(times.idle),
        total: time(times.total),
    }
}

/// As the file takes it: `5s`, `200ms`.
pub(super) fn time(time: Duration) -> String {
    if time.subsec_millis() == 0 { format!("{}s", time.as_secs()) } else { format!("{}ms", time.as_millis()) }
}

fn host(provider: &Provider) -> Host {
    Host {
        base_url: provider.base_url.to_string(),
        api_keys: provider.api_keys.len(),
        key_weights: provider.key_weights.clone(),
        shapes: provider.shapes.iter().map(|shape| shape.as_str()).collect(),
        headers: provider.headers.iter().map(|(name, _)| name.to_string()).collect(),
        timeouts: times(&provider.timeouts),
        models: provider.models.clone(),
        stream_options: provider.stream_options,
        metadata_addresses: provider.metadata_addresses,
    }
}

fn spend(quota: &Quota) -> Spend {
    let Weights { input, cache_read, cache_write, output } = quota.weights;
    let weight = |thousandths: u32| f64::from(thousandths) / 1000.0;
    Spend {
        limits: allowance(&quota.limits),
        per_user: quota.per_user,
        per_end_user: allowance(&quota.per_end_user),
        weights: Counts {
            input: weight(input),
            cache_read: weight(cache_read),
            cache_write: weight(cache_write),
            output: weight(output),
        },
        overshoot: match quota.overshoot {
            Overshoot::Expected => "expected",
            Overshoot::None => "none",
        },
    }
}

/// A limit: its name, its value if it is set, and how that is written.
type Limit<'a> = (&'static str, Option<Cap>, &'a dyn Fn(u64) -> String);

/// The limits that there are, by name: numbers, dollars as numbers with all their digits, or the word `unlimited`.
fn allowance(limits: &Allowance) -> BTreeMap<&'static str, Box<RawValue>> {
    let whole = |number: u64| number.to_string();
    let dollars = |pico: u64| PicoDollars(pico).to_string();
    let all: [Limit<'_>; 8] = [
        ("daily_tokens", limits.daily_tokens, &whole),
        ("monthly_tokens", limits.monthly_tokens, &whole),
        ("daily_usd", limits.daily_usd, &dollars),
        ("monthly_usd", limits.monthly_usd, &dollars),
        ("requests_per_minute", limits.requests_per_minute, &whole),
        ("tokens_per_minute", limits.tokens_per_minute, &whole),
        ("max_concurrent", limits.max_concurrent, &whole),
        ("max_output_tokens", limits.max_output_tokens, &whole),
    ];
    let shown = |cap: Cap, show: &dyn Fn(u64) -> String| match cap {
        Cap::Unlimited => raw("\"unlimited\"".to_owned()),
        Cap::At(limit) => raw(show(limit)),
    };
    all.into_iter().filter_map(|(name, cap, show)| Some((name, shown(cap?, show)?))).collect()
}

fn keys(quota: &Quota) -> Keys {
    Keys {
        routes: names(&quota.routes),
        models: names(&quota.models),
        expires_at: quota.expires_at,
        strict: quota.strict,
    }
}

fn log(settings: &LogSettings) -> Log {
    const HOUR_SECONDS: u64 = 60 * 60;
    const DAY_SECONDS: u64 = 24 * HOUR_SECONDS;
    let word = |level: log::LevelFilter| level.as_str().to_lowercase();
    Log {
        level: word(settings.level),
        levels: settings.levels.iter().map(|(target, level)| (target.clone(), word(*level))).collect(),
        format: match settings.format {
            LogFormat::Auto => "auto",
            LogFormat::Json => "json",
            LogFormat::Text => "text",
        },
        access: settings.access.as_ref().map(|access| AccessLog {
            file: access.file.display().to_string(),
            rotate_bytes: access.rotate_bytes,
            rotate_every: match access.rotate_every {
                RotateEvery::Never => "never",
                RotateEvery::Hour => "hour",
                RotateEvery::Day => "day",
            },
            keep_files: access.keep_files,
            keep_days: access.keep.as_secs() / DAY_SECONDS,
            gzip: access.gzip,
        }),
        capture: settings.capture.as_ref().map(|capture| Capture {
            keys: names(&capture.keys),
            routes: names(&capture.routes),
            file: capture.file.display().to_string(),
            body_bytes: capture.body_bytes,
            total_bytes: capture.total_bytes,
            keep_hours: capture.keep.as_secs() / HOUR_SECONDS,
            headers: capture.headers.iter().map(ToString::to_string).collect(),
            redact: capture.redact.len(),
        }),
    }
}

fn names(globs: &Option<Globs>) -> Option<Vec<String>> {
    globs.as_ref().map(|globs| globs.patterns().collect())
}

fn prices(config: &Config) -> BTreeMap<String, PerMillion> {
    let per_million = |rate: Option<PicoDollars>| raw(PicoDollars(rate?.0.saturating_mul(1_000_000)).to_string());
    let shown = |rates: &Rates| PerMillion {
        input: per_million(rates.input),
        output: per_million(rates.output),
        cache_read: per_million(rates.cache_read),
    };
    let named = config.prices.iter().map(|price| (format!("{}/{}", price.provider, price.model), &price.price));
    named.map(|(name, price)| (name, shown(&price.base))).collect()
}

fn source(config: &Config, catalog: &Catalog) -> Source {
    Source {
        file: config.catalog.as_ref().map(|path| path.display().to_string()),
        version: catalog.version().to_owned(),
        models: catalog.models().len(),
    }
}

fn process_keys(config: &Config) -> Vec<ProcessKey> {
    let key = |key: &crate::config::ProcessKey| ProcessKey { place: key.place.clone(), variable: key.variable.clone() };
    config.process_keys.iter().map(key).collect()
}

pub(super) fn raw(json: String) -> Option<Box<RawValue>> {
    RawValue::from_string(json).ok()
}
