//! The framer on every kind of line end, split everywhere, and on events over its bound.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

/// Pieces with neighbouring fragments joined: how an event over the bound is cut depends on the chunks.
#[derive(Clone, Debug, PartialEq)]
enum Whole {
    Event(Bytes),
    Over(Vec<u8>),
}

fn frame(chunks: impl IntoIterator<Item = Bytes>, bound: usize) -> Vec<Whole> {
    let mut framer = Framer::new(bound);
    let mut wholes = Vec::new();
    let mut open: Option<Vec<u8>> = None;
    let mut take = |piece: Piece, inside: bool| match piece {
        Piece::Event(event) => {
            assert!(open.is_none(), "an event inside of another");
            assert!(event.bytes.len() <= bound);
            wholes.push(Whole::Event(event.bytes));
        }
        Piece::Fragment(bytes) => {
            assert!(inside);
            open.get_or_insert_default().extend_from_slice(&bytes);
        }
        Piece::FragmentEnd(bytes) => {
            assert!(!inside);
            let mut all = open.take().unwrap_or_default();
            all.extend_from_slice(&bytes);
            wholes.push(Whole::Over(all));
        }
    };
    for chunk in chunks {
        framer.push(chunk);
        while let Some(piece) = framer.next() {
            take(piece, framer.is_inside_fragment());
        }
        assert!(framer.held_bytes() <= bound);
    }
    if let Some(piece) = framer.finish() {
        take(piece, true);
    }
    wholes.extend(open.map(Whole::Over));
    wholes
}

fn whole(stream: &[u8]) -> Vec<Whole> {
    frame([Bytes::copy_from_slice(stream)], 64)
}

fn byte_by_byte(stream: &[u8]) -> Vec<Whole> {
    frame(stream.chunks(1).map(Bytes::copy_from_slice), 64)
}

fn events(stream: &[u8]) -> Vec<RawEvent> {
    let unwrap = |whole| match whole {
        Whole::Event(bytes) => RawEvent { bytes },
        Whole::Over(_) => panic!("over the bound"),
    };
    whole(stream).into_iter().map(unwrap).collect()
}

proptest! {
    #[test]
    fn gives_the_same_events_however_it_is_split(
        lines in prop::collection::vec(("(data: ?|event: |: |id|)[a-z\u{e9}]{0,30}", "(\n|\r\n|\r|\n\n|\r\n\r\n|\r\r|\n\r|\r\r\n)"), 0..20),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        mark in any::<bool>(),
    ) {
        let text: String = lines.iter().map(|(line, end)| format!("{line}{end}")).collect();
        let stream = if mark { [b"\xef\xbb\xbf", text.as_bytes()].concat() } else { text.clone().into_bytes() };
        let expected = whole(&stream);
        prop_assert_eq!(&byte_by_byte(&stream), &expected);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let chunks = cuts.windows(2).map(|cut| Bytes::copy_from_slice(&stream[cut[0]..cut[1]]));
        prop_assert_eq!(&frame(chunks, 64), &expected);
        let all: Vec<u8> = expected.iter().flat_map(|whole| match whole {
            Whole::Event(bytes) => bytes.to_vec(),
            Whole::Over(bytes) => bytes.clone(),
        }).collect();
        prop_assert_eq!(all, text.into_bytes());
    }

    #[test]
    fn passes_any_bytes_through(stream in prop::collection::vec(any::<u8>(), 0..300)) {
        let expected = whole(&stream);
        prop_assert_eq!(&byte_by_byte(&stream), &expected);
        for event in expected {
            if let Whole::Event(bytes) = event {
                let event = RawEvent { bytes };
                let _ = (event.name(), event.data(), event.is_comment());
            }
        }
    }
}

#[test]
fn knows_every_line_end() {
    for end in ["\n", "\r\n", "\r"] {
        let stream = format!("event: a{end}data: 1{end}data:2{end}{end}: hi{end}{end}data{end}{end}");
        let events = events(stream.as_bytes());
        assert_eq!(events.len(), 3, "{end:?}");
        assert_eq!(events[0].name(), Some(&b"a"[..]));
        assert_eq!(&*events[0].data(), b"1\n2");
        assert!(!events[0].is_comment());
        assert!(events[1].is_comment());
        assert_eq!((&*events[2].data(), events[2].is_comment()), (&b""[..], false));
    }
}

#[test]
fn an_event_ended_by_lone_carriage_returns_does_not_wait() {
    let mut framer = Framer::new(64);
    framer.push(Bytes::from_static(b"data: a\r\r"));
    assert!(matches!(framer.next(), Some(Piece::Event(_))));
    // After CRLF lines the last LF belongs to the event, and is waited for.
    framer.push(Bytes::from_static(b"data: a\r\n\r"));
    assert_eq!(framer.next(), None);
    framer.push(Bytes::from_static(b"\n"));
    assert_eq!(framer.next().unwrap().bytes(), "data: a\r\n\r\n");
}

#[test]
fn drops_a_byte_order_mark_at_the_start_only() {
    let events = events(b"\xef\xbb\xbfdata: a\n\ndata: \xef\xbb\xbf\n\n");
    assert_eq!(events[0].bytes, "data: a\n\n");
    assert_eq!(events[1].bytes, &b"data: \xef\xbb\xbf\n\n"[..]);
}

#[test]
fn an_event_within_a_chunk_is_a_slice_of_it() {
    let chunk = Bytes::from_static(b"data: a\n\ndata: b\n\n");
    let mut framer = Framer::new(64);
    framer.push(chunk.clone());
    assert_eq!(framer.next().unwrap().bytes().as_ptr(), chunk.as_ptr());
    assert_eq!(framer.next().unwrap().bytes().as_ptr(), chunk[9..].as_ptr());
    assert_eq!(framer.next(), None);
}

#[test]
fn the_rest_is_given_at_the_end() {
    assert_eq!(
        whole(b"data: a\n\ndata: b"),
        [Whole::Event(Bytes::from_static(b"data: a\n\n")), Whole::Event(Bytes::from_static(b"data: b")),]
    );
    assert_eq!(whole(b"data: a\r\n\r").len(), 1);
    assert_eq!(whole(b"\xef\xbb"), [Whole::Event(Bytes::from_static(b"\xef\xbb"))]);
}

#[test]
fn an_event_over_the_bound_is_passed_on_in_fragments() {
    let large = format!("data: {}\n\n", "x".repeat(100));
    let stream = format!("data: a\n\n{large}data: b\n\n");
    let expected = [
        Whole::Event(Bytes::from_static(b"data: a\n\n")),
        Whole::Over(large.into_bytes()),
        Whole::Event(Bytes::from_static(b"data: b\n\n")),
    ];
    assert_eq!(whole(stream.as_bytes()), expected);
    for size in 1..stream.len() {
        assert_eq!(frame(stream.as_bytes().chunks(size).map(Bytes::copy_from_slice), 64), expected, "{size}");
    }
}

#[test]
fn chunks_pushed_before_the_last_one_is_read_are_kept() {
    let mut framer = Framer::new(64);
    framer.push(Bytes::from_static(b"data: a\n\nda"));
    framer.push(Bytes::from_static(b"ta: b\n\n"));
    assert_eq!(framer.next().unwrap().bytes(), "data: a\n\n");
    assert_eq!(framer.next().unwrap().bytes(), "data: b\n\n");
}

#[test]
fn writes_events() {
    assert_eq!(event(None, b"{}"), b"data: {}\n\n");
    assert_eq!(event(Some("error"), b"{}"), b"event: error\ndata: {}\n\n");
}
