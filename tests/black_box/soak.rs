//! Streams by the hundred for many minutes, with every fault that providers and clients have: memory, descriptors and threads stay flat.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Answer, Connection, Gateway, Seen, Shape, Upstream, Way, provider, tell};

/// Events of a whole stream, and the time between two.
const EVENTS: usize = 20;
const PACE: Duration = Duration::from_millis(250);

/// How many a long run has in flight, and for how long.
const STREAMS: &str = "OVTH_SOAK_STREAMS";
const SECONDS: &str = "OVTH_SOAK_SECONDS";

/// What may be more at the end than after the warm-up, as a line through all samples has it: in the long form 140 bytes for each stream.
const MORE_KIB: f64 = 6.0 * 1024.0;
const MORE_THREADS: f64 = 8.0;

/// Time is a part of what happens here, and never what is waited for: a machine of any speed passes.
#[tokio::test]
async fn memory_descriptors_and_threads_are_flat_under_streams_and_faults() {
    soak(40, Duration::from_secs(12)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes 20 minutes: make test-long"]
async fn memory_descriptors_and_threads_are_flat_for_20_minutes_of_300_streams_and_faults() {
    let of = |name: &str, usual: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let streams = usize::try_from(of(STREAMS, 300)).unwrap();
    soak(streams, Duration::from_secs(of(SECONDS, 1_200))).await;
}

/// What the process holds.
#[derive(Clone, Copy)]
struct Sample {
    at: Duration,
    resident_kib: u64,
    descriptors: u64,
    threads: u64,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sample { at, resident_kib, descriptors, threads } = self;
        write!(f, "{:>6} s  {resident_kib:>8} KiB  {descriptors:>5} descriptors  {threads:>4} threads", at.as_secs())
    }
}

/// How streams ended, as clients see it.
#[derive(Default)]
struct Ends {
    whole: AtomicU64,
    error: AtomicU64,
    left: AtomicU64,
}

/// And so many descriptors, with few streams: of the hundred and more that even the short form has, one each would be seen.
const MORE_DESCRIPTORS: f64 = 40.0;

async fn soak(streams: usize, length: Duration) {
    // Two sockets a stream at each of both sides.
    rlimit::increase_nofile_limit(rlimit::INFINITY).unwrap();
    let [first, second] = [Upstream::new(first).await, Upstream::new(second).await];
    let mut gateway = Gateway::start(&config(&first, &second)).await;
    let (stop, ends) = (Arc::new(AtomicBool::new(false)), Arc::new(Ends::default()));
    let clients: Vec<_> = (0..streams)
        .map(|client| {
            let (stop, ends) = (Arc::clone(&stop), Arc::clone(&ends));
            let (address, key) = (gateway.address(), gateway.key().to_owned());
            tokio::spawn(async move {
                let mut number = client;
                while !stop.load(Ordering::Relaxed) {
                    one(address, &key, number, &ends).await;
                    number += streams + 1;
                }
            })
        })
        .collect();
    let began = Instant::now();
    let every = (length / 60).max(Duration::from_millis(500));
    let mut samples = Vec::new();
    while began.elapsed() < length {
        tokio::time::sleep(every).await;
        let [resident_kib, descriptors, threads] = gateway.holds();
        let sample = Sample { at: began.elapsed(), resident_kib, descriptors, threads };
        tell(&sample.to_string());
        samples.push(sample);
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("a client does not panic");
    }
    let [whole, error, left] = [&ends.whole, &ends.error, &ends.left].map(|count| count.load(Ordering::Relaxed));
    tell(&format!("{streams} streams for {length:?}: {whole} whole, {error} ended by an error, {left} left"));
    assert!(whole > 0 && error > 0 && left > 0, "every kind of end was seen");

    // The first half is the warm-up: pools fill, tables are loaded, and the ledger's cache fills up to its bound.
    let warm = &samples[samples.len() / 2..];
    for (what, bound, of) in [
        ("KiB", MORE_KIB, (|sample| sample.resident_kib) as fn(&Sample) -> u64),
        ("descriptors", MORE_DESCRIPTORS, |sample| sample.descriptors),
        ("threads", MORE_THREADS, |sample| sample.threads),
    ] {
        let more = growth(warm, of);
        tell(&format!("{more:+.1} {what} from the warm-up to the end; at most {bound:+.1}"));
        assert!(more < bound, "{more:+.1} {what}");
    }
    let status = gateway.stop().await;
    assert_eq!(status.code(), Some(0));
}

/// What the line of least squares gains over the samples.
fn growth(samples: &[Sample], of: fn(&Sample) -> u64) -> f64 {
    let count = samples.len() as f64;
    let at = |sample: &Sample| sample.at.as_secs_f64();
    let mean_at = samples.iter().map(at).sum::<f64>() / count;
    let mean = samples.iter().map(|sample| of(sample) as f64).sum::<f64>() / count;
    let (mut both, mut square) = (0.0, 0.0);
    for sample in samples {
        both += (at(sample) - mean_at) * (of(sample) as f64 - mean);
        square += (at(sample) - mean_at).powi(2);
    }
    let length = at(samples.last().expect("a sample")) - at(&samples[0]);
    both / square * length
}

/// One exchange of one client.
async fn one(address: SocketAddr, key: &str, number: usize, ends: &Ends) {
    let shape = Shape::BOTH[number % 2];
    let route = match (number % 8, shape) {
        (0 | 1, Shape::Chat | Shape::Responses | Shape::GenerateContent) => "to-messages".to_owned(),
        (0 | 1, Shape::Messages) => "to-chat".to_owned(),
        (model, _) => format!("pair-{model}"),
    };
    let body = shape.ask_stream(&route, &format!("question {number}: {}", "word ".repeat(number % 500)));
    let mut connection = Connection::open(address).await;
    connection.send(&shape.post(body).bearer(key), Way::Sized).await;
    let head = connection.head().await;
    let mut events = 0;
    let mut mark = false;
    if head.status() == 200 {
        while let Some(event) = connection.event().await {
            events += 1;
            mark |= memchr::memmem::find(&event.raw, shape.success_mark().as_bytes()).is_some();
            if number.is_multiple_of(11) && events == 1 + number % 7 {
                ends.left.fetch_add(1, Ordering::Relaxed);
                return if number.is_multiple_of(2) { connection.reset() } else { drop(connection) };
            }
        }
    }
    if mark { &ends.whole } else { &ends.error }.fetch_add(1, Ordering::Relaxed);
}

/// Two providers, each of which serves both shapes, one of them, and the other one.
fn config(first: &Upstream, second: &Upstream) -> String {
    let models: Vec<String> = (0..8).map(|model| format!("model-{model}")).collect();
    let mut config = "commit_after: 1s\nheartbeat: 1s\nproviders:\n".to_owned();
    config += &provider("first", &first.base_url(), &models);
    config += &provider("second", &second.base_url(), &models);
    config += &provider("chat", &first.base_url(), &models).replace("[chat, messages]", "[chat]");
    config += &provider("messages", &first.base_url(), &models).replace("[chat, messages]", "[messages]");
    config += "routes:\n  to-chat: {providers: [chat], models: [model-0]}\n  to-messages: {providers: [messages], models: [model-1]}\n";
    for model in &models {
        let number = model.trim_start_matches("model-");
        config += &format!("  pair-{number}: {{providers: [first, second], models: [{model}]}}\n");
    }
    config
}

/// The provider that is asked first: mostly well, and with a fault in one of five.
fn first(seen: &Seen) -> Answer {
    let shape = seen.shape();
    match seen.index % 40 {
        1 => Answer::error(shape, 500),
        3 => Answer::error(shape, 429),
        7 => Answer::stream().reset(),
        11 => paced(shape, 5).reset(),
        13 => paced(shape, 5).cut(),
        17 => paced(shape, 3).event(shape.overloaded_event()).finished(),
        19 => Answer::json(200, "this is no JSON"),
        23 => Answer::stream().event(": slow\n\n").pause(PACE * 8).event(shape.opening() + &shape.closing()).finished(),
        _ => paced(shape, EVENTS).event(shape.closing()).finished(),
    }
}

/// The one that is asked next: its faults come late.
fn second(seen: &Seen) -> Answer {
    if matches!(seen.index % 40, 11 | 13 | 17) {
        return first(seen);
    }
    paced(seen.shape(), EVENTS).event(seen.shape().closing()).finished()
}

fn paced(shape: Shape, events: usize) -> Answer {
    let begun = Answer::stream().event(shape.opening());
    (0..events).fold(begun, |answer, _| answer.event(shape.content("some words of an answer, and more ")).pause(PACE))
}
