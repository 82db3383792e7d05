//! What is passed over, for how long, and what it takes to be taken again.

use super::super::fixture::{self, ids};
use super::*;

fn settings() -> HealthSettings {
    HealthSettings::default()
}

fn fails(health: &Health, target: &Target, class: ErrorClass, now: Instant) {
    let ticket = health.begin(target, now);
    health.failed(target, &fixture::failure(class), ticket, &settings(), now);
}

fn serves(health: &Health, target: &Target, now: Instant) {
    let ticket = health.begin(target, now);
    health.served(target, ticket, &Seen::default(), &settings(), now);
}

#[test]
fn cooling_targets_come_last_and_the_soonest_ready_first_among_them() {
    let (health, now) = (Health::new(), Instant::now());
    let targets = fixture::targets(&[("openai", "a"), ("openai", "b"), ("google", "c"), ("google", "d")]);
    let [a, b, c, _] = targets.as_slice() else { unreachable!("four were made") };
    health.cool(a, Duration::from_secs(9), now);
    health.cool(c, Duration::from_secs(3), now);
    assert_eq!(ids(&health.order(targets.clone(), now)), ["openai/b", "google/d", "google/c", "openai/a"]);
    assert_eq!(health.cooled(now).len(), 2);
    assert!(health.is_avoided(a, now) && !health.is_avoided(b, now));

    let later = now + Duration::from_secs(4);
    assert_eq!(ids(&health.order(targets.clone(), later)), ["openai/b", "google/c", "google/d", "openai/a"]);
    assert_eq!(health.cooled(later).len(), 1);
    serves(&health, a, now);
    assert_eq!(health.cooled(now).len(), 1);
}

#[test]
fn an_answer_to_what_was_asked_before_lifts_nothing_that_was_told_since() {
    let (health, began) = (Health::new(), Instant::now());
    let targets = fixture::targets(&[("openai", "a")]);
    let [target] = targets.as_slice() else { unreachable!("one was made") };
    let long = health.begin(target, began);
    let limited = began + Duration::from_secs(1);
    health.cool(target, Duration::from_secs(60), limited);
    let ended = began + Duration::from_secs(9);
    health.served(target, long, &Seen::default(), &settings(), ended);
    assert!(health.is_avoided(target, ended), "a long stream that ends well");
    serves(&health, target, ended);
    assert!(!health.is_avoided(target, ended));
}

#[test]
fn a_probe_is_answered_at_its_first_content() {
    let (health, start) = (Health::new(), Instant::now());
    let targets = fixture::targets(&[("openai", "a")]);
    let [target] = targets.as_slice() else { unreachable!("one was made") };
    for _ in 0..5 {
        fails(&health, target, ErrorClass::Upstream, start);
    }
    let ready = start + Duration::from_secs(6);
    let mut probe = health.begin(target, ready);
    assert!(health.is_avoided(target, ready), "others wait for the probe");
    probe.proved(&settings());
    assert!(!health.is_avoided(target, ready), "but not for the end of its answer");
    health.broke(probe, &settings(), ready);
    assert!(health.is_avoided(target, ready), "which may still break off");
}

#[test]
fn names_without_end_leave_room_for_what_is_configured() {
    let (health, now) = (Health::new(), Instant::now());
    let names: Vec<String> = (0..3_000).map(|at| format!("claude-x{at}")).collect();
    let invented: Vec<(&str, &str)> = names.iter().map(|name| ("openai", name.as_str())).collect();
    for target in &fixture::targets(&invented) {
        health.cool(target, Duration::from_secs(600), now);
    }
    assert!(health.cooled(now).len() <= 128, "{}", health.cooled(now).len());
}

#[test]
fn a_sole_target_and_a_plan_that_cools_as_a_whole_are_kept() {
    let (health, now) = (Health::new(), Instant::now());
    let targets = fixture::targets(&[("openai", "a"), ("google", "b")]);
    for (target, seconds) in targets.iter().zip([9, 3]) {
        health.cool(target, Duration::from_secs(seconds), now);
    }
    assert_eq!(ids(&health.order(targets.clone(), now)), ["google/b", "openai/a"]);
    let sole: Vec<_> = targets.into_iter().take(1).collect();
    assert_eq!(ids(&health.order(sole, now)), ["openai/a"]);
}

#[test]
fn a_longer_cooling_is_not_cut_short_by_a_shorter_one() {
    let (health, now) = (Health::new(), Instant::now());
    for target in &fixture::targets(&[("openai", "a")]) {
        health.cool(target, Duration::from_secs(60), now);
        health.cool(target, Duration::from_secs(1), now);
        assert!(health.is_avoided(target, now + Duration::from_secs(30)));
    }
}

#[test]
fn a_refused_credential_cools_every_model_behind_it_and_survives_a_reload() {
    let (health, now) = (Health::new(), Instant::now());
    let before = fixture::targets(&[("openai", "a"), ("openai", "b"), ("google", "c")]);
    for target in before.iter().take(1) {
        fails(&health, target, ErrorClass::OperatorAuth, now);
    }
    let after = fixture::targets(&[("openai", "a"), ("openai", "b"), ("google", "c")]);
    assert_eq!(ids(&health.order(after, now)), ["google/c", "openai/a", "openai/b"]);
}

#[test]
fn a_target_that_only_fails_is_passed_over_and_one_that_fails_now_and_then_is_not() {
    let (health, now) = (Health::new(), Instant::now());
    let targets = fixture::targets(&[("openai", "a"), ("google", "b")]);
    let [bad, good] = targets.as_slice() else { unreachable!("two were made") };
    for _ in 0..9 {
        serves(&health, good, now);
    }
    fails(&health, bad, ErrorClass::Upstream, now);
    fails(&health, good, ErrorClass::Upstream, now);
    assert!(health.is_avoided(bad, now) && !health.is_avoided(good, now));
    assert_eq!(ids(&health.order(targets.clone(), now)), ["google/b", "openai/a"]);
    let ready = now + Duration::from_secs(5);
    assert_eq!(ids(&health.order(targets.clone(), ready)), ["openai/a", "google/b"], "it may be probed");
    let probe = health.begin(bad, ready);
    assert_eq!(ids(&health.order(targets.clone(), ready)), ["google/b", "openai/a"], "by one request at a time");
    drop(probe);
    assert_eq!(ids(&health.order(targets.clone(), ready)), ["openai/a", "google/b"], "which may come to nothing");
    serves(&health, bad, ready);
    assert!(!health.is_avoided(bad, ready));
}

#[test]
fn a_host_that_cannot_be_reached_is_passed_over_with_all_its_models() {
    let (health, now) = (Health::new(), Instant::now());
    let targets = fixture::targets(&[("openai", "a"), ("openai", "b"), ("google", "c")]);
    for target in targets.iter().take(1) {
        fails(&health, target, ErrorClass::Transport, now);
    }
    assert_eq!(ids(&health.order(targets, now)), ["google/c", "openai/a", "openai/b"]);
    let open = health.breakers().into_iter().find(|(provider, _)| &**provider == "openai").map(|(_, state)| state);
    assert_eq!(open, Some(Breakers { closed: 0, half_open: 0, open: 2 }));
}

#[test]
fn what_the_request_is_to_blame_for_says_nothing_of_its_target() {
    let (health, now) = (Health::new(), Instant::now());
    let targets = fixture::targets(&[("openai", "a")]);
    for target in &targets {
        for class in [ErrorClass::BadRequest, ErrorClass::ContextOverflow, ErrorClass::ContentRefused] {
            fails(&health, target, class, now);
        }
        assert!(!health.is_avoided(target, now));
    }
}

#[test]
fn what_is_under_way_and_how_soon_and_fast_it_answers_is_known_of_each_target() {
    let (health, now) = (Health::new(), Instant::now());
    let targets = fixture::targets(&[("openai", "a"), ("google", "b")]);
    let [a, b] = targets.as_slice() else { unreachable!("two were made") };
    let (first, second) = (health.begin(a, now), health.begin(a, now));
    assert_eq!((health.in_flight(a), health.in_flight(b)), (2, 0));
    let later = now + Duration::from_secs(3);
    let seen = Seen { streamed: true, first_content: Some(Duration::from_secs(1)), output: 100 };
    health.served(a, first, &seen, &settings(), later);
    drop(second);
    assert_eq!(health.in_flight(a), 0);
    assert_eq!(health.latency(a, true, later), Some(1_000_000));
    assert_eq!(health.latency(a, false, later), None);
    assert_eq!(health.speed(a, later), Some(50_000), "tokens in a thousand seconds");
    assert_eq!(health.latency(b, true, later), None);
}

#[test]
fn what_is_known_has_a_bound_and_others_are_served_without_it() {
    let (health, now) = (Health::new(), Instant::now());
    let names: Vec<String> = (0..40).map(|at| format!("m-{at}")).collect();
    let list: Vec<(&str, &str)> = names.iter().map(|name| ("openai", name.as_str())).collect();
    for target in &fixture::targets(&list) {
        serves(&health, target, now);
    }
    // Each target, and their host.
    assert_eq!(health.vitals.load().len(), 41);
    let closed: usize = health.breakers().values().map(|breakers| breakers.closed).sum();
    assert_eq!(closed, 41);
}
