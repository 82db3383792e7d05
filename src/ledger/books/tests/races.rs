//! Real threads against the books.

use std::sync::Barrier;
use std::thread;

use super::*;

#[test]
fn of_200_threads_against_room_for_10_exactly_10_pass() {
    for limits in [
        daily(1_009),
        Allowance { monthly_tokens: at(1_009), ..Allowance::default() },
        Allowance { daily_usd: at(10_009), ..Allowance::default() },
        Allowance { requests_per_minute: at(10), ..Allowance::default() },
        Allowance { tokens_per_minute: at(1_009), ..Allowance::default() },
        Allowance { max_concurrent: at(10), ..Allowance::default() },
    ] {
        let (books, payer, barrier) = (Books::new(), payer(1, limits), Barrier::new(200));
        let grants: Vec<Grant> = thread::scope(|scope| {
            let threads: Vec<_> = (0..200)
                .map(|_| {
                    scope.spawn(|| {
                        let mut demand = demand(&payer, 60, 40);
                        demand.output_price = PicoDollars(25);
                        barrier.wait();
                        books.reserve(&demand, noon()).ok()
                    })
                })
                .collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!((grants.len(), books.open()), (10, 10), "{limits:?}");
        assert!(room(&books, &payer, noon()).left() < 10);
        grants.into_iter().for_each(|grant| books.refund(grant));
        assert_eq!(books.open(), 0);
    }
}

#[test]
fn threads_that_reserve_cover_and_settle_leave_exact_sums() {
    const THREADS: u64 = 8;
    const ROUNDS: u64 = 2_000;
    let books = Books::new();
    let charged: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let books = &books;
                scope.spawn(move || {
                    let payer = payer(number % 3, daily(5_000_000));
                    let mut charged = 0;
                    for round in 0..ROUNDS {
                        let mut grant = books.reserve(&demand(&payer, 10, 10), noon()).unwrap();
                        books.cover(&mut grant, tokens(round % 50));
                        if round % 5 == 0 {
                            books.refund(grant);
                        } else {
                            charged += round % 60;
                            books.settle(grant, tokens(round % 60), Some(round));
                        }
                    }
                    charged
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let rows = books.quotas(&|_| None, noon());
    assert_eq!(rows[0].today, tokens(charged));
    assert_eq!(rows[0].requests_today, THREADS * ROUNDS / 5 * 4);
    assert_eq!(rows[1..].iter().map(|row| row.today.tokens).sum::<u64>(), charged);
    assert!(rows.iter().all(|row| row.open == 0 && row.reserved == tokens(0)));
}
