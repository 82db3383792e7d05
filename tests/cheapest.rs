//! `cheapest-capable` against a model of it that shares no code with the router: whatever is asked, it never picks a target that cannot serve
//! the request, and never one that is dearer than another capable, healthy one.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

#[path = "cheapest/market.rs"]
mod market;
#[path = "cheapest/requests.rs"]
mod requests;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ovth_filters::neutral::{ApiError, ErrorClass, Usage};
use ovth_filters::{Operation, shapes};
use ovth_gateway::catalog::{Catalog, Date};
use ovth_gateway::config::{Environment, HealthSettings, parse};
use ovth_gateway::providers::{self, Failure};
use ovth_gateway::routing::{Ask, Health, Live, Snapshot, Stay, Target};

use self::market::{Conversation, Market, Options};
use self::requests::{Random, Recorded};

const REQUESTS: usize = 5_000;

/// The day of the facts in the catalogue.
const TODAY: &str = "2026-11-22";

/// The providers that the routes choose from: those that are built in, and hosts that speak the OpenAI API.
const HOSTS: [&str; 5] = ["deepseek", "mistral", "xai", "moonshot", "zai"];

fn config(options: &Options) -> String {
    let mut yaml = format!(
        "routes:\n  auto:\n    strategy: cheapest-capable\n    providers: [{}]\n    expected_output: {}\n",
        options.providers.join(", "),
        options.expected_output
    );
    if let Some(least) = options.min_context {
        yaml += &format!("    min_context: {least}\n");
    }
    if let Some(most) = &options.max_output_price {
        yaml += &format!("    max_price: {{output: {most}}}\n");
    }
    if let Some(family) = &options.exclude {
        yaml += &format!("    exclude: [{family}]\n");
    }
    yaml += "providers:\n";
    for host in HOSTS {
        yaml += &format!("  {host}: {{base_url: 'https://{host}.test/v1', api_key: sk-0123456789abcdef0123}}\n");
    }
    yaml
}

fn snapshot(options: &Options) -> Option<Snapshot> {
    let env = Environment::from_pairs([
        ("ANTHROPIC_API_KEY", "sk-ant-api03-0123456789abcdef0123"),
        ("OPENAI_API_KEY", "sk-proj-0123456789abcdef0123"),
        ("GOOGLE_API_KEY", "AIza0123456789abcdef0123"),
        ("OVTH_MASTER_KEY", "0123456789abcdef0123456789abcdef"),
    ]);
    let (config, _) = parse(&config(options), Path::new("/"), &env, providers::builtins()).unwrap();
    let catalog = Arc::new(Catalog::embedded().unwrap());
    // Options that leave nothing are refused; the model has to agree.
    Snapshot::build(config, catalog, TODAY.parse::<Date>().unwrap()).ok().map(|(snapshot, _)| snapshot)
}

fn name(target: &Target) -> (String, String) {
    (target.upstream.id().to_string(), target.model.to_string())
}

/// Lets some of the targets fail until they are passed over.
fn with_failures(random: &mut Random, targets: &[Arc<Target>], now: Instant) -> Health {
    let health = Health::new();
    let one_in = 2 + random.below(8);
    for target in targets {
        if random.below(one_in) == 0 {
            let class =
                [ErrorClass::Upstream, ErrorClass::RateLimit, ErrorClass::OperatorModel, ErrorClass::Overloaded]
                    [random.below(4)];
            let ticket = health.begin(target, now);
            let failure = Failure::new(ApiError::new(class, "x"));
            health.failed(target, &failure, ticket, &HealthSettings::default(), now);
        }
    }
    health
}

/// Says a figure that is to be seen although the test passes.
fn tell(figure: &str) {
    use std::io::Write as _;
    // Nobody reads it where standard error is closed.
    let _ = writeln!(std::io::stderr(), "{figure}");
}

#[derive(Default)]
struct Tally {
    planned: usize,
    refused: usize,
    nothing_capable: usize,
    stayed: usize,
    unreadable: usize,
    unhealthy_first: usize,
}

#[test]
fn cheapest_capable_agrees_with_a_model_that_shares_no_code_with_it() {
    let recorded = Recorded::all();
    let facts = Market::read();
    let mut random = Random::new(0x0bad_5eed);
    let mut tally = Tally::default();
    let mut done = 0;
    while done < REQUESTS {
        let options = facts.some_options(&mut random);
        let Some(snapshot) = snapshot(&options) else {
            assert_eq!(facts.candidates(&options).count(), 0, "{options:?}");
            continue;
        };
        // As many requests for each configuration as make building it worth while.
        for _ in 0..250 {
            if done == REQUESTS {
                break;
            }
            let asked = recorded[random.below(recorded.len())].changed(&mut random);
            let bytes = serde_json::to_vec(&asked.body).unwrap();
            let Ok(peek) = shapes::peek(asked.shape, Operation::Generate, &bytes) else {
                tally.unreadable += 1;
                continue;
            };
            done += 1;
            let input_tokens = asked.input.unwrap_or_else(|| peek.estimated_input_tokens());
            let ask = Ask {
                shape: asked.shape,
                operation: Operation::Generate,
                model: "auto",
                needs: peek.needs,
                input_tokens,
                max_output: peek.max_output,
            };
            check(&snapshot, &facts, &options, (&ask, &asked), &mut random, &mut tally);
        }
    }
    tell(&format!(
        "{REQUESTS} requests: {} planned ({} of them stayed at a warm cache, {} had to pass over a failing target), {} refused, {} that nothing could serve in full; {} could not be read and were drawn again",
        tally.planned, tally.stayed, tally.unhealthy_first, tally.refused, tally.nothing_capable, tally.unreadable
    ));
    assert!(tally.planned > REQUESTS / 2 && tally.stayed > 50 && tally.unhealthy_first > 50);
}

fn check(
    snapshot: &Snapshot,
    facts: &Market,
    options: &Options,
    (ask, asked): (&Ask<'_>, &requests::Asked),
    random: &mut Random,
    tally: &mut Tally,
) {
    let now = Instant::now();
    let wanted = asked.wants(ask.input_tokens);
    let all = snapshot.plan(ask).map(|plan| plan.targets).unwrap_or_default();
    let health = with_failures(random, &all, now);
    let (stay, conversation) = conversation(random, &all, ask.input_tokens, now);
    let live = Live { health: Some(&health), now, stay, ..Live::nothing() };
    let capable = facts.capable(options, &wanted);
    let Ok(plan) = snapshot.plan_with(ask, &live) else {
        assert!(capable.is_empty(), "{wanted:?} could be served by {capable:?}");
        tally.refused += 1;
        return;
    };
    tally.planned += 1;
    let unhealthy_first = health.is_avoided(&plan.targets[0], now);
    let ordered = health.order(plan.targets.clone(), now);
    let first = &ordered[0];
    if capable.is_empty() {
        // Then those that are able and too small, or that refuse a field, are better than nothing; but never those that are unable.
        tally.nothing_capable += 1;
        for target in &ordered {
            assert!(facts.is_able(&name(target), &wanted), "{:?} for {wanted:?}", name(target));
        }
        return;
    }
    for target in &ordered {
        assert!(
            capable.contains(&name(target)),
            "{:?} cannot serve {wanted:?} under {options:?}; those can: {capable:?}; {:#?}",
            name(target),
            snapshot.explain(ask, &live).candidates
        );
    }
    let is_healthy = |id: &(String, String)| {
        all.iter().filter(|target| name(target) == *id).any(|target| !health.is_avoided(target, now))
    };
    let healthy: Vec<&(String, String)> = capable.iter().filter(|id| is_healthy(id)).collect();
    if healthy.is_empty() {
        return;
    }
    assert!(is_healthy(&name(first)), "{:?} fails, and {healthy:?} do not", name(first));
    tally.unhealthy_first += usize::from(unhealthy_first);
    let cost = |id: &(String, String)| facts.cost(id, &wanted, options, conversation.as_ref());
    let cheapest = healthy.iter().map(|id| cost(id)).min().unwrap();
    let picked = cost(&name(first));
    assert_eq!(picked, cheapest, "{:?} for {wanted:?} with {conversation:?} under {options:?}", name(first));
    let stays = plan.choice.unwrap().stays;
    tally.stayed += usize::from(stays);
    if let Some(expected) = plan.choice.unwrap().expected {
        assert_eq!(u128::from(expected.0), cost(&name(&plan.targets[0])), "and that is what it says");
    }
}

/// In one request of three, a conversation whose last turn one of the targets has in its cache.
fn conversation(
    random: &mut Random,
    targets: &[Arc<Target>],
    input: u64,
    now: Instant,
) -> (Option<Stay>, Option<Conversation>) {
    if targets.is_empty() || random.below(3) > 0 {
        return (None, None);
    }
    let target = &targets[random.below(targets.len())];
    let (read, written) = (input * random.below(10) as u64 / 10, input * random.below(4) as u64 / 10);
    let usage = Usage { input: 10, cache_read: read, cache_write: written, output: 100, ..Usage::default() };
    let stay = Stay::of(target, &usage, Some(Duration::from_secs(300)), now);
    let conversation = Conversation { at: name(target), usage: (10, read, written, 100) };
    (stay, stay.map(|_| conversation))
}
