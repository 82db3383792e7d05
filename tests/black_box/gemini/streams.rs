//! Silence, clients that leave, and hosts that stream in the other framing than was asked for.

use serde_json::json;

use super::{ask, elements, events, text};
use crate::support::{Answer, Connection, Gate, Gateway, Request, Upstream, Way};

fn chunk(words: &str, finish: bool) -> String {
    let mut chunk = json!({"candidates": [{"content": {"role": "model", "parts": [{"text": words}]}, "index": 0}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}, "modelVersion": "m"});
    if finish {
        chunk["candidates"][0]["finishReason"] = json!("STOP");
    }
    chunk.to_string()
}

async fn gateway(upstream: &Upstream, settings: &str) -> Gateway {
    let base = upstream.base_url();
    Gateway::start(&format!(
        "{settings}\nproviders:\n  google: {{base_url: '{base}', api_key: google-secret-0123456789}}\n"
    ))
    .await
}

fn request(gateway: &Gateway, query: &str) -> Request {
    let path = format!("/gemini/v1beta/models/gemini-3.8-flash:streamGenerateContent{query}");
    Request::post(path, ask("hi").to_string()).header("x-goog-api-key", gateway.key())
}

#[tokio::test]
async fn silence_is_bridged_by_white_space_in_both_framings() {
    let gate = Gate::new();
    let answer = Answer::stream()
        .wait(&gate)
        .event(format!("data: {}\r\n\r\n", chunk("late ", false)))
        .event(format!("data: {}\r\n\r\n", chunk("words", true)))
        .finished();
    let upstream = Upstream::always(answer).await;
    let gateway = gateway(&upstream, "commit_after: 50ms\nheartbeat: 50ms\n").await;
    for (query, opening) in [("?alt=sse", "\n\n\n\n"), ("", "[\n\n")] {
        gate.close();
        let mut connection = Connection::open(gateway.address()).await;
        connection.send(&request(&gateway, query), Way::Sized).await;
        let head = connection.head().await;
        assert_eq!(head.status(), 200);
        let begun = connection.peek(opening.len()).await;
        assert_eq!(&begun[..opening.len()], opening.as_bytes(), "{:?}", String::from_utf8_lossy(begun));
        gate.open();
        let (rest, _) = connection.rest().await;
        let rest = String::from_utf8(rest.to_vec()).unwrap();
        let chunks: Vec<serde_json::Value> = if query.is_empty() {
            serde_json::from_str(&rest).unwrap_or_else(|error| panic!("{error} in {rest:?}"))
        } else {
            let data = rest.lines().filter_map(|line| line.strip_prefix("data: "));
            data.map(|data| serde_json::from_str(data).unwrap()).collect()
        };
        assert_eq!(chunks.iter().map(text).collect::<String>(), "late words");
        // Nothing but white space is between the events: some clients take nothing else.
        assert!(rest.lines().all(|line| !line.starts_with(':')), "{rest:?}");
    }
}

#[tokio::test]
async fn a_host_that_streams_an_array_though_events_were_asked_for_is_understood() {
    let array = format!("[{},\r\n{}\n]", chunk("in an ", false), chunk("array", true));
    let headers = [("content-type", "application/json; charset=UTF-8")];
    let upstream = Upstream::new(move |_| Answer::whole(200, &headers, array.clone())).await;
    let gateway = gateway(&upstream, "").await;
    let streamed = gateway.send(&request(&gateway, "?alt=sse"), Way::Sized).await;
    assert!(streamed.header("content-type").unwrap().starts_with("text/event-stream"), "{streamed:?}");
    assert_eq!(events(&streamed).iter().map(text).collect::<String>(), "in an array");
    let array = gateway.send(&request(&gateway, ""), Way::Sized).await;
    assert_eq!(elements(&array).iter().map(text).collect::<String>(), "in an array");
    // And for a client of another shape.
    let chat = json!({"model": "gemini-3.8-flash", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let chat = Request::post("/v1/chat/completions", chat.to_string()).bearer(gateway.key());
    let chat = gateway.send(&chat, Way::Sized).await;
    assert!(chat.text().contains("in an ") && chat.text().contains("[DONE]"), "{}", chat.text());
    let entry = gateway.entry(array.request_id()).await;
    assert_eq!((&entry["tokens"]["input"], &entry["tokens"]["output"]), (&json!(3), &json!(2)), "{entry}");
}

#[tokio::test]
async fn an_error_in_such_an_array_is_an_error_before_the_answer() {
    let body = r#"[{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]"#;
    let upstream = Upstream::always(Answer::json(200, body)).await;
    let gateway = gateway(&upstream, "").await;
    let response = gateway.send(&request(&gateway, ""), Way::Sized).await;
    assert_eq!((response.status, &elements(&response)[0]["error"]["status"]), (503, &json!("UNAVAILABLE")));
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_in_both_framings_and_charged_for_the_thoughts_that_it_got() {
    // As recorded: until the thoughts are over, the counts leave them out.
    let thought = json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "a thought of some words", "thought": true}]}, "index": 0}],
        "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3}, "modelVersion": "m"});
    for query in ["?alt=sse", ""] {
        let begun = Answer::stream().event(format!("data: {thought}\r\n\r\n")).hold();
        let upstream = Upstream::always(begun).await;
        let gateway = gateway(&upstream, "").await;
        let mut connection = Connection::open(gateway.address()).await;
        connection.send(&request(&gateway, query), Way::Sized).await;
        assert_eq!(connection.head().await.status(), 200);
        connection.peek(20).await;
        drop(connection);
        upstream.link(0).await.closed().await;
        let record = gateway.record_where(|record| record.outcome == "client_abort").await;
        let entry = gateway.entry(&record.request_id).await;
        assert_eq!(entry["outcome"], "client_abort", "{entry}");
        assert_eq!(
            (&entry["tokens"]["input"], entry["tokens"]["output"].as_u64() > Some(3)),
            (&json!(3), true),
            "{entry}"
        );
    }
}
