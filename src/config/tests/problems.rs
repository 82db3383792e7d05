//! Files that are wrong, and the exact words about them.

use super::{GUIDE, check, told};

/// Each file has one problem only.
#[test]
fn each_slip_is_told_with_path_value_and_cure() {
    let address = "must be an IP address and a port, such as 127.0.0.1:8080 (0.0.0.0:8080 for all interfaces)";
    let time = "must be a time from 10ms to 24h, such as 500ms, 5s or 30m";
    for (yaml, expected) in [
        (
            "listn: 1",
            "error: listn: is not a setting; known here: listen, metrics, data_dir, threads, h2c, master_key, limits, clients, trusted_proxies, admin, tls, timeouts, commit_after, heartbeat, account_check, shutdown_grace, providers, routes, health, retries, quota, keys, durability, on_ledger_error, retention, log, prices, models, catalog; did you mean \"listen\"?",
        ),
        ("quota: {<<: {daily_tokens: 5}}", "error: quota.\"<<\": merge keys are not supported; write the settings out"),
        (
            "quota: {tokens_per_day: 5}",
            "error: quota.tokens_per_day: is not a setting; known here: daily_tokens, monthly_tokens, daily_usd, monthly_usd, requests_per_minute, tokens_per_minute, max_concurrent, max_output_tokens, per_user, per_end_user, weights, overshoot",
        ),
        (
            "quota: {daily_token: 5}",
            "error: quota.daily_token: is not a setting; known here: daily_tokens, monthly_tokens, daily_usd, monthly_usd, requests_per_minute, tokens_per_minute, max_concurrent, max_output_tokens, per_user, per_end_user, weights, overshoot; did you mean \"daily_tokens\"?",
        ),
        ("listen: localhost:8080", &format!("error: listen: {address}; it is \"localhost:8080\"")),
        ("listen: 8080", &format!("error: listen: {address}; it is 8080")),
        ("listen: ${PORT_OF_MINE}", "error: listen: needs PORT_OF_MINE, which is not set"),
        (
            "listen: ${oops",
            "error: listen: has a `${` that is not followed by a variable's name and `}`; write `$${` for a plain `${`",
        ),
        ("metrics: 9464", "error: metrics: must be a map (`name: value` lines); it is 9464"),
        (
            "metrics: {listen: 127.0.0.1:8080}",
            "error: metrics.listen: 127.0.0.1:8080 cannot be shared with listen (127.0.0.1:8080); use another port",
        ),
        (
            "listen: 0.0.0.0:9464",
            "error: metrics.listen: 127.0.0.1:9464 cannot be shared with listen (0.0.0.0:9464); use another port",
        ),
        ("data_dir: ''", "error: data_dir: must be the path of a folder; it is \"\""),
        ("threads: 0", "error: threads: must be a whole number from 1 to 1024; it is 0"),
        ("threads: many", "error: threads: must be a whole number from 1 to 1024; it is \"many\""),
        ("threads: '4'", "error: threads: must be a whole number from 1 to 1024; it is \"4\""),
        ("h2c: 1", "error: h2c: must be true or false; it is 1"),
        ("h2c: yes", "error: h2c: must be true or false; it is \"yes\""),
        (
            "limits: {body_bytes: 0}",
            "error: limits.body_bytes: must be a size from 1B to 1GiB, such as 512KiB, 32MiB or 10MB; it is 0",
        ),
        (
            "limits: {body_bytes: 32M}",
            "error: limits.body_bytes: must be a size from 1B to 1GiB, such as 512KiB, 32MiB or 10MB; it is \"32M\"",
        ),
        (
            "limits: {body_bytes: 1GiB}",
            "error: limits: body_bytes (1GiB) must not be larger than buffered_bytes (128MiB), which all bodies share",
        ),
        ("timeouts: {connect: 5 secs}", &format!("error: timeouts.connect: {time}; it is \"5 secs\"")),
        ("timeouts: {idle: 0}", &format!("error: timeouts.idle: {time}; it is 0")),
        ("timeouts: {total: 2.5}", &format!("error: timeouts.total: {time}; it is 2.5")),
        (
            "timeouts: {first_bite: 1}",
            "error: timeouts.first_bite: is not a setting; known here: connect, first_byte, idle, total; did you mean \"first_byte\"?",
        ),
        (
            "shutdown_grace: 2h",
            "error: shutdown_grace: must be a time from 0s to 1h, such as 500ms, 5s or 30m; it is \"2h\"",
        ),
        ("heartbeat: [1]", &format!("error: heartbeat: {time}; it is a list")),
        (
            "quota: {daily_tokens: 5e5}",
            "error: quota.daily_tokens: must be a whole number from 1 to 1000000000000000, or unlimited; it is 5e5",
        ),
        (
            "quota: {daily_tokens: -1}",
            "error: quota.daily_tokens: must be a whole number from 1 to 1000000000000000, or unlimited; it is -1",
        ),
        ("quota: {per_user: 'true'}", "error: quota.per_user: must be true or false; it is \"true\""),
        ("h2c: true\nh2c: false", "error: h2c: is there twice; keep one of the two"),
        ("routes: {a: {}, a: {}}", "error: routes.a: is there twice; keep one of the two"),
        ("routes: {'': {}}", "error: routes.\"\": a route's name has 1 to 128 characters and no white space"),
        (
            "routes: {'my route': {}}",
            "error: routes.\"my route\": a route's name has 1 to 128 characters and no white space",
        ),
        ("routes: [a]", "error: routes: must be a map (`name: value` lines); it is a list"),
        (
            "routes: {a: {strategy: fastest}}",
            "error: routes.a.strategy: \"fastest\" is not a strategy; known: ordered, cheapest-capable, weighted, round-robin, lowest-latency, highest-throughput, least-busy",
        ),
        (
            "routes: {a: {strategy: orderd}}",
            "error: routes.a.strategy: \"orderd\" is not a strategy; known: ordered, cheapest-capable, weighted, round-robin, lowest-latency, highest-throughput, least-busy; did you mean \"ordered\"?",
        ),
        ("routes: {a: {strategy: 1}}", "error: routes.a.strategy: must be text; it is 1"),
        (
            "routes: {a: {providers: [opnai]}}",
            "error: routes.a.providers[0]: \"opnai\" is not a provider; known: anthropic, openai, google, openrouter; did you mean \"openai\"?",
        ),
        ("routes: {a: {providers: [openai, openai]}}", "error: routes.a.providers[1]: \"openai\" is named twice"),
        (
            "routes: {a: {providers: openai}}",
            "error: routes.a.providers: must be a list (`[a, b]`, or lines that begin with `- `); it is \"openai\"",
        ),
        ("routes: {a: {providers: []}}", "error: routes.a.providers: must not be empty; leave the setting out instead"),
        (
            "routes: {a: {providers: [openrouter]}}",
            "error: routes.a.providers: openrouter has no key; set OPENROUTER_API_KEY",
        ),
        (
            "routes: {a: {models: [gpt 5]}}",
            "error: routes.a.models[0]: must be a name without white space; it is \"gpt 5\"",
        ),
        ("routes: {a: {models: [4.1]}}", "error: routes.a.models[0]: must be text; it is 4.1"),
        (
            "routes: {a: {model: gpt-5}}",
            "error: routes.a.model: is not a setting; known here: strategy, providers, models, weights, min_context, max_price, exclude, quality_floor, expected_output, sticky, first_byte, hedge_after, fallback; did you mean \"models\"?",
        ),
        ("just text", "error: file: must be a map (`name: value` lines); it is \"just text\""),
        (
            "a: [1\nb: 2",
            "error: line 2, column 2: cannot be read as YAML: did not find expected ',' or ']', while parsing a flow sequence at line 1 column 4",
        ),
        (
            "listen: a: b",
            "error: line 1, column 10: cannot be read as YAML: mapping values are not allowed in this context",
        ),
        (
            "keys: {models: [*]}",
            "error: line 1, column 18: cannot be read as YAML: did not find expected alphabetic or numeric character, while scanning an alias at line 1 column 17; text that begins with `*` needs quotes",
        ),
        (
            "keys: {models: [*-mini]}",
            "error: line 1, column 17: cannot be read as YAML: unknown anchor; text that begins with `*` needs quotes",
        ),
        (
            "listen: !secret x",
            "error: line 1, column 9: cannot be read as YAML: listen: tags (`!name`) have no meaning here",
        ),
    ] {
        assert_eq!(told(yaml, &[]), expected, "{yaml}");
        assert!(check(yaml, &[]).is_err(), "{yaml}");
    }
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_file() {
    let yaml = "\
routes:
  auto: {strategy: fancy, providers: [gogle, openrouter]}
quota: {daily_tokens: lots}
providers:
  local: {shapes: [chatt]}
listen: here
";
    let problems = told(yaml, &[("OVTH_MASTER_KEY", "short"), ("OPENAI_BASE_URL", "nowhere")]);
    let paths: Vec<_> = problems.lines().map(|line| line.split(": ").nth(1).unwrap()).collect();
    assert_eq!(
        paths,
        [
            "routes.auto.strategy",
            "routes.auto.providers[0]",
            "routes.auto.providers[1]",
            "quota.daily_tokens",
            "providers.local.base_url",
            "providers.local.shapes[0]",
            "listen",
            "OVTH_MASTER_KEY",
            "OPENAI_BASE_URL",
        ],
        "{problems}"
    );
}

#[test]
fn a_provider_without_its_key_is_skipped_with_a_warning() {
    assert_eq!(
        told(GUIDE, &[("GOOGLE_API_KEY", "")]),
        "warning: routes.auto.providers[2]: \"google\" has no key and is skipped; set GOOGLE_API_KEY\n\
         warning: routes.cheap.providers[0]: \"google\" has no key and is skipped; set GOOGLE_API_KEY"
    );
    let (config, _) = check(GUIDE, &[("GOOGLE_API_KEY", "")]).unwrap();
    assert_eq!(config.routes[1].providers.len(), 1);
    assert_eq!(config.keyless, ["google", "openrouter"]);
}

#[test]
fn a_route_none_of_whose_providers_has_a_key_is_an_error() {
    assert_eq!(
        told(GUIDE, &[("GOOGLE_API_KEY", ""), ("ANTHROPIC_API_KEY", "")]),
        "warning: routes.auto.providers[0]: \"anthropic\" has no key and is skipped; set ANTHROPIC_API_KEY\n\
         warning: routes.auto.providers[2]: \"google\" has no key and is skipped; set GOOGLE_API_KEY\n\
         error: routes.cheap.providers: none of google, anthropic has a key; set ANTHROPIC_API_KEY or GOOGLE_API_KEY\n\
         warning: routes.smart.providers[0]: \"anthropic\" has no key and is skipped; set ANTHROPIC_API_KEY"
    );
}

#[test]
fn without_any_key_nothing_can_be_served() {
    let none = [("GOOGLE_API_KEY", ""), ("ANTHROPIC_API_KEY", ""), ("OPENAI_API_KEY", "")];
    let all = "ANTHROPIC_API_KEY or OPENAI_API_KEY or GOOGLE_API_KEY or OPENROUTER_API_KEY";
    assert_eq!(told("", &none), format!("error: providers: no provider can be used: none has a key; set {all}"));
    assert_eq!(
        told("routes: {any: {}}", &none),
        format!(
            "error: routes.any: no provider has a key; set {all}\n\
             error: providers: no provider can be used: none has a key; set {all}"
        )
    );
}
