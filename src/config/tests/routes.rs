//! Routes with options, health and retries: what they become, and what is told of slips.

use std::time::Duration;

use ovth_filters::money::PicoDollars;

use super::{check, good, told};
use crate::config::{HealthSettings, RetrySettings, RouteOptions, Strategy};

#[test]
fn every_strategy_is_known_by_its_name() {
    for strategy in Strategy::ALL {
        let config = good(&format!("routes: {{a: {{strategy: {}}}}}", strategy.as_str()), &[]);
        assert_eq!(config.routes[0].strategy, strategy);
        assert_eq!(config.routes[0].options, RouteOptions::default());
    }
}

#[test]
fn the_options_of_a_route_are_read() {
    let config = good(
        "routes:
  cheap: {models: [gpt-4.1]}
  r:
    strategy: weighted
    weights: {openai: 3, anthropic/claude-opus-4-7: 0}
    min_context: 200000
    max_price: {input: 2.5, output: 10}
    exclude: [gpt-4.1, google]
    quality_floor: [claude-opus, gpt-5]
    expected_output: 500
    sticky: false
    first_byte: 8s
    hedge_after: 2s
    fallback: [cheap]
health: {window: 2m, failure_percent: 20, min_attempts: 5, open_for: 10s, longest_open: 1m, probes: 3}
retries: {rounds: 2, backoff: 100ms, within: 5s, budget_percent: 10}
",
        &[],
    );
    let options = &config.routes[1].options;
    assert_eq!(options.min_context, Some(200_000));
    assert_eq!(options.max_price.input, Some(PicoDollars(2_500_000)));
    assert_eq!(options.max_price.output, Some(PicoDollars(10_000_000)));
    assert!(options.exclude.as_ref().is_some_and(|names| names.name("google", "gemini-3.5-flash")));
    assert!(options.quality_floor.as_ref().is_some_and(|names| names.name("anthropic", "claude-opus-4-7")));
    assert_eq!(options.weights.iter().map(|(_, weight)| *weight).collect::<Vec<_>>(), [3, 0]);
    assert_eq!((options.expected_output, options.sticky), (500, false));
    assert_eq!(options.first_byte, Some(Duration::from_secs(8)));
    assert_eq!(options.hedge_after, Some(Duration::from_secs(2)));
    assert_eq!(options.fallback.iter().map(|name| &**name).collect::<Vec<_>>(), ["cheap"]);
    assert_eq!(
        config.health,
        HealthSettings {
            window: Duration::from_secs(120),
            failure_percent: 20,
            min_attempts: 5,
            open_for: Duration::from_secs(10),
            longest_open: Duration::from_secs(60),
            probes: 3,
        }
    );
    let backoff = Duration::from_millis(100);
    let within = Duration::from_secs(5);
    assert_eq!(config.retries, RetrySettings { rounds: 2, backoff, within, budget_percent: 10 });
}

#[test]
fn keys_of_a_provider_may_have_weights() {
    let yaml = "providers: {openai: {api_keys: [\"${A}\", {key: \"${B}\", weight: 3}]}}";
    let config = good(yaml, &[("A", "sk-one-good"), ("B", "sk-two-good")]);
    let openai = config.providers.iter().find(|provider| &*provider.id == "openai");
    assert_eq!(openai.map(|openai| openai.key_weights.clone()), Some(vec![1, 3]));
    assert_eq!(
        told("providers: {openai: {api_keys: [{key: \"${A}\", weight: 0}]}}", &[("A", "sk-one-good")]),
        "error: providers.openai.api_keys[0].weight: must be a whole number from 1 to 1000000; it is 0"
    );
}

#[test]
fn facts_of_models_are_read_and_their_slips_told() {
    let config = good(
        "models: {openai/gpt-7: {context_window: 400000, capabilities: {tools: true, vision: false}, shapes: [chat], aliases: [seven],
            status: preview, shutdown_date: 2027-01-31, good_enough: true, max_input_tokens: 300000, max_output_tokens: 9}}",
        &[],
    );
    let facts = &config.models[0];
    assert_eq!((&*facts.provider, &*facts.model), ("openai", "gpt-7"));
    assert_eq!(facts.capabilities, [("tools", true), ("vision", false)]);
    assert_eq!((facts.context_window, facts.good_enough), (Some(400_000), Some(true)));
    assert_eq!(facts.shutdown_date.as_deref(), Some("2027-01-31"));
    for (yaml, expected) in [
        (
            "models: {gpt-7: {}}",
            "error: models.gpt-7: must be named by a provider, a slash and a model's id, such as openai/gpt-5",
        ),
        (
            "models: {opnai/gpt-7: {}}",
            "error: models.\"opnai/gpt-7\": \"opnai\" is not a provider; known: anthropic, openai, google, openrouter; did you mean \"openai\"?",
        ),
        (
            "models: {openai/gpt-7: {shutdown_date: soon}}",
            "error: models.\"openai/gpt-7\".shutdown_date: must be a date, such as 2027-01-31; it is \"soon\"",
        ),
        (
            "models: {openai/gpt-7: {capabilities: {tols: true}}}",
            "error: models.\"openai/gpt-7\".capabilities.tols: is not a capability; known: tools, tool_choice, parallel_tools, chat_tools_while_reasoning, vision, pdf, audio_input, structured_outputs, reasoning, prompt_caching, streaming, system_messages, assistant_prefill, system_between_turns; did you mean \"tools\"?",
        ),
    ] {
        assert_eq!(told(yaml, &[]), expected, "{yaml}");
    }
}

#[test]
fn slips_are_told_with_place_and_cure() {
    for (yaml, expected) in [
        (
            "routes: {a: {fallback: [b]}}",
            "error: routes.a.fallback[0]: \"b\" is not a route; known: a; did you mean \"a\"?",
        ),
        (
            "routes: {a: {fallback: [b]}, b: {fallback: [a]}}",
            "error: routes.a.fallback[0]: \"b\" leads back to this route; take it out here, or this route out of its fallback\nerror: routes.b.fallback[0]: \"a\" leads back to this route; take it out here, or this route out of its fallback",
        ),
        (
            "routes: {a: {weights: {openai: 2}}}",
            "warning: routes.a.weights: is for the strategy weighted; ordered does not look at it",
        ),
        (
            "routes: {a: {strategy: weighted, weights: {openai: -1}}}",
            "error: routes.a.weights.openai: must be a whole number from 0 to 1000000; it is -1",
        ),
        (
            "routes: {a: {max_price: {input: cheap}}}",
            "error: routes.a.max_price.input: must be US dollars for a million tokens, from 0 to 1000000 with at most 6 digits after the point, such as 2.5; it is \"cheap\"",
        ),
        ("routes: {a: {max_price: 3}}", "error: routes.a.max_price: must be a map (`name: value` lines); it is 3"),
        (
            "routes: {a: {min_context: 0}}",
            "error: routes.a.min_context: must be a whole number from 1 to 100000000; it is 0",
        ),
        ("routes: {a: {exclude: []}}", "error: routes.a.exclude: must not be empty; leave the setting out instead"),
        (
            "routes: {a: {first_byte: 5}}\nhealth: {open_for: 10m}",
            "error: health.open_for: must not be longer than longest_open; lower it, or raise that",
        ),
        (
            "health: {failure_percent: 0}",
            "error: health.failure_percent: must be a whole number from 1 to 100; it is 0",
        ),
        ("retries: {rounds: 9}", "error: retries.rounds: must be a whole number from 0 to 5; it is 9"),
    ] {
        assert_eq!(told(yaml, &[]), expected, "{yaml}");
    }
    assert!(check("routes: {a: {sticky: maybe}}", &[]).is_err());
}
