//! The example file: it works as it is, and the defaults it prints are the real ones.

use super::{GUIDE, good, ids};

const EXAMPLE: &str = include_str!("../../../conf/config.example.yaml");

const OPENROUTER: [(&str, &str); 1] = [("OPENROUTER_API_KEY", "sk-or-good")];

/// The file with the `#` of every setting taken away; text about settings stays a comment.
fn everything_live() -> String {
    let live = |line: &str| {
        let Some(rest) = line.strip_prefix('#') else { return line.to_owned() };
        let key = rest.trim_start_matches(' ');
        let indented_as_yaml = (rest.len() - key.len()).is_multiple_of(2);
        let name = key.split(':').next().unwrap_or_default();
        let is_setting = key.len() > name.len()
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if indented_as_yaml && is_setting { rest.to_owned() } else { line.to_owned() }
    };
    EXAMPLE.lines().map(live).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_is_the_guide_with_comments() {
    let without_comments: String = EXAMPLE
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(without_comments, GUIDE);
    good(EXAMPLE, &[]);
}

#[test]
fn the_defaults_it_prints_are_the_real_ones() {
    let plain = good(EXAMPLE, &OPENROUTER);
    let mut live = good(&everything_live(), &OPENROUTER);
    assert_eq!(ids(&live), ["anthropic", "openai", "google", "my-host", "openrouter"]);
    live.providers.retain(|provider| &*provider.id != "my-host");
    // Secrets print alike; that they are the same is what `api_keys` in the example says by name.
    assert_eq!(format!("{live:#?}"), format!("{plain:#?}"));
    for (live, plain) in live.providers.iter().zip(&plain.providers) {
        assert_eq!(live.api_keys.len(), plain.api_keys.len());
        assert!(live.api_keys[0].matches(plain.api_keys[0].expose().as_bytes()));
    }
}

#[test]
fn pitfall_120_streams_may_by_default_last_more_than_ten_minutes_and_be_silent_for_more_than_one() {
    let plain = good(EXAMPLE, &OPENROUTER);
    let [minute, quarter] = [60, 15].map(std::time::Duration::from_secs);
    assert!(plain.heartbeat <= quarter && plain.commit_after <= quarter, "a silent minute is bridged by heartbeats");
    for provider in &plain.providers {
        assert!(provider.timeouts.total > minute * 10, "{:?}", provider.id);
        assert!(provider.timeouts.idle > minute, "{:?}", provider.id);
        // An upstream that never says a byte is cut long before a stream that goes on.
        assert!(provider.timeouts.first_byte > minute && provider.timeouts.first_byte < provider.timeouts.total);
    }
}

#[test]
fn every_setting_is_in_the_example() {
    let live = everything_live();
    for setting in [
        "listen",
        "metrics",
        "catalog",
        "file",
        "data_dir",
        "threads",
        "h2c",
        "master_key",
        "limits",
        "body_bytes",
        "buffered_bytes",
        "clients",
        "header_bytes",
        "header_count",
        "connections",
        "connections_per_address",
        "requests_per_address",
        "head_time",
        "body_time",
        "body_rate",
        "write_time",
        "idle_time",
        "log_address",
        "trusted_proxies",
        "admin",
        "tls",
        "cert",
        "key",
        "timeouts",
        "connect",
        "first_byte",
        "idle",
        "total",
        "commit_after",
        "heartbeat",
        "account_check",
        "shutdown_grace",
        "providers",
        "base_url",
        "api_keys",
        "shapes",
        "headers",
        "models",
        "routes",
        "strategy",
        "health",
        "window",
        "failure_percent",
        "min_attempts",
        "open_for",
        "longest_open",
        "probes",
        "retries",
        "rounds",
        "backoff",
        "within",
        "budget_percent",
        "quota",
        "daily_tokens",
        "per_user",
        "monthly_tokens",
        "daily_usd",
        "monthly_usd",
        "requests_per_minute",
        "tokens_per_minute",
        "max_concurrent",
        "max_output_tokens",
        "per_end_user",
        "weights",
        "overshoot",
        "keys",
        "expires_at",
        "strict",
        "durability",
        "on_ledger_error",
        "retention",
        "entry_days",
        "entry_bytes",
        "usage_days",
        "prices",
        "models",
        "log",
        "level",
        "levels",
        "format",
        "access",
        "file",
        "rotate_bytes",
        "rotate_every",
        "keep_files",
        "keep_days",
        "gzip",
        "capture",
        "body_bytes",
        "total_bytes",
        "redact",
    ] {
        let line = |line: &str| line.trim_start().starts_with(&format!("{setting}:"));
        assert!(live.lines().any(line), "{setting}");
    }
    // Those that are told only within others.
    for setting in [
        "cheapest-capable",
        "weighted",
        "round-robin",
        "lowest-latency",
        "highest-throughput",
        "least-busy",
        "min_context",
        "max_price",
        "exclude",
        "quality_floor",
        "expected_output",
        "sticky",
        "first_byte",
        "hedge_after",
        "fallback",
        "weight: 3",
        "cache_read",
        "cache_write",
        "cache_write_1h",
        "output_reasoning",
        "audio_input",
        "audio_output",
        "image_output",
        "tiers",
        "above_input_tokens",
        "batch",
        "flex",
        "priority",
        "ultrafast",
        "multipliers",
        "fast_mode",
        "inference_geo_us",
        "web_search_per_1000",
        "input:",
        "output:",
    ] {
        assert!(EXAMPLE.contains(setting), "{setting}");
    }
}
