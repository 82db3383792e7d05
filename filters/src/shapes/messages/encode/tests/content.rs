//! Images, documents and what cannot be sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{any, call, function, refusal, result, sent, talk};

fn png() -> String {
    STANDARD.encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01")
}

fn part(part: Value) -> Value {
    talk(json!([{"role": "user", "content": [part]}]))
}

fn block(chat: &Value) -> (Value, String) {
    let (mut body, losses) = sent(chat, &any());
    (body["messages"][0]["content"][0].take(), losses)
}

fn image(url: &str) -> Value {
    part(json!({"type": "image_url", "image_url": {"url": url}}))
}

#[test]
fn pitfall_108_images_go_with_the_type_that_they_have() {
    let expected = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png()}});
    for said in ["image/png", "image/jpeg", "application/octet-stream", ""] {
        assert_eq!(
            block(&image(&format!("data:{said};base64,{}", png()))),
            (expected.clone(), String::new()),
            "{said}"
        );
    }
    let (found, _) = block(&image("data:image/jpg;base64,AAAA"));
    assert_eq!(found["source"]["media_type"], "image/jpeg");
    let (found, _) = block(&image("https://example.com/a.png"));
    assert_eq!(found, json!({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}));
    let (_, field) = refusal(&image("data:image/bmp;base64,Qk0="), &any());
    assert_eq!(field, "messages.content.image");
}

#[test]
fn details_of_images_are_dropped_unless_they_say_nothing() {
    for (detail, losses) in [("auto", ""), ("high", "dropped:image_url.detail")] {
        let chat = part(json!({"type": "image_url", "image_url": {"url": "https://x/y", "detail": detail}}));
        assert_eq!(block(&chat).1, losses);
    }
}

#[test]
fn files_become_what_they_are() {
    let file = |name: &str, data: String| part(json!({"type": "file", "file": {"filename": name, "file_data": data}}));
    let pdf = STANDARD.encode(b"%PDF-1.7\n%abcdefgh");
    let (found, losses) = block(&file("a.pdf", format!("data:application/pdf;base64,{pdf}")));
    assert_eq!(
        found,
        json!({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": pdf}, "title": "a.pdf"})
    );
    assert_eq!(losses, "");
    let text = STANDARD.encode("h\u{e9}llo, world");
    for media_type in ["text/plain", "text/markdown", "application/json", ""] {
        let (found, _) = block(&file("a.txt", format!("data:{media_type};base64,{text}")));
        let source = json!({"type": "text", "media_type": "text/plain", "data": "h\u{e9}llo, world"});
        assert_eq!(found["source"], source, "{media_type}");
    }
    let (found, _) = block(&file("a.bin", format!("data:application/octet-stream;base64,{}", png())));
    assert_eq!((&found["type"], &found["source"]["media_type"]), (&json!("image"), &json!("image/png")));
    let binary = STANDARD.encode([0xff, 0xfe, 0, 1]);
    assert_eq!(refusal(&file("a", format!("data:application/zip;base64,{binary}")), &any()).1, "messages.content.file");
}

#[test]
fn what_only_another_provider_has_or_nobody_hears_is_refused() {
    for (content, field) in [
        (json!({"type": "file", "file": {"file_id": "file-1"}}), "messages.content.file_id"),
        (
            json!({"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}),
            "messages.content.input_audio",
        ),
        (json!({"type": "video_url", "video_url": {"url": "https://x/y.mp4"}}), "messages.content.video_url"),
    ] {
        assert_eq!(refusal(&part(content), &any()).1, field);
    }
}

#[test]
fn kinds_of_content_that_are_not_known_are_dropped_and_said_so() {
    let chat =
        talk(json!([{"role": "user", "content": [{"type": "hologram", "x": 1}, {"type": "text", "text": "hi"}]}]));
    let (found, losses) = block(&chat);
    assert_eq!((found["text"].as_str(), losses.as_str()), (Some("hi"), "dropped:content.hologram"));
}

#[test]
fn pitfall_42_images_in_results_stay_images() {
    let image = json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{}", png())}});
    let mut chat = talk(json!([
        {"role": "assistant", "tool_calls": [call("a", "f", "{}")]},
        {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "see"}, image]},
    ]));
    chat["tools"] = json!([function("f")]);
    let (body, losses) = sent(&chat, &any());
    let content = &body["messages"][1]["content"][0]["content"];
    assert_eq!((&content[0]["text"], &content[1]["source"]["data"]), (&json!("see"), &json!(png())));
    assert_eq!(losses, "");
}

#[test]
fn the_words_of_a_result_are_never_parsed() {
    let mut chat =
        talk(json!([{"role": "assistant", "tool_calls": [call("a", "f", "{}")]}, result("a", "{\"type\":\"image\"}")]));
    chat["tools"] = json!([function("f")]);
    let (body, _) = sent(&chat, &any());
    assert_eq!(body["messages"][1]["content"][0]["content"], json!([{"type": "text", "text": "{\"type\":\"image\"}"}]));
}
