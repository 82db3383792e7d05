//! What is remembered of an answer that is too large to be held: its end, where the usage is.

use bytes::{Buf, BytesMut};
use ovth_filters::json;

/// Of an answer that is not held so much of its end is kept, to find its usage.
const TAIL_BYTES: usize = 16 * 1024;

/// What is remembered of an answer that is too large to be held.
#[derive(Default)]
pub(super) struct Passed {
    pub(super) bytes: u64,
    tail: BytesMut,
}

impl Passed {
    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len() as u64;
        let kept = chunk.get(chunk.len().saturating_sub(TAIL_BYTES)..).unwrap_or(chunk);
        let excess = (self.tail.len() + kept.len()).saturating_sub(TAIL_BYTES);
        self.tail.advance(excess.min(self.tail.len()));
        self.tail.extend_from_slice(kept);
    }

    /// The member `usage`, which providers put last, as an object by itself.
    pub(super) fn usage(&self) -> Option<Vec<u8>> {
        let at = memchr::memmem::rfind(&self.tail, b"\"usage\"")?;
        let mut object = b"{".to_vec();
        object.extend_from_slice(self.tail.get(at..)?);
        let end = json::members(&object).next()?.ok()?.value.end;
        object.truncate(end);
        object.push(b'}');
        Some(object)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_usage_of_an_answer_that_was_not_held_is_found_at_its_end() {
        let mut passed = Passed::default();
        passed.push(&vec![b'x'; TAIL_BYTES * 2]);
        passed.push(b"\"}],\"usage\":{\"prompt_tokens\":3,\"details\":{\"a\":1}}}");
        let usage = passed.usage().unwrap();
        assert_eq!(usage, br#"{"usage":{"prompt_tokens":3,"details":{"a":1}}}"#);
        assert_eq!(Passed::default().usage(), None);
    }
}
