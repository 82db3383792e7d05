//! What counts as how many words, and that it does not matter how a text is cut.
#![expect(clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::Shape;

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
    let rates = Rates { words: 110, answer: 3, call: 30, parallel: 5, citation: 10 };
    let mut delivered = Delivered::default();
    assert_eq!(delivered.tokens(&rates), 0);
    delivered.text.push(b"one two three");
    assert_eq!(delivered.tokens(&rates), 4 + 3);
    for number in [Some(0), Some(0), Some(1), None, Some(1)] {
        delivered.numbered_call(number);
    }
    delivered.citation();
    assert_eq!(delivered.tokens(&rates), 4 + 3 + 3 * 35 + 10);
    delivered.reasoning.push(b"four");
    assert_eq!(delivered.tokens(&rates), 5 + 3 + 3 * 35 + 10);
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

/// What a request has that only says this.
fn said(text: &str) -> u64 {
    let body = serde_json::json!({"model": "gpt-5", "messages": [{"role": "user", "content": text}]}).to_string();
    estimate_input(Shape::Chat, body.as_bytes(), Family::of(Shape::Chat, "gpt-5"))
}

#[test]
fn any_bytes_have_an_estimate() {
    let family = Family::of(Shape::Chat, "gpt-5");
    for bytes in [&b""[..], b"{", b"[]", b"null", b"\xff\xfe\x00 no JSON at all", b"{\"messages\":[{\"content\":\"cut"]
    {
        for shape in Shape::ALL {
            assert_eq!(estimate_input(shape, bytes, family), bytes.len().div_ceil(4) as u64, "{bytes:?}");
        }
    }
    let broken = b"{\"messages\":[{\"role\":\"user\",\"content\":\"\xff\xfe\"},7,null,{\"content\":[1,{\"text\":{}}]}],\"tools\":7}";
    assert!(estimate_input(Shape::Chat, broken, family) < 40);
}

#[test]
fn a_large_text_is_counted_in_samples_near_to_what_it_has() {
    let page = include_str!("mod.rs");
    let each = said(page) - said("");
    for times in [1, 20, 100, 1_000] {
        let counted = said(&page.repeat(times)) - said("");
        let expected = each * times as u64;
        assert!(counted.abs_diff(expected) * 50 <= expected, "{counted} for {expected}");
    }
}

#[test]
fn a_text_counts_the_same_wherever_a_block_of_it_ends() {
    let text = "\u{4f60}\u{597d} h\u{e9}llo ".repeat(3_000);
    let whole = said(&text) - said("");
    // A block of 8 KiB ends within a character, or not.
    for shift in ["", "x", "xy"] {
        let shifted = said(&format!("{shift}{text}")) - said("");
        assert!(shifted.abs_diff(whole) <= 12, "{shifted} for {whole}");
    }
}

#[test]
fn a_family_is_known_by_names_as_hosts_write_them() {
    let text = |shape, model: &str| Family::of(shape, model).rates().text;
    for name in ["claude-haiku-4-5", "anthropic/claude-sonnet-4.5", "us.anthropic.claude-opus-4-1-v1:0"] {
        assert_eq!(text(Shape::Chat, name), text(Shape::Messages, "unknown"), "{name}");
    }
    assert!(text(Shape::Chat, "anthropic/claude-opus-4.8") > text(Shape::Chat, "anthropic/claude-opus-4.5"));
    assert_eq!(text(Shape::Chat, "our-deployment"), 100);
    assert!(Family::of(Shape::Chat, "openai/gpt-oss-120b").rates().request > 10);
}

#[test]
fn definitions_of_tools_count_as_types_and_media_by_the_piece() {
    let estimate = |body: serde_json::Value| {
        estimate_input(Shape::Chat, body.to_string().as_bytes(), Family::of(Shape::Chat, "gpt-4o"))
    };
    let schema = serde_json::json!({"type": "object", "additionalProperties": false, "required": ["city"], "properties": {
        "city": {"type": "string", "description": "Where"}, "unit": {"enum": ["c", "f"]},
        "days": {"type": "array", "items": {"type": ["integer", "null"]}},
        "at": {"anyOf": [{"type": "object", "properties": {"lat": {"type": "number", "default": 1}}}, {"type": "null"}]}}});
    let mut out = String::new();
    types::function(&mut out, "weather", Some("Tells it."), Some(&schema));
    assert_eq!(
        out,
        "// Tells it.\ntype weather = (_: {\n// Where\ncity: string,\nunit?: \"c\" | \"f\",\ndays?: integer | null[],\nat?: {\n  lat?: number, // default: 1\n} | null,\n}) => any;\n\n"
    );
    let messages = serde_json::json!([{"role": "user", "content": "hi"}]);
    let plain = estimate(serde_json::json!({"messages": messages}));
    let tool = serde_json::json!({"type": "function", "function": {"name": "weather", "parameters": schema}});
    let with_tool = estimate(serde_json::json!({"messages": messages, "tools": [tool]}));
    assert!((40..100).contains(&(with_tool - plain)), "{plain} {with_tool}");
    let url = format!("data:image/png;base64,{}", "A".repeat(50_000));
    let image = serde_json::json!([{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": url}}]}]);
    assert_eq!(estimate(serde_json::json!({"messages": image})) - plain, 765);
}
