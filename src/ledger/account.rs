//! The counter of one key, or of the gateway: tokens of one day, in one word, so that midnight cannot tear it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::day::Day;

/// What was spent in one UTC day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) day: Day,
    pub(super) tokens: u64,
}

impl Window {
    /// 17.6 million million tokens a day; counting stops there.
    const TOKEN_BITS: u32 = 44;
    const MAX_TOKENS: u64 = (1 << Self::TOKEN_BITS) - 1;
    /// The last day that fits lies in the year 4840.
    const MAX_DAY: u64 = (1 << (u64::BITS - Self::TOKEN_BITS)) - 1;

    const fn pack(self) -> u64 {
        let day = if self.day.0 < Self::MAX_DAY { self.day.0 } else { Self::MAX_DAY };
        let tokens = if self.tokens < Self::MAX_TOKENS { self.tokens } else { Self::MAX_TOKENS };
        (day << Self::TOKEN_BITS) | tokens
    }

    const fn unpack(word: u64) -> Window {
        Window { day: Day(word >> Self::TOKEN_BITS), tokens: word & Self::MAX_TOKENS }
    }

    /// The window that counts today.
    ///
    /// A window of tomorrow stays: a thread that read the clock just before midnight meets one that read it after. One that
    /// lies further ahead was made by a clock that was wrong: it becomes today's and keeps its tokens, so that setting the
    /// clock back neither gives tokens away nor holds the quota spent until that day comes.
    const fn at(self, today: Day) -> Window {
        if self.day.0 < today.0 {
            Window { day: today, tokens: 0 }
        } else if self.day.0 > today.next().0 {
            Window { day: today, tokens: self.tokens }
        } else {
            self
        }
    }

    const fn plus(self, tokens: u64) -> Window {
        Window { day: self.day, tokens: self.tokens.saturating_add(tokens) }
    }
}

/// One account: the name of its row, today's window, and what of it is on disk.
#[derive(Debug)]
pub(super) struct Account {
    owner: Arc<str>,
    window: AtomicU64,
    saved: AtomicU64,
}

impl Account {
    /// An account as it was stored.
    pub(super) fn stored(owner: Arc<str>, window: Window) -> Account {
        let word = window.pack();
        Account { owner, window: AtomicU64::new(word), saved: AtomicU64::new(word) }
    }

    /// An account that has spent nothing yet.
    pub(super) fn fresh(owner: Arc<str>) -> Account {
        Account::stored(owner, Window { day: Day(0), tokens: 0 })
    }

    pub(super) fn owner(&self) -> &Arc<str> {
        &self.owner
    }

    /// What was spent today.
    pub(super) fn spent(&self, today: Day) -> u64 {
        let window = Window::unpack(self.window.load(Ordering::Relaxed));
        if window.day > today.next() {
            // Written back, so that it does not move along with each new day.
            return self.update(|window| window.at(today)).tokens;
        }
        window.at(today).tokens
    }

    /// Adds tokens, and tells the day that they were counted in. Lock-free; never fails.
    pub(super) fn charge(&self, tokens: u64, today: Day) -> Day {
        self.update(|window| window.at(today).plus(tokens)).day
    }

    /// The window, when it is not on disk yet.
    pub(super) fn unsaved(&self) -> Option<Window> {
        // Only the word itself counts: nothing else is published with it.
        let word = self.window.load(Ordering::Relaxed);
        (word != self.saved.load(Ordering::Relaxed)).then(|| Window::unpack(word))
    }

    /// Takes note that this window is on disk.
    pub(super) fn mark_saved(&self, window: Window) {
        self.saved.store(window.pack(), Ordering::Relaxed);
    }

    /// Replaces the window, and answers the new one.
    fn update(&self, change: impl Fn(Window) -> Window) -> Window {
        let mut word = self.window.load(Ordering::Relaxed);
        loop {
            let next = change(Window::unpack(word)).pack();
            match self.window.compare_exchange_weak(word, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Window::unpack(next),
                Err(current) => word = current,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::Barrier;
    use std::thread;

    use super::*;

    fn account() -> Account {
        Account::fresh("key_0123456789abcdef".into())
    }

    #[test]
    fn a_word_holds_a_day_and_its_tokens() {
        for (day, tokens) in [(0, 0), (20_779, 500_000), (Window::MAX_DAY, Window::MAX_TOKENS)] {
            let window = Window { day: Day(day), tokens };
            assert_eq!(Window::unpack(window.pack()), window);
        }
        let beyond = Window { day: Day(u64::MAX), tokens: u64::MAX };
        assert_eq!(Window::unpack(beyond.pack()), Window { day: Day(Window::MAX_DAY), tokens: Window::MAX_TOKENS });
    }

    #[test]
    fn a_new_day_begins_with_nothing_spent() {
        let account = account();
        account.charge(5, Day(100));
        account.charge(6, Day(100));
        assert_eq!(account.spent(Day(100)), 11);
        assert_eq!(account.spent(Day(101)), 0);
        assert_eq!(account.charge(1, Day(101)), Day(101));
        assert_eq!(account.spent(Day(101)), 1);
    }

    #[test]
    fn a_late_charge_of_yesterday_counts_today() {
        let account = account();
        account.charge(5, Day(101));
        assert_eq!(account.charge(7, Day(100)), Day(101));
        assert_eq!(account.spent(Day(101)), 12);
    }

    #[test]
    fn a_clock_that_was_years_ahead_neither_gives_nor_blocks() {
        let account = account();
        account.charge(5, Day(9_000));
        assert_eq!(account.spent(Day(100)), 5);
        assert_eq!(account.spent(Day(101)), 0);
        account.charge(5, Day(9_000));
        assert_eq!(account.charge(2, Day(101)), Day(101));
        assert_eq!(account.spent(Day(101)), 7);
    }

    #[test]
    fn counting_stops_at_the_most_a_word_holds_and_the_day_stays() {
        let account = account();
        account.charge(u64::MAX, Day(100));
        account.charge(u64::MAX, Day(100));
        assert_eq!(account.spent(Day(100)), Window::MAX_TOKENS);
    }

    #[test]
    fn an_account_is_unsaved_until_its_last_change_is_marked() {
        let account = account();
        assert_eq!(account.unsaved(), None);
        account.charge(5, Day(100));
        let first = account.unsaved().unwrap();
        account.charge(5, Day(100));
        account.mark_saved(first);
        let second = account.unsaved().unwrap();
        assert_eq!(second.tokens, 10);
        account.mark_saved(second);
        assert_eq!(account.unsaved(), None);
    }

    #[test]
    fn charges_of_many_threads_across_midnight_are_all_counted_once() {
        const THREADS: u64 = 8;
        const CHARGES: u64 = 5_000;
        let account = account();
        let barrier = Barrier::new(THREADS as usize);
        // Each thread passes midnight at its own moment; what it charges tells the sums apart.
        let tallies: Vec<(u64, u64)> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|number| {
                    let (account, barrier) = (&account, &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        let midnight = CHARGES / 2 + number * 100;
                        let (mut yesterday, mut today) = (0, 0);
                        for count in 0..CHARGES {
                            let clock = if count < midnight { Day(100) } else { Day(101) };
                            let tokens = 1 + count % 7;
                            match account.charge(tokens, clock) {
                                Day(100) => yesterday += tokens,
                                Day(101) => today += tokens,
                                other => unreachable!("counted in {other}"),
                            }
                        }
                        (yesterday, today)
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let yesterday: u64 = tallies.iter().map(|tally| tally.0).sum();
        let today: u64 = tallies.iter().map(|tally| tally.1).sum();
        let each: u64 = (0..CHARGES).map(|count| 1 + count % 7).sum();
        assert_eq!(yesterday + today, THREADS * each);
        assert_eq!(account.spent(Day(101)), today);
    }
}
