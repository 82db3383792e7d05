//! Metrics as a scrape sees them.

use std::time::Duration;

use ovth_filters::neutral::Usage;

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

#[test]
fn a_served_stream_is_counted_once_everywhere() {
    let metrics = Metrics::new();
    let mut record = generated();
    record.stream = true;
    record.heartbeats = 2;
    record.time_to_first_byte = Some(Duration::from_millis(300));
    record.usage = Some(Usage {
        input: 10,
        cache_read: 4,
        cache_write: 3,
        cache_write_1h: 2,
        output: 20,
        reasoning: 8,
        ..Usage::default()
    });
    metrics.attempt(&"openai".into(), Outcome::Ok);
    metrics.exchange(&record);
    let rendered = metrics.render();
    for line in [
        r#"ovth_requests_total{operation="generate",outcome="ok",shape="chat",status="200"} 1"#,
        r#"ovth_attempts_total{outcome="ok",provider="openai"} 1"#,
        r#"ovth_tokens_total{kind="input",provider="openai"} 10"#,
        r#"ovth_tokens_total{kind="cache_read",provider="openai"} 4"#,
        r#"ovth_tokens_total{kind="cache_write",provider="openai"} 3"#,
        r#"ovth_tokens_total{kind="cache_write_1h",provider="openai"} 2"#,
        r#"ovth_tokens_total{kind="output",provider="openai"} 20"#,
        r#"ovth_reasoning_tokens_total{provider="openai"} 8"#,
        r#"ovth_heartbeats_total 2"#,
        r#"ovth_client_aborts_total 0"#,
        r#"ovth_time_to_first_token_seconds_bucket{provider="openai",le="0.25"} 0"#,
        r#"ovth_time_to_first_token_seconds_bucket{provider="openai",le="0.5"} 1"#,
        r#"ovth_request_duration_seconds_bucket{operation="generate",le="1"} 0"#,
        r#"ovth_request_duration_seconds_count{operation="generate"} 1"#,
    ] {
        assert_line(&rendered, line);
    }
}

#[test]
fn failures_aborts_and_refusals_are_told_apart() {
    let metrics = Metrics::new();
    metrics.attempt(&"openai".into(), ErrorClass::Overloaded.into());
    metrics.failover(ErrorClass::Overloaded);
    let mut refused = generated();
    refused.provider = None;
    refused.status = Some(429);
    refused.outcome = ErrorClass::Quota.into();
    metrics.exchange(&refused);
    metrics.quota_refusal("daily_tokens");
    let mut left = generated();
    left.status = None;
    left.outcome = Outcome::ClientAbort;
    metrics.exchange(&left);
    let mut unknown_path = Record::new("req_2", Shape::Chat);
    unknown_path.status = Some(404);
    unknown_path.outcome = ErrorClass::NotFound.into();
    metrics.exchange(&unknown_path);
    let rendered = metrics.render();
    for line in [
        r#"ovth_attempts_total{outcome="overloaded",provider="openai"} 1"#,
        r#"ovth_failovers_total{reason="overloaded"} 1"#,
        r#"ovth_quota_refusals_total{limit="daily_tokens"} 1"#,
        r#"ovth_client_aborts_total 1"#,
        r#"ovth_requests_total{operation="generate",outcome="quota",shape="chat",status="429"} 1"#,
        r#"ovth_requests_total{operation="generate",outcome="client_abort",shape="chat",status="0"} 1"#,
        r#"ovth_requests_total{operation="other",outcome="not_found",shape="chat",status="404"} 1"#,
    ] {
        assert_line(&rendered, line);
    }
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
            metrics.exchange(&record);
        }
    }
    let rendered = metrics.render();
    let ones = rendered.lines().filter(|line| line.starts_with("ovth_requests_total{") && line.ends_with(" 1")).count();
    assert_eq!(ones, SLOTS, "{rendered}");
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
fn a_fresh_process_tells_its_version_and_its_memory() {
    let rendered = Metrics::new().render();
    assert_line(&rendered, &format!("ovth_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")));
    assert!(rendered.contains("# TYPE ovth_build_info gauge"), "{rendered}");
    for zero in ["ovth_buffered_bytes 0", "ovth_cooled_targets 0", "ovth_log_records_dropped_total 0"] {
        assert_line(&rendered, zero);
    }
    #[cfg(target_os = "linux")]
    assert!(rendered.contains("process_resident_memory_bytes "), "{rendered}");
}
