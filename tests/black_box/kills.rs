//! The process is killed under load, again and again: what a client saw complete is in the ledger, and nothing is in it twice.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Answer, Bed, Shape, Upstream, tell, within_one_day};

/// Clients that ask at the same time.
const CLIENTS: u64 = 12;
/// What every answer says of its prompt.
const PROMPT_TOKENS: u64 = 11;

/// An answer that a client has whole.
struct Seen {
    request_id: String,
    tokens: u64,
}

#[tokio::test]
async fn after_a_kill_under_load_the_ledger_has_every_answer_that_a_client_has_and_none_twice() {
    within_one_day(async || kill(5).await).await;
}

#[tokio::test]
#[ignore = "takes minutes: make test-long"]
async fn after_a_hundred_kills_under_load_the_ledger_has_every_answer_that_a_client_has_and_none_twice() {
    within_one_day(async || kill(100).await).await;
}

async fn kill(times: u64) {
    let upstream = Upstream::new(|seen| answer(&seen.json())).await;
    let mut bed = Bed::start(upstream, Upstream::silent().await).await;
    let route = bed.sole();
    let key = bed.gateway.key().to_owned();
    let mut whole: Vec<Seen> = Vec::new();
    for round in 0..times {
        let until = whole.len() + 5 + usize::try_from(random() % 40).expect("small");
        whole.extend(load_until_killed(&mut bed, &route, &key, (round, until - whole.len())).await);
        verify(&bed, &whole).await;
    }
    let recovered = bed.gateway.entries().await.iter().filter(|entry| entry["outcome"] == "recovered").count();
    tell(&format!("{times} kills: {} answers complete, {recovered} exchanges recovered", whole.len()));
}

/// Asks from all sides until so many answers are complete, then kills the gateway in the middle of the rest.
async fn load_until_killed(bed: &mut Bed, route: &str, key: &str, (round, until): (u64, usize)) -> Vec<Seen> {
    let stop = Arc::new(AtomicBool::new(false));
    let complete = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (stop, complete) = (Arc::clone(&stop), Arc::clone(&complete));
            let (address, route, key) = (bed.gateway.address(), route.to_owned(), key.to_owned());
            tokio::spawn(async move {
                let mut seen = Vec::new();
                let mut number = round * 1_000_000 + client * 10_000;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    if let Some(one) = ask(address, &route, &key, number).await {
                        seen.push(one);
                        complete.fetch_add(1, Ordering::Relaxed);
                    }
                }
                seen
            })
        })
        .collect();
    while complete.load(Ordering::Relaxed) < until as u64 {
        tokio::task::yield_now().await;
    }
    // The clients are told before: what they have by now came from the process that dies.
    stop.store(true, Ordering::Relaxed);
    bed.gateway.kill_and_restart().await;
    let mut seen = Vec::new();
    for client in clients {
        seen.extend(client.await.expect("a client does not panic"));
    }
    seen
}

async fn verify(bed: &Bed, whole: &[Seen]) {
    let entries = bed.gateway.entries().await;
    let mut charged: HashMap<String, Vec<u64>> = HashMap::new();
    for entry in &entries {
        let id = entry["request_id"].as_str().expect("an id").to_owned();
        charged.entry(id).or_default().push(entry["charged_tokens"].as_u64().expect("tokens"));
    }
    for (id, all) in &charged {
        assert_eq!(all.len(), 1, "{id} is there twice");
    }
    for seen in whole {
        let Some(charged) = charged.get(&seen.request_id) else { panic!("{} is lost", seen.request_id) };
        assert!(charged[0] >= seen.tokens, "{} tokens seen and {} charged", seen.tokens, charged[0]);
    }
    let sum: u64 = charged.values().flatten().sum();
    let usage = bed.gateway.admin_json("/admin/usage").await;
    assert_eq!(usage["total"]["charged_tokens"], json!(sum), "the sums are those of the entries");
    let quotas = bed.gateway.admin_json("/admin/quotas").await;
    let gateway = quotas["data"].as_array().expect("a list").iter().find(|row| row["key"].is_null());
    let gateway = gateway.expect("the gateway's own counters");
    let month = gateway["this_month"]["tokens"].as_u64().expect("tokens");
    assert_eq!(month, sum, "counters are the sum of the entries");
    assert_eq!(gateway["open"], json!(0), "no reservation outlives its process");
    let check = bed.gateway.ask_admin("POST", "/admin/ledger/check", "").await;
    assert_eq!(check.status, 200, "{check:?}");
    assert_eq!(check.json()["problems"], json!([]), "{check:?}");
}

/// Every answer's length follows from its question.
fn answer(question: &Value) -> Answer {
    let number: u64 = question["messages"][0]["content"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
    let usage = json!({
        "prompt_tokens": PROMPT_TOKENS, "completion_tokens": output(number), "total_tokens": PROMPT_TOKENS + output(number),
    });
    if question["stream"] != true {
        let mut whole: Value = serde_json::from_str(&Shape::Chat.plain("served")).expect("JSON");
        whole["usage"] = usage;
        return Answer::json(200, whole.to_string());
    }
    let last = json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": usage});
    let stop = json!({
        "id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    });
    Answer::stream()
        .event(Shape::Chat.opening())
        .event(Shape::Chat.content("one "))
        .event(Shape::Chat.content("two"))
        .event(format!("data: {stop}\n\n"))
        .event(format!("data: {last}\n\n"))
        .event("data: [DONE]\n\n")
        .finished()
}

/// Mostly short, and now and then far longer than anything before, so that more is spent than was set aside.
const fn output(number: u64) -> u64 {
    if number.is_multiple_of(17) { 20_000 + number % 1_000 } else { number % 300 }
}

/// One exchange on a connection of its own; none when it did not come to its end.
async fn ask(address: SocketAddr, route: &str, key: &str, number: u64) -> Option<Seen> {
    let stream = number.is_multiple_of(2);
    let body = json!({"model": route, "stream": stream, "messages": [{"role": "user", "content": number.to_string()}]});
    let body = body.to_string();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut socket = TcpStream::connect(address).await.ok()?;
    socket.write_all(request.as_bytes()).await.ok()?;
    let mut response = Vec::new();
    // A reset ends it as well; what came before counts if it is whole.
    while socket.read_buf(&mut response).await.ok()? > 0 {}
    let response = String::from_utf8(response).ok()?;
    let (head, body) = response.split_once("\r\n\r\n")?;
    if !head.starts_with("HTTP/1.1 200") {
        return None;
    }
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let is_whole = match header("content-length").or(header("Content-Length")) {
        Some(length) => length.parse() == Ok(body.len()),
        None => body.contains("[DONE]") && body.ends_with("0\r\n\r\n"),
    };
    let request_id = header("x-request-id").or(header("X-Request-Id"))?.to_owned();
    is_whole.then(|| Seen { request_id, tokens: PROMPT_TOKENS + output(number) })
}

/// Chance enough for the moment of a kill.
fn random() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).subsec_nanos().into()
}
