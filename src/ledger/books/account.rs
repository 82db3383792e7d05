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
    serial: u32,
}

/// One window. Reservations name it by a serial number and not by its date, which a clock that is set back changes.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Day or month.
    date: u32,
    /// The first serial number that is counted here; all up to the next window's are.
    from: u32,
    /// What requests have spent.
    pub(super) spent: Amount,
    /// Requests that are over.
    pub(super) requests: u64,
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
        let blank = |window: &Window| window.spent == Amount::default() && window.requests == 0;
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
    /// later date counts for this one: so it is neither given away nor in the way of the days to come.
    fn roll(&mut self, date: u32) {
        if date > self.current.date {
            self.serial = self.serial.saturating_add(1);
            let fresh = Window { date, from: self.serial, ..Window::default() };
            self.previous = std::mem::replace(&mut self.current, fresh);
        } else if date < self.current.date {
            if self.previous.date >= date {
                self.current.join(std::mem::take(&mut self.previous));
            }
            self.current.date = date;
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
    fn join(&mut self, earlier: Window) {
        self.from = earlier.from;
        self.charge(earlier.spent);
        self.requests = self.requests.saturating_add(earlier.requests);
        self.reserved_tokens = self.reserved_tokens.saturating_add(earlier.reserved_tokens);
        self.reserved_cost = self.reserved_cost.saturating_add(earlier.reserved_cost);
    }

    pub(super) fn charge(&mut self, spent: Amount) {
        self.spent.tokens = self.spent.tokens.saturating_add(spent.tokens);
        self.spent.cost = self.spent.cost + spent.cost;
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
        self.reserved_tokens.saturating_add(self.spent.tokens.into())
    }

    /// Pico-dollars spent and set aside.
    pub(super) fn cost(&self) -> u128 {
        self.reserved_cost.saturating_add(self.spent.cost.0.into())
    }
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
