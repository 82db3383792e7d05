//! What counts as how many words, and that it does not matter how a text is cut.
#![expect(clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn words(text: &str) -> u64 {
    let mut lexer = Lexer::default();
    lexer.push(text.as_bytes());
    lexer.hundredths()
}

#[test]
fn counts_what_tokenizers_make_of_a_text() {
    for (text, hundredths) in [
        ("", 0),
        ("word", 100),
        ("letters", 100),
        ("lettered", 155),
        ("internationalisation", 210),
        ("two words", 200),
        (" and one", 200),
        ("one ", 100),
        ("far   away", 300),
        ("\t\tx", 200),
        ("line\n\r\n\nline", 300),
        ("123", 100),
        ("1234", 200),
        ("1,5", 300),
        ("((", 100),
        ("-----------", 250),
        ("h\u{e9}", 170),
        ("\u{4f60}\u{597d}\u{1f600}", 210),
    ] {
        assert_eq!(words(text), hundredths, "{text:?}");
    }
}

#[test]
fn what_is_not_seen_of_an_answer_counts() {
    let rates = Rates { words: 110, answer: 3, call: 30, citation: 10 };
    let mut delivered = Delivered::default();
    assert_eq!(delivered.tokens(&rates), 0);
    delivered.text.push(b"one two three");
    assert_eq!(delivered.tokens(&rates), 4 + 3);
    for number in [Some(0), Some(0), Some(1), None, Some(1)] {
        delivered.numbered_call(number);
    }
    delivered.citation();
    assert_eq!(delivered.tokens(&rates), 4 + 3 + 3 * 30 + 10);
    delivered.reasoning.push(b"four");
    assert_eq!(delivered.tokens(&rates), 5 + 3 + 3 * 30 + 10);
}

#[test]
fn a_call_does_not_join_the_word_before_it() {
    let mut delivered = Delivered::default();
    delivered.text.push(b"look");
    delivered.call();
    delivered.text.push(b"up");
    assert_eq!(delivered.text.hundredths(), 200);
}

proptest! {
    #[test]
    fn a_text_counts_the_same_however_it_is_cut(
        text in "[a-zA-Z0-9 \t\n\r.,:{}\u{e9}\u{4f60}\u{1f600}]{0,200}|\\PC{0,80}",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let bytes = text.as_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        let mut lexer = Lexer::default();
        for cut in cuts.windows(2) {
            lexer.push(bytes.get(cut[0]..cut[1]).unwrap_or_default());
        }
        prop_assert_eq!(lexer.hundredths(), words(&text));
    }

    #[test]
    fn more_text_never_counts_less(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut lexer = Lexer::default();
        let mut before = 0;
        for byte in bytes {
            lexer.push(&[byte]);
            prop_assert!((before..=before + 100).contains(&lexer.hundredths()));
            before = lexer.hundredths();
        }
    }
}
