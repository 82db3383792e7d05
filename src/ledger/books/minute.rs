//! What an account did within the last minute, second by second.

use std::collections::VecDeque;

/// Seconds that count besides the one that is under way: so a full minute counts at any time, and at most a second more.
const SECONDS: u64 = 60;

/// Requests and tokens of the last 60 seconds and of the second under way. Holds the seconds in which there was anything, so 61 at most.
#[derive(Debug, Default)]
pub(super) struct Minute {
    seconds: VecDeque<Second>,
    requests: u64,
    tokens: u128,
}

/// Wide enough for any number of the largest amounts: what was added can be taken away again.
#[derive(Debug)]
struct Second {
    number: u64,
    requests: u64,
    tokens: u128,
}

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Measure {
    Requests,
    Tokens,
}

impl Second {
    fn read(&self, measure: Measure) -> u128 {
        match measure {
            Measure::Requests => u128::from(self.requests),
            Measure::Tokens => self.tokens,
        }
    }
}

impl Minute {
    /// Forgets what is older than a minute. `second` never goes back.
    pub(super) fn slide(&mut self, second: u64) {
        while self.seconds.front().is_some_and(|oldest| oldest.number.saturating_add(SECONDS) < second) {
            let Some(oldest) = self.seconds.pop_front() else { break };
            self.requests = self.requests.saturating_sub(oldest.requests);
            self.tokens = self.tokens.saturating_sub(oldest.tokens);
        }
    }

    /// Counts a request.
    pub(super) fn add(&mut self, second: u64, tokens: u64) {
        self.slide(second);
        self.requests = self.requests.saturating_add(1);
        self.tokens = self.tokens.saturating_add(tokens.into());
        match self.seconds.back_mut() {
            Some(last) if last.number == second => {
                last.requests = last.requests.saturating_add(1);
                last.tokens = last.tokens.saturating_add(tokens.into());
            }
            _ => self.seconds.push_back(Second { number: second, requests: 1, tokens: tokens.into() }),
        }
    }

    /// Replaces the tokens of a request of that second, when it still counts.
    pub(super) fn correct(&mut self, second: u64, counted: u64, tokens: u64) {
        let Ok(found) = self.seconds.binary_search_by_key(&second, |entry| entry.number) else { return };
        let Some(entry) = self.seconds.get_mut(found) else { return };
        let replace = |sum: u128| sum.saturating_sub(counted.into()).saturating_add(tokens.into());
        entry.tokens = replace(entry.tokens);
        self.tokens = replace(self.tokens);
    }

    /// How much there was.
    pub(super) fn used(&self, measure: Measure) -> u128 {
        match measure {
            Measure::Requests => u128::from(self.requests),
            Measure::Tokens => self.tokens,
        }
    }

    /// The second from which on nothing of it counts any more; `None` when nothing does now.
    pub(super) fn clear_at(&self, measure: Measure) -> Option<u64> {
        let last = self.seconds.iter().rev().find(|entry| entry.read(measure) > 0)?;
        Some(last.number.saturating_add(SECONDS + 1))
    }

    /// The second from which on no more than `most` counts; `None` when that is so now.
    pub(super) fn falls_to_at(&self, measure: Measure, most: u128) -> Option<u64> {
        let mut used = self.used(measure);
        let mut at = None;
        for entry in &self.seconds {
            if used <= most {
                break;
            }
            used = used.saturating_sub(entry.read(measure));
            at = Some(entry.number.saturating_add(SECONDS + 1));
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_for_a_minute_and_at_most_a_second_more() {
        let mut minute = Minute::default();
        minute.add(100, 7);
        minute.add(100, 3);
        minute.add(130, 5);
        minute.slide(160);
        assert_eq!((minute.used(Measure::Requests), minute.used(Measure::Tokens)), (3, 15));
        minute.slide(161);
        assert_eq!((minute.used(Measure::Requests), minute.used(Measure::Tokens)), (1, 5));
        assert_eq!(minute.clear_at(Measure::Requests), Some(191));
        minute.slide(191);
        assert_eq!((minute.used(Measure::Requests), minute.clear_at(Measure::Tokens)), (0, None));
    }

    #[test]
    fn it_tells_when_enough_has_slid_away() {
        let mut minute = Minute::default();
        for second in [10, 20, 30] {
            minute.add(second, 100);
        }
        assert_eq!(minute.falls_to_at(Measure::Tokens, 300), None);
        assert_eq!(minute.falls_to_at(Measure::Tokens, 299), Some(71));
        assert_eq!(minute.falls_to_at(Measure::Tokens, 200), Some(71));
        assert_eq!(minute.falls_to_at(Measure::Tokens, 199), Some(81));
        assert_eq!(minute.falls_to_at(Measure::Requests, 0), Some(91));
    }

    #[test]
    fn a_correction_changes_its_own_second_or_nothing() {
        let mut minute = Minute::default();
        minute.add(10, 100);
        minute.add(20, u64::MAX);
        minute.correct(10, 100, 30);
        minute.correct(15, 100, 30);
        minute.correct(20, u64::MAX, 1);
        assert_eq!(minute.used(Measure::Tokens), 31);
        minute.correct(10, 30, 0);
        assert_eq!(minute.clear_at(Measure::Tokens), Some(81));
        minute.slide(71);
        minute.correct(10, 0, 500);
        assert_eq!(minute.used(Measure::Tokens), 1);
    }

    #[test]
    fn it_never_holds_more_than_61_seconds() {
        let mut minute = Minute::default();
        for second in 0..1_000 {
            minute.add(second, 1);
            assert!(minute.seconds.len() <= 61);
        }
        assert_eq!(minute.used(Measure::Requests), 61);
    }
}
