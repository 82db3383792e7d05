//! The body of an attempt on its way up, in pieces.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// The request body goes up in pieces of this size, so that an early answer is seen between two of them and a write timeout spans little.
pub(in crate::proxy) const PIECE_BYTES: usize = 64 * 1024;

/// The body of one attempt on its way up.
#[derive(Debug, Default)]
pub(in crate::proxy) struct RequestBody {
    pieces: VecDeque<Bytes>,
    length: usize,
}

impl RequestBody {
    /// A body made of these runs of bytes.
    pub(in crate::proxy) fn new(runs: Vec<Bytes>) -> RequestBody {
        let length = runs.iter().map(Bytes::len).sum();
        if length <= PIECE_BYTES && runs.len() > 1 {
            // One send instead of three costs less than the copy of a small body.
            let mut whole = BytesMut::with_capacity(length);
            runs.iter().for_each(|run| whole.extend_from_slice(run));
            return RequestBody { pieces: VecDeque::from([whole.freeze()]), length };
        }
        RequestBody { pieces: runs.into(), length }
    }

    /// All bytes of the body.
    pub(in crate::proxy) const fn length(&self) -> usize {
        self.length
    }

    /// The next piece; `None` when all went out.
    pub(in crate::proxy) fn next(&mut self) -> Option<Bytes> {
        let mut piece = self.pieces.pop_front()?;
        if piece.len() > PIECE_BYTES {
            let rest = piece.split_off(PIECE_BYTES);
            self.pieces.push_front(rest);
        }
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_body_goes_up_in_bounded_pieces_and_small_ones_in_one() {
        let mut large = RequestBody::new(vec![Bytes::from(vec![b'a'; PIECE_BYTES + 1]), Bytes::from_static(b"b")]);
        assert_eq!(large.length(), PIECE_BYTES + 2);
        let pieces: Vec<usize> = std::iter::from_fn(|| large.next()).map(|piece| piece.len()).collect();
        assert_eq!(pieces, [PIECE_BYTES, 1, 1]);
        let mut small = RequestBody::new(vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")]);
        assert_eq!((small.next().unwrap(), small.next()), (Bytes::from_static(b"ab"), None));
    }
}
