//! The scanner against serde_json on random values, on broken ones, and on the worst that a client can send.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[ -~]{0,12}", any::<String>(), "[\\\\\"nu/{}\\[\\]:,]{0,40}", "[a-z \\\\\"]{30,90}",];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((text.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The value as it is read by the scanner alone, down to its leaves.
fn read(body: &[u8], range: std::ops::Range<usize>) -> Value {
    if is_object_at(body, &range) {
        let members = members_in(body, range).map(|member| {
            let member = member.unwrap();
            (member.key.into_owned(), read(body, member.value))
        });
        Value::Object(members.collect())
    } else if is_array_at(body, &range) {
        Value::Array(elements_in(body, range).map(|element| read(body, element.unwrap())).collect())
    } else if is_string_at(body, &range) {
        Value::from(string_at(body, &range).unwrap().into_owned())
    } else if let Some(number) = u64_at(body, &range) {
        Value::from(number)
    } else if let Some(truth) = bool_at(body, &range) {
        Value::from(truth)
    } else if is_null_at(body, &range) {
        Value::Null
    } else {
        serde_json::from_slice(&body[range]).unwrap()
    }
}

fn walk(body: &[u8]) -> Result<(), ScanError> {
    members(body).try_for_each(|member| member.map(drop))
}

proptest! {
    #[test]
    fn agrees_with_serde_on_members_and_ranges(inner in value(), pretty in any::<bool>()) {
        let object = Value::Object([("a".to_owned(), inner)].into_iter().collect());
        let body = if pretty { serde_json::to_vec_pretty(&object) } else { serde_json::to_vec(&object) }.unwrap();
        // What serde reads back is compared, since a float may change on its way through text.
        let expected: Value = serde_json::from_slice(&body).unwrap();
        let read: serde_json::Map<_, _> = members(&body)
            .map(|member| { let member = member.unwrap(); (member.key.into_owned(), read(&body, member.value)) })
            .collect();
        prop_assert_eq!(Value::Object(read), expected);
    }

    #[test]
    fn never_panics_and_never_takes_less_than_serde(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let taken = walk(&body).is_ok();
        let is_object = serde_json::from_slice::<serde_json::Map<String, Value>>(&body).is_ok();
        prop_assert!(taken || !is_object);
    }

    #[test]
    fn survives_json_with_a_byte_changed(inner in value(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = serde_json::to_vec(&serde_json::json!({"model": "m", "x": inner})).unwrap();
        let at = at.index(body.len());
        body[at] = byte;
        let taken = walk(&body).is_ok();
        let is_object = serde_json::from_slice::<serde_json::Map<String, Value>>(&body).is_ok();
        prop_assert!(taken || !is_object);
    }

    #[test]
    fn splice_changes_only_its_ranges(
        body in prop::collection::vec(any::<u8>(), 0..80),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), "[a-z]{0,4}"), 0..4),
    ) {
        let body = Bytes::from(body);
        let mut starts: Vec<usize> = cuts.iter().map(|(at, _)| at.index(body.len() + 1)).collect();
        starts.sort_unstable();
        let mut edits = Vec::new();
        let mut expected = Vec::new();
        let mut done = 0;
        for (start, (_, with)) in starts.iter().zip(&cuts) {
            let start = (*start).max(done);
            let end = (start + with.len() / 2).min(body.len());
            expected.extend_from_slice(&body[done..start]);
            expected.extend_from_slice(with.as_bytes());
            edits.push(Edit { range: start..end, with: Bytes::from(with.clone()) });
            done = end;
        }
        expected.extend_from_slice(&body[done..]);
        prop_assert_eq!(splice(&body, &edits).concat(), expected);
    }

    #[test]
    fn the_pieces_of_a_text_are_what_it_is_decoded_to(text in any::<String>(), ascii in any::<bool>()) {
        let mut raw = quoted(&text);
        if ascii {
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
            raw = format!("\"{}\"", units.collect::<String>()).into_bytes();
        }
        let found = Cursor::new(&raw).unwrap().text().unwrap().unwrap();
        prop_assert_eq!(found.decode().unwrap(), text.as_str());
        let mut pieces = Vec::new();
        found.pieces(|piece| pieces.extend_from_slice(piece));
        prop_assert_eq!(pieces, text.as_bytes());
    }
}

#[test]
fn finds_values_without_the_white_space_around_them() {
    let body = b" {\n \"a\" :\t1 , \"b\":{\"c\":[ ]} }\r\n";
    let found: Vec<_> = members(body).map(|member| member.unwrap()).collect();
    assert_eq!(found.iter().map(|member| &*member.key).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(&body[found[0].value.clone()], b"1");
    assert_eq!(&body[found[1].value.clone()], b"{\"c\":[ ]}");
}

#[test]
fn reads_escaped_names() {
    let body = br#"{"mod\u0065l":"\u0061\ud83d\ude00"}"#;
    let member = members(body).next().unwrap().unwrap();
    assert_eq!(member.key, "model");
    assert_eq!(string_at(body, &member.value).unwrap(), "a\u{1f600}");
}

#[test]
fn finds_the_end_of_strings_at_every_length() {
    for length in 0..120 {
        for tail in ["", "\\\"", "\\\\", "\\\\\\\""] {
            let body = format!("{{\"a\":\"{}{tail}\"}}", "x".repeat(length));
            let member = members(body.as_bytes()).next().unwrap().unwrap();
            assert_eq!(member.value, 5..body.len() - 1, "{body}");
        }
    }
}

#[test]
fn names_the_place_and_what_was_expected() {
    let cases: [(&[u8], &str); 14] = [
        (b"", "expected an object at byte 0, but the body ends there"),
        (b"[]", "expected an object at byte 0"),
        (b"{", "expected ',' or '}' at byte 1, but the body ends there"),
        (b"{\"a\"}", "expected ':' at byte 4"),
        (b"{\"a\":}", "expected a value at byte 5"),
        (b"{\"a\":1,}", "expected a member name at byte 7"),
        (b"{a:1}", "expected a member name or '}' at byte 1"),
        (b"{\"a\":1 \"b\":2}", "expected ',' or '}' at byte 7"),
        (b"{\"a\":\"x}", "expected the end of a string at byte 8, but the body ends there"),
        (b"{\"a\":[1}}", "the closing bracket at byte 7 does not match the opening one"),
        (b"{\"a\":tru}", "expected a value at byte 5"),
        (b"{\"a\":1}x", "expected the end of the body at byte 7"),
        (b"\xef\xbb\xbf{}", "the body begins with a byte order mark: send UTF-8 without one"),
        (b"{\"\\x\":1}", "the member name at byte 1 is not valid text"),
    ];
    for (body, message) in cases {
        assert_eq!(walk(body).unwrap_err().to_string(), message, "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn refuses_more_than_the_depth_bound() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(walk(nested(MAX_DEPTH - 1).as_bytes()), Ok(()));
    assert_eq!(walk(nested(MAX_DEPTH).as_bytes()), Err(ScanError::Depth { at: 5 + MAX_DEPTH - 1 }));
    assert!(matches!(walk(nested(1_000_000).as_bytes()), Err(ScanError::Depth { .. })));
}

#[test]
fn an_error_ends_the_iteration() {
    let mut broken = members(b"{\"a\":1,x");
    assert!(broken.next().unwrap().is_ok());
    assert!(broken.next().unwrap().is_err());
    assert!(broken.next().is_none());
}

#[test]
fn numbers_are_read_only_when_they_are_counts() {
    let at = |text: &str| u64_at(text.as_bytes(), &(0..text.len()));
    assert_eq!(at("0"), Some(0));
    assert_eq!(at("18446744073709551615"), Some(u64::MAX));
    for other in ["18446744073709551616", "-1", "1.0", "1e3", "", "null"] {
        assert_eq!(at(other), None, "{other}");
    }
}

#[test]
fn edits_that_overlap_or_lie_outside_are_left_out() {
    let body = Bytes::from_static(b"0123456789");
    let edit = |range, with: &'static str| Edit { range, with: Bytes::from_static(with.as_bytes()) };
    let edits = [edit(6..8, "b"), edit(2..4, "a"), edit(3..5, "no"), edit(9..11, "no"), edit(10..10, "end")];
    assert_eq!(splice(&body, &edits).concat(), b"01a45b89end");
    // What stays is shared.
    assert_eq!(splice(&body, &[])[0].as_ptr(), body.as_ptr());
}
