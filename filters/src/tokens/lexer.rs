//! Counts the words of a text as tokenizers cut it before they merge, piece by piece, and keeps none of it.

/// Counts a text that comes in pieces. Where the text is cut makes no difference, not even within a character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lexer {
    /// Hundredths of a word.
    count: u64,
    class: Class,
    /// Bytes of the run under way until more of it counts.
    left: u8,
}

/// What a byte is part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Class {
    /// Nothing came yet, or what comes next stands for itself.
    #[default]
    Start,
    Letters,
    Digits,
    /// A single blank, which the word behind it takes along.
    Blank,
    /// More blanks than one.
    Blanks,
    Newlines,
    Signs,
    /// A character that is not ASCII.
    Other,
}

/// What runs of a class count, in hundredths of a word: at their first byte, and then each time after so many more.
struct Run {
    first: u64,
    more: u64,
    every: u8,
}

impl Lexer {
    /// Counts the next piece of the text, in UTF-8.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        for byte in piece {
            self.step(*byte);
        }
    }

    /// What comes next is another text.
    pub(crate) fn end_text(&mut self) {
        self.class = Class::Start;
    }

    /// Hundredths of a word so far.
    pub(crate) fn hundredths(&self) -> u64 {
        self.count
    }

    fn step(&mut self, byte: u8) {
        let mut class = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letters,
            b'0'..=b'9' => Class::Digits,
            b' ' | b'\t' => Class::Blank,
            b'\n' | b'\r' => Class::Newlines,
            // A character counts at its first byte.
            0x80..=0xbf => return,
            0xc0.. => Class::Other,
            _ => Class::Signs,
        };
        if class == Class::Blank && matches!(self.class, Class::Blank | Class::Blanks) {
            class = Class::Blanks;
        }
        let run = run(class);
        if class != self.class {
            self.class = class;
            self.left = run.every;
            self.count = self.count.saturating_add(run.first);
            return;
        }
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            self.left = run.every;
            self.count = self.count.saturating_add(run.more);
        }
    }
}

fn run(class: Class) -> Run {
    let (first, more, every) = match class {
        Class::Start | Class::Blank => (0, 0, 1),
        Class::Letters => (100, 55, 7),
        Class::Digits => (100, 100, 3),
        Class::Blanks | Class::Newlines => (100, 0, 1),
        Class::Signs => (100, 50, 3),
        Class::Other => (70, 70, 1),
    };
    Run { first, more, every }
}
