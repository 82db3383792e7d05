//! Prices that the operator set, over the shipped catalogue.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use ovth_filters::Shape::{self, Chat, Messages};
use ovth_filters::neutral::Usage;

use super::super::fixture::{ask, build, config, guide_routes, ids, labs, provider, route, told};
use super::super::{Snapshot, Target};
use crate::catalog::{Catalog, PicoDollars, Price, Rates};
use crate::config::{PriceOverride, Provider, Strategy};

/// A price in whole dollars per million tokens.
fn price(input: u64, output: u64) -> Price {
    let some = |dollars: u64| Some(PicoDollars(dollars * 1_000_000));
    Price { base: Rates { input: some(input), output: some(output), ..Rates::default() }, ..Price::default() }
}

fn set(provider: &str, model: &str, input: u64, output: u64) -> PriceOverride {
    PriceOverride { provider: provider.into(), model: model.into(), price: price(input, output) }
}

fn snapshot(providers: Vec<Provider>, prices: Vec<PriceOverride>) -> Snapshot {
    let mut config = config(providers, guide_routes());
    config.routes.retain(|route| route.providers.iter().all(|id| config.providers.iter().any(|at| at.id == *id)));
    config.prices = prices;
    let (snapshot, problems) = build(config).unwrap();
    assert!(!told(&problems).iter().any(|problem| problem.contains("prices")), "{problems}");
    snapshot
}

fn target(snapshot: &Snapshot, shape: Shape, model: &str) -> Arc<Target> {
    Arc::clone(snapshot.plan(&ask(shape, model)).unwrap().targets.first().unwrap())
}

#[test]
fn without_prices_of_the_operator_those_of_the_catalogue_hold() {
    let snapshot = snapshot(labs(), Vec::new());
    let catalog = Catalog::embedded().unwrap();
    let target = target(&snapshot, Chat, "gpt-5");
    assert_eq!(target.price(), catalog.lookup("openai", "gpt-5").unwrap().price.as_deref());
    assert!(target.price().unwrap().is_known());
    assert_eq!(target.price_source(), catalog.version());
}

#[test]
fn a_price_of_the_operator_replaces_the_catalogues_as_a_whole() {
    let snapshot = snapshot(labs(), vec![set("openai", "gpt-5", 7, 70)]);
    for name in ["gpt-5", "GPT-5", "openai/gpt-5", "gpt-5-2025-08-07"] {
        let target = target(&snapshot, Chat, name);
        assert_eq!(target.price(), Some(&price(7, 70)), "{name}");
        assert_eq!(target.price_source(), "config", "{name}");
    }
    // No discount of the catalogue is left.
    let cached = Usage { cache_read: 1_000_000, ..Usage::default() };
    let cost = target(&snapshot, Chat, "gpt-5").price().unwrap().cost(&cached, None);
    assert_eq!(cost.unwrap().to_string(), "7");
    // Others are as they were.
    assert_eq!(target(&snapshot, Chat, "gpt-5-mini").price_source(), Catalog::embedded().unwrap().version());
}

#[test]
fn a_model_may_be_named_as_clients_name_it_and_a_pinned_one_for_itself() {
    let snapshot = snapshot(
        labs(),
        vec![set("anthropic", "claude-sonnet-4.5", 1, 2), set("anthropic", "claude-sonnet-4-5-20250929", 3, 4)],
    );
    for (name, expected) in [
        ("claude-sonnet-4-5", price(1, 2)),
        ("anthropic/claude-sonnet-4.5", price(1, 2)),
        ("claude-sonnet-4-5-20250929", price(3, 4)),
    ] {
        assert_eq!(target(&snapshot, Messages, name).price(), Some(&expected), "{name}");
    }
}

#[test]
fn a_resellers_price_is_its_own() {
    let mut providers = labs();
    providers.push(provider("openrouter"));
    let mine = set("openrouter", "anthropic/claude-sonnet-4.5", 9, 90);
    let snapshot = snapshot(providers, vec![mine, set("openrouter", "some/new-one", 1, 2)]);
    let plan = snapshot.plan(&ask(Messages, "claude-sonnet-4.5")).unwrap();
    let told: Vec<_> = plan.targets.iter().map(|target| (&**target.upstream.id(), target.price_source())).collect();
    let version = Catalog::embedded().unwrap();
    assert_eq!(told, [("anthropic", version.version()), ("openrouter", "config")]);
    for (name, expected) in
        [("openrouter/anthropic/claude-sonnet-4-5", price(9, 90)), ("openrouter/some/new-one", price(1, 2))]
    {
        assert_eq!(target(&snapshot, Messages, name).price(), Some(&expected), "{name}");
    }
}

#[test]
fn a_model_that_the_catalogue_does_not_know_has_the_operators_price_or_none() {
    let mut local = provider("local");
    local.models = vec!["mine".into(), "free".into(), "any*".into()];
    let snapshot = snapshot(vec![local], vec![set("local", "mine", 1, 2), set("local", "free", 0, 0)]);
    assert_eq!(target(&snapshot, Chat, "mine").price(), Some(&price(1, 2)));
    let usage = Usage { input: 5, output: 5, ..Usage::default() };
    // The operator's zero is a price, and not a gap in a list.
    assert_eq!(target(&snapshot, Chat, "local/free").price().unwrap().cost(&usage, None), Some(PicoDollars::ZERO));
    assert_eq!(target(&snapshot, Chat, "anything").price(), None);
}

#[test]
fn the_cheapest_is_the_cheapest_by_what_the_operator_pays() {
    let plain = snapshot(labs(), Vec::new());
    let before = plain.plan(&ask(Chat, "auto")).unwrap().targets;
    let (first, last) = (before.first().unwrap(), before.last().unwrap());
    let prices = vec![set(first.upstream.id(), &first.model, 1_000, 1_000), set(last.upstream.id(), &last.model, 0, 0)];
    let after = snapshot(labs(), prices).plan(&ask(Chat, "auto")).unwrap().targets;
    let (before, after) = (ids(&before), ids(&after));
    assert_eq!(after.first(), before.last());
    assert_eq!(after.last(), before.first());
    assert_eq!(after.len(), before.len());
}

#[test]
fn an_ordered_route_without_models_orders_each_provider_by_what_the_operator_pays() {
    let names = |prices: Vec<PriceOverride>| {
        let mut config = config(vec![provider("openai")], vec![route("any", Strategy::Ordered, &["openai"], &[])]);
        config.prices = prices;
        ids(&build(config).unwrap().0.plan(&ask(Chat, "any")).unwrap().targets)
    };
    let before = names(Vec::new());
    let (_, dearest) = before.last().unwrap().split_once('/').unwrap();
    assert_eq!(names(vec![set("openai", dearest, 0, 0)]).first(), before.last());
}

#[test]
fn prices_that_are_named_in_vain_are_told() {
    let mut local = provider("local");
    local.models = vec!["my-model".into()];
    let mut providers = labs();
    providers.push(local);
    let mut config = config(providers, Vec::new());
    config.keyless = vec!["openrouter".into()];
    config.prices = vec![
        set("openai", "gpt-5", 1, 1),
        set("openai", "gpt-99", 1, 1),
        set("anthropic", "haiku-4-5", 1, 1),
        set("local", "my-modle", 1, 1),
        set("local", "gpt-5", 1, 1),
        set("openrouter", "nothing", 1, 1),
    ];
    let (_, problems) = build(config).unwrap();
    assert_eq!(
        told(&problems),
        [
            "warning: prices.\"anthropic/haiku-4-5\": `haiku-4-5` is neither in the catalogue nor claimed by anthropic; correct it, or list it under `models` of anthropic; nearest: `claude-haiku-4-5`",
            "warning: prices.\"local/my-modle\": `my-modle` is neither in the catalogue nor claimed by local; correct it, or list it under `models` of local; nearest: `my-model`",
            "warning: prices.\"local/gpt-5\": `gpt-5` is neither in the catalogue nor claimed by local; correct it, or list it under `models` of local",
        ]
    );
}

#[test]
fn two_prices_of_one_model_are_an_error() {
    let mut config = config(labs(), Vec::new());
    config.prices = vec![set("anthropic", "claude-sonnet-4-5", 1, 1), set("anthropic", "claude-sonnet-4.5", 1, 1)];
    let problems = build(config).unwrap_err();
    assert_eq!(
        told(&problems),
        [
            "error: prices.\"anthropic/claude-sonnet-4.5\": is another name of `claude-sonnet-4-5`, which has a price; keep one of the two"
        ]
    );
}
