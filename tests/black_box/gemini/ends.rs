//! How Google's streams end: nothing marks it but the reason why each candidate is over.

use serde_json::{Value, json};

use super::{ask, events, text};
use crate::support::{Answer, Gateway, Request, Response, Upstream, Way};

/// The next words of some candidates; those with a reason are over.
fn chunk(candidates: &[(u64, &str, bool)]) -> String {
    let candidates: Vec<Value> = candidates
        .iter()
        .map(|(index, words, over)| {
            let mut candidate = json!({"content": {"role": "model", "parts": [{"text": words}]}, "index": index});
            if *over {
                candidate["finishReason"] = json!("STOP");
            }
            candidate
        })
        .collect();
    let usage = json!({"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5});
    format!("data: {}\r\n\r\n", json!({"candidates": candidates, "usageMetadata": usage, "modelVersion": "m"}))
}

/// What a client of Google's, and one of chat, are given of that answer; by a gateway that waits a second for the next event.
async fn told(answer: Answer) -> (Gateway, [Response; 2]) {
    let upstream = Upstream::always(answer).await;
    let config = format!(
        "timeouts: {{connect: 5s, first_byte: 60s, idle: 1s}}\nproviders:\n  google: {{base_url: '{}', api_key: google-secret-0123456789}}\n",
        upstream.base_url()
    );
    let gateway = Gateway::start(&config).await;
    let path = "/gemini/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse";
    let google = Request::post(path, ask("hi").to_string()).header("x-goog-api-key", gateway.key());
    let chat = json!({"model": "gemini-3.8-flash", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let chat = Request::post("/v1/chat/completions", chat.to_string()).bearer(gateway.key());
    let told = [gateway.send(&google, Way::Sized).await, gateway.send(&chat, Way::Sized).await];
    (gateway, told)
}

#[tokio::test]
async fn what_is_over_is_whole_however_its_connection_ends() {
    let whole = Answer::stream().event(chunk(&[(0, "all ", false)])).event(chunk(&[(0, "of it", true)]));
    for (end, answer) in [("cut", whole.clone().cut()), ("idle", whole.hold())] {
        let (gateway, [google, chat]) = told(answer).await;
        assert_eq!(events(&google).iter().map(text).collect::<String>(), "all of it", "{end}: {google:?}");
        assert!(!google.text().contains("\"error\""), "{end}: {google:?}");
        assert!(chat.text().contains("[DONE]") && !chat.text().contains("\"error\""), "{end}: {chat:?}");
        for response in [google, chat] {
            let entry = gateway.entry(response.request_id()).await;
            assert_eq!(
                (&entry["outcome"], &entry["usage_source"]),
                (&json!("ok"), &json!("provider")),
                "{end} {entry}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_not_over_is_an_error_also_when_another_candidate_is() {
    let begun = Answer::stream().event(chunk(&[(0, "one", false), (1, "two", false)])).event(chunk(&[(0, "", true)]));
    for (end, answer) in [("ended", begun.clone().finished()), ("cut", begun.cut())] {
        let (gateway, [google, _]) = told(answer).await;
        let last = events(&google).pop().unwrap();
        assert!(last["error"]["message"].is_string(), "{end}: {google:?}");
        let entry = gateway.entry(google.request_id()).await;
        assert_ne!(entry["outcome"], json!("ok"), "{end} {entry}");
    }
}
