//! Many streams at once, each with content of its own: none is lost, none gets another's, and memory stays in bounds.

use std::fmt::Write as _;

use tokio::task::JoinSet;

use crate::support::{Answer, Bed, Connection, End, Gate, Shape, Upstream, Way, tell};

const STREAMS: usize = 100;
const WORDS: usize = 50;
/// What the gateway may grow by under these streams, in KiB: 64 MiB, and the tokenizer's tables, which it reads once some answer has told no counts.
const GROWTH: u64 = (64 + 70) << 10;

fn word(stream: &str, index: usize) -> String {
    format!("<{stream}:{index}>")
}

/// Streams words made of the prompt, the second half of them when the test says so.
async fn telling(gate: &Gate) -> Upstream {
    let gate = gate.clone();
    Upstream::new(move |seen| {
        let shape = if seen.head.path().ends_with("messages") { Shape::Messages } else { Shape::Chat };
        let prompt = seen.json()["messages"][0]["content"].as_str().unwrap().to_owned();
        let mut answer = Answer::stream().event(shape.opening());
        for index in 0..WORDS {
            if index == WORDS / 2 {
                answer = answer.wait(&gate);
            }
            answer = answer.event(shape.content(&word(&prompt, index)));
        }
        answer.event(shape.closing()).finished()
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_streams_at_once_get_their_own_content() {
    let gate = Gate::new();
    let bed = Bed::start(telling(&gate).await, Upstream::silent().await).await;
    let route = bed.sole();
    let before = bed.gateway.resident_kib();

    let mut clients = JoinSet::new();
    for index in 0..STREAMS {
        let shape = Shape::ALL[index % 2];
        let name = format!("stream-{index}");
        let request = bed.gateway.request(shape, shape.ask_stream(&route, &name));
        let mut connection = Connection::open(bed.gateway.address()).await;
        connection.send(&request, Way::Sized).await;
        clients.spawn(async move {
            assert_eq!(connection.head().await.status(), 200);
            let mut told = String::new();
            while let Some(event) = connection.event().await {
                told += &shape.delta(&event.data());
            }
            (name, told, connection.end())
        });
    }
    // All of them are half told and open at the same time.
    bed.first.request(STREAMS - 1).await;
    let during = bed.gateway.resident_kib();
    gate.open();
    while let Some(client) = clients.join_next().await {
        let (name, told, end) = client.unwrap();
        let mut expected = String::new();
        (0..WORDS).for_each(|index| write!(expected, "{}", word(&name, index)).unwrap());
        assert_eq!((told, end), (expected, End::Complete), "{name}");
    }
    let after = bed.gateway.resident_kib();
    tell(&format!("resident memory: {before} KiB before, {during} KiB during, {after} KiB after {STREAMS} streams"));
    assert!(during.max(after) < before + GROWTH, "{before} KiB before, {during} KiB during, {after} KiB after");
}

#[tokio::test]
async fn ready_events_come_in_order_and_whole_however_they_are_cut() {
    // Many events in one piece, with cuts that fall anywhere.
    for shape in Shape::ALL {
        let mut stream = shape.opening();
        (0..200).for_each(|index| stream += &shape.content(&word("burst", index)));
        stream += &shape.closing();
        for size in [1 << 20, 1000, 17] {
            let answer =
                stream.as_bytes().chunks(size).fold(Answer::stream(), |answer, piece| answer.event(piece)).finished();
            let bed = Bed::start_with("h2c: true\n", Upstream::always(answer).await, Upstream::silent().await).await;
            for way in Way::ALL {
                let request = bed.gateway.request(shape, shape.ask_stream(&bed.sole(), "go"));
                let response = bed.gateway.send(&request, way).await;
                assert_eq!(response.text(), stream, "{shape:?}, pieces of {size}, {way:?}");
            }
        }
    }
}
