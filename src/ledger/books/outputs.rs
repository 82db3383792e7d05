//! How long the answers of a model to a key were lately, so that no more than that is set aside for the next one.

use std::collections::HashMap;

use crate::keys::KeyId;

/// What is expected until enough answers were seen.
pub(super) const UNKNOWN: u64 = 4_096;
/// Answers after which they are trusted.
const ENOUGH: usize = 8;
/// Answers that are remembered: the latest.
const REMEMBERED: usize = 64;
/// Pairs of a key and a model. When there are as many, the eighth that was not taught for longest is forgotten.
const PAIRS: usize = 8_192;

/// The latest answers of each key and model.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    by_key: HashMap<KeyId, HashMap<Box<str>, Answers>>,
    pairs: usize,
    taught: u64,
}

/// The latest answers, and their 95th percentile.
#[derive(Debug, Default)]
struct Answers {
    lengths: Vec<u64>,
    next: usize,
    expected: u64,
    taught: u64,
}

impl Outputs {
    /// Output tokens to reckon with: at least 95 of 100 recent answers had no more.
    pub(super) fn expected(&self, key: &KeyId, model: &str) -> u64 {
        match self.by_key.get(key).and_then(|models| models.get(model)) {
            Some(answers) if answers.lengths.len() >= ENOUGH => answers.expected,
            _ => UNKNOWN,
        }
    }

    /// Takes note of an answer.
    pub(super) fn teach(&mut self, key: &KeyId, model: Box<str>, length: u64) {
        self.taught = self.taught.saturating_add(1);
        let taught = self.taught;
        if let Some(answers) = self.by_key.get_mut(key).and_then(|models| models.get_mut(&model)) {
            answers.add(length, taught);
            return;
        }
        if self.pairs >= PAIRS {
            self.forget();
        }
        let answers = self.by_key.entry(key.clone()).or_default().entry(model).or_default();
        answers.add(length, taught);
        self.pairs += 1;
    }

    /// Many at once, so that a client with ever new models does not make every answer a search.
    fn forget(&mut self) {
        let mut times: Vec<u64> =
            self.by_key.values().flat_map(HashMap::values).map(|answers| answers.taught).collect();
        let (_, &mut last, _) = times.select_nth_unstable(PAIRS / 8 - 1);
        self.by_key.retain(|_, models| {
            models.retain(|_, answers| answers.taught > last);
            !models.is_empty()
        });
        self.pairs = self.by_key.values().map(HashMap::len).sum();
    }
}

impl Answers {
    fn add(&mut self, length: u64, taught: u64) {
        self.taught = taught;
        match self.lengths.get_mut(self.next) {
            Some(oldest) => *oldest = length,
            None => self.lengths.push(length),
        }
        self.next = (self.next + 1) % REMEMBERED;
        self.expected = percentile_95(&self.lengths);
    }
}

/// The smallest length that at least 95 of 100 do not exceed.
fn percentile_95(lengths: &[u64]) -> u64 {
    let mut sorted = [0; REMEMBERED];
    let Some(sorted) = sorted.get_mut(..lengths.len()) else { return UNKNOWN };
    sorted.copy_from_slice(lengths);
    let rank = (lengths.len() * 95).div_ceil(100).max(1) - 1;
    if rank < sorted.len() { *sorted.select_nth_unstable(rank).1 } else { UNKNOWN }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    fn key(number: u64) -> KeyId {
        KeyId::parse(&format!("key_{number:016x}")).unwrap()
    }

    #[test]
    fn until_enough_answers_were_seen_4096_is_expected() {
        let mut outputs = Outputs::default();
        for count in 0..ENOUGH {
            assert_eq!(outputs.expected(&key(1), "a"), UNKNOWN, "after {count}");
            outputs.teach(&key(1), "a".into(), 10);
        }
        assert_eq!(outputs.expected(&key(1), "a"), 10);
        assert_eq!(outputs.expected(&key(1), "b"), UNKNOWN);
        assert_eq!(outputs.expected(&key(2), "a"), UNKNOWN);
    }

    #[test]
    fn at_least_95_of_100_answers_had_no_more_than_is_expected_and_no_smaller_number_will_do() {
        let mut numbers = 12_345_u64;
        let mut outputs = Outputs::default();
        let mut seen = Vec::new();
        for _ in 0..500 {
            numbers = numbers.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let length = numbers >> 50;
            seen.push(length);
            outputs.teach(&key(1), "a".into(), length);
            let recent = &seen[seen.len().saturating_sub(REMEMBERED)..];
            if recent.len() < ENOUGH {
                continue;
            }
            let expected = outputs.expected(&key(1), "a");
            let covered =
                |bound: u64| recent.iter().filter(|length| **length <= bound).count() * 100 >= recent.len() * 95;
            assert!(covered(expected));
            assert!(expected == 0 || !covered(expected - 1));
        }
    }

    #[test]
    fn old_answers_are_forgotten() {
        let mut outputs = Outputs::default();
        for _ in 0..1_000 {
            outputs.teach(&key(1), "a".into(), 30_000);
        }
        for _ in 0..REMEMBERED {
            outputs.teach(&key(1), "a".into(), 200);
        }
        assert_eq!(outputs.expected(&key(1), "a"), 200);
    }

    #[test]
    fn pairs_are_bounded_and_those_in_use_stay() {
        let mut outputs = Outputs::default();
        for number in 0..3 * PAIRS {
            outputs.teach(&key(number as u64 % 100), format!("model-{number}").into(), 1);
            outputs.teach(&key(1), "in use".into(), 77);
            assert!(outputs.pairs <= PAIRS);
        }
        assert_eq!(outputs.pairs, outputs.by_key.values().map(HashMap::len).sum::<usize>());
        assert!(outputs.pairs >= PAIRS / 8 * 7);
        assert_eq!(outputs.expected(&key(1), "in use"), 77);
    }

    #[test]
    fn the_largest_answer_is_no_overflow() {
        let mut outputs = Outputs::default();
        for _ in 0..ENOUGH {
            outputs.teach(&key(1), "a".into(), u64::MAX);
        }
        assert_eq!(outputs.expected(&key(1), "a"), u64::MAX);
    }
}
