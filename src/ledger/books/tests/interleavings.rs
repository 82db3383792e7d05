//! Every order in which the steps of a few requests can fall, against limits that are too small for all of them.

use super::model::{Granted, Model};
use super::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Reserve,
    Cover(u64),
    Settle(u64),
    Refund,
    /// Not of a request: the clock goes on by so many seconds.
    Wait(u64),
}

/// One request: who asks, what for, and what becomes of it.
#[derive(Clone, Debug)]
struct Script {
    payer: Payer,
    input: u64,
    output: u64,
    steps: &'static [Step],
}

fn script(payer: &Payer, input: u64, output: u64, steps: &'static [Step]) -> Script {
    Script { payer: payer.clone(), input, output, steps }
}

/// Calls `run` with every order: each number is the script whose next step comes.
fn every_order(lengths: &mut [usize], order: &mut Vec<usize>, run: &mut impl FnMut(&[usize])) {
    if lengths.iter().all(|left| *left == 0) {
        run(order);
        return;
    }
    for next in 0..lengths.len() {
        if lengths[next] > 0 {
            lengths[next] -= 1;
            order.push(next);
            every_order(lengths, order, run);
            order.pop();
            lengths[next] += 1;
        }
    }
}

/// What one order came to.
#[derive(Default)]
struct Outcome {
    passed: usize,
    most_used: u64,
}

/// Runs that order on books and model, and holds them against each other after every step.
fn run(scripts: &[Script], order: &[usize], start: SystemTime) -> Outcome {
    let (books, mut model) = (Books::new(), Model::new(END_USERS));
    let mut now = start;
    let mut at: Vec<usize> = vec![0; scripts.len()];
    let mut grants: Vec<Option<(Grant, Granted)>> = scripts.iter().map(|_| None).collect();
    // By how much cover and settle went beyond what limits had allowed.
    let mut grown: u64 = 0;
    let mut outcome = Outcome::default();
    for &number in order {
        let script = &scripts[number];
        let step = script.steps[at[number]];
        at[number] += 1;
        let mut demand = demand(&script.payer, script.input, script.output);
        demand.input.cost = PicoDollars(script.input);
        demand.output_price = PicoDollars(1);
        demand.can_cap = script.output > 32;
        let amount = |tokens| Amount { tokens, cost: PicoDollars(tokens) };
        match step {
            Step::Wait(count) => now += seconds(count),
            Step::Reserve => match (books.reserve(&demand, now), model.reserve(&demand, now)) {
                (Ok(grant), Ok(granted)) => {
                    assert_eq!((grant.reserved, grant.output_cap), (granted.reserved, granted.cap), "{order:?}");
                    assert_eq!(grant.standing.rooms, granted.rooms, "{order:?}");
                    for room in &grant.standing.rooms {
                        assert!(room.used <= room.limit + grown, "{order:?}: {room:?} beyond {grown}");
                        outcome.most_used = outcome.most_used.max(room.used);
                    }
                    outcome.passed += 1;
                    grants[number] = Some((grant, granted));
                }
                (Err(hit), Err(expected)) => assert_eq!(hit, expected, "{order:?}"),
                (result, expected) => unreachable!("{order:?}: {result:?} instead of {expected:?}"),
            },
            Step::Cover(spent) => {
                let Some((grant, granted)) = &mut grants[number] else { continue };
                let before = grant.reserved.tokens;
                assert_eq!(books.cover(grant, amount(spent)), model.cover(granted, amount(spent)));
                grown += grant.reserved.tokens - before;
            }
            Step::Settle(spent) => {
                let Some((grant, granted)) = grants[number].take() else { continue };
                grown += spent.saturating_sub(grant.reserved.tokens);
                books.settle(grant, amount(spent), None);
                model.end(granted.request, Some(amount(spent)));
            }
            Step::Refund => {
                let Some((grant, granted)) = grants[number].take() else { continue };
                books.refund(grant);
                model.end(granted.request, None);
            }
        }
        for script in scripts {
            let rooms = books.standing(&script.payer, now).rooms;
            assert!(rooms.iter().all(|room| room.used <= room.limit + grown), "{order:?}: {rooms:?} beyond {grown}");
            assert_eq!(rooms, model.standing(&script.payer, now), "{order:?} after {step:?} of {number}");
        }
        assert_eq!(books.open(), grants.iter().flatten().count());
    }
    assert_eq!(books.open(), 0, "{order:?}");
    let rows = books.quotas(&|_| None, now);
    assert!(rows.iter().all(|row| row.open == 0 && row.reserved == Amount::default()), "{order:?}: {rows:?}");
    outcome
}

/// Runs all orders; answers how many there were, and the fewest and most requests that passed.
fn run_all(scripts: &[Script], start: SystemTime) -> (usize, usize, usize) {
    let mut lengths: Vec<usize> = scripts.iter().map(|script| script.steps.len()).collect();
    let (mut orders, mut fewest, mut most) = (0, usize::MAX, 0);
    every_order(&mut lengths, &mut Vec::new(), &mut |order| {
        let outcome = run(scripts, order, start);
        orders += 1;
        fewest = fewest.min(outcome.passed);
        most = most.max(outcome.passed);
    });
    (orders, fewest, most)
}

#[test]
fn three_requests_of_three_steps_on_every_kind_of_limit() {
    for limits in [
        daily(100),
        Allowance { daily_usd: at(100), ..Allowance::default() },
        Allowance { monthly_usd: at(100), monthly_tokens: at(90), ..Allowance::default() },
        Allowance { tokens_per_minute: at(100), ..Allowance::default() },
        Allowance { requests_per_minute: at(2), ..Allowance::default() },
        Allowance { max_concurrent: at(2), ..Allowance::default() },
    ] {
        let payer = payer(1, limits);
        let scripts = [
            script(&payer, 20, 20, &[Step::Reserve, Step::Cover(41), Step::Settle(60)]),
            script(&payer, 30, 20, &[Step::Reserve, Step::Cover(45), Step::Settle(20)]),
            script(&payer, 30, 15, &[Step::Reserve, Step::Cover(10), Step::Refund]),
        ];
        let (orders, fewest, most) = run_all(&scripts, noon());
        assert_eq!(orders, 1_680);
        assert!(fewest < 3 && most >= 2, "{limits:?}: {fewest} to {most} passed");
    }
}

#[test]
fn four_requests_of_two_keys_and_two_end_users_on_limits_of_all_three() {
    let with = |number, name: Option<&str>| Payer {
        gateway_limits: daily(120),
        end_user: name.map(|name| EndUser { name: name.into(), limits: daily(50) }),
        ..payer(number, daily(90))
    };
    let scripts = [
        script(&with(1, Some("a")), 40, 0, &[Step::Reserve, Step::Settle(40)]),
        script(&with(1, Some("a")), 20, 10, &[Step::Reserve, Step::Settle(10)]),
        script(&with(1, Some("b")), 45, 0, &[Step::Reserve, Step::Refund]),
        script(&with(2, None), 60, 10, &[Step::Reserve, Step::Settle(65)]),
    ];
    let (orders, fewest, most) = run_all(&scripts, noon());
    assert_eq!(orders, 2_520);
    assert!(fewest < 4 && most == 4, "{fewest} to {most} passed");
}

#[test]
fn outputs_that_are_bounded_by_what_is_left_never_overshoot() {
    let payer = payer(1, Allowance { daily_usd: at(190), ..daily(200) });
    let scripts = [
        script(&payer, 20, 100, &[Step::Reserve, Step::Settle(120)]),
        script(&payer, 20, 60, &[Step::Reserve, Step::Settle(50)]),
        script(&payer, 10, 90, &[Step::Reserve, Step::Refund]),
        script(&payer, 5, 40, &[Step::Reserve, Step::Settle(30)]),
    ];
    run_all(&scripts, noon());
}

#[test]
fn midnight_and_a_sliding_minute_fall_between_any_two_steps() {
    let limits = Allowance { requests_per_minute: at(2), monthly_tokens: at(130), ..daily(100) };
    let payer = payer(1, limits);
    // The last second of November: day, month and minute end within these waits.
    let late = Day::of(noon()).month().next().start() - seconds(1);
    let scripts = [
        script(&payer, 60, 0, &[Step::Reserve, Step::Cover(70), Step::Settle(65)]),
        script(&payer, 50, 0, &[Step::Reserve, Step::Settle(55)]),
        script(&payer, 40, 0, &[Step::Reserve, Step::Refund]),
        script(&payer, 0, 0, &[Step::Wait(1), Step::Wait(61)]),
    ];
    let (orders, fewest, most) = run_all(&scripts, late);
    assert_eq!(orders, 7_560);
    assert!(fewest < 3 && most == 3, "{fewest} to {most} passed");
}
