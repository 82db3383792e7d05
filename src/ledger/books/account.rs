//! The counters of one owner: this day's and this month's, the ones before, and the last minute.

use ovth_filters::money::PicoDollars;

use super::clock::Moment;
use super::grant::Owner;
use super::minute::Minute;
use crate::ledger::Amount;
use crate::ledger::window::Period;

/// One account. It knows no limits.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) owner: Owner,
    pub(super) days: Windows,
    pub(super) months: Windows,
    /// Kept from the first request on that has a limit per minute.
    pub(super) minute: Option<Box<Minute>>,
    /// Requests under way.
    pub(super) open: u64,
    /// When it was used last, among the accounts that can be given up.
    pub(super) idle_since: u64,
}

/// The window that counts now and the one before it.
#[derive(Debug, Default)]
pub(super) struct Windows {
    current: Window,
    previous: Window,
    /// What was counted for dates that are yet to come by the clock, which was ahead of that or is behind now: they are not given
    /// anew when they come. At most [`LATER`], the nearest.
    later: Vec<Later>,
    serial: u32,
}

/// Dates to come that are remembered.
const LATER: usize = 64;

/// What a date to come has used up.
#[derive(Debug)]
struct Later {
    date: u32,
    spent: Amount,
    requests: u64,
}

/// One window. Reservations name it by a serial number and not by its date, which a clock that is set back changes.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Day or month.
    date: u32,
    /// The first serial number that is counted here; all up to the next window's are.
    from: u32,
    /// What requests have spent.
    spent: Amount,
    /// Requests that are over.
    requests: u64,
    /// The same of later dates, while this window stands for them because the clock was set back.
    lent: (Amount, u64),
    /// What is set aside. Wide enough for any number of the largest amounts, so that what is added can be taken away again.
    reserved_tokens: u128,
    reserved_cost: u128,
}

impl Account {
    pub(super) fn new(owner: Owner) -> Account {
        Account { owner, days: Windows::default(), months: Windows::default(), minute: None, open: 0, idle_since: 0 }
    }

    /// Opens the windows of that moment, when they are not open yet.
    pub(super) fn roll(&mut self, moment: &Moment) {
        self.days.roll(moment.day.0);
        self.months.roll(moment.month.0);
        if let Some(minute) = &mut self.minute {
            minute.slide(moment.second);
        }
    }

    /// Adds what was counted before the start.
    pub(super) fn restore(&mut self, period: Period, spent: Amount, requests: u64) {
        let window = match period {
            Period::Day(day) => self.days.dated(day.0),
            Period::Month(month) => self.months.dated(month.0),
        };
        if let Some(window) = window {
            window.charge(spent);
            window.requests = window.requests.saturating_add(requests);
        }
    }

    /// Adds what was counted before the start for a period that begins later by the clock.
    pub(super) fn restore_later(&mut self, period: Period, spent: Amount, requests: u64) {
        let (windows, date) = match period {
            Period::Day(day) => (&mut self.days, day.0),
            Period::Month(month) => (&mut self.months, month.0),
        };
        windows.keep(Later { date, spent, requests });
    }

    /// Everything that is set aside.
    pub(super) fn reserved(&self) -> Amount {
        let Windows { current, previous, .. } = &self.months;
        Amount {
            tokens: narrow(current.reserved_tokens.saturating_add(previous.reserved_tokens)),
            cost: PicoDollars(narrow(current.reserved_cost.saturating_add(previous.reserved_cost))),
        }
    }

    /// Whether there is anything to tell of it.
    pub(super) fn is_blank(&self) -> bool {
        let blank = |window: &Window| window.spent() == Amount::default() && window.requests() == 0;
        self.open == 0 && blank(&self.days.current) && blank(&self.months.current)
    }
}

impl Windows {
    /// The window that counts now.
    pub(super) const fn current(&self) -> &Window {
        &self.current
    }

    /// The serial number of the window that counts now.
    pub(super) const fn serial(&self) -> u32 {
        self.serial
    }

    /// Makes the window of that date the one that counts. When the clock was set back, everything that was counted for a
    /// later date counts for this one: so it is neither given away nor in the way of the days to come. It counts for its own
    /// date as well, when that comes.
    fn roll(&mut self, date: u32) {
        if date > self.current.date {
            self.serial = self.serial.saturating_add(1);
            let mut fresh = Window { date, from: self.serial, ..Window::default() };
            if let Some(used) = self.later.iter().find(|later| later.date == date) {
                (fresh.spent, fresh.requests) = (used.spent, used.requests);
            }
            self.later.retain(|later| later.date > date);
            self.previous = std::mem::replace(&mut self.current, fresh);
            self.previous.lent = Default::default();
        } else if date < self.current.date {
            self.keep(self.current.used());
            self.current.lend();
            if self.previous.date >= date {
                let mut previous = std::mem::take(&mut self.previous);
                if previous.date > date {
                    self.keep(previous.used());
                    previous.lend();
                }
                self.current.join(previous);
            }
            self.current.date = date;
        }
    }

    /// Remembers a date to come.
    fn keep(&mut self, used: Later) {
        if used.spent == Amount::default() && used.requests == 0 {
            return;
        }
        if self.later.len() == LATER {
            let farthest = self.later.iter_mut().max_by_key(|later| later.date);
            if let Some(farthest) = farthest.filter(|farthest| farthest.date > used.date) {
                *farthest = used;
            }
        } else {
            self.later.push(used);
        }
    }

    /// The window of that date; `None` when two later ones are known.
    fn dated(&mut self, date: u32) -> Option<&mut Window> {
        if date > self.current.date {
            self.roll(date);
        }
        if date == self.current.date {
            return Some(&mut self.current);
        }
        if date > self.previous.date {
            self.previous = Window { date, from: self.previous.from, ..Window::default() };
        }
        (date == self.previous.date).then_some(&mut self.previous)
    }

    /// The window with that serial number; `None` when it is long over.
    pub(super) fn numbered(&mut self, serial: u32) -> Option<&mut Window> {
        [&mut self.current, &mut self.previous].into_iter().find(|window| serial >= window.from)
    }

    pub(super) const fn current_mut(&mut self) -> &mut Window {
        &mut self.current
    }
}

impl Window {
    /// What it has used up, when nothing more is heard of it.
    fn used(&self) -> Later {
        let held = Amount { tokens: narrow(self.reserved_tokens), cost: PicoDollars(narrow(self.reserved_cost)) };
        Later { date: self.date, spent: plus(self.spent, held), requests: self.requests }
    }

    /// What requests have spent that count here.
    pub(super) fn spent(&self) -> Amount {
        plus(self.spent, self.lent.0)
    }

    /// Requests that are over and count here.
    pub(super) const fn requests(&self) -> u64 {
        self.requests.saturating_add(self.lent.1)
    }

    /// What was spent counts for another date from now on.
    fn lend(&mut self) {
        self.lent = (self.spent(), self.requests());
        (self.spent, self.requests) = Default::default();
    }

    fn join(&mut self, earlier: Window) {
        self.from = earlier.from;
        self.charge(earlier.spent);
        self.requests = self.requests.saturating_add(earlier.requests);
        self.lent = (plus(self.lent.0, earlier.lent.0), self.lent.1.saturating_add(earlier.lent.1));
        self.reserved_tokens = self.reserved_tokens.saturating_add(earlier.reserved_tokens);
        self.reserved_cost = self.reserved_cost.saturating_add(earlier.reserved_cost);
    }

    /// Charges one request.
    pub(super) fn settle(&mut self, spent: Amount) {
        self.charge(spent);
        self.requests = self.requests.saturating_add(1);
    }

    fn charge(&mut self, spent: Amount) {
        self.spent = plus(self.spent, spent);
    }

    pub(super) fn reserve(&mut self, amount: Amount) {
        self.reserved_tokens = self.reserved_tokens.saturating_add(amount.tokens.into());
        self.reserved_cost = self.reserved_cost.saturating_add(amount.cost.0.into());
    }

    pub(super) fn release(&mut self, amount: Amount) {
        self.reserved_tokens = self.reserved_tokens.saturating_sub(amount.tokens.into());
        self.reserved_cost = self.reserved_cost.saturating_sub(amount.cost.0.into());
    }

    /// Tokens spent and set aside.
    pub(super) fn tokens(&self) -> u128 {
        self.reserved_tokens.saturating_add(self.spent().tokens.into())
    }

    /// Pico-dollars spent and set aside.
    pub(super) fn cost(&self) -> u128 {
        self.reserved_cost.saturating_add(self.spent().cost.0.into())
    }
}

fn plus(one: Amount, other: Amount) -> Amount {
    Amount { tokens: one.tokens.saturating_add(other.tokens), cost: one.cost + other.cost }
}

/// The number, or the largest that fits.
pub(super) fn narrow(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn tokens(tokens: u64) -> Amount {
        Amount { tokens, cost: PicoDollars(tokens) }
    }

    #[test]
    fn a_window_that_rolled_keeps_what_belongs_to_it() {
        let mut days = Windows::default();
        days.roll(100);
        let monday = days.serial();
        days.current_mut().reserve(tokens(50));
        days.roll(101);
        assert_eq!(days.current().tokens(), 0);
        days.numbered(monday).unwrap().release(tokens(50));
        days.numbered(monday).unwrap().charge(tokens(40));
        assert_eq!((days.current().tokens(), days.previous.tokens()), (0, 40));
        days.roll(102);
        assert!(days.numbered(monday).is_none(), "the day before yesterday is of no use");
    }

    #[test]
    fn a_clock_that_was_ahead_gives_nothing_away_and_holds_nothing_up() {
        let mut days = Windows::default();
        days.roll(100);
        let right = days.serial();
        days.current_mut().charge(tokens(90));
        days.roll(9_000);
        let wrong = days.serial();
        days.current_mut().reserve(tokens(5));
        days.roll(100);
        assert_eq!(days.current().tokens(), 95);
        days.numbered(wrong).unwrap().release(tokens(5));
        days.numbered(right).unwrap().charge(tokens(1));
        assert_eq!(days.current().tokens(), 91);
        days.roll(101);
        assert_eq!(days.current().tokens(), 0);
    }

    #[test]
    fn a_clock_that_jumps_back_and_forth_never_finds_a_date_fresh_that_was_used() {
        let mut days = Windows::default();
        days.roll(100);
        days.current_mut().charge(tokens(90));
        for _ in 0..3 {
            days.roll(99);
            assert_eq!(days.current().tokens(), 90, "what was used today counts for the day before");
            days.roll(100);
            assert_eq!(days.current().tokens(), 90);
        }
        days.roll(9_000);
        days.current_mut().reserve(tokens(7));
        days.roll(100);
        days.roll(101);
        assert_eq!(days.current().tokens(), 0, "the next day is not held up");
        days.roll(9_000);
        assert_eq!(days.current().tokens(), 7);
    }

    #[test]
    fn windows_are_restored_in_any_order() {
        for order in [[99, 100, 101], [101, 100, 99], [100, 101, 99], [100, 99, 101]] {
            let mut days = Windows::default();
            for date in order {
                if let Some(window) = days.dated(date) {
                    window.charge(tokens(date.into()));
                }
            }
            assert_eq!((days.current().tokens(), days.previous.tokens()), (101, 100), "{order:?}");
        }
    }

    #[test]
    fn what_does_not_fit_stays_at_the_end_and_reservations_are_exact() {
        let mut window = Window::default();
        window.reserve(tokens(u64::MAX));
        window.reserve(tokens(u64::MAX));
        window.release(tokens(u64::MAX));
        assert_eq!(window.tokens(), u64::MAX.into());
        window.release(tokens(u64::MAX));
        window.charge(tokens(u64::MAX));
        window.charge(tokens(u64::MAX));
        assert_eq!(window.tokens(), u64::MAX.into());
    }
}
