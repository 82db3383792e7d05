//! How many tokens a request has, and an answer that was delivered in part, when the provider did not live to count them.

mod bpe;
mod family;
mod input;
mod lexer;
mod types;

pub use family::Family;
pub use input::estimate_input;
pub(crate) use lexer::Lexer;

/// Fitted on 20 recorded streams of Claude 3.5 to 4.5 by least error of their sum. A call stands in markup of its own
/// (its parameters too, for which this takes two), a citation in tags.
pub(crate) static CLAUDE_ANSWERS: Rates = Rates { words: 105, answer: 3, call: 34, parallel: 0, citation: 16 };

/// What was delivered of one answer, counted; nothing of it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// What a user reads, and the names and arguments of tools.
    pub(crate) text: Lexer,
    /// Beside the text, since it may come at the same time.
    pub(crate) reasoning: Lexer,
    calls: u64,
    citations: u64,
}

/// What the tokenizers behind a shape make of what was counted. See `filters/tests/delivered.rs` for how near they come.
#[derive(Debug)]
pub(crate) struct Rates {
    /// Tokens of a hundred words.
    pub(crate) words: u64,
    /// Tokens of an answer that nobody sees: where it begins and ends.
    pub(crate) answer: u64,
    /// Tokens of a tool's call that nobody sees.
    pub(crate) call: u64,
    /// As many more for each call where there are several.
    pub(crate) parallel: u64,
    /// Tokens of a citation that nobody sees.
    pub(crate) citation: u64,
}

impl Delivered {
    /// The call of a tool begins; its name and arguments go to the text.
    pub(crate) fn call(&mut self) {
        self.calls = self.calls.saturating_add(1);
        self.text.end_text();
    }

    /// The call with this number, from 0, is named: it begins, unless it was named before, as some hosts do with every
    /// piece of it.
    pub(crate) fn numbered_call(&mut self, number: Option<u64>) {
        if number.is_none_or(|number| number >= self.calls) {
            self.call();
        }
    }

    /// Something was cited.
    pub(crate) fn citation(&mut self) {
        self.citations = self.citations.saturating_add(1);
    }

    /// The tokens of all this, rounded up; 0 when nothing came.
    pub(crate) fn tokens(&self, rates: &Rates) -> u64 {
        if *self == Delivered::default() {
            return 0;
        }
        let words = self.text.hundredths().saturating_add(self.reasoning.hundredths());
        let call = if self.calls > 1 { rates.call.saturating_add(rates.parallel) } else { rates.call };
        let hidden = [rates.answer, self.calls.saturating_mul(call), self.citations.saturating_mul(rates.citation)];
        let hidden = hidden.into_iter().fold(0, u64::saturating_add);
        words.saturating_mul(rates.words).div_ceil(10_000).saturating_add(hidden)
    }
}

#[cfg(test)]
mod tests;
