//! What durability costs: latency at 500 exchanges a second behind an upstream that takes 50 ms, and the most exchanges a second, with
//! `durability: strict` and `relaxed`, in one run. `cargo bench --bench ledger`; `-- --quick` for a tenth of the work.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement that cannot be taken ends the run, and its result is what it prints"
)]

mod gateway;
#[path = "../process/mod.rs"]
mod process;
mod upstream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep_until;

use self::gateway::Gateway;

/// Exchanges that begin each second, whether or not earlier ones have ended.
const RATE: u64 = 500;
/// What the upstream takes for each.
const UPSTREAM_TIME: Duration = Duration::from_millis(50);
/// Connections of the search for the ceiling.
const CONNECTIONS: [usize; 3] = [16, 64, 256];

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs this file too, and is not to be kept waiting.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let seconds = if arguments.iter().any(|argument| argument == "--quick") { 1 } else { 10 };
    let slow = upstream::start(UPSTREAM_TIME).await;
    let quick = upstream::start(Duration::ZERO).await;
    println!("{RATE} exchanges a second, upstream {} ms, {seconds} s a turn", UPSTREAM_TIME.as_millis());
    println!("{:<10} {:>8} {:>8} {:>8} {:>14}", "", "p50 ms", "p99 ms", "failed", "CPU us each");
    let subjects = [("relaxed", Gateway::start("relaxed", slow)), ("strict", Gateway::start("strict", slow))];
    for _ in 0..3 {
        let (latencies, failed) = paced(slow, "none", seconds).await;
        line("upstream", &latencies, failed, None);
        for (name, gateway) in &subjects {
            let before = gateway.cpu();
            let (latencies, failed) = paced(gateway.address, &gateway.key, seconds).await;
            line(
                name,
                &latencies,
                failed,
                Some((gateway.cpu() - before) / u32::try_from(latencies.len().max(1)).unwrap()),
            );
        }
    }
    println!("\nAs many as it takes, upstream 0 ms");
    println!(
        "{:<10} {:>11} {:>12} {:>8} {:>8} {:>14}",
        "", "connections", "exchanges/s", "p50 ms", "p99 ms", "CPU us each"
    );
    for connections in CONNECTIONS {
        for durability in ["relaxed", "strict"] {
            let gateway = Gateway::start(durability, quick);
            let before = gateway.cpu();
            let began = Instant::now();
            let latencies = closed(gateway.address, &gateway.key, connections, Duration::from_secs(seconds)).await;
            let rate = latencies.len() as f64 / began.elapsed().as_secs_f64();
            let cpu = (gateway.cpu() - before) / u32::try_from(latencies.len().max(1)).unwrap();
            println!(
                "{durability:<10} {connections:>11} {rate:>12.0} {:>8.2} {:>8.2} {:>14}",
                millis(quantile(&latencies, 0.5)),
                millis(quantile(&latencies, 0.99)),
                cpu.as_micros()
            );
        }
    }
}

fn line(name: &str, latencies: &[Duration], failed: u64, cpu: Option<Duration>) {
    println!(
        "{name:<10} {:>8.2} {:>8.2} {failed:>8} {:>14}",
        millis(quantile(latencies, 0.5)),
        millis(quantile(latencies, 0.99)),
        cpu.map_or_else(String::new, |cpu| cpu.as_micros().to_string())
    );
}

/// Begins exchanges at a fixed pace, on as many connections as that takes.
async fn paced(address: SocketAddr, key: &str, seconds: u64) -> (Vec<Duration>, u64) {
    let begin = tokio::time::Instant::now() + Duration::from_millis(50);
    let failed = Arc::new(AtomicU64::new(0));
    let request: Arc<[u8]> = request(key).into();
    // Each connection has a turn of its own in a circle of 200 ms, four times what the upstream takes.
    let connections = RATE / 5;
    let tasks: Vec<_> = (0..connections)
        .map(|index| {
            let (request, failed) = (Arc::clone(&request), Arc::clone(&failed));
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut latencies = Vec::new();
                for turn in 0..seconds * 5 {
                    let due = begin + Duration::from_micros(turn * 200_000 + index * 200_000 / connections);
                    sleep_until(due).await;
                    if exchange(&mut stream, &request).await {
                        latencies.push(due.elapsed());
                    } else {
                        failed.fetch_add(1, Ordering::Relaxed);
                        stream = TcpStream::connect(address).await.unwrap();
                    }
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    (latencies, failed.load(Ordering::Relaxed))
}

/// Asks again and again on so many connections.
async fn closed(address: SocketAddr, key: &str, connections: usize, time: Duration) -> Vec<Duration> {
    let request: Arc<[u8]> = request(key).into();
    let until = Instant::now() + time;
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let request = Arc::clone(&request);
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut latencies = Vec::new();
                while Instant::now() < until {
                    let began = Instant::now();
                    assert!(exchange(&mut stream, &request).await, "an exchange failed");
                    latencies.push(began.elapsed());
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    latencies
}

fn request(key: &str) -> Vec<u8> {
    let body = r#"{"model":"bench","messages":[{"role":"user","content":"hello"}]}"#;
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: bench.test\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// One exchange; false when it was not answered with 200 in full.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> bool {
    if stream.write_all(request).await.is_err() {
        return false;
    }
    let mut response = Vec::with_capacity(2048);
    loop {
        if !matches!(stream.read_buf(&mut response).await, Ok(1..)) {
            return false;
        }
        let Some(at) = memchr::memmem::find(&response, b"\r\n\r\n") else { continue };
        let (head, body) = response.split_at(at + 4);
        let head = String::from_utf8_lossy(head).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if length.is_some_and(|length| body.len() >= length) {
            return head.starts_with("http/1.1 200");
        }
    }
}

fn quantile(values: &[Duration], rank: f64) -> Duration {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get((sorted.len().saturating_sub(1) as f64 * rank) as usize).copied().unwrap_or_default()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
