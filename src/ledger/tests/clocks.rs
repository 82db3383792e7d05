//! A clock that is wrong at the start and set right later gives no day away that the file has used.

use crate::config::{Allowance, Cap};
use crate::ledger::books::Books;
use crate::ledger::recovery;

use super::filled::{filled, noon};
use super::*;

const FIRST: u32 = 20_700;

/// Whether a key that may spend one token a day, and did so on some days of the file, is let in: the gateway is started at noon of the
/// first of these days, and the clock is then set to the next ones.
fn let_in<const N: usize>(days: [u32; N]) -> [bool; N] {
    let folder = TempDir::new().unwrap();
    let (store, _) = filled(&folder, FIRST..FIRST + 4, 200);
    let books = Books::new();
    store.read(|transaction| recovery::restore(transaction, &books, noon(days[0]))).unwrap();
    let payer = Payer {
        key: key(1),
        key_limits: Allowance { daily_tokens: Some(Cap::At(1)), ..Allowance::default() },
        ..payer(1)
    };
    days.map(|day| books.precheck(&payer, noon(day)).is_ok())
}

#[test]
fn a_clock_that_is_behind_at_the_start_renews_no_day_when_it_is_set() {
    assert_eq!(let_in([FIRST - 9, FIRST + 3, FIRST + 4]), [true, false, true]);
    assert_eq!(let_in([FIRST + 1, FIRST + 3, FIRST + 2, FIRST + 3]), [false; 4]);
}

#[test]
fn a_clock_that_is_ahead_at_the_start_renews_no_day_when_it_is_set() {
    assert_eq!(let_in([FIRST + 900, FIRST + 3, FIRST + 4]), [true, false, true]);
}
