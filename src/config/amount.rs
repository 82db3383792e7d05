//! Amounts as the file has them: limits, dollars, decimal numbers; and words that stand for values.

use std::fmt;
use std::ops::RangeInclusive;

use ovth_filters::money::PicoDollars;

use super::nearest::did_you_mean;
use super::node::Node;
use super::tree::Tree;
use super::{Cap, dollars};

/// The word for a limit that is none.
const UNLIMITED: &str = "unlimited";

/// The largest limit in dollars.
const MAX_USD: u64 = 10_000_000;

impl Node<'_> {
    /// A number with or without a fraction, or a word, that `read` understands as it is written.
    pub(super) fn decimal<T>(&self, allowed: impl fmt::Display, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        self.scalar(allowed, |tree| match tree {
            Tree::Integer(number) => read(&number.to_string()),
            Tree::Float(text) | Tree::Text(text) => read(text),
            _ => None,
        })
    }

    /// A whole number within bounds, or the word `unlimited`.
    pub(super) fn cap(&self, range: RangeInclusive<u64>) -> Option<Cap> {
        let (from, to) = (range.start(), range.end());
        self.scalar(format_args!("a whole number from {from} to {to}, or {UNLIMITED}"), |tree| match tree {
            Tree::Integer(number) => u64::try_from(*number).ok().filter(|number| range.contains(number)).map(Cap::At),
            Tree::Text(text) if text == UNLIMITED => Some(Cap::Unlimited),
            _ => None,
        })
    }

    /// One of these words, which stand for values.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let text = match self.tree {
            Tree::Text(text) => Some(self.interpolated(text)?.text),
            _ => None,
        };
        let found = text.as_deref().and_then(|text| words.iter().find(|(word, _)| *word == text));
        if found.is_none() {
            let hint = text.map(|text| did_you_mean(&text, known.iter().copied())).unwrap_or_default();
            self.error(format_args!("must be {}; it is {}{hint}", known.join(" or "), self.shown()));
        }
        found.map(|(_, value)| *value)
    }

    /// US dollars, at least a millionth of one, or the word `unlimited`.
    pub(super) fn usd_cap(&self) -> Option<Cap> {
        let allowed = format_args!(
            "US dollars from 0.000001 to {MAX_USD} with at most 6 digits after the point, such as 12.5, or {UNLIMITED}"
        );
        self.decimal(allowed, |text| {
            if text == UNLIMITED {
                return Some(Cap::Unlimited);
            }
            let PicoDollars(amount) = dollars(text)?;
            (1..=MAX_USD * 1_000_000_000_000).contains(&amount).then_some(Cap::At(amount))
        })
    }
}
