//! Measurements, to be run by hand: `cargo test --lib books::tests::figures -- --ignored --nocapture`.
#![expect(clippy::print_stdout, reason = "that is what they are for")]

use std::hint::black_box;
use std::time::Instant;

use super::*;

fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

fn full_limits() -> Allowance {
    Allowance {
        monthly_tokens: at(u64::MAX),
        daily_usd: at(u64::MAX),
        monthly_usd: at(u64::MAX),
        requests_per_minute: at(u64::MAX),
        tokens_per_minute: at(u64::MAX),
        max_concurrent: at(u64::MAX),
        ..daily(u64::MAX)
    }
}

#[test]
#[ignore = "a measurement"]
fn time_of_reserve_and_settle() {
    const ROUNDS: u32 = 200_000;
    let with_user = Payer {
        gateway_limits: full_limits(),
        end_user: Some(EndUser { name: "somebody".into(), limits: full_limits() }),
        ..payer(1, full_limits())
    };
    for (name, payer) in [
        ("a daily limit", payer(1, daily(u64::MAX))),
        ("all limits of a key", payer(1, full_limits())),
        ("all limits of key, gateway and end user", with_user),
    ] {
        let books = Books::new();
        for number in 0..10_000 {
            let other = self::payer(number, Allowance::default());
            books.settle(books.reserve(&demand(&other, 1, 1), noon()).unwrap(), tokens(2), None);
        }
        let demand = demand(&payer, 100, 100);
        let begun = Instant::now();
        for round in 0..ROUNDS {
            let now = noon() + Duration::from_millis(round.into());
            let grant = black_box(books.reserve(black_box(&demand), now).unwrap());
            books.settle(grant, tokens(150), Some(u64::from(round)));
        }
        println!("{name}: {} ns a request", begun.elapsed().as_nanos() / u128::from(ROUNDS));
    }
}

#[test]
#[ignore = "a measurement"]
fn bytes_of_an_account() {
    const KEYS: u64 = 50_000;
    for (name, limits) in [("no limit a minute", daily(1_000)), ("limits a minute, one request", full_limits())] {
        let books = Books::new();
        let before = resident();
        for number in 0..KEYS {
            let payer = payer(number, limits);
            books.settle(books.reserve(&demand(&payer, 1, 1), noon()).unwrap(), tokens(2), None);
        }
        println!("{name}: {} bytes a key", (resident() - before) / KEYS);
        // Its memory must not serve the next one.
        std::mem::forget(books);
    }
    println!("an account by itself: {} bytes", size_of::<account::Account>());
}
