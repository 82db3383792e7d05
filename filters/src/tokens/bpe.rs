//! Counts a text by byte-pair encoding, in time that is bounded: a large one is counted in samples.

use std::sync::LazyLock;

use bpe_openai::Tokenizer;

/// The tables are read from the binary when they are first needed: 100 ms once, and 70 MB from then on, of which half are
/// pages of the binary that the system may drop.
static TOKENIZER: LazyLock<&'static Tokenizer> = LazyLock::new(bpe_openai::o200k_base);

/// A text is counted in blocks of so many bytes. A word that lies across two of them may count one too much.
const BLOCK_BYTES: usize = 8 * 1024;

/// So many blocks of one request are counted to the token: 512 KiB, which take some 40 ms.
const EXACT_BLOCKS: u64 = 64;

/// What a text costs before its first byte is counted, as so many bytes.
const TEXT_BYTES: u64 = 64;

/// Behind those, one block of so many is counted and stands for the others.
const SAMPLE: u64 = 32;

/// Bytes for one token where nothing was counted that says better.
pub(super) const BYTES_PER_TOKEN: u64 = 4;

/// Counts texts that come in pieces; keeps no more of them than a block.
#[derive(Debug, Default)]
pub(super) struct Counter {
    block: Vec<u8>,
    /// Bytes so far, and those that stand for the costs of each text.
    spent: u64,
    tokens: u64,
    /// Of what was counted behind the blocks that are counted to the token.
    sampled: Sampled,
    skipped_bytes: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sampled {
    bytes: u64,
    tokens: u64,
}

impl Counter {
    /// The next piece of a text, in UTF-8.
    pub(super) fn push(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let room = BLOCK_BYTES.saturating_sub(self.block.len()).max(1);
            let (now, later) = piece.split_at(piece.len().min(room));
            self.block.extend_from_slice(now);
            piece = later;
            if self.block.len() >= BLOCK_BYTES {
                self.flush();
            }
        }
    }

    /// What comes next is another text.
    pub(super) fn end_text(&mut self) {
        self.close();
    }

    /// A text that is whole.
    pub(super) fn text(&mut self, text: &[u8]) {
        self.push(text);
        self.end_text();
    }

    /// All tokens; what is left of a text that was not ended is not in it.
    pub(super) fn tokens(&self) -> u64 {
        let Sampled { bytes, tokens } = self.sampled;
        let skipped = if bytes == 0 {
            self.skipped_bytes / BYTES_PER_TOKEN
        } else {
            let product = u128::from(self.skipped_bytes) * u128::from(tokens) / u128::from(bytes);
            u64::try_from(product).unwrap_or(u64::MAX)
        };
        self.tokens.saturating_add(skipped)
    }

    /// Forgets what was counted, but not how much of its time that took.
    pub(super) fn forget(&mut self) {
        *self = Counter { spent: self.spent, ..Counter::default() };
    }

    /// Counts what there is, but for a character at its end that is not whole.
    fn flush(&mut self) {
        let whole = match std::str::from_utf8(&self.block) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.block.len(),
        };
        // At most three bytes; mostly none.
        let rest = self.block.get(whole..).unwrap_or_default().to_vec();
        self.block.truncate(whole);
        self.close();
        self.block.extend_from_slice(&rest);
    }

    /// Counts all that there is.
    fn close(&mut self) {
        if self.block.is_empty() {
            return;
        }
        let bytes = self.block.len() as u64;
        let number = self.spent / BLOCK_BYTES as u64;
        self.spent = self.spent.saturating_add(bytes).saturating_add(TEXT_BYTES);
        let is_exact = number < EXACT_BLOCKS;
        if !is_exact && !number.is_multiple_of(SAMPLE) {
            self.skipped_bytes = self.skipped_bytes.saturating_add(bytes);
            self.block.clear();
            return;
        }
        let tokens = TOKENIZER.count(&*String::from_utf8_lossy(&self.block)) as u64;
        self.block.clear();
        self.tokens = self.tokens.saturating_add(tokens);
        if !is_exact {
            self.sampled.bytes = self.sampled.bytes.saturating_add(bytes);
            self.sampled.tokens = self.sampled.tokens.saturating_add(tokens);
        }
    }
}
