//! The shipped catalogue against what its sources say, and the rules for names and prices.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::sync::Arc;

use ovth_filters::Shape;
use ovth_filters::neutral::Usage;
use ovth_filters::shapes::{Needs, Parameters};
use proptest::prelude::*;

use super::{Catalog, CatalogError, Date, Kind, Model, PicoDollars, PriceError, Status};

fn shipped() -> Catalog {
    Catalog::embedded().unwrap()
}

fn lookup<'c>(catalog: &'c Catalog, provider: &str, name: &str) -> &'c Arc<Model> {
    catalog.lookup(provider, name).unwrap_or_else(|| panic!("{provider} has no {name}"))
}

#[test]
fn every_record_of_the_shipped_catalogue_is_there() {
    let catalog = shipped();
    assert_eq!(catalog.version(), "2026-11-22");
    assert_eq!(catalog.models().len(), 407);
    let count = |wanted: fn(&Model) -> bool| catalog.models().iter().filter(|model| wanted(model)).count();
    assert_eq!(count(|model| model.status == Status::Current), 232);
    assert_eq!(count(|model| model.status == Status::Preview), 12);
    assert_eq!(count(|model| model.status == Status::Deprecated), 25);
    assert_eq!(count(|model| model.status == Status::Retired), 98);
    assert_eq!(count(|model| model.status == Status::Unconfirmed), 40);
    assert_eq!(count(|model| model.kind == Kind::Chat), 389);
    assert_eq!(count(|model| model.kind == Kind::Embedding), 18);
    assert_eq!(count(|model| model.shapes.contains(&Shape::Messages)), 31);
    assert_eq!(count(|model| model.price.is_some()), 407);
    assert_eq!(count(|model| model.shutdown_date.is_some()), 103);
}

#[test]
fn prices_are_exact() {
    let catalog = shipped();
    for (provider, id, input, output, cache_read) in [
        ("google", "gemini-1.5-flash", 75_000, 300_000, Some(18_750)),
        ("google", "gemini-1.5-flash-8b", 37_500, 150_000, None),
        ("google", "gemini-3.8-flash", 750_000, 3_750_000, Some(75_000)),
        ("anthropic", "claude-haiku-4-5", 1_000_000, 5_000_000, Some(100_000)),
        ("anthropic", "claude-haiku-5-5", 100_000, 500_000, Some(10_000)),
        ("anthropic", "claude-opus-4-7", 5_000_000, 25_000_000, Some(500_000)),
        ("anthropic", "claude-sonnet-4-5", 3_000_000, 15_000_000, Some(300_000)),
        ("openai", "gpt-5", 1_250_000, 10_000_000, Some(125_000)),
        ("openai", "gpt-5.4-pro", 30_000_000, 180_000_000, None),
        ("openai", "o1-pro", 150_000_000, 600_000_000, None),
        ("deepseek", "deepseek-v3.2", 280_000, 400_000, None),
        ("qwen", "qwen3.7-flash", 30_000, 130_000, None),
        ("groq", "openai/gpt-oss-20b", 75_000, 300_000, None),
        ("together", "openai/gpt-oss-20b", 50_000, 200_000, None),
    ] {
        let rates = &lookup(&catalog, provider, id).price.as_ref().unwrap().base;
        assert_eq!(rates.input, Some(PicoDollars(input)), "{id}");
        assert_eq!(rates.output, Some(PicoDollars(output)), "{id}");
        if cache_read.is_some() {
            assert_eq!(rates.cache_read, cache_read.map(PicoDollars), "{id}");
        }
    }
    let haiku = &lookup(&catalog, "anthropic", "claude-haiku-5-5").price.as_ref().unwrap().base;
    assert_eq!(haiku.cache_write, Some(PicoDollars(125_000)));
    assert_eq!(haiku.cache_write_1h, Some(PicoDollars(200_000)));
    let luna = &lookup(&catalog, "openai", "gpt-6-luna").price.as_ref().unwrap().base;
    assert_eq!(luna.cache_write, Some(PicoDollars(125_000)));
}

#[test]
fn a_tier_begins_above_its_threshold_and_holds_for_all_tokens() {
    let catalog = shipped();
    let haiku = lookup(&catalog, "anthropic", "claude-haiku-5-5");
    assert_eq!(haiku.expected_cost(100_000, 1_000), Some(PicoDollars(100_000 * 100_000 + 1_000 * 500_000)));
    assert_eq!(haiku.expected_cost(100_001, 1_000), Some(PicoDollars(100_001 * 500_000 + 1_000 * 2_500_000)));
    let flash = lookup(&catalog, "google", "gemini-1.5-flash");
    assert_eq!(flash.expected_cost(128_001, 0), Some(PicoDollars(128_001 * 150_000)));
    // Three tiers, of which the highest that fits holds.
    let coder = lookup(&catalog, "qwen", "qwen3-coder-flash");
    let rates: Vec<_> = [32_000, 32_001, 128_001, 256_001]
        .map(|prompt| coder.price.as_ref().unwrap().rates(prompt).input.unwrap().0)
        .into();
    assert_eq!(rates, [300_000, 500_000, 800_000, 1_600_000]);
}

#[test]
fn cached_tokens_count_for_the_tier_and_cost_their_own_rate() {
    let catalog = shipped();
    let price = lookup(&catalog, "anthropic", "claude-haiku-5-5").price.clone().unwrap();
    let usage = Usage {
        input: 10,
        cache_read: 1_000,
        cache_write: 100,
        cache_write_1h: 200,
        output: 50,
        reasoning: 20,
        ..Usage::default()
    };
    let short = 10 * 100_000 + 1_000 * 10_000 + 100 * 125_000 + 200 * 200_000 + 50 * 500_000;
    assert_eq!(price.cost(&usage, None), Some(PicoDollars(short)));
    let long = Usage { cache_read: 100_000, ..usage };
    let dear = 10 * 500_000 + 100_000 * 50_000 + 100 * 625_000 + 200 * 1_000_000 + 50 * 2_500_000;
    assert_eq!(price.cost(&long, None), Some(PicoDollars(dear)));
}

#[test]
fn without_published_discounts_cached_tokens_cost_what_input_costs() {
    let catalog = shipped();
    let price = lookup(&catalog, "groq", "qwen/qwen3.8-27b").price.clone().unwrap();
    let usage = Usage { cache_read: 3, cache_write: 5, cache_write_1h: 7, ..Usage::default() };
    assert_eq!(price.cost(&usage, None), Some(PicoDollars(15 * 800_000)));
}

#[test]
fn reasoning_has_its_own_price_where_one_is_published() {
    let catalog = shipped();
    let price = lookup(&catalog, "qwen", "qwen-turbo").price.clone().unwrap();
    let usage = Usage { output: 10, reasoning: 4, ..Usage::default() };
    assert_eq!(price.cost(&usage, None), Some(PicoDollars(4 * 500_000 + 6 * 200_000)));
}

#[test]
fn service_classes_have_the_prices_of_the_list_and_in_proportion_what_it_leaves_out() {
    let catalog = shipped();
    let cost = |provider: &str, id: &str, usage: &Usage, class: &str| {
        let price = lookup(&catalog, provider, id).price.clone().unwrap();
        assert!(price.covers(usage, Some(class)), "{id} {class}");
        price.cost(usage, Some(class)).unwrap().0
    };
    let usage = Usage { input: 1_000, cache_read: 100, output: 10, reasoning: 5, ..Usage::default() };
    let (input, cache_read, output) = (1_000, 100, 10);
    let gpt = |class| cost("openai", "gpt-5", &usage, class);
    assert_eq!(gpt("standard"), input * 1_250_000 + cache_read * 125_000 + output * 10_000_000);
    assert_eq!(gpt("flex"), input * 625_000 + cache_read * 62_500 + output * 5_000_000);
    assert_eq!(gpt("batch"), gpt("flex"));
    assert_eq!(gpt("priority"), input * 2_500_000 + cache_read * 250_000 + output * 20_000_000);
    let written = Usage { cache_write: 1, cache_write_1h: 1, ..Usage::default() };
    assert_eq!(cost("anthropic", "claude-haiku-4-5", &written, "batch"), 625_000 + 1_000_000);
    assert_eq!(cost("openai", "gpt-5.6", &written, "flex"), 2_500_000 + 5_000_000);
    // The list has no tier for this class: it is as much cheaper as the rest of the class.
    let long = Usage { input: 200_001, cache_read: 10, output: 1, ..Usage::default() };
    let flex = 200_001 * 1_250_000 + 10 * 250_000 + 7_500_000;
    assert_eq!(cost("google", "gemini-2.5-pro", &long, "flex"), flex);
    let searched = Usage { web_searches: 3, ..usage };
    assert_eq!(cost("openai", "gpt-5", &searched, "flex"), gpt("flex") + 3 * 10_000_000_000);
    let opus = |class| cost("anthropic", "claude-opus-5-5", &usage, class);
    assert_eq!(opus("fast+us"), opus("standard") * 22 / 10);
    for model in catalog.models().iter().filter(|model| model.kind == Kind::Chat) {
        let Some(price) = model.price.as_ref().filter(|price| price.is_known()) else { continue };
        for class in ["batch", "flex", "priority", "ultrafast", "fast"] {
            for length in [0, 10_000_000] {
                let usage = Usage { input: length, output: 1, ..Usage::default() };
                assert!(price.cost(&usage, Some(class)).is_some(), "{} {class}", model.id);
            }
        }
    }
}

#[test]
fn sound_has_its_own_price_and_tiers_of_xai_begin_at_their_threshold() {
    let catalog = shipped();
    let audio = lookup(&catalog, "openai", "gpt-audio-1.5").price.clone().unwrap();
    let usage = Usage { input: 10, audio_input: 4, output: 20, audio_output: 15, ..Usage::default() };
    let expected = 6 * 2_500_000 + 4 * 32_000_000 + 5 * 10_000_000 + 15 * 64_000_000;
    assert_eq!(audio.cost(&usage, None), Some(PicoDollars(expected)));
    let flash = lookup(&catalog, "google", "gemini-2.5-flash").price.clone().unwrap();
    let heard = Usage { input: 2, audio_input: 2, ..Usage::default() };
    assert_eq!(flash.cost(&heard, Some("batch")), Some(PicoDollars(1_000_000)));
    let grok = lookup(&catalog, "xai", "grok-4.3");
    assert_eq!(grok.expected_cost(199_999, 0), Some(PicoDollars(199_999 * 1_250_000)));
    assert_eq!(grok.expected_cost(200_000, 0), Some(PicoDollars(200_000 * 2_500_000)));
}

#[test]
fn a_zero_price_is_unknown() {
    let catalog = shipped();
    for (provider, id) in [
        ("google", "gemma-3-27b-it"),
        ("google", "gemma-4-26b-a4b-it"),
        ("google", "gemma-4-31b-it"),
        ("together", "Prism-ML/Ternary-Bonsai-27B"),
        ("cohere", "north-mini-code-1-0"),
        ("zai", "glm-4.5-flash"),
        ("zai", "glm-4.6v-flash"),
        ("zai", "glm-4.7-flash"),
    ] {
        let model = lookup(&catalog, provider, id);
        assert!(!model.price.as_ref().unwrap().is_known(), "{id}");
        assert_eq!(model.expected_cost(1_000, 1_000), None, "{id}");
        assert_eq!(model.expected_cost(1_000_000, 1_000), None, "{id}");
    }
    for model in catalog.models().iter().filter(|model| model.kind == Kind::Chat) {
        let Some(price) = model.price.as_ref().filter(|price| price.is_known()) else { continue };
        assert!(price.base.output.is_some_and(|output| !output.is_zero()), "{}: free output", model.id);
        assert!(price.tiers.is_sorted_by_key(|tier| tier.above_input_tokens), "{}: tiers out of order", model.id);
        assert!(model.expected_cost(10_000_000, 1).is_some(), "{}: a tier without a price", model.id);
    }
}

#[test]
fn an_embedding_model_has_a_price_without_output() {
    let catalog = shipped();
    let small = lookup(&catalog, "openai", "text-embedding-3-small");
    assert_eq!(small.expected_cost(1_000_000, 0), Some(PicoDollars(20_000_000_000)));
    assert!(small.shapes.is_empty());
}

#[test]
fn absurd_token_counts_do_not_wrap_around() {
    let catalog = shipped();
    let opus = lookup(&catalog, "anthropic", "claude-opus-4-7");
    assert_eq!(opus.expected_cost(u64::MAX, u64::MAX), Some(PicoDollars(u64::MAX)));
}

#[test]
fn every_name_of_every_model_finds_it() {
    let catalog = shipped();
    for model in catalog.models() {
        for name in model.names() {
            let spellings = [
                name.to_string(),
                name.to_ascii_uppercase(),
                name.replace('.', "-"),
                format!("{}/{name}", model.provider),
            ];
            for spelling in spellings {
                let found = catalog.lookup(&model.provider, &spelling);
                assert!(found.is_some_and(|found| Arc::ptr_eq(found, model)), "{} {spelling}", model.provider);
                assert!(catalog.named(&spelling).iter().any(|found| Arc::ptr_eq(found, model)), "{spelling}");
            }
        }
    }
}

#[test]
fn the_names_of_the_guide_resolve() {
    let catalog = shipped();
    for (name, provider, id) in [
        ("claude-sonnet-4.5", "anthropic", "claude-sonnet-4-5"),
        ("anthropic/claude-sonnet-4.5", "anthropic", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5-20250929", "anthropic", "claude-sonnet-4-5"),
        ("claude-opus-4.7", "anthropic", "claude-opus-4-7"),
        ("Claude-Opus-4-7", "anthropic", "claude-opus-4-7"),
        ("claude-haiku-4", "anthropic", "claude-haiku-4-5"),
        ("anthropic/claude-haiku-4.0", "anthropic", "claude-haiku-4-5"),
        ("gpt-5", "openai", "gpt-5"),
        ("openai/gpt-5-2025-08-07", "openai", "gpt-5"),
        ("gpt-6-luna-2026-09-22", "openai", "gpt-6-luna"),
        ("gemini-1.5-flash", "google", "gemini-1.5-flash"),
        ("gemini-1-5-flash", "google", "gemini-1.5-flash"),
        ("google/gemini-2.0-flash", "google", "gemini-2.0-flash"),
        ("x-ai/grok-4.20-beta", "xai", "grok-4.20-0309-reasoning"),
        ("z-ai/glm-4.5-airx", "zai", "glm-4.5-airx"),
    ] {
        let found: Vec<_> = catalog.named(name).iter().map(|model| (&*model.provider, &*model.id)).collect();
        assert_eq!(found, [(provider, id)], "{name}");
    }
    assert_eq!(lookup(&catalog, "google", "gemini-1.5-flash").status, Status::Retired);
    assert_eq!(lookup(&catalog, "openai", "gpt-5").shutdown_date.unwrap().to_string(), "2026-12-11");
    assert_eq!(lookup(&catalog, "anthropic", "claude-sonnet-4.5").shutdown_date.unwrap().to_string(), "2026-11-30");
}

#[test]
fn a_model_with_a_record_of_its_own_is_not_taken_for_a_date_of_another() {
    let catalog = shipped();
    assert_eq!(&*lookup(&catalog, "openai", "gpt-4o-2024-05-13").id, "gpt-4o-2024-05-13");
    assert_eq!(&*lookup(&catalog, "openai", "openai/gpt-4o-2024-08-06").id, "gpt-4o");
}

#[test]
fn a_name_that_two_providers_serve_is_found_at_each() {
    let catalog = shipped();
    for name in ["openai/gpt-oss-120b", "qwen/qwen3.8-27b", "Qwen/Qwen3.7-Max"] {
        let found = catalog.named(name);
        assert_eq!(found.len(), 2, "{name}");
        for model in found {
            assert!(catalog.lookup(&model.provider, name).is_some_and(|again| Arc::ptr_eq(again, model)));
        }
    }
    assert_eq!(&*lookup(&catalog, "groq", "qwen/qwen3.8-27b").id, "qwen/qwen3.8-27b");
    assert_eq!(&*lookup(&catalog, "qwen", "qwen/qwen3.8-27b").id, "qwen3.8-27b");
    assert!(catalog.lookup("openai", "openai/gpt-oss-120b").is_none());
}

#[test]
fn what_no_provider_serves_is_not_found() {
    let catalog = shipped();
    let long = "a".repeat(10_000);
    for name in
        ["", "/", "anthropic/", "/gpt-5", "gpt", "gpt-5-", "google/gpt-5", "nobody/gpt-5", "-20250929", "ü", &long]
    {
        assert!(catalog.named(name).is_empty(), "{name}");
    }
    assert!(catalog.lookup("openai", "claude-sonnet-4.5").is_none());
}

#[test]
fn a_pinned_snapshot_stays_pinned_and_other_names_become_the_id() {
    let catalog = shipped();
    for (provider, name, upstream) in [
        ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("anthropic", "claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("anthropic", "anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("anthropic", "anthropic/claude-4.5-sonnet-20250929", "claude-sonnet-4-5"),
        ("anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5-20250929"),
        ("anthropic", "Claude-Sonnet-4.5-20250929", "claude-sonnet-4-5-20250929"),
        ("anthropic", "claude-opus-4-20250514", "claude-opus-4-0"),
        ("anthropic", "claude-haiku-4", "claude-haiku-4-5"),
        ("anthropic", "claude-haiku-4-20250514", "claude-haiku-4-5"),
        ("anthropic", "claude-3-5-sonnet-20240620", "claude-3-5-sonnet-20240620"),
        ("anthropic", "Claude-3.5-Sonnet-20240620", "claude-3-5-sonnet-20240620"),
        ("anthropic", "anthropic/claude-3.5-sonnet-20240620", "claude-3-5-sonnet-20240620"),
        ("anthropic", "claude-3-5-sonnet-20241022", "claude-3-5-sonnet-20241022"),
        ("anthropic", "claude-3.5-sonnet", "claude-3-5-sonnet-20241022"),
        ("anthropic", "claude-opus-4-8-20260528", "claude-opus-4-8-20260528"),
        ("anthropic", "claude-opus-4.8-20260528", "claude-opus-4-8-20260528"),
        ("openai", "openai/gpt-5-2025-08-07", "gpt-5-2025-08-07"),
        ("openai", "openai/gpt-5.1-20251113", "gpt-5.1"),
        ("openai", "openai/gpt-6-luna-20260922", "gpt-6-luna"),
        ("openai", "gpt-6-luna-2026-09-22", "gpt-6-luna-2026-09-22"),
        ("openai", "GPT-5", "gpt-5"),
        ("together", "zai-org/glm-5.3", "zai-org/GLM-5.3"),
        ("mistral", "mistral-large-latest", "mistral-large-latest"),
    ] {
        assert_eq!(&*lookup(&catalog, provider, name).api_id_for(name), upstream, "{name}");
    }
}

#[test]
fn names_that_never_existed_are_marked() {
    let catalog = shipped();
    let haiku = lookup(&catalog, "anthropic", "claude-haiku-4");
    for name in ["claude-haiku-4", "Claude-Haiku-4", "anthropic/claude-haiku-4", "claude-haiku-4.0"] {
        assert!(haiku.never_existed(name), "{name}");
    }
    for name in ["claude-haiku-4-5", "claude-haiku-4.5", "anthropic/claude-haiku-4.5", "claude-haiku-4-5-20251001"] {
        assert!(!haiku.never_existed(name), "{name}");
    }
}

#[test]
fn models_that_are_gone_name_a_successor_that_is_current() {
    let catalog = shipped();
    let known = |name| lookup(&catalog, "google", name).successor.as_deref();
    assert_eq!(known("gemini-1.5-flash"), Some("gemini-3.8-flash"));
    let without: Vec<&str> = catalog
        .models()
        .iter()
        .filter(|model| ["anthropic", "openai", "google"].contains(&&*model.provider))
        .filter(|model| matches!(model.status, Status::Retired | Status::Deprecated))
        .filter(|model| match &model.successor {
            None => true,
            Some(successor) => {
                let successor = lookup(&catalog, &model.provider, successor);
                assert_eq!(successor.status, Status::Current, "{}", model.id);
                assert!(successor.shutdown_date.is_none(), "{}", model.id);
                false
            }
        })
        .map(|model| &*model.id)
        .collect();
    // Nothing current is of their kind.
    assert_eq!(
        without,
        [
            "gpt-audio-mini",
            "o3-deep-research-2025-06-26",
            "o4-mini-deep-research-2025-06-26",
            "deep-research-pro-preview-12-2025"
        ]
    );
}

#[test]
fn what_auto_may_pick_serves_a_coding_agent() {
    let catalog = shipped();
    let facts_of: Date = catalog.version().parse().unwrap();
    let floor: Vec<_> = catalog.models().iter().filter(|model| model.good_enough()).collect();
    for model in &floor {
        assert!(matches!(model.status, Status::Current | Status::Deprecated), "{}", model.id);
        assert_eq!(model.kind, Kind::Chat, "{}", model.id);
        assert_eq!(model.capabilities.tools, Some(true), "{}", model.id);
        assert!(model.shapes.iter().any(|shape| *shape != Shape::Responses), "{}", model.id);
        assert!(model.context_window.is_some_and(|tokens| tokens >= 128_000), "{}", model.id);
        assert!(model.expected_cost(1, 1).is_some(), "{}", model.id);
        // Served for a month at least from the day of the file.
        assert!(model.shutdown_date.is_none_or(|end| facts_of.days_until(end) >= 30), "{}", model.id);
        for toy in ["nano", "lite", "codex", "cyber", "audio", "search", "preview", "latest", "research"] {
            assert!(!model.id.contains(toy), "{}", model.id);
        }
    }
    for provider in ["anthropic", "openai", "google"] {
        assert!(floor.iter().filter(|model| &*model.provider == provider).count() >= 5, "{provider}");
    }
}

#[test]
fn openai_models_that_refuse_tools_on_chat_say_so() {
    let catalog = shipped();
    let tells = |name| lookup(&catalog, "openai", name).capabilities.chat_tools_while_reasoning;
    for name in ["gpt-5.4", "gpt-5.4-mini", "gpt-5.6", "gpt-6-luna", "gpt-6.1-sol"] {
        assert_eq!(tells(name), Some(false), "{name}");
    }
    for name in ["gpt-5", "gpt-5.2", "gpt-4.1"] {
        assert_eq!(tells(name), None, "{name}");
    }
}

#[test]
fn what_a_model_refuses_is_read_from_its_parameters() {
    let catalog = shipped();
    let refused = |provider, name, parameters, effort: &str| {
        let needs =
            Needs { parameters, reasoning: effort == "high", no_reasoning: effort == "none", ..Needs::default() };
        lookup(&catalog, provider, name).refused(&needs) != Parameters::NONE
    };
    let sampling = Parameters::TEMPERATURE | Parameters::LOGPROBS;
    for (provider, name, parameters, effort, expected) in [
        ("openai", "gpt-4.1-mini", Parameters::TEMPERATURE | Parameters::STOP | Parameters::MAX_TOKENS, "", false),
        ("openai", "gpt-5", Parameters::TEMPERATURE, "none", true),
        ("openai", "gpt-5", Parameters::SEED | Parameters::N, "", false),
        ("openai", "gpt-6-luna", sampling, "", true),
        ("openai", "gpt-6-luna", sampling, "none", false),
        ("openai", "gpt-6-luna", Parameters::STOP, "none", true),
        // Its effort is `none` unless a request names another.
        ("openai", "gpt-5.1", sampling, "", false),
        ("openai", "gpt-5.1", sampling, "high", true),
        // It goes by its newer name, unless that is there too.
        ("openai", "gpt-6-luna", Parameters::MAX_TOKENS, "", false),
        ("openai", "gpt-6-luna", Parameters::MAX_TOKENS | Parameters::MAX_COMPLETION_TOKENS, "", true),
        ("anthropic", "claude-opus-4-7", Parameters::TOP_K, "", true),
        ("anthropic", "claude-opus-4-7", Parameters::TEMPERATURE, "", true),
        ("anthropic", "claude-opus-4-7", Parameters::THINKING_BUDGET, "high", true),
        ("anthropic", "claude-opus-4-6", Parameters::PREFILL, "", true),
        ("anthropic", "claude-haiku-4-5", Parameters::PREFILL | Parameters::TOP_K | Parameters::TEMPERATURE, "", false),
        ("mistral", "mistral-large-2512", Parameters::SEED, "", true),
        ("moonshot", "kimi-k3", Parameters::TEMPERATURE, "", true),
        ("xai", "grok-4.7", Parameters::STOP, "", true),
    ] {
        assert_eq!(refused(provider, name, parameters, effort), expected, "{name} {parameters:?} {effort}");
    }
    let renames = |provider, name| lookup(&catalog, provider, name).takes_max_completion_tokens;
    assert!(renames("openai", "gpt-5") && renames("openai", "o3") && !renames("openai", "gpt-4.1"));
    assert!(!renames("groq", "openai/gpt-oss-120b") && !renames("anthropic", "claude-opus-4-7"));
}

#[test]
fn the_nearest_names_are_the_ones_meant() {
    let catalog = shipped();
    for (asked, meant) in [
        ("claude-sonet-4.5", "claude-sonnet-4-5"),
        ("anthropic/claude-sonet-4.5", "claude-sonnet-4-5"),
        ("sonnet-4.5", "claude-sonnet-4-5"),
        ("opus", "claude-opus-5-5"),
        ("GPT5.5", "gpt-5.5"),
        ("gemini-3.8-flsh", "gemini-3.8-flash"),
        ("gpt-oss-120", "openai/gpt-oss-120b"),
    ] {
        let nearest = catalog.nearest(asked, 3);
        assert_eq!(nearest.first().map(|id| &**id), Some(meant), "{asked}: {nearest:?}");
        assert!(nearest.len() <= 3);
    }
    for far in ["", "x", "banana", "my-own-finetune", &"claude-".repeat(100)] {
        assert!(catalog.nearest(far, 3).is_empty(), "{far}: {:?}", catalog.nearest(far, 3));
    }
    let usable = |model: &Model| &*model.provider == "google";
    assert_eq!(&*catalog.nearest_where("gemini-1.5-flash", 1, usable)[0], "gemini-3.5-flash");
    assert!(catalog.nearest_where("claude-sonet-4.5", 3, usable).is_empty());
}

const RECORD: &str = r#""provider":"p","kind":"chat","status":"current""#;

fn parse(models: &str) -> Result<Catalog, CatalogError> {
    Catalog::parse(format!(r#"{{"version":"1","quality_floor":{{"p":["a"]}},"models":[{models}]}}"#).as_bytes())
}

#[test]
fn unknown_fields_and_kinds_are_no_error() {
    let catalog =
        parse(r#"{"id":"a","provider":"p","kind":"sculpture","status":"current","novel":{"x":[1]}}"#).unwrap();
    let model = lookup(&catalog, "p", "a");
    assert_eq!(model.kind, Kind::Unknown("sculpture".into()));
    assert_eq!(model.display_name(), "a");
    assert_eq!(model.expected_cost(1, 1), None);
}

#[test]
fn a_catalogue_that_contradicts_itself_is_refused() {
    for (models, message) in [
        (format!(r#"{{"id":"a",{RECORD}}},{{"id":"b",{RECORD},"aliases":["A"]}}"#), "two models of `p` are called `A`"),
        (format!(r#"{{"id":"b",{RECORD}}}"#), "`quality_floor` names `a` of `p`"),
        (format!(r#"{{"id":"a",{RECORD},"successor":"c"}}"#), "`c`, the successor of `p` `a`"),
        (format!(r#"{{"id":"a",{RECORD},"api_aliases":["b"]}}"#), "`b` of `p` `a` is not among its `aliases`"),
        (format!(r#"{{"id":"a",{RECORD},"never_existed":["b"]}}"#), "`b` of `p` `a` is not among its `aliases`"),
        (format!(r#"{{"id":"a",{RECORD},"released":"soon"}}"#), "`released` of `p` `a`: `soon` is not a date"),
        (format!(r#"{{"id":"a",{RECORD},"price":{{"input":"1e3"}}}}"#), "`1e3` is not a price"),
        (format!(r#"{{"id":"a",{RECORD},"price":{{"input":0.5}}}}"#), "invalid type: floating point"),
        (format!(r#"{{{RECORD}}}"#), "missing field `id`"),
        ("{".into(), "cannot be read"),
    ] {
        let error = parse(&models).unwrap_err().to_string();
        assert!(error.contains(message), "{error}\n  lacks: {message}");
    }
}

#[test]
fn prices_that_are_no_plain_decimals_are_refused() {
    for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", " 1", "0x1", "1.2.3", "NaN", "٣"] {
        assert_eq!(PicoDollars::per_token(text), Err(PriceError::NotDecimal(text.into())));
    }
    assert_eq!(PicoDollars::per_token("0.0000001"), Err(PriceError::TooFine("0.0000001".into())));
    assert_eq!(PicoDollars::per_token("0.1000000"), Ok(PicoDollars(100_000)));
    assert_eq!(PicoDollars::per_token("18446744073709.551615"), Ok(PicoDollars(u64::MAX)));
    for text in ["18446744073709.551616", "18446744073710", "99999999999999999999999"] {
        assert_eq!(PicoDollars::per_token(text), Err(PriceError::TooLarge(text.into())));
    }
}

#[test]
fn money_prints_as_exact_dollars() {
    for (amount, text) in [
        (0, "0"),
        (1, "0.000000000001"),
        (18_750, "0.00000001875"),
        (1_500_000_000_000, "1.5"),
        (20_000_000_000_000, "20"),
    ] {
        assert_eq!(PicoDollars(amount).to_string(), text);
    }
}

proptest! {
    #[test]
    fn a_decimal_is_read_exactly(whole in 0_u64..10_000_000, fraction in 0_u64..1_000_000, zeros in 0_usize..4) {
        let text = format!("{whole}.{fraction:06}{}", "0".repeat(zeros));
        let expected = PicoDollars(whole * 1_000_000 + fraction);
        prop_assert_eq!(PicoDollars::per_token(&text), Ok(expected));
        let trimmed = text.trim_end_matches('0').trim_end_matches('.');
        prop_assert_eq!(PicoDollars::per_token(trimmed), Ok(expected));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[0-9.eE+ -]{0,30}|.{0,10}") {
        if let Ok(price) = PicoDollars::per_token(&text) {
            let float: f64 = text.parse().unwrap();
            prop_assert!((float * 1e6 - price.0 as f64).abs() <= float.max(1.0) * 1e-6);
        }
    }

    #[test]
    fn any_name_is_looked_up_without_harm(name in "[a-zA-Z0-9./-]{0,40}|.{0,40}") {
        static CATALOG: std::sync::LazyLock<Catalog> = std::sync::LazyLock::new(shipped);
        for model in CATALOG.named(&name) {
            prop_assert!(CATALOG.lookup(&model.provider, &name).is_some_and(|again| Arc::ptr_eq(again, model)));
            prop_assert!(!model.api_id_for(&name).is_empty());
        }
        prop_assert!(CATALOG.nearest(&name, 3).len() <= 3);
    }
}
