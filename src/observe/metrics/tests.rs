//! Metrics as a scrape sees them.

use std::time::{Duration, Instant};

use ovth_filters::money::PicoDollars;
use ovth_filters::neutral::{ErrorClass, Usage};

use super::*;

fn generated() -> Record {
    let mut record = Record::new("req_1", Shape::Chat);
    record.operation = Some(Operation::Generate);
    record.outcome = Outcome::Ok;
    record.status = Some(200);
    record.provider = Some("openai".into());
    record.duration = Duration::from_millis(1_200);
    record
}

#[track_caller]
fn assert_line(rendered: &str, line: &str) {
    assert!(rendered.lines().any(|found| found == line), "no line `{line}` in:\n{rendered}");
}

fn series(rendered: &str) -> usize {
    rendered.lines().filter(|line| line.starts_with("ovth_")).count()
}

#[test]
fn a_served_stream_is_counted_once_everywhere() {
    let metrics = Metrics::new();
    let mut record = generated();
    record.stream = true;
    record.heartbeats = 2;
    record.time_to_first_byte = Some(Duration::from_millis(300));
    record.waited = Some(Duration::from_micros(1_199_700));
    record.cost = Some(PicoDollars(1_500_000_000_000));
    (record.bytes_in, record.bytes_out) = (70, 900);
    record.usage = Some(Usage {
        input: 10,
        cache_read: 4,
        cache_write: 3,
        cache_write_1h: 2,
        output: 20,
        reasoning: 8,
        ..Usage::default()
    });
    let target = metrics.target("openai", "gpt-5");
    target.attempt(Outcome::Ok);
    target.connection(None);
    metrics.exchange(&record, Some(&target));
    let rendered = metrics.render();
    for line in [
        r#"ovth_requests_total{operation="generate",outcome="ok",shape="chat",status="200"} 1"#,
        r#"ovth_attempts_total{model="gpt-5",outcome="ok",provider="openai"} 1"#,
        r#"ovth_tokens_total{kind="input",model="gpt-5",provider="openai"} 10"#,
        r#"ovth_tokens_total{kind="cache_read",model="gpt-5",provider="openai"} 4"#,
        r#"ovth_tokens_total{kind="cache_write",model="gpt-5",provider="openai"} 3"#,
        r#"ovth_tokens_total{kind="cache_write_1h",model="gpt-5",provider="openai"} 2"#,
        r#"ovth_tokens_total{kind="output",model="gpt-5",provider="openai"} 20"#,
        r#"ovth_reasoning_tokens_total{model="gpt-5",provider="openai"} 8"#,
        r#"ovth_cost_dollars_total{model="gpt-5",provider="openai"} 1.5"#,
        r#"ovth_unpriced_requests_total{model="gpt-5",provider="openai"} 0"#,
        r#"ovth_estimated_usage_total{model="gpt-5",provider="openai"} 0"#,
        r#"ovth_heartbeats_total 2"#,
        r#"ovth_client_aborts_total 0"#,
        r#"ovth_request_body_bytes_total 70"#,
        r#"ovth_response_body_bytes_total 900"#,
        r#"ovth_upstream_connections_total{origin="pool",provider="openai"} 1"#,
        r#"ovth_time_to_first_token_seconds_bucket{model="gpt-5",provider="openai",le="0.2"} 0"#,
        r#"ovth_time_to_first_token_seconds_bucket{model="gpt-5",provider="openai",le="0.3"} 1"#,
        r#"ovth_request_duration_seconds_bucket{operation="generate",stream="true",le="1"} 0"#,
        r#"ovth_request_duration_seconds_count{operation="generate",stream="true"} 1"#,
        r#"ovth_gateway_overhead_seconds_bucket{operation="generate",stream="true",le="0.00025"} 0"#,
        r#"ovth_gateway_overhead_seconds_bucket{operation="generate",stream="true",le="0.0005"} 1"#,
    ] {
        assert_line(&rendered, line);
    }
}

#[test]
fn failures_aborts_and_refusals_are_told_apart() {
    let metrics = Metrics::new();
    let target = metrics.target("openai", "gpt-5");
    target.attempt(ErrorClass::Overloaded.into());
    target.failover(ErrorClass::Overloaded.into());
    target.connection(Some(Duration::from_millis(30)));
    let mut refused = generated();
    refused.provider = None;
    refused.status = Some(429);
    refused.outcome = ErrorClass::Quota.into();
    metrics.exchange(&refused, None);
    metrics.quota_refusal("daily_tokens");
    let mut left = generated();
    left.status = None;
    left.outcome = Outcome::ClientAbort;
    metrics.exchange(&left, None);
    metrics.local("unknown", 404);
    let rendered = metrics.render();
    for line in [
        r#"ovth_attempts_total{model="gpt-5",outcome="overloaded",provider="openai"} 1"#,
        r#"ovth_failovers_total{provider="openai",reason="overloaded"} 1"#,
        r#"ovth_upstream_connections_total{origin="new",provider="openai"} 1"#,
        r#"ovth_upstream_connect_seconds_bucket{provider="openai",le="0.025"} 0"#,
        r#"ovth_upstream_connect_seconds_bucket{provider="openai",le="0.05"} 1"#,
        r#"ovth_quota_refusals_total{limit="daily_tokens"} 1"#,
        r#"ovth_client_aborts_total 1"#,
        r#"ovth_requests_total{operation="generate",outcome="quota",shape="chat",status="429"} 1"#,
        r#"ovth_requests_total{operation="generate",outcome="client_abort",shape="chat",status="0"} 1"#,
        r#"ovth_local_requests_total{endpoint="unknown",status="404"} 1"#,
        r#"ovth_gateway_overhead_seconds_count{operation="generate",stream="false"} 0"#,
    ] {
        assert_line(&rendered, line);
    }
}

#[test]
fn what_nobody_prices_or_counts_is_told() {
    let metrics = Metrics::new();
    let target = metrics.target("local", OTHER);
    let mut record = generated();
    (record.usage, record.usage_estimated) = (Some(Usage { input: 7, ..Usage::default() }), true);
    metrics.exchange(&record, Some(&target));
    let mut unused = generated();
    unused.outcome = ErrorClass::Transport.into();
    metrics.exchange(&unused, Some(&target));
    let rendered = metrics.render();
    assert_line(&rendered, r#"ovth_unpriced_requests_total{model="(other)",provider="local"} 1"#);
    assert_line(&rendered, r#"ovth_estimated_usage_total{model="(other)",provider="local"} 1"#);
    assert_line(&rendered, r#"ovth_cost_dollars_total{model="(other)",provider="local"} 0"#);
}

#[test]
fn gaps_are_told_at_the_end_and_while_a_stream_goes_on() {
    let metrics = Metrics::new();
    let count = || {
        let name = r#"ovth_stream_gap_seconds_count{model="gpt-5",provider="openai"} "#;
        let rendered = metrics.render();
        rendered.lines().find_map(|line| line.strip_prefix(name)).and_then(|count| count.parse().ok()).unwrap_or(0_u64)
    };
    let target = metrics.target("openai", "gpt-5");
    let (mut gaps, mut now) = (target.gaps(), Instant::now());
    let mut event = |gaps: &mut Gaps, after: u64| {
        now += Duration::from_millis(after);
        gaps.arrived(now);
    };
    for _ in 0..11 {
        event(&mut gaps, 20);
    }
    assert_eq!(count(), 0, "they are gathered");
    event(&mut gaps, 1_500);
    assert_eq!(count(), 11, "a long one is told at once, with those before it");
    for _ in 0..70 {
        event(&mut gaps, 20);
    }
    assert_eq!(count(), 11 + 64);
    drop(gaps);
    assert_eq!(count(), 11 + 70);
    let rendered = metrics.render();
    assert_line(&rendered, r#"ovth_stream_gap_seconds_bucket{model="gpt-5",provider="openai",le="1"} 80"#);
    assert_line(&rendered, r#"ovth_stream_gap_seconds_bucket{model="gpt-5",provider="openai",le="5"} 81"#);
}

#[test]
fn every_pair_of_operation_and_shape_has_a_series_of_its_own() {
    let metrics = Metrics::new();
    let operations = [
        None,
        Some(Operation::Generate),
        Some(Operation::Embed),
        Some(Operation::CountTokens),
        Some(Operation::ListModels),
    ];
    for operation in operations {
        for shape in Shape::ALL {
            let mut record = generated();
            record.operation = operation;
            record.shape = shape;
            metrics.exchange(&record, None);
        }
    }
    let rendered = metrics.render();
    let ones = rendered.lines().filter(|line| line.starts_with("ovth_requests_total{") && line.ends_with(" 1")).count();
    assert_eq!(ones, SLOTS, "{rendered}");
}

#[test]
fn any_status_has_a_label_of_a_closed_set() {
    let labels: std::collections::BTreeSet<_> = (0..=u16::MAX).map(|status| status::label(Some(status))).collect();
    assert_eq!(labels.len(), 36, "{labels:?}");
    assert_eq!(status::label(Some(429)), "429");
    assert_eq!(status::label(Some(499)), "4xx");
    assert_eq!(status::label(Some(999)), "other");
    assert_eq!(status::label(None), "0");
}

/// The bound that `docs/metrics.md` tells.
const MOST_SERIES_OF_TARGETS: usize = 29_000;

#[test]
fn no_number_of_providers_and_models_makes_more_series_than_the_bound() {
    let metrics = Metrics::new();
    let one = {
        let fresh = Metrics::new();
        let before = series(&fresh.render());
        let _ = fresh.target("p", "m");
        series(&fresh.render()) - before
    };
    for provider in 0..2 * target::MAX_PROVIDERS {
        for model in 0..40 {
            let target = metrics.target(&format!("provider-{provider}"), &format!("model-{model}"));
            target.attempt(Outcome::Ok);
        }
    }
    let rendered = metrics.render();
    let attempts: Vec<_> = rendered.lines().filter(|line| line.starts_with("ovth_attempts_total{")).collect();
    let counted: usize = attempts.iter().filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum();
    assert_eq!(counted, 2 * target::MAX_PROVIDERS * 40, "every attempt is counted somewhere");
    assert_eq!(attempts.len(), target::MAX_MODELS + (target::MAX_PROVIDERS - target::MAX_MODELS / 40) + 1);
    let others = attempts.iter().find(|line| line.contains(r#"model="(other)",outcome="ok",provider="(other)""#));
    assert!(others.is_some_and(|line| line.ends_with(&format!(" {}", target::MAX_PROVIDERS * 40))), "{others:?}");
    // Of a pair with every outcome of an attempt; of a provider with every reason of a failover.
    let (outcomes, pairs) = (24, target::MAX_MODELS + target::MAX_PROVIDERS + 1);
    let most = pairs * (one - 1 + outcomes) + (target::MAX_PROVIDERS + 1) * outcomes;
    assert!(most <= MOST_SERIES_OF_TARGETS, "{most}, {one} of a pair");
    assert!(series(&rendered) < most);
}

#[test]
fn a_target_is_the_same_whenever_it_is_asked_for() {
    let metrics = Metrics::new();
    let first = metrics.target("openai", "gpt-5");
    assert!(Arc::ptr_eq(&first, &metrics.target("openai", "gpt-5")));
    assert!(!Arc::ptr_eq(&first, &metrics.target("openai", "gpt-5-mini")));
    for model in 0..2 * target::MAX_MODELS {
        let _ = metrics.target("openai", &format!("model-{model}"));
    }
    let beyond = metrics.target("openai", "one-more");
    assert!(Arc::ptr_eq(&beyond, &metrics.target("openai", "another")));
    assert!(Arc::ptr_eq(&first, &metrics.target("openai", "gpt-5")), "those that have series keep them");
}

#[test]
fn cache_breaks_are_counted_by_reason_and_every_reason_is_there_from_the_start() {
    let metrics = Metrics::new();
    metrics.cache_break("tools_changed");
    metrics.cache_break("tools_changed");
    let rendered = metrics.render();
    assert_line(&rendered, r#"ovth_cache_breaks_total{reason="tools_changed"} 2"#);
    for reason in names::CACHE_BREAK_REASONS.into_iter().filter(|reason| *reason != "tools_changed") {
        assert_line(&rendered, &format!("ovth_cache_breaks_total{{reason=\"{reason}\"}} 0"));
    }
}

#[test]
fn a_request_is_in_flight_until_its_guard_is_dropped() {
    let metrics = Metrics::new();
    let guard = metrics.begin();
    assert_line(&metrics.render(), "ovth_requests_in_flight 1");
    drop(guard);
    assert_line(&metrics.render(), "ovth_requests_in_flight 0");
}

#[test]
fn what_no_longer_cools_is_no_longer_told() {
    let metrics = Metrics::new();
    metrics.cooled([("openai", "host", 1), ("gone", "target", 3)]);
    assert_line(&metrics.render(), r#"ovth_cooled_targets{provider="gone",scope="target"} 3"#);
    metrics.cooled([("openai", "host", 0)]);
    let rendered = metrics.render();
    assert_line(&rendered, r#"ovth_cooled_targets{provider="openai",scope="host"} 0"#);
    assert!(!rendered.contains("gone"), "{rendered}");
}

#[test]
fn a_counter_that_another_part_keeps_never_falls() {
    let metrics = Metrics::new();
    for (count, shown) in [(3, 3), (3, 3), (7, 7), (2, 7)] {
        LedgerMetrics::raise(&metrics.ledger.lost, count);
        assert_line(&metrics.render(), &format!("ovth_ledger_entries_lost_total {shown}"));
    }
}

#[test]
fn lookups_are_told_by_how_they_ended() {
    let metrics = Metrics::new();
    metrics.lookups.begin().ended(true);
    metrics.lookups.begin().ended(false);
    drop(metrics.lookups.begin());
    let rendered = metrics.render();
    for outcome in ["ok", "failed", "cut_off"] {
        assert_line(&rendered, &format!("ovth_dns_lookup_seconds_count{{outcome=\"{outcome}\"}} 1"));
    }
}

#[test]
fn a_fresh_process_tells_its_version_and_its_memory() {
    let rendered = Metrics::new().render();
    assert_line(&rendered, &format!("ovth_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")));
    assert!(rendered.contains("# TYPE ovth_build_info gauge"), "{rendered}");
    for zero in ["ovth_buffered_bytes 0", "ovth_open_reservations 0", "ovth_log_records_dropped_total 0"] {
        assert_line(&rendered, zero);
    }
    #[cfg(target_os = "linux")]
    assert!(rendered.contains("process_resident_memory_bytes "), "{rendered}");
}
