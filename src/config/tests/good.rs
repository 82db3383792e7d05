//! Files that are right, and what they become.

use std::time::Duration;

use super::{GUIDE, MASTER_KEY, good, ids};
use crate::config::{Allowance, Cap, Limits, Quota, Strategy, Timeouts};

#[test]
fn the_file_of_the_guide_works_unchanged() {
    let config = good(GUIDE, &[]);
    assert_eq!(ids(&config), ["anthropic", "openai", "google"]);
    assert_eq!(config.keyless, ["openrouter"]);
    assert_eq!(
        config.quota,
        Quota {
            limits: Allowance { daily_tokens: Some(Cap::At(500_000)), ..Allowance::default() },
            ..Quota::default()
        }
    );
    let routes: Vec<_> = config
        .routes
        .iter()
        .map(|route| {
            let providers: Vec<&str> = route.providers.iter().map(|id| &**id).collect();
            let models: Vec<&str> = route.models.iter().map(String::as_str).collect();
            (&*route.name, route.strategy, providers, models)
        })
        .collect();
    assert_eq!(
        routes,
        [
            ("auto", Strategy::CheapestCapable, vec!["anthropic", "openai", "google"], vec![]),
            ("cheap", Strategy::Ordered, vec!["google", "anthropic"], vec!["gemini-1.5-flash", "claude-haiku-4"]),
            ("smart", Strategy::Ordered, vec!["anthropic", "openai"], vec!["claude-opus-4.7", "gpt-5"]),
        ]
    );
}

#[test]
fn everything_has_a_default() {
    for yaml in ["", "# nothing\n", "---\n", "routes:\nquota:\nlisten:\n", "{}"] {
        let config = good(yaml, &[]);
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.metrics_listen.to_string(), "127.0.0.1:9464");
        assert_eq!(config.data_dir.to_str(), Some("./data"));
        assert_eq!(config.threads, None);
        assert!(!config.h2c);
        assert!(config.master_key.matches(MASTER_KEY.as_bytes()));
        assert_eq!(config.limits, Limits { body_bytes: 33_554_432, buffered_bytes: 134_217_728 });
        assert_eq!(
            config.timeouts,
            Timeouts {
                connect: Duration::from_secs(5),
                first_byte: Duration::from_secs(120),
                idle: Duration::from_secs(120),
                total: Duration::from_secs(1800),
            }
        );
        assert_eq!(config.commit_after, Duration::from_secs(10));
        assert_eq!(config.heartbeat, Duration::from_secs(15));
        assert_eq!(config.account_check, Some(Duration::from_secs(3600)));
        assert_eq!(config.shutdown_grace, Duration::from_secs(30));
        assert_eq!(config.quota, Quota::default());
        assert!(config.routes.is_empty());
    }
}

#[test]
fn every_setting_can_be_set() {
    let config = good(
        "listen: '[::1]:8081'\nmetrics: {listen: 0.0.0.0:9465}\ndata_dir: /var/lib/ovth\nthreads: 3\nh2c: true\n\
         limits: {body_bytes: 10MB, buffered_bytes: 33554432}\n\
         timeouts: {connect: 500ms, first_byte: 60, idle: 2m, total: 1h}\n\
         commit_after: 0\nheartbeat: 200ms\nshutdown_grace: 8\nquota: {daily_tokens: 1}\n",
        &[],
    );
    assert_eq!(config.listen.to_string(), "[::1]:8081");
    assert_eq!(config.metrics_listen.to_string(), "0.0.0.0:9465");
    assert_eq!(config.data_dir.to_str(), Some("/var/lib/ovth"));
    assert_eq!(config.threads, Some(3));
    assert!(config.h2c);
    assert_eq!(config.limits, Limits { body_bytes: 10_000_000, buffered_bytes: 33_554_432 });
    assert_eq!(
        config.timeouts,
        Timeouts {
            connect: Duration::from_millis(500),
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(120),
            total: Duration::from_secs(3600),
        }
    );
    assert_eq!(config.commit_after, Duration::ZERO);
    assert_eq!(config.heartbeat, Duration::from_millis(200));
    assert_eq!(config.shutdown_grace, Duration::from_secs(8));
    assert_eq!(config.quota.limits.daily_tokens, Some(Cap::At(1)));
}

#[test]
fn numbers_and_flags_may_come_from_variables() {
    let config = good(
        "threads: ${N}\nh2c: ${YES}\nquota: {daily_tokens: \"${N}000\"}\nlimits: {body_bytes: \"${N}MiB\"}\n\
         listen: 127.0.0.1:${PORT}\ndata_dir: $${HOME}/${N}\n",
        &[("N", "7"), ("YES", "true"), ("PORT", "8085")],
    );
    assert_eq!(config.threads, Some(7));
    assert!(config.h2c);
    assert_eq!(config.quota.limits.daily_tokens, Some(Cap::At(7_000)));
    assert_eq!(config.limits.body_bytes, 7 << 20);
    assert_eq!(config.listen.port(), 8085);
    assert_eq!(config.data_dir.to_str(), Some("${HOME}/7"));
}

#[test]
fn a_route_without_providers_uses_all_that_have_a_key_and_the_reseller_last() {
    let yaml = "providers: {local: {base_url: 'http://127.0.0.1:1/v1'}}\nroutes: {any: {}, empty: null}\n";
    let config = good(yaml, &[("OPENROUTER_API_KEY", "sk-or"), ("OPENAI_API_KEY", "")]);
    for route in &config.routes {
        let providers: Vec<&str> = route.providers.iter().map(|id| &**id).collect();
        assert_eq!(providers, ["anthropic", "google", "local", "openrouter"], "{}", route.name);
    }
    assert_eq!(config.keyless, ["openai"]);
}
