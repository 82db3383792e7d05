//! Tests of the books: single cases here; every order of a few requests, random histories and figures in the files beside it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod figures;
mod interleavings;
mod model;
mod races;
mod random;

use std::time::Duration;

use ovth_filters::money::PicoDollars;

use super::*;
use crate::config::Cap;
use crate::ledger::window::{Day, Month};
use crate::ledger::{EndUser, Facts, LimitName, Room};

fn key(number: u64) -> KeyId {
    KeyId::parse(&format!("key_{number:016x}")).unwrap()
}

/// 2026-11-22, noon.
fn noon() -> SystemTime {
    Day(20_779).start() + Duration::from_secs(43_200)
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn tokens(tokens: u64) -> Amount {
    Amount { tokens, cost: PicoDollars::ZERO }
}

fn at(limit: u64) -> Option<Cap> {
    Some(Cap::At(limit))
}

fn payer(number: u64, limits: Allowance) -> Payer {
    Payer { key: key(number), key_limits: limits, gateway_limits: Allowance::default(), end_user: None }
}

fn daily(limit: u64) -> Allowance {
    Allowance { daily_tokens: at(limit), ..Allowance::default() }
}

fn demand(payer: &Payer, input: u64, output: u64) -> Demand<'_> {
    Demand {
        payer,
        input: tokens(input),
        output_tokens: output,
        output_weight: 1000,
        output_price: PicoDollars::ZERO,
        can_cap: false,
        facts: Facts { model: "gpt-5".into(), ..Facts::default() },
    }
}

fn room(books: &Books, payer: &Payer, now: SystemTime) -> Room {
    books.standing(payer, now).rooms[0]
}

#[test]
fn what_is_set_aside_counts_and_what_is_settled_replaces_it() {
    let (books, payer) = (Books::new(), payer(1, daily(100)));
    let grant = books.reserve(&demand(&payer, 30, 30), noon()).unwrap();
    assert_eq!((grant.reserved, grant.output_cap), (tokens(60), None));
    assert_eq!(grant.standing.rooms[0].used, 60);
    assert_eq!(grant.owners, [Owner::Key(key(1)), Owner::Gateway]);
    assert_eq!(grant.day, Day(20_779));
    let hit = books.reserve(&demand(&payer, 30, 11), noon()).unwrap_err();
    assert_eq!((hit.room.name, hit.room.left(), hit.needed, hit.retry_after), (LimitName::DailyTokens, 40, 41, 43_200));
    books.settle(grant, tokens(35), Some(5));
    assert_eq!(room(&books, &payer, noon()).used, 35);
    let grant = books.reserve(&demand(&payer, 30, 35), noon()).unwrap();
    books.refund(grant);
    assert_eq!((room(&books, &payer, noon()).used, books.open()), (35, 0));
}

#[test]
fn ten_calls_of_60_000_tokens_pass_at_once_on_a_million() {
    let (books, payer) = (Books::new(), payer(1, daily(1_000_000)));
    let output = books.expected_output(&key(1), "gpt-5");
    assert_eq!(output, 4_096);
    let grants: Vec<_> = (0..10).map(|_| books.reserve(&demand(&payer, 60_000, output), noon()).unwrap()).collect();
    assert_eq!(books.open(), 10);
    assert_eq!(grants.last().unwrap().standing.rooms[0].used, 640_960);
}

#[test]
fn when_little_is_left_the_output_is_bounded_by_it() {
    let (books, payer) = (Books::new(), payer(1, daily(1_000)));
    let mut capped = demand(&payer, 900, 4_096);
    capped.can_cap = true;
    capped.output_weight = 1_500;
    let grant = books.reserve(&capped, noon()).unwrap();
    assert_eq!((grant.output_cap, grant.reserved), (Some(66), tokens(999)));
    books.refund(grant);
    capped.input = tokens(952);
    let grant = books.reserve(&capped, noon()).unwrap();
    assert_eq!((grant.output_cap, grant.reserved), (Some(32), tokens(1_000)));
    books.refund(grant);
    capped.input = tokens(953);
    let hit = books.reserve(&capped, noon()).unwrap_err();
    assert_eq!((hit.needed, hit.room.used), (1_001, 0));
    capped.output_tokens = 20;
    assert_eq!(books.reserve(&capped, noon()).unwrap().output_cap, None);
}

#[test]
fn money_bounds_the_output_when_it_is_tighter_than_tokens() {
    let limits = Allowance { daily_tokens: at(10_000), daily_usd: at(5_000), ..Allowance::default() };
    let (books, payer) = (Books::new(), payer(1, limits));
    let mut capped = demand(&payer, 1_000, 4_096);
    capped.input.cost = PicoDollars(1_000);
    capped.output_price = PicoDollars(7);
    capped.can_cap = true;
    let grant = books.reserve(&capped, noon()).unwrap();
    assert_eq!((grant.output_cap, grant.reserved.cost, grant.reserved.tokens), (Some(571), PicoDollars(4_997), 1_571));
}

#[test]
fn a_free_request_passes_when_all_is_spent_but_not_without_limit() {
    let limits = Allowance { requests_per_minute: at(2), max_concurrent: at(1), daily_usd: at(1), ..daily(10) };
    let (books, payer) = (Books::new(), payer(1, limits));
    let amount = Amount { tokens: 50, cost: PicoDollars(50) };
    books.restore(&Owner::Key(key(1)), Period::Day(Day::of(noon())), amount, 3);
    assert!(books.precheck(&payer, noon()).is_err());
    let free = demand(&payer, 0, 0);
    let grant = books.reserve(&free, noon()).unwrap();
    assert_eq!(books.reserve(&free, noon()).unwrap_err().room.name, LimitName::MaxConcurrent);
    books.refund(grant);
    books.settle(books.reserve(&free, noon()).unwrap(), tokens(0), None);
    let hit = books.reserve(&free, noon()).unwrap_err();
    assert_eq!((hit.room.name, hit.retry_after), (LimitName::RequestsPerMinute, 61));
    assert!(books.reserve(&free, noon() + seconds(61)).is_ok());
}

#[test]
fn a_refund_still_counts_as_a_request_of_the_minute_and_a_refusal_does_not() {
    let limits = Allowance { requests_per_minute: at(1), tokens_per_minute: at(100), ..daily(50) };
    let (books, payer) = (Books::new(), payer(1, limits));
    books.reserve(&demand(&payer, 51, 0), noon()).unwrap_err();
    books.refund(books.reserve(&demand(&payer, 50, 0), noon()).unwrap());
    let used: Vec<u64> = books.standing(&payer, noon()).rooms.iter().map(|room| room.used).collect();
    assert_eq!(used, [0, 1, 0]);
    assert_eq!(books.quotas(&|_| None, noon()).len(), 1, "only the gateway: nothing was spent");
}

#[test]
fn the_limit_that_resets_last_is_told_and_money_before_tokens() {
    let limits = Allowance {
        monthly_tokens: at(10),
        daily_usd: at(10),
        requests_per_minute: at(1),
        max_concurrent: at(1),
        ..daily(10)
    };
    let (books, mut payer) = (Books::new(), payer(1, limits));
    let name = |payer: &Payer| {
        let mut demand = demand(payer, 11, 0);
        demand.input.cost = PicoDollars(11);
        let hit = books.reserve(&demand, noon()).unwrap_err();
        (hit.room.name, hit.retry_after)
    };
    let (to_midnight, to_december) = (43_200, 43_200 + 8 * 86_400);
    assert_eq!(name(&payer), (LimitName::MonthlyTokens, to_december));
    payer.key_limits.monthly_usd = at(10);
    assert_eq!(name(&payer), (LimitName::MonthlyUsd, to_december));
    payer.key_limits.monthly_usd = Some(Cap::Unlimited);
    payer.key_limits.monthly_tokens = None;
    assert_eq!(name(&payer), (LimitName::DailyUsd, to_midnight));
}

#[test]
fn a_month_ends_and_a_leap_day_is_a_day() {
    let limits = Allowance { monthly_tokens: at(100), ..daily(60) };
    let (books, payer) = (Books::new(), payer(1, limits));
    // 2028-02-28, 23:59:59.
    let late = Month((2028 - 1970) * 12 + 2).start() - seconds(86_401);
    books.settle(books.reserve(&demand(&payer, 60, 0), late).unwrap(), tokens(60), None);
    assert_eq!(books.reserve(&demand(&payer, 1, 0), late).unwrap_err().retry_after, 1);
    let leap_day = late + seconds(1);
    assert_eq!(books.reserve(&demand(&payer, 41, 0), leap_day).unwrap_err().room.name, LimitName::MonthlyTokens);
    let grant = books.reserve(&demand(&payer, 40, 0), leap_day + seconds(86_399)).unwrap();
    let march = leap_day + seconds(86_400);
    let rooms = books.standing(&payer, march).rooms;
    assert_eq!((rooms[0].used, rooms[1].used), (0, 0), "what was let in in February belongs there");
    books.settle(grant, tokens(500), None);
    let rooms = books.standing(&payer, march).rooms;
    assert_eq!((rooms[0].used, rooms[1].used), (0, 0));
    assert_eq!(rooms[1].resets_at, Some(Month((2028 - 1970) * 12 + 3).start()));
}

#[test]
fn counters_that_were_on_disk_count() {
    let limits = Allowance { monthly_tokens: at(100), ..daily(50) };
    let (books, payer) = (Books::new(), payer(1, limits));
    let owner = Owner::Key(key(1));
    books.restore(&owner, Period::Month(Day::of(noon()).month()), tokens(90), 4);
    books.restore(&owner, Period::Day(Day::of(noon())), tokens(20), 2);
    books.restore(&owner, Period::Day(Day(20_700)), tokens(49), 9);
    let used: Vec<u64> = books.standing(&payer, noon()).rooms.iter().map(|room| room.used).collect();
    assert_eq!(used, [20, 90]);
    let row = books.quotas(&|_| Some(payer.clone()), noon()).pop().unwrap();
    assert_eq!((row.requests_today, row.requests_this_month, row.rooms.len()), (2, 4, 2));
}

#[test]
fn counters_restored_while_the_clock_is_behind_are_not_given_away() {
    let (books, payer) = (Books::new(), payer(1, daily(100)));
    let owner = Owner::Key(key(1));
    books.restore(&owner, Period::Day(Day(20_779)), tokens(60), 1);
    books.restore(&owner, Period::Day(Day(20_790)), tokens(5), 1);
    assert_eq!(room(&books, &payer, noon()).used, 65);
    assert_eq!(room(&books, &payer, Day(20_790).start()).used, 5);
}

#[test]
fn what_is_covered_grows_seldom_and_is_never_refused() {
    let (books, payer) = (Books::new(), payer(1, Allowance { tokens_per_minute: at(1_000), ..daily(1_000) }));
    let mut grant = books.reserve(&demand(&payer, 600, 0), noon()).unwrap();
    assert!(!books.cover(&mut grant, tokens(600)));
    assert!(books.cover(&mut grant, tokens(601)));
    assert_eq!(grant.reserved, tokens(1_200));
    assert!(books.cover(&mut grant, tokens(9_000)));
    let rooms = books.standing(&payer, noon()).rooms;
    assert_eq!((rooms[0].used, rooms[1].used), (9_000, 9_000));
    books.settle(grant, tokens(700), None);
    let rooms = books.standing(&payer, noon()).rooms;
    assert_eq!((rooms[0].used, rooms[1].used), (700, 700));
}

#[test]
fn another_end_users_name_never_buys_more_than_the_key_has() {
    let books = Books::new();
    let mut payer = payer(1, daily(100));
    let mut taken = 0;
    for number in 0..20 {
        payer.end_user = Some(EndUser { name: format!("user-{number}").into(), limits: daily(15) });
        match books.reserve(&demand(&payer, 15, 0), noon()) {
            Ok(grant) => books.settle(grant, tokens(15), None),
            Err(hit) => {
                assert_eq!(hit.room.scope, Scope::Key);
                continue;
            }
        }
        assert_eq!(books.reserve(&demand(&payer, 15, 0), noon()).unwrap_err().retry_after, 43_200);
        taken += 1;
    }
    assert_eq!(taken, 6);
}

#[test]
fn end_users_beyond_those_that_a_key_may_name_on_a_day_share_one_account() {
    let books = Books::with_end_users(100, 3);
    let user = |name: &str| Payer {
        end_user: Some(EndUser { name: name.into(), limits: daily(10) }),
        ..payer(1, Allowance::default())
    };
    let spend = |name: &str, now| {
        books.reserve(&demand(&user(name), 10, 0), now).map(|grant| {
            let paid = match &grant.owners[2] {
                Owner::EndUser(_, name) => name.to_string(),
                owner => format!("{owner:?}"),
            };
            books.settle(grant, tokens(10), None);
            paid
        })
    };
    for name in ["ann", "bob", "cid"] {
        assert_eq!(spend(name, noon()).unwrap(), name);
    }
    assert_eq!(spend("dan", noon()).unwrap(), OTHER);
    for name in ["eve", "dan", "(other)", "ann"] {
        assert_eq!(spend(name, noon()).unwrap_err().room.scope, Scope::EndUser, "{name} buys nothing more");
        assert_eq!(room(&books, &user(name), noon()).used, 10, "{name}");
    }
    let tomorrow = noon() + Duration::from_secs(86_400);
    assert_eq!(spend("eve", tomorrow).unwrap(), "eve");
}

#[test]
fn of_too_many_end_users_the_one_unused_for_longest_without_requests_goes() {
    let books = Books::with_end_users(3, 100);
    let user = |name: &str| {
        let end_user = Some(EndUser { name: name.into(), limits: daily(10) });
        Payer { end_user, ..payer(1, Allowance::default()) }
    };
    let used = |name: &str| room(&books, &user(name), noon()).used;
    let spend = |name: &str| books.settle(books.reserve(&demand(&user(name), 1, 0), noon()).unwrap(), tokens(1), None);
    let busy = user("busy");
    let grant = books.reserve(&demand(&busy, 7, 0), noon()).unwrap();
    ["a", "b", "a", "c"].into_iter().for_each(spend);
    assert_eq!([used("busy"), used("a"), used("b"), used("c")], [7, 2, 0, 1]);
    books.settle(grant, tokens(7), None);
    spend("d");
    assert_eq!([used("busy"), used("a"), used("c"), used("d")], [7, 0, 1, 1]);
    let grants = ["x", "y", "z", "w"].map(|name| books.reserve(&demand(&user(name), 6, 0), noon()).unwrap());
    assert_eq!(
        [used("x"), used("y"), used("z"), used("w")],
        [6, 6, 6, 0],
        "with all in use, one more is not told apart"
    );
    grants.into_iter().for_each(|grant| books.settle(grant, tokens(6), None));
    assert_eq!(books.quotas(&|_| None, noon()).iter().map(|row| row.open).sum::<u64>(), 0);
}

#[test]
fn the_largest_numbers_neither_free_nor_block_a_key() {
    let limits = Allowance { daily_usd: at(u64::MAX), ..daily(u64::MAX) };
    let (books, limited) = (Books::new(), payer(1, limits));
    let unlimited = payer(1, Allowance::default());
    let mut huge = demand(&unlimited, u64::MAX, u64::MAX);
    huge.input.cost = PicoDollars(u64::MAX);
    huge.output_price = PicoDollars(u64::MAX);
    huge.output_weight = u32::MAX;
    let (one, other) = (books.reserve(&huge, noon()).unwrap(), books.reserve(&huge, noon()).unwrap());
    books.refund(one);
    assert_eq!(room(&books, &limited, noon()).used, u64::MAX);
    assert!(books.reserve(&demand(&limited, 1, 0), noon()).is_err());
    books.refund(other);
    assert_eq!(room(&books, &limited, noon()).used, 0);
    books.settle(books.reserve(&huge, noon()).unwrap(), huge.input, Some(u64::MAX));
    books.settle(books.reserve(&huge, noon()).unwrap(), huge.input, Some(u64::MAX));
    assert_eq!(room(&books, &limited, noon()).used, u64::MAX);
    assert_eq!(room(&books, &limited, noon() + seconds(86_400)).used, 0);
}

#[test]
fn answers_teach_what_to_expect_unless_we_cut_them_short() {
    let (books, payer) = (Books::new(), payer(1, daily(100_000)));
    for _ in 0..8 {
        books.settle(books.reserve(&demand(&payer, 1, 100), noon()).unwrap(), tokens(1), Some(500));
    }
    assert_eq!(books.expected_output(&key(1), "gpt-5"), 500);
    for _ in 0..64 {
        let mut capped = demand(&payer, 99_900, 4_096);
        capped.can_cap = true;
        let grant = books.reserve(&capped, noon()).unwrap();
        let cap = grant.output_cap.unwrap();
        books.settle(grant, tokens(0), Some(cap));
    }
    assert_eq!(books.expected_output(&key(1), "gpt-5"), 500);
}

#[test]
fn counters_of_everyone_are_told() {
    let books = Books::new();
    let mut payer = payer(1, daily(100));
    payer.gateway_limits = daily(1_000);
    payer.end_user = Some(EndUser { name: "eve".into(), limits: daily(50) });
    let grant = books.reserve(&demand(&payer, 10, 0), noon()).unwrap();
    books.settle(books.reserve(&demand(&payer, 20, 0), noon()).unwrap(), tokens(25), None);
    let rows = books.quotas(&|of| (*of == key(1)).then(|| payer.clone()), noon());
    let names: Vec<_> = rows.iter().map(|row| (row.key.as_deref(), row.end_user.as_deref())).collect();
    let id = Some("key_0000000000000001");
    assert_eq!(names, [(None, None), (id, None), (id, Some("eve"))]);
    for (row, limit) in rows.iter().zip([1_000, 100, 50]) {
        assert_eq!((row.open, row.reserved, row.today, row.this_month), (1, tokens(10), tokens(25), tokens(25)));
        assert_eq!((row.requests_today, row.requests_this_month), (1, 1));
        assert_eq!((row.rooms[0].limit, row.rooms[0].used), (limit, 35));
    }
    books.refund(grant);
    assert!(books.quotas(&|_| None, noon()).iter().all(|row| row.open == 0 && row.reserved == tokens(0)));
}

#[test]
fn many_accounts_are_told_each_once() {
    let books = Books::new();
    for number in 0..1_000 {
        let payer = payer(number, Allowance::default());
        books.settle(books.reserve(&demand(&payer, 1, 0), noon()).unwrap(), tokens(number), None);
    }
    let rows = books.quotas(&|_| None, noon());
    assert_eq!(rows.len(), 1_001);
    assert!(rows.iter().skip(1).zip(0..).all(|(row, number)| row.today == tokens(number)));
}
