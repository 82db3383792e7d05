//! Four providers that fail, slow down, limit and recover by a script, at 200 requests a second: what health is worth, against trying the
//! same targets in order without it.
#![expect(clippy::print_stdout, reason = "a test that tells figures")]

use std::time::Duration;

use ovth_filters::Shape;
use ovth_filters::neutral::ApiError;

use super::super::fixture::{ask, provider, route, snapshot};
use super::super::{Live, Pursuit};
use super::*;
use crate::config::{self, Strategy};
use crate::providers::Failure;

const SECONDS: u64 = 60;
const REQUESTS_A_SECOND: u64 = 200;
const HOSTS: [&str; 4] = ["one", "two", "three", "four"];

/// What became of all requests.
#[derive(Debug, Default)]
struct Tally {
    served: u64,
    attempts: u64,
    wasted: u64,
    /// Milliseconds spent on attempts that failed.
    lost: u64,
}

/// What a host answers at that second: nothing is wrong, or so many percent of requests fail in that way after so many milliseconds.
fn script(host: usize, second: u64) -> Option<(u64, ErrorClass, u64)> {
    match (host, second) {
        (0, 10..=24) => Some((100, ErrorClass::Upstream, 50)),
        (0, 40..=49) => Some((30, ErrorClass::Overloaded, 30)),
        (1, 5..=14) => Some((100, ErrorClass::RateLimit, 20)),
        (1, 20..=34) => Some((100, ErrorClass::Timeout, 2_000)),
        (2, 12..=17) => Some((100, ErrorClass::Transport, 5)),
        (2, 25..=55) => Some((5, ErrorClass::Upstream, 40)),
        (3, 0..=59) => Some((2, ErrorClass::Upstream, 100)),
        _ => None,
    }
}

/// The same number for the same request at the same host, whoever asks.
fn chance(request: u64, host: usize) -> u64 {
    let mut z = (request * 4 + host as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (z ^ (z >> 27)) % 100
}

fn answer(request: u64, host: usize) -> Option<(Failure, u64)> {
    let (percent, class, millis) = script(host, request / REQUESTS_A_SECOND)?;
    if chance(request, host) >= percent {
        return None;
    }
    let mut error = ApiError::new(class, "x");
    if class == ErrorClass::RateLimit {
        error = error.with_retry_after(3);
    }
    let mut failure = Failure::new(error);
    if class == ErrorClass::RateLimit {
        failure.cool = Some(Duration::from_secs(3));
    }
    Some((failure, millis))
}

fn play(strategy: Strategy, with_health: bool) -> Tally {
    let hosts = HOSTS.map(|id| config::Provider { models: vec![format!("m-{id}")], ..provider(id) });
    let models = HOSTS.map(|id| format!("m-{id}"));
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    let snapshot = snapshot(hosts.into(), vec![route("r", strategy, &HOSTS, &models)]);
    let (start, settings) = (Instant::now(), HealthSettings::default());
    let mut health = Health::new();
    let mut tally = Tally::default();
    for request in 0..SECONDS * REQUESTS_A_SECOND {
        if !with_health {
            health = Health::new();
        }
        let mut now = start + Duration::from_millis(request * 1_000 / REQUESTS_A_SECOND);
        let live = Live { health: Some(&health), now, ..Live::nothing() };
        let plan = snapshot.plan_with(&ask(Shape::Chat, "r"), &live).unwrap_or_else(|error| unreachable!("{error:?}"));
        let mut pursuit = Pursuit::new(health.order(plan.targets, now));
        let mut next = pursuit.next(None);
        while let Some(target) = next {
            let host = HOSTS.iter().position(|id| *id == &**target.upstream.id()).unwrap_or(0);
            let ticket = health.begin(&target, now);
            tally.attempts += 1;
            let Some((failure, millis)) = answer(request, host) else {
                health.served(&target, ticket, &Seen::default(), &settings, now);
                tally.served += 1;
                break;
            };
            tally.wasted += 1;
            tally.lost += millis;
            now += Duration::from_millis(millis);
            health.failed(&target, &failure, ticket, &settings, now);
            next = pursuit.next(Some((&target, &failure)));
        }
    }
    tally
}

#[test]
fn health_keeps_the_success_rate_and_spares_most_calls_that_would_be_wasted() {
    let all = SECONDS * REQUESTS_A_SECOND;
    let best = (0..HOSTS.len())
        .map(|host| (0..all).filter(|request| answer(*request, host).is_none()).count() as u64)
        .max()
        .unwrap_or(0);
    let without = play(Strategy::Ordered, false);
    for strategy in [Strategy::Ordered, Strategy::RoundRobin, Strategy::LeastBusy] {
        let with = play(strategy, true);
        println!(
            "{} with health: {} of {all} served (the best host alone: {best}; ordered without health: {}), {} attempts ({}), {} of them wasted ({}), {} ms lost on them ({})",
            strategy.as_str(),
            with.served,
            without.served,
            with.attempts,
            without.attempts,
            with.wasted,
            without.wasted,
            with.lost,
            without.lost
        );
        assert!(with.served * 1_000 >= best * 1_000 - all * 5, "{with:?}");
    }
    let with = play(Strategy::Ordered, true);
    assert!(with.wasted * 4 < without.wasted && with.lost * 4 < without.lost, "{with:?} {without:?}");
}
