//! Plans, problems and listings over the shipped catalogue and the guide's routes.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use ovth_filters::Shape::{Chat, Messages};
use ovth_filters::neutral::{BudgetBounds, Effort, ErrorClass, Thinking};
use ovth_filters::shapes::Parameters;

use super::super::fixture::{
    ask, build, build_on, config, errors, guide_routes, ids, labs, provider, route, snapshot, told,
};
use super::*;
use crate::config::{Environment, Secret, Strategy, parse};
use crate::providers;

fn plan(snapshot: &Snapshot, shape: Shape, model: &str) -> Vec<String> {
    snapshot.plan(&ask(shape, model)).map(|plan| ids(&plan.targets)).unwrap_or_else(|error| vec![error.message])
}

#[test]
fn a_model_is_found_by_every_name_it_goes_by() {
    let snapshot = snapshot(labs(), guide_routes());
    let cases = [
        (Messages, "claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        (Messages, "claude-sonnet-4.5", "anthropic/claude-sonnet-4-5"),
        (Messages, "anthropic/claude-sonnet-4.5", "anthropic/claude-sonnet-4-5"),
        (Messages, "claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5-20250929"),
        (Messages, "claude-haiku-4", "anthropic/claude-haiku-4-5"),
        (Messages, "claude-opus-9-20290101", "anthropic/claude-opus-9-20290101"),
        (Messages, "anthropic/something-new", "anthropic/something-new"),
        // Retired, yet asked for by its name: its provider decides.
        (Messages, "claude-3-opus-20240229", "anthropic/claude-3-opus-20240229"),
        (Chat, "GPT-5", "openai/gpt-5"),
        (Chat, "gpt-99-turbo", "openai/gpt-99-turbo"),
        (Chat, "openai/gpt-5", "openai/gpt-5"),
    ];
    for (shape, name, expected) in cases {
        assert_eq!(plan(&snapshot, shape, name), [expected], "{name}");
    }
}

#[test]
fn an_unknown_model_is_told_the_nearest_names() {
    let snapshot = snapshot(labs(), guide_routes());
    let error = snapshot.plan(&ask(Messages, "claud-sonet-4.5")).unwrap_err();
    assert_eq!((error.class, error.param.as_deref()), (ErrorClass::UnknownModel, Some("model")));
    assert!(error.message.contains("claude-sonnet-4-5"), "{}", error.message);
    let terse = snapshot.plan_tersely(&ask(Messages, "claud-sonet-4.5"), &crate::routing::Live::nothing()).unwrap_err();
    assert_eq!((terse.class, terse.param.as_deref()), (error.class, error.param.as_deref()));
    assert!(!terse.message.contains("Nearest"), "{}", terse.message);
    let error = snapshot.plan(&ask(Messages, "smort")).unwrap_err();
    assert!(error.message.contains("`smart`"), "{}", error.message);
    for name in ["AUTO", "ovth/auto", "openrouter/auto", "atuo", "Openrouter/Auto"] {
        let error = snapshot.plan(&ask(Chat, name)).unwrap_err();
        assert_eq!(error.class, ErrorClass::UnknownModel, "{name}");
        assert!(error.message.contains("Nearest: `auto`"), "{}", error.message);
    }
    for name in ["", "x y", &"ä".repeat(500), "claude-\n", "anthropic/", "/x"] {
        assert_eq!(snapshot.plan(&ask(Chat, name)).unwrap_err().class, ErrorClass::UnknownModel, "{name}");
    }
}

#[test]
fn only_names_that_can_be_used_are_suggested() {
    let snapshot = snapshot(vec![provider("openai")], vec![]);
    let error = snapshot.plan(&ask(Chat, "gemini3.5-flash")).unwrap_err();
    assert!(
        error.class == ErrorClass::UnknownModel && !error.message.contains("`gemini-3.5-flash`"),
        "{}",
        error.message
    );
    let error = snapshot.models_error("gpt5.2");
    assert!(error.message.contains("`gpt-5.2`"), "{}", error.message);
}

#[test]
fn a_question_about_a_model_that_is_not_listed_is_answered_with_the_reason() {
    let snapshot = snapshot(labs(), guide_routes());
    for (name, parts) in [
        (
            "claude-3-opus-20240229",
            &["not in the list", "at anthropic (messages); it is retired; use `claude-opus-5-5`"][..],
        ),
        (
            "claude-opus-99",
            &["not in the catalogue; anthropic (messages) would be asked for it", "Nearest: `claude-opus-"],
        ),
        ("text-embedding-3-small", &["is an embedding model"]),
        ("atuo", &["is not known here", "`auto`"]),
    ] {
        let error = snapshot.models_error(name);
        assert_eq!(error.class, ErrorClass::UnknownModel);
        assert!(parts.iter().all(|part| error.message.contains(part)), "{}", error.message);
    }
}

#[test]
fn an_embedding_model_answers_no_conversation() {
    let mut providers = labs();
    providers.push(provider("openrouter"));
    let snapshot = snapshot(providers, vec![route("e", Strategy::Ordered, &["openai"], &["text-embedding-3-large"])]);
    for (name, model) in [("text-embedding-3-small", "text-embedding-3-small"), ("e", "text-embedding-3-large")] {
        let error = snapshot.plan(&ask(Chat, name)).unwrap_err();
        assert_eq!((error.class, error.param.as_deref()), (ErrorClass::BadRequest, Some("model")));
        assert!(error.message.contains(&format!("`{model}` is an embedding model")), "{}", error.message);
    }
}

fn embed(shape: Shape, model: &str) -> Ask<'_> {
    Ask { operation: Operation::Embed, ..ask(shape, model) }
}

#[test]
fn texts_are_embedded_by_who_has_a_call_for_it_in_a_shape_that_the_client_s_can_be_told_in() {
    let snapshot = snapshot(
        labs(),
        vec![route("e", Strategy::Ordered, &["openai", "google"], &["text-embedding-3-large", "gemini-embedding-001"])],
    );
    let embeds = |client, name| {
        let targets = snapshot.plan(&embed(client, name)).map(|plan| plan.targets);
        targets.map(|targets| targets.iter().map(|target| format!("{target:?}")).collect::<Vec<_>>())
    };
    assert_eq!(embeds(Chat, "text-embedding-3-small").unwrap(), ["openai/text-embedding-3-small (chat)"]);
    assert_eq!(
        embeds(Chat, "e").unwrap(),
        ["openai/text-embedding-3-large (chat)", "google/gemini-embedding-001 (generate_content)"]
    );
    assert_eq!(embeds(Shape::GenerateContent, "e").unwrap(), embeds(Chat, "e").unwrap());
    for (client, name, part) in [
        (Chat, "gpt-5", "`gpt-5` answers conversations and embeds no text"),
        (Chat, "claude-opus-99", "cannot embed text in the chat shape"),
    ] {
        let error = embeds(client, name).unwrap_err();
        assert_eq!((error.class, error.param.as_deref()), (ErrorClass::BadRequest, Some("model")));
        assert!(error.message.contains(part), "{}", error.message);
    }
}

#[test]
fn a_model_that_is_not_served_in_the_client_s_shape_is_translated_to() {
    let mut providers = labs();
    providers.push(provider("openrouter"));
    let snapshot = snapshot(providers, guide_routes());
    let shapes = |client, name| {
        let targets = snapshot.plan(&ask(client, name)).unwrap().targets;
        targets.iter().map(|target| format!("{target:?}")).collect::<Vec<_>>()
    };
    let opus = ["anthropic/claude-opus-4-7 (messages)", "openrouter/anthropic/claude-opus-4.7 (chat)"];
    assert_eq!(shapes(Chat, "claude-opus-4.7"), opus);
    for name in ["gpt-4o", "o4-mini", "gpt-5.3-codex-spark"] {
        let own = format!("openai/{name} (responses)");
        let first = shapes(Shape::Responses, name).into_iter().next();
        assert_eq!(first, Some(own), "OpenAI serves older models there, too");
    }
    let searching = shapes(Shape::Responses, "gpt-4o-search-preview").into_iter().next();
    assert_eq!(searching.as_deref(), Some("openai/gpt-4o-search-preview (chat)"), "but for those that search");
    assert_eq!(shapes(Messages, "gpt-5"), ["openai/gpt-5 (chat)", "openrouter/openai/gpt-5 (messages)"]);
    assert_eq!(shapes(Chat, "gpt-5.5-pro"), ["openai/gpt-5.5-pro (responses)", "openrouter/openai/gpt-5.5-pro (chat)"]);
    assert_eq!(shapes(Chat, "cheap"), ["anthropic/claude-haiku-4-5 (messages)"]);
    assert_eq!(shapes(Chat, "claude-opus-99"), ["anthropic/claude-opus-99 (messages)"]);
    let gemini = ["google/gemini-3.5-flash (generate_content)", "openrouter/google/gemini-3.5-flash (chat)"];
    assert_eq!(shapes(Chat, "gemini-3.5-flash"), gemini);
    assert_eq!(shapes(Messages, "gemini-99"), ["google/gemini-99 (generate_content)"]);
}

#[test]
fn a_host_that_is_said_to_speak_a_shape_is_believed_where_the_catalogue_knows_of_others_only() {
    let mut host = provider("xai");
    host.shapes = vec![Shape::Responses];
    let snapshot = snapshot(vec![host], Vec::new());
    let targets = snapshot.plan(&ask(Shape::Responses, "grok-4.3")).unwrap().targets;
    assert_eq!(format!("{:?}", targets.first().unwrap()), "xai/grok-4.3 (responses)");
}

#[test]
fn pitfall_45_a_model_that_calls_no_tools_on_chat_while_it_reasons_is_asked_in_another_shape_of_its_provider() {
    let mut providers = labs();
    providers.push(provider("openrouter"));
    let snapshot = snapshot(providers, vec![route("r", Strategy::Ordered, &["openai"], &["gpt-6-luna"])]);
    let first = |client, name, change: fn(&mut Ask<'_>)| {
        let mut ask = ask(client, name);
        change(&mut ask);
        format!("{:?}", snapshot.plan(&ask).unwrap().targets.first().unwrap())
    };
    for name in ["gpt-6-luna", "r"] {
        for client in [Chat, Messages] {
            assert_eq!(first(client, name, |_| ()), "openai/gpt-6-luna (chat)");
            assert_eq!(first(client, name, |ask| ask.needs.tools = true), "openai/gpt-6-luna (responses)");
            let resting = first(client, name, |ask| (ask.needs.tools, ask.needs.no_reasoning) = (true, true));
            assert_eq!(resting, "openai/gpt-6-luna (chat)");
        }
    }
    assert_eq!(first(Chat, "gpt-5", |ask| ask.needs.tools = true), "openai/gpt-5 (chat)");
    // A reseller sees to it by itself.
    let sold = first(Chat, "openrouter/openai/gpt-6-luna", |ask| ask.needs.tools = true);
    assert_eq!(sold, "openrouter/openai/gpt-6-luna (chat)");
}

#[test]
fn what_a_gemini_model_takes_is_told_to_who_writes_its_requests() {
    let snapshot = snapshot(labs(), vec![]);
    let profile = |name| snapshot.plan(&ask(Chat, name)).unwrap().targets.first().unwrap().profile.clone();
    let pro = profile("gemini-2.5-pro");
    assert_eq!(pro.thinking, Thinking::Budget);
    assert_eq!(pro.budget, Some(BudgetBounds { least: 128, most: 32_768, may_be_off: false }));
    let flash = profile("gemini-3.8-flash");
    assert_eq!((flash.thinking, flash.budget), (Thinking::Unknown, None));
    assert_eq!(flash.efforts, [Effort::Low, Effort::Medium, Effort::High]);
}

#[test]
fn only_models_that_their_makers_serve_as_messages_read_its_signatures_elsewhere() {
    let snapshot = snapshot(vec![provider("openrouter"), provider("deepseek")], vec![]);
    for (name, expected) in
        [("anthropic/claude-opus-4.7", true), ("openai/gpt-5", false), ("deepseek/deepseek-v4-pro", false)]
    {
        let targets = snapshot.plan(&ask(Chat, name)).unwrap().targets;
        assert!(targets.iter().all(|target| target.profile.reads_signatures == expected), "{name}: {targets:?}");
    }
}

#[test]
fn an_ordered_route_keeps_the_order_of_the_file_and_skips_what_is_gone() {
    let snapshot = snapshot(labs(), guide_routes());
    assert_eq!(plan(&snapshot, Messages, "cheap"), ["anthropic/claude-haiku-4-5"]);
    for shape in [Messages, Chat] {
        assert_eq!(plan(&snapshot, shape, "smart"), ["anthropic/claude-opus-4-7", "openai/gpt-5"]);
    }
    let plan = snapshot.plan(&ask(Chat, "smart")).unwrap();
    assert_eq!((plan.route.as_deref(), plan.strategy), (Some("smart"), "ordered"));
}

#[test]
fn what_is_gone_is_left_out_of_each_shape_by_itself() {
    let (snapshot, problems) = build_on("2026-12-12", config(labs(), guide_routes())).unwrap();
    for shape in [Messages, Chat] {
        assert_eq!(plan(&snapshot, shape, "smart"), ["anthropic/claude-opus-4-7"]);
    }
    let lines = told(&problems);
    let line = lines.iter().find(|line| line.contains("smart.models[1]")).unwrap();
    assert!(line.contains("retired at openai") && line.contains("left out"), "{line}");

    let routes = vec![route("r", Strategy::Ordered, &["openai"], &["gpt-5", "gpt-5.2"])];
    let (snapshot, problems) = build_on("2026-12-12", config(labs(), routes)).unwrap();
    assert_eq!(plan(&snapshot, Chat, "r"), ["openai/gpt-5.2"]);
    assert!(told(&problems).iter().any(|line| line.contains("retired at openai, it is left out")), "{problems}");
}

#[test]
fn models_come_before_providers_and_each_credential_is_a_target() {
    let mut openai = provider("openai");
    openai.api_keys.push(Secret::new("second"));
    let mut local = provider("local");
    local.models = vec!["gpt-5".to_owned(), "llama*".to_owned()];
    local.api_keys.clear();
    let routes = vec![route("r", Strategy::Ordered, &["local", "openai"], &["gpt-5.2", "gpt-5", "llama-9"])];
    let (snapshot, problems) = build(config(vec![local, openai], routes)).unwrap();
    let expected = ["openai/gpt-5.2", "openai/gpt-5.2", "local/gpt-5", "openai/gpt-5", "openai/gpt-5", "local/llama-9"];
    assert_eq!(plan(&snapshot, Chat, "r"), expected);
    let targets = snapshot.plan(&ask(Chat, "r")).unwrap().targets;
    let keys: std::collections::HashSet<_> = targets.iter().map(|target| target.key).collect();
    assert_eq!(keys.len(), targets.len());
    assert!(told(&problems).iter().any(|line| line.contains("r.models[2]") && line.contains("llama-9")), "{problems}");
    // A client that names the model gets every provider that has it.
    assert_eq!(plan(&snapshot, Chat, "gpt-5"), ["local/gpt-5", "openai/gpt-5", "openai/gpt-5"]);
}

/// `auto` over one provider.
fn auto_of(id: &str) -> Snapshot {
    snapshot(vec![provider(id)], vec![route("auto", Strategy::CheapestCapable, &[id], &[])])
}

#[test]
fn auto_picks_the_cheapest_that_can_serve_the_request() {
    let (anthropic, openai) = (auto_of("anthropic"), auto_of("openai"));
    let first = |shape, change: fn(&mut Ask<'_>)| {
        let mut ask = ask(shape, "auto");
        change(&mut ask);
        let snapshot = if shape == Chat { &openai } else { &anthropic };
        ids(&snapshot.plan(&ask).unwrap().targets).swap_remove(0)
    };
    assert_eq!(first(Messages, |_| ()), "anthropic/claude-haiku-5-5");
    assert_eq!(first(Chat, |_| ()), "openai/gpt-6-luna");
    // From 100,000 tokens on Haiku 5.5 costs five times as much: 0.5 and 2.5, still the cheapest of its provider.
    assert_eq!(first(Messages, |ask| ask.input_tokens = 150_000), "anthropic/claude-haiku-5-5");
    // Newer models of OpenAI refuse tools on chat completions while they reason, and take them as responses.
    assert_eq!(first(Chat, |ask| ask.needs.tools = true), "openai/gpt-6-luna");
    assert_eq!(first(Chat, |ask| (ask.needs.tools, ask.needs.no_reasoning) = (true, true)), "openai/gpt-6-luna");
    assert_eq!(first(Chat, |ask| (ask.needs.tools, ask.needs.reasoning) = (true, true)), "openai/gpt-6-luna");
    assert_eq!(first(Messages, |ask| ask.needs.images = true), "anthropic/claude-haiku-5-5");
    // Whatever the client speaks, all shapes that can be translated compete.
    let both = snapshot(labs(), guide_routes());
    for shape in [Chat, Messages] {
        let mut long = ask(shape, "auto");
        assert_eq!(ids(&both.plan(&long).unwrap().targets).swap_remove(0), "anthropic/claude-haiku-5-5");
        long.input_tokens = 150_000;
        assert_eq!(ids(&both.plan(&long).unwrap().targets).swap_remove(0), "openai/gpt-6-luna");
    }
}

#[test]
fn auto_prefers_models_that_refuse_nothing_of_the_request() {
    let (anthropic, openai) = (auto_of("anthropic"), auto_of("openai"));
    let picked = |shape, parameters, no_reasoning| {
        let mut ask = ask(shape, "auto");
        let snapshot = if shape == Chat { &openai } else { &anthropic };
        (ask.needs.parameters, ask.needs.no_reasoning) = (parameters, no_reasoning);
        ids(&snapshot.plan(&ask).unwrap().targets)
    };
    let everything = picked(Chat, Parameters::NONE, false);
    assert_eq!(picked(Chat, Parameters::STOP, false), ["openai/gpt-4.1-mini", "openai/gpt-4.1"]);
    let warm = picked(Chat, Parameters::TEMPERATURE, false);
    assert_eq!(warm.first().unwrap(), "openai/gpt-4.1-mini");
    assert!(warm.contains(&"openai/gpt-5.1".to_owned()) && !warm.contains(&"openai/gpt-6-luna".to_owned()), "{warm:?}");
    assert_eq!(picked(Chat, Parameters::TEMPERATURE, true).first().unwrap(), "openai/gpt-6-luna");
    assert_eq!(picked(Chat, Parameters::MAX_TOKENS, false), everything);
    assert_eq!(picked(Messages, Parameters::PREFILL, false).first().unwrap(), "anthropic/claude-haiku-4-5");
    // Nobody takes it: the provider says what is wrong.
    assert_eq!(
        picked(Chat, Parameters::STOP | Parameters::MAX_TOKENS | Parameters::MAX_COMPLETION_TOKENS, false).len(),
        2
    );
    assert_eq!(picked(Messages, Parameters::SEED, false), picked(Messages, Parameters::NONE, false));
}

#[test]
fn what_is_named_is_asked_whatever_it_refuses() {
    let routes = vec![route("r", Strategy::Ordered, &["openai"], &["gpt-6-luna", "gpt-4.1"])];
    let snapshot = snapshot(labs(), routes);
    for (model, expected) in
        [("r", &["openai/gpt-6-luna", "openai/gpt-4.1"][..]), ("gpt-6-luna", &["openai/gpt-6-luna"])]
    {
        let mut ask = ask(Chat, model);
        ask.needs.parameters = Parameters::STOP;
        assert_eq!(ids(&snapshot.plan(&ask).unwrap().targets), expected);
    }
}

#[test]
fn max_tokens_goes_by_its_newer_name_to_the_maker_only() {
    let mut providers = labs();
    providers.push(provider("openrouter"));
    let snapshot = snapshot(providers, guide_routes());
    let renames = |model| {
        let targets = snapshot.plan(&ask(Chat, model)).unwrap().targets;
        targets.iter().map(|target| target.takes_max_completion_tokens()).collect::<Vec<_>>()
    };
    assert_eq!(renames("gpt-5.2"), [true, false]);
    assert_eq!(renames("openai/gpt-99"), [false]);
}

#[test]
fn auto_leaves_out_what_refuses_forced_tools_or_has_too_small_a_window() {
    let snapshot = snapshot(labs(), guide_routes());
    let mut forced = ask(Messages, "auto");
    (forced.needs.tools, forced.needs.forced_tool) = (true, true);
    let targets = ids(&snapshot.plan(&forced).unwrap().targets);
    assert!(
        !targets.is_empty() && !targets.iter().any(|id| id.contains("opus-5-5") || id.contains("sonnet-5-5")),
        "{targets:?}"
    );

    let mut long = ask(Messages, "auto");
    long.input_tokens = 300_000;
    let plan = snapshot.plan(&long).unwrap();
    assert!(plan.targets.iter().all(|target| target.context_window() >= Some(301_024)));
    // An estimate may be wrong: what fits nowhere goes to the largest window.
    long.input_tokens = 30_000_000;
    let plan = snapshot.plan(&long).unwrap();
    assert_eq!(plan.targets.first().unwrap().context_window(), Some(1_050_000));
    // Haiku 4.5 and the others of its generation answer no more than 64,000 tokens.
    let mut talkative = ask(Messages, "auto");
    talkative.max_output = Some(100_000);
    let targets = ids(&snapshot.plan(&talkative).unwrap().targets);
    assert!(!targets.is_empty() && !targets.contains(&"anthropic/claude-haiku-4-5".to_owned()), "{targets:?}");
}

#[test]
fn auto_is_ordered_by_expected_cost_and_has_only_good_models_of_known_price() {
    let snapshot = snapshot(labs(), guide_routes());
    for (shape, input) in [(Chat, 1_000), (Messages, 1_000), (Messages, 150_000)] {
        let mut ask = ask(shape, "auto");
        ask.input_tokens = input;
        let targets = snapshot.plan(&ask).unwrap().targets;
        let costs: Vec<_> =
            targets.iter().map(|target| target.entry.as_ref().unwrap().expected_cost(input, 1_024).unwrap()).collect();
        assert!(costs.is_sorted() && costs.len() > 3, "{costs:?}");
        assert!(targets.iter().all(|target| target.entry.as_ref().unwrap().good_enough()));
    }
}

#[test]
fn a_capability_nobody_has_is_a_bad_request_that_names_it() {
    let snapshot =
        snapshot(vec![provider("anthropic")], vec![route("auto", Strategy::CheapestCapable, &["anthropic"], &[])]);
    let mut ask = ask(Messages, "auto");
    ask.needs.audio = true;
    let error = snapshot.plan(&ask).unwrap_err();
    assert_eq!(error.class, ErrorClass::BadRequest);
    assert!(error.message.contains("audio") && error.message.contains("`auto`"), "{}", error.message);
}

#[test]
fn a_named_route_passes_over_what_is_known_to_be_unable() {
    let routes = vec![route("r", Strategy::Ordered, &["openai"], &["gpt-6-luna", "gpt-5.2"])];
    let mut openai = provider("openai");
    openai.shapes = vec![Chat];
    let snapshot = snapshot(vec![openai], routes);
    let mut ask = ask(Chat, "r");
    assert_eq!(ids(&snapshot.plan(&ask).unwrap().targets), ["openai/gpt-6-luna", "openai/gpt-5.2"]);
    ask.needs.tools = true;
    assert_eq!(ids(&snapshot.plan(&ask).unwrap().targets), ["openai/gpt-5.2"]);
    // All are unable: the provider says what is wrong.
    ask.needs.audio = true;
    assert_eq!(ids(&snapshot.plan(&ask).unwrap().targets), ["openai/gpt-6-luna", "openai/gpt-5.2"]);
}

#[test]
fn a_route_without_models_serves_the_listed_models_of_a_local_host() {
    let mut local = provider("ollama");
    local.models = vec!["llama3.2".to_owned(), "qwen*".to_owned()];
    for strategy in [Strategy::Ordered, Strategy::CheapestCapable] {
        let local = crate::config::Provider { models: local.models.clone(), ..provider("ollama") };
        let snapshot = snapshot(vec![local], vec![route("r", strategy, &["ollama"], &[])]);
        assert_eq!(plan(&snapshot, Chat, "r"), ["ollama/llama3.2"], "{strategy:?}");
        assert_eq!(snapshot.listing().iter().map(Entry::id).collect::<Vec<_>>(), ["r", "llama3.2"]);
        assert_eq!(plan(&snapshot, Chat, "qwen-7"), ["ollama/qwen-7"]);
        assert_eq!(plan(&snapshot, Chat, "ollama/anything:7b"), ["ollama/anything:7b"]);
    }
}

#[test]
fn a_reseller_comes_last_and_is_asked_by_slug() {
    let mut providers = labs();
    providers.push(provider("openrouter"));
    let snapshot = snapshot(providers, guide_routes());
    assert_eq!(
        plan(&snapshot, Messages, "claude-opus-4-7"),
        ["anthropic/claude-opus-4-7", "openrouter/anthropic/claude-opus-4.7"]
    );
    assert_eq!(
        plan(&snapshot, Chat, "claude-opus-4.7"),
        ["anthropic/claude-opus-4-7", "openrouter/anthropic/claude-opus-4.7"]
    );
    assert_eq!(plan(&snapshot, Chat, "openrouter/anthropic/claude-opus-4.7"), ["openrouter/anthropic/claude-opus-4.7"]);
    assert_eq!(plan(&snapshot, Chat, "some-lab/new-model:free"), ["openrouter/some-lab/new-model:free"]);
    assert_eq!(plan(&snapshot, Chat, "openai/gpt-99"), ["openai/gpt-99"]);
}

#[test]
fn the_guides_file_starts_with_warnings_that_name_the_cure() {
    let (_, problems) = build(config(labs(), guide_routes())).unwrap();
    let lines = told(&problems);
    let has = |parts: &[&str]| lines.iter().any(|line| parts.iter().all(|part| line.contains(part)));
    assert_eq!(errors(&problems), 0);
    assert!(has(&["warning: routes.cheap.models[0]", "gemini-1.5-flash", "retired", "left out", "use `"]), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("answers")), "{lines:?}");
    assert!(has(&["warning: routes.cheap.models[1]", "claude-haiku-4", "never", "claude-haiku-4-5"]), "{lines:?}");
    assert!(has(&["warning: routes.smart.models[1]", "gpt-5", "2026-12-11", "use `"]), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("smart.models[0]")), "{lines:?}");
}

/// The file as users have it, through the configuration's own reading.
#[test]
fn the_guides_file_routes_as_it_is() {
    let guide = include_str!("../../../conf/config.minimal.yaml");
    let env = Environment::from_pairs([
        ("ANTHROPIC_API_KEY", "sk-ant-api03-0123456789abcdef0123"),
        ("OPENAI_API_KEY", "sk-proj-0123456789abcdef0123"),
        ("GOOGLE_API_KEY", "AIza0123456789abcdef0123"),
        ("OVTH_MASTER_KEY", "0123456789abcdef0123456789abcdef"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:9000/v1"),
    ]);
    let (config, _) = parse(guide, Path::new("/"), &env, providers::builtins()).unwrap();
    let (snapshot, _) = build(config).unwrap();
    let plan = snapshot.plan(&ask(Chat, "smart")).unwrap();
    let target = plan.targets.last().unwrap();
    let client = http::HeaderMap::new();
    let head = target.upstream.request(&providers::Call {
        shape: target.shape,
        operation: Operation::Generate,
        batch: false,
        model: &target.model,
        stream: false,
        credential: target.credential.as_ref(),
        client_shape: target.shape,
        client: &client,
        query: None,
    });
    assert_eq!(head.path_and_query, "/v1/chat/completions");
    assert_eq!(head.headers.get("host").unwrap(), "127.0.0.1:9000");
    assert_eq!(head.headers.get("authorization").unwrap(), "Bearer sk-proj-0123456789abcdef0123");
}

#[test]
fn a_model_that_no_provider_serves_is_the_clients_fault_only_when_it_was_named() {
    let snapshot = snapshot(labs(), guide_routes());
    for (model, expected) in [("gpt-5", ErrorClass::UnknownModel), ("smart", ErrorClass::OperatorModel)] {
        let plan = snapshot.plan(&ask(Chat, model)).unwrap();
        assert_eq!(plan.last_error(ApiError::new(ErrorClass::OperatorModel, "x")).class, expected, "{model}");
    }
}

#[test]
fn unknown_models_are_errors_unless_a_provider_claims_them() {
    let cases = [
        (&["openai"][..], "gpt-5.99", "warning", "openai is asked for it as it is; nearest: `gpt-5"),
        (
            &["openai"],
            "claude-opus-99",
            "warning",
            "anthropic, which has no key; it is skipped; nearest: `claude-opus-",
        ),
        (&["openai"], "claude-opus-4-8", "warning", "is served by anthropic, which has no key; it is skipped"),
        (&["openai"], "lama-3", "error", "claims it"),
        (&["anthropic"], "claud-opus-4.7", "error", "`claude-opus-4-7`"),
        (&["anthropic"], "gpt-5.2", "warning", "served by openai"),
    ];
    for (providers, model, severity, part) in cases {
        let routes = vec![route("r", Strategy::Ordered, providers, &["gpt-5.2", "claude-opus-4.7", model])];
        let mut config = config(providers.iter().map(|id| provider(id)).collect(), routes);
        config.keyless = vec!["anthropic".to_owned(), "google".to_owned()];
        let problems = match build(config) {
            Ok((_, problems)) => problems,
            Err(problems) => problems,
        };
        let line = told(&problems).into_iter().find(|line| line.contains("routes.r.models[2]")).unwrap();
        assert!(line.starts_with(severity) && line.contains(part), "{line}");
    }
}

#[test]
fn a_route_that_nothing_can_answer_is_an_error_and_all_are_told_at_once() {
    let routes = vec![
        route("a", Strategy::Ordered, &["anthropic"], &["gpt-5.2"]),
        route("b", Strategy::Ordered, &["anthropic"], &["nonsense"]),
        route("c", Strategy::CheapestCapable, &["empty"], &[]),
    ];
    let problems = build(config(vec![provider("anthropic"), provider("empty")], routes)).unwrap_err();
    let lines = told(&problems);
    assert_eq!(errors(&problems), 3, "{lines:?}");
    for path in ["error: routes.a:", "error: routes.b.models[0]:", "error: routes.c:"] {
        assert!(lines.iter().any(|line| line.starts_with(path)), "{path} {lines:?}");
    }
}

#[test]
fn a_route_without_providers_is_told_of_once_by_the_configuration() {
    let (_, problems) = build(config(labs(), vec![route("r", Strategy::CheapestCapable, &[], &[])])).unwrap();
    assert_eq!(told(&problems), [""; 0]);
}

#[test]
fn a_route_that_hides_a_model_or_answers_nobody_is_a_warning() {
    let routes = vec![
        route("GPT-5.2", Strategy::Ordered, &["openai"], &["gpt-6-luna"]),
        route("g", Strategy::Ordered, &["openai"], &["text-embedding-3-small"]),
    ];
    let mut providers = labs();
    providers.iter_mut().filter(|provider| *provider.id == *"openai").for_each(|provider| {
        // It has a call for embeddings in the chat shape only.
        provider.shapes = vec![Shape::Responses];
    });
    let (_, problems) = build(config(providers, routes)).unwrap();
    let expected = [
        "warning: routes.GPT-5.2: has the name of a model, `gpt-5.2` of openai: whoever asks for that gets this route",
        "warning: routes.g: route `g` answers no request: no model of it holds a conversation or embeds text here",
    ];
    assert_eq!(told(&problems), expected);
}

#[test]
fn a_route_whose_models_are_all_retired_still_asks_their_provider() {
    let routes = vec![route("old", Strategy::Ordered, &["anthropic"], &["claude-3-opus-20240229"])];
    assert_eq!(plan(&snapshot(labs(), routes), Messages, "old"), ["anthropic/claude-3-opus-20240229"]);
}

#[test]
fn the_listing_has_routes_first_and_only_what_can_be_used() {
    let snapshot = snapshot(labs(), guide_routes());
    let ids: Vec<&str> = snapshot.listing().iter().map(Entry::id).collect();
    assert_eq!(ids.iter().take(3).copied().collect::<Vec<_>>(), ["auto", "cheap", "smart"]);
    let current = snapshot
        .listing()
        .iter()
        .filter(|entry| matches!(entry, Entry::Model(model) if model.status == Status::Current))
        .count();
    assert!(current >= 28, "{current}");
    assert!(!ids.contains(&"claude-3-opus-20240229") && ids.contains(&"gpt-5.5-pro"));
    for entry in snapshot.listing() {
        let served = [ask(Chat, entry.id()), embed(Chat, entry.id())].iter().any(|ask| snapshot.plan(ask).is_ok());
        assert!(served, "{}", entry.id());
    }
}
