//! What staying does to cache reads: conversations over providers with two keys each, whose caches are simulated.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that tells figures")]

use std::collections::HashMap;
use std::time::Duration;

use ovth_filters::Shape;
use ovth_filters::neutral::{ErrorClass, Usage};

use super::super::fixture::{ask, failure, provider, route, snapshot};
use super::super::{Ask, Seen};
use super::*;
use crate::config::{HealthSettings, Secret};

const CONVERSATIONS: u64 = 60;
const TURNS: u64 = 15;
const FIRST_PROMPT: u64 = 3_000;
const EACH_TURN: u64 = 1_500;
const LIFETIME: Duration = Duration::from_secs(300);

/// Tokens of all prompts, those read from caches, and turns.
#[derive(Debug, Default)]
struct Read {
    prompt: u64,
    cached: u64,
    failed_over: u64,
}

/// Plays all conversations, a turn of each at a time; in the middle one of the targets fails for a minute.
fn play(strategy: Strategy, sticky: bool) -> Read {
    let mut labs: Vec<_> = ["anthropic", "openai"].map(provider).into();
    for lab in &mut labs {
        (lab.api_keys, lab.key_weights) = (["a", "b"].map(Secret::new).into(), vec![1, 1]);
    }
    let mut way = route("r", strategy, &["anthropic", "openai"], &["claude-haiku-4-5", "gpt-5.2"]);
    way.options.sticky = sticky;
    let snapshot = snapshot(labs, vec![way]);
    let health = Health::new();
    let start = Instant::now();
    // What each target holds of each conversation, and until when.
    let mut caches: HashMap<(u64, u64), (u64, Instant)> = HashMap::new();
    let mut read = Read::default();
    for turn in 0..TURNS {
        for conversation in 1..=CONVERSATIONS {
            let now = start + Duration::from_secs(turn * 20) + Duration::from_millis(conversation * 100);
            let prompt = FIRST_PROMPT + turn * EACH_TURN;
            let ask = Ask { input_tokens: prompt, ..ask(Shape::Chat, "r") };
            let stay = health.affinity.stay(conversation, now);
            let live = Live { health: Some(&health), now, stay, ..Live::nothing() };
            let targets = health.order(snapshot.plan_with(&ask, &live).unwrap().targets, now);
            let is_down = |target: &Target| {
                (7..10).contains(&turn)
                    && &**target.upstream.id() == "openai"
                    && target.credential.as_ref().is_some_and(|key| key.expose() == "a")
            };
            for target in &targets {
                let ticket = health.begin(target, now);
                let settings = HealthSettings::default();
                if is_down(target) {
                    health.failed(target, &failure(ErrorClass::Overloaded), ticket, &settings, now);
                    read.failed_over += 1;
                    continue;
                }
                let held = caches.get(&(conversation, target.key.target())).filter(|(_, until)| *until > now);
                let cached = held.map_or(0, |(tokens, _)| *tokens).min(prompt);
                let usage = Usage { cache_read: cached, cache_write: prompt - cached, output: 100, ..Usage::default() };
                caches.insert((conversation, target.key.target()), (prompt, now + LIFETIME));
                health.served(target, ticket, &Seen::default(), &settings, now);
                health.affinity.answered(conversation, (target, Stay::of(target, &usage, None, now)), now);
                read.prompt += prompt;
                read.cached += cached;
                break;
            }
        }
    }
    read
}

#[test]
fn a_conversation_that_stays_reads_nearly_all_of_its_prompts_from_caches() {
    for strategy in [Strategy::RoundRobin, Strategy::Weighted, Strategy::Ordered, Strategy::CheapestCapable] {
        let (stays, moves) = (play(strategy, true), play(strategy, false));
        let percent = |read: &Read| read.cached * 100 / read.prompt;
        println!(
            "{}: {}% of the prompts' tokens read from caches when conversations stay, {}% when they do not ({} and {} failed tries)",
            strategy.as_str(),
            percent(&stays),
            percent(&moves),
            stays.failed_over,
            moves.failed_over
        );
        assert!(percent(&stays) >= 80, "{stays:?}");
        // Of 15 turns the first has nothing to read, and the others lack what is new.
        assert!(percent(&stays) > percent(&moves), "{moves:?}");
    }
}
