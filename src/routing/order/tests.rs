//! Every strategy against a set of providers: who comes first, how often, and what changes it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;
use std::time::Duration;

use ovth_filters::Shape;
use ovth_filters::neutral::{ErrorClass, Usage};

use super::super::fixture::{ask, build, config, errors, failure, ids, labs, provider, route, snapshot, told};
use super::super::{Ask, Plan, Seen, Snapshot};
use super::*;
use crate::config::{self, HealthSettings, MaxPrice, ModelNames, Secret};

/// Three hosts with a model each.
fn hosts() -> Vec<config::Provider> {
    ["one", "two", "three"].map(|id| config::Provider { models: vec![format!("m-{id}")], ..provider(id) }).into()
}

fn routed(strategy: Strategy, change: impl FnOnce(&mut RouteOptions)) -> Snapshot {
    let mut route = route("r", strategy, &["one", "two", "three"], &["m-one", "m-two", "m-three"]);
    change(&mut route.options);
    snapshot(hosts(), vec![route])
}

fn live(health: &Health) -> Live<'_> {
    Live { health: Some(health), ..Live::nothing() }
}

fn planned(snapshot: &Snapshot, live: &Live<'_>) -> Plan {
    snapshot.plan_with(&ask(Shape::Chat, "r"), live).unwrap()
}

/// How often each provider comes first.
fn shares(snapshot: &Snapshot, live: &Live<'_>, rounds: usize) -> HashMap<String, usize> {
    let mut shares = HashMap::new();
    for _ in 0..rounds {
        let plan = planned(snapshot, live);
        assert_eq!(plan.targets.len(), 3, "the others are there for when it fails");
        let first = plan.targets.first().unwrap().upstream.id().to_string();
        *shares.entry(first).or_default() += 1;
    }
    shares
}

fn names(list: &[&str]) -> ModelNames {
    ModelNames::new(list.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn ordered_keeps_the_order_of_the_file() {
    let (snapshot, health) = (routed(Strategy::Ordered, |_| ()), Health::new());
    for _ in 0..5 {
        assert_eq!(ids(&planned(&snapshot, &live(&health)).targets), ["one/m-one", "two/m-two", "three/m-three"]);
    }
}

#[test]
fn weighted_chooses_in_proportion_and_what_weighs_nothing_last() {
    let snapshot = routed(Strategy::Weighted, |options| {
        options.weights = vec![(names(&["one"]), 6), (names(&["three/m-three"]), 0), (names(&["m-two"]), 2)];
    });
    let health = Health::new();
    let shares = shares(&snapshot, &live(&health), 8_000);
    let of = |id: &str| shares.get(id).copied().unwrap_or(0);
    assert!((5_700..6_300).contains(&of("one")) && of("three") == 0, "{shares:?}");
    assert_eq!(of("one") + of("two"), 8_000);
    assert!(ids(&planned(&snapshot, &live(&health)).targets).ends_with(&["three/m-three".to_owned()]));
}

#[test]
fn round_robin_gives_each_its_turn() {
    let (snapshot, health) = (routed(Strategy::RoundRobin, |_| ()), Health::new());
    let shares = shares(&snapshot, &live(&health), 300);
    assert!(shares.len() == 3 && shares.values().all(|share| *share == 100), "{shares:?}");
}

/// Lets each target of the route answer once, after so many milliseconds and with so many tokens in the second after that.
fn measured(snapshot: &Snapshot, health: &Health, figures: [(u64, u64); 3]) -> Instant {
    let now = Instant::now();
    let mut targets = planned(snapshot, &Live::nothing()).targets;
    targets.sort_by_key(|target| ["one", "two", "three"].iter().position(|id| *id == &**target.upstream.id()));
    for (target, (millis, output)) in targets.iter().zip(figures) {
        let first = Duration::from_millis(millis);
        let seen = Seen { streamed: true, first_content: Some(first), output };
        let ticket = health.begin(target, now);
        health.served(target, ticket, &seen, &HealthSettings::default(), now + first + Duration::from_secs(1));
    }
    now + Duration::from_secs(3)
}

fn streamed(snapshot: &Snapshot, live: &Live<'_>) -> Vec<String> {
    let mut ask = ask(Shape::Chat, "r");
    ask.needs.streaming = true;
    ids(&snapshot.plan_with(&ask, live).unwrap().targets)
}

#[test]
fn lowest_latency_goes_to_whoever_began_soonest_and_finds_out_about_the_others() {
    let (snapshot, health) = (routed(Strategy::LowestLatency, |_| ()), Health::new());
    let now = measured(&snapshot, &health, [(900, 10), (100, 10), (500, 10)]);
    let at = |now| Live { now, ..live(&health) };
    assert_eq!(streamed(&snapshot, &at(now)), ["two/m-two", "three/m-three", "one/m-one"]);

    let fresh = Health::new();
    let live = live(&fresh);
    let first = planned(&snapshot, &live).targets.remove(0);
    let under_way = fresh.begin(&first, live.now);
    assert_ne!(streamed(&snapshot, &live).first(), ids(&[first]).first(), "one request finds out about one target");
    drop(under_way);

    let later = now + Duration::from_secs(3_600);
    assert_eq!(streamed(&snapshot, &at(later)), ["one/m-one", "two/m-two", "three/m-three"], "all is forgotten");
}

#[test]
fn highest_throughput_goes_to_whoever_answered_fastest() {
    let (snapshot, health) = (routed(Strategy::HighestThroughput, |_| ()), Health::new());
    let now = measured(&snapshot, &health, [(10, 50), (10, 20), (900, 300)]);
    assert_eq!(streamed(&snapshot, &Live { now, ..live(&health) }), ["three/m-three", "one/m-one", "two/m-two"]);
}

#[test]
fn least_busy_goes_to_whoever_has_the_fewest_requests_under_way() {
    let (snapshot, health) = (routed(Strategy::LeastBusy, |_| ()), Health::new());
    let live = live(&health);
    let mut under_way = Vec::new();
    for expected in ["one/m-one", "two/m-two", "three/m-three", "one/m-one", "two/m-two"] {
        let first = planned(&snapshot, &live).targets.remove(0);
        assert_eq!(ids(&[Arc::clone(&first)]), [expected]);
        under_way.push(health.begin(&first, live.now));
    }
    drop(under_way.remove(1));
    assert_eq!(ids(&planned(&snapshot, &live).targets), ["two/m-two", "three/m-three", "one/m-one"]);
}

#[test]
fn credentials_are_used_in_proportion_to_their_weights() {
    let mut openai = provider("openai");
    openai.api_keys = ["a", "b", "c"].map(Secret::new).into();
    openai.key_weights = vec![1, 3, 1];
    let snapshot = snapshot(vec![openai], vec![route("r", Strategy::Ordered, &["openai"], &["gpt-5.2"])]);
    let health = Health::new();
    for model in ["r", "gpt-5.2"] {
        let mut shares: HashMap<String, u32> = HashMap::new();
        for _ in 0..5_000 {
            let plan = snapshot.plan_with(&ask(Shape::Chat, model), &live(&health)).unwrap();
            assert_eq!(plan.targets.len(), 3);
            let key = plan.targets.first().unwrap().credential.as_ref().unwrap().expose().to_owned();
            *shares.entry(key).or_default() += 1;
        }
        assert!(shares.get("b").is_some_and(|share| (2_800..3_200).contains(share)), "{shares:?}");
        assert!(shares.get("a").is_some_and(|share| (850..1_150).contains(share)), "{shares:?}");
    }
}

/// A turn of a conversation that was answered by the last target of its plan.
fn stayed(snapshot: &Snapshot, ask: &Ask<'_>, usage: Usage) -> (Arc<Target>, Option<Stay>) {
    let target = snapshot.plan(ask).unwrap().targets.pop().unwrap();
    let stay = Stay::of(&target, &usage, None, Instant::now());
    (target, stay)
}

#[test]
fn a_conversation_stays_on_its_target_and_credential_while_its_cache_is_warm() {
    let usage = Usage { cache_read: 5_000, cache_write: 500, ..Usage::default() };
    for strategy in Strategy::ALL.into_iter().filter(|strategy| *strategy != Strategy::CheapestCapable) {
        let mut hosts = hosts();
        for host in &mut hosts {
            (host.api_keys, host.key_weights) = (["a", "b"].map(Secret::new).into(), vec![1, 1]);
        }
        let route = route("r", strategy, &["one", "two", "three"], &["m-one", "m-two", "m-three"]);
        let snapshot = snapshot(hosts, vec![route]);
        let (target, stay) = stayed(&snapshot, &ask(Shape::Chat, "r"), usage);
        let health = Health::new();
        for _ in 0..20 {
            let plan = planned(&snapshot, &Live { stay, ..live(&health) });
            assert_eq!(plan.targets.first().unwrap().key, target.key, "{strategy:?}");
            assert!(plan.choice.unwrap().stays);
            assert_eq!(plan.targets.len(), 6);
        }
        // A target that fails is left.
        let ticket = health.begin(&target, Instant::now());
        health.failed(&target, &failure(ErrorClass::Upstream), ticket, &HealthSettings::default(), Instant::now());
        let plan = planned(&snapshot, &Live { stay, ..live(&health) });
        let ordered = health.order(plan.targets, Instant::now());
        assert_ne!(ordered.first().unwrap().key, target.key, "{strategy:?}");
    }
}

#[test]
fn a_route_that_is_not_sticky_forgets_where_it_was() {
    let snapshot = routed(Strategy::Ordered, |options| options.sticky = false);
    let usage = Usage { cache_read: 5_000, ..Usage::default() };
    let (_, stay) = stayed(&snapshot, &ask(Shape::Chat, "r"), usage);
    let plan = planned(&snapshot, &Live { stay, ..Live::nothing() });
    assert_eq!(ids(&plan.targets), ["one/m-one", "two/m-two", "three/m-three"]);
    assert!(!plan.choice.unwrap().stays);
}

#[test]
fn the_cheapest_is_reckoned_with_what_the_cache_will_give() {
    let snapshot = snapshot(labs(), vec![route("r", Strategy::CheapestCapable, &["anthropic", "openai"], &[])]);
    let mut ask = ask(Shape::Messages, "r");
    ask.input_tokens = 90_000;
    let plan = snapshot.plan(&ask).unwrap();
    let (first, second) = (plan.targets.first().unwrap(), plan.targets.get(1).unwrap());
    let usage = Usage { cache_read: 80_000, cache_write: 5_000, ..Usage::default() };
    let stay = Stay::of(second, &usage, None, Instant::now());
    let kept = snapshot.plan_with(&ask, &Live { stay, ..Live::nothing() }).unwrap();
    assert_eq!(kept.targets.first().unwrap().key, second.key, "{:?} before", first);
    assert!(kept.choice.unwrap().stays && kept.choice.unwrap().expected < plan.choice.unwrap().expected);
    // A dear model's cache is dearer than a cheap model without one.
    let dear = plan.targets.last().unwrap();
    let stay = Stay::of(dear, &usage, None, Instant::now());
    let left = snapshot.plan_with(&ask, &Live { stay, ..Live::nothing() }).unwrap();
    assert_eq!(left.targets.first().unwrap().key, first.key);
    assert!(!left.choice.unwrap().stays);
}

#[test]
fn the_expected_answer_decides_what_is_cheapest() {
    // Cheap input and dear output against the other way round.
    let with = |expected: u64| {
        let mut way = route("r", Strategy::CheapestCapable, &["openai"], &["gpt-5.2", "gpt-4.1"]);
        way.options.expected_output = expected;
        let snapshot = snapshot(labs(), vec![way]);
        let mut ask = ask(Shape::Chat, "r");
        ask.input_tokens = 10_000;
        ids(&snapshot.plan(&ask).unwrap().targets).remove(0)
    };
    assert_eq!((&*with(1), &*with(10_000)), ("openai/gpt-5.2", "openai/gpt-4.1"));
}

#[test]
fn a_route_goes_on_with_others_when_its_own_models_are_used_up_or_unable() {
    let mut first = route("first", Strategy::Ordered, &["one"], &["m-one"]);
    first.options.fallback = vec!["second".into(), "third".into()];
    let mut second = route("second", Strategy::Ordered, &["two", "one"], &["m-two", "m-one"]);
    second.options.fallback = vec!["third".into()];
    let third = route("third", Strategy::Ordered, &["three"], &["m-three"]);
    let snapshot = snapshot(hosts(), vec![first, second, third]);
    let plan = snapshot.plan(&ask(Shape::Chat, "first")).unwrap();
    assert_eq!(ids(&plan.targets), ["one/m-one", "two/m-two", "three/m-three"]);
    assert_eq!(plan.route.as_deref(), Some("first"));

    let mut able = route("able", Strategy::CheapestCapable, &["google"], &[]);
    able.options.fallback = vec!["all".into()];
    let all = route("all", Strategy::CheapestCapable, &["openai"], &[]);
    let snapshot = super::super::fixture::snapshot(labs(), vec![able, all]);
    let mut audio = ask(Shape::Chat, "able");
    audio.needs.audio = true;
    let error = snapshot.plan(&Ask { model: "all", ..audio }).unwrap_err();
    assert!(error.message.contains("audio"));
    assert!(snapshot.plan(&audio).unwrap().targets.iter().all(|target| &**target.upstream.id() == "google"));
}

#[test]
fn options_keep_models_out_and_tell_when_nothing_is_left() {
    let auto = |change: &dyn Fn(&mut RouteOptions)| {
        let mut way = route("r", Strategy::CheapestCapable, &["anthropic", "openai"], &[]);
        change(&mut way.options);
        build(config(labs(), vec![way]))
    };
    let ids_of = |change: &dyn Fn(&mut RouteOptions)| {
        let (snapshot, problems) = auto(change).unwrap();
        assert_eq!(told(&problems), [""; 0]);
        ids(&snapshot.plan(&ask(Shape::Chat, "r")).unwrap().targets)
    };
    let all = ids_of(&|_| ());
    let without = ids_of(&|options| options.exclude = Some(names(&["anthropic", "gpt-6"])));
    assert!(!without.is_empty() && without.iter().all(|id| id.starts_with("openai/") && !id.contains("gpt-6")));
    let floor = ids_of(&|options| options.quality_floor = Some(names(&["claude-opus", "gpt-5.2"])));
    assert!(floor.len() > 3 && floor.iter().all(|id| id.contains("opus") || id.contains("gpt-5.2")), "{floor:?}");
    let wide = ids_of(&|options| options.min_context = Some(900_000));
    assert!(!wide.is_empty() && wide.len() < all.len());
    let price = MaxPrice { input: None, output: Some(PicoDollars(5_000_000)) };
    let cheap = ids_of(&|options| options.max_price = price);
    assert!(!cheap.is_empty() && cheap.len() < all.len(), "{cheap:?}");

    let problems = auto(&|options| options.min_context = Some(90_000_000)).unwrap_err();
    assert_eq!(errors(&problems), 1);
    assert!(told(&problems).iter().any(|line| line.contains("routes.r.min_context") && line.contains("loosen")));
    let mut named = route("r", Strategy::Ordered, &["openai"], &["gpt-5.2", "gpt-4.1"]);
    named.options.exclude = Some(names(&["gpt-4.1"]));
    let (_, problems) = build(config(labs(), vec![named])).unwrap();
    assert!(
        told(&problems).iter().any(|line| line.contains("routes.r.exclude") && line.contains("`gpt-4.1` of openai"))
    );
}

#[test]
fn a_strict_request_goes_to_nobody_who_refuses_a_field_of_it() {
    use ovth_filters::shapes::Parameters;
    let routes = vec![route("r", Strategy::Ordered, &["openai"], &["gpt-6-luna", "gpt-4.1"])];
    let snapshot = snapshot(labs(), routes);
    let mut ask = ask(Shape::Chat, "r");
    ask.needs.parameters = Parameters::STOP;
    let strict = Live { strict: true, ..Live::nothing() };
    assert_eq!(ids(&snapshot.plan_with(&ask, &strict).unwrap().targets), ["openai/gpt-4.1"]);
    ask.needs.parameters = Parameters::STOP | Parameters::MAX_TOKENS | Parameters::MAX_COMPLETION_TOKENS;
    ask.model = "r";
    let plan = snapshot.plan_with(&ask, &Live::nothing()).unwrap();
    assert_eq!(plan.targets.len(), 2);
}

#[test]
fn a_choice_is_explained_with_each_candidate_its_cost_and_what_speaks_against_it() {
    let snapshot = snapshot(labs(), vec![route("r", Strategy::CheapestCapable, &["anthropic", "openai"], &[])]);
    let mut ask = ask(Shape::Messages, "r");
    (ask.needs.tools, ask.needs.forced_tool) = (true, true);
    let explained = snapshot.explain(&ask, &Live::nothing());
    let plan = explained.plan.unwrap();
    let first = explained.candidates.first().unwrap();
    assert_eq!((first.place, &*first.model), (Some(1), &*plan.targets.first().unwrap().model));
    assert_eq!(first.expected, plan.choice.unwrap().expected);
    assert!(explained.candidates.iter().all(|candidate| candidate.place.is_some() != candidate.against.is_some()));
    let forced = explained.candidates.iter().find(|candidate| &*candidate.model == "claude-opus-5-5").unwrap();
    assert_eq!(forced.against.as_deref(), Some("refuses a forced tool call"));
    let text = plan.choice.unwrap().to_string();
    assert!(text.starts_with("cheapest-capable; able=") && text.contains("; expected_usd=0.0"), "{text}");
}

#[test]
fn a_model_that_shuts_down_soon_is_told_to_who_uses_it() {
    let snapshot = snapshot(labs(), vec![]);
    let notice = |model| {
        let plan = snapshot.plan(&ask(Shape::Chat, model)).unwrap();
        plan.targets.first().unwrap().notice().map(str::to_owned)
    };
    assert_eq!(notice("gpt-5").as_deref(), Some("shutdown:gpt-5=2026-12-11"));
    assert_eq!(notice("gpt-5.2"), None);
}
