//! What is asked of each subject: requests of three sizes, and streams of three rhythms.

use std::fmt::Write as _;
use std::thread;

use crate::client::{Client, Timing};
use crate::report::Sample;
use crate::subject::Subject;

/// The workload that tells when a stream's first content comes.
pub(crate) const FIRST_CONTENT: &str = "first content";

/// Bodies from this size on hold a picture, smaller ones text.
const IMAGE_BYTES: usize = 1_000_000;

/// One kind of traffic.
pub(crate) struct Workload {
    /// Its name in the report.
    pub(crate) name: &'static str,
    /// Exchanges of one client in one round.
    pub(crate) turns: usize,
    clients: usize,
    /// Bytes of the request's body.
    size: usize,
    /// Events of the answer, at the least; none when it is not streamed.
    events: Option<usize>,
    /// What the simulator reads in the last message.
    order: &'static str,
}

impl Workload {
    /// Every kind, in the order of the report.
    pub(crate) fn all() -> [Workload; 10] {
        let plain =
            |name, turns, clients, size| Workload { name, turns, clients, size, events: None, order: "[words=20]" };
        let streamed =
            |name, turns, clients, order| Workload { name, turns, clients, size: 2_000, events: Some(200), order };
        // Few events with pauses between: the reader is not kept from its first content by the writer of the next.
        let first_content = Workload { events: Some(3), ..streamed(FIRST_CONTENT, 200, 1, "[words=3] [pace=3]") };
        [
            // Several clients keep the subject busy, as its CPU time would else be that of waking up.
            plain("request, 2 KB", 1_000, 8, 2_000),
            plain("request, 60 KB", 400, 8, 60_000),
            plain("request, 1 MB", 50, 8, 1_000_000),
            plain("one client, 2 KB", 2_000, 1, 2_000),
            plain("one client, 60 KB", 1_000, 1, 60_000),
            plain("one client, 1 MB", 150, 1, 1_000_000),
            streamed("event, paced 10 ms", 1, 8, "[words=200] [pace=10]"),
            streamed("event, own writes", 100, 1, "[words=200]"),
            streamed("event, bursts of 20", 100, 1, "[words=200] [burst=20]"),
            first_content,
        ]
    }

    /// Runs so many exchanges on each client's own connection.
    pub(crate) fn run(&self, subject: &Subject, turns: usize) -> Sample {
        let wire = self.wire(subject);
        let before = subject.cpu();
        let timings: Vec<Timing> = thread::scope(|scope| {
            let clients: Vec<_> = (0..self.clients)
                .map(|_| {
                    scope.spawn(|| {
                        let mut client = Client::open(subject.address);
                        (0..turns).map(|_| client.exchange(&wire)).collect::<Vec<_>>()
                    })
                })
                .collect();
            clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
        });
        let cpu = subject.cpu() - before;
        if let Some(least) = self.events {
            for timing in &timings {
                assert!(timing.events >= least, "{}: only {} events", self.name, timing.events);
            }
        }
        Sample { cpu, stream: self.events.is_some(), timings }
    }

    fn wire(&self, subject: &Subject) -> Vec<u8> {
        // The bulk lies in the history, as an agent's context or a picture does; the answer is made of the last message only.
        let history = if self.size < IMAGE_BYTES { code(self.size) } else { image(self.size) };
        let body = format!(
            "{{\"model\":\"gpt-4o\",\"stream\":{},\"messages\":[{{\"role\":\"user\",\"content\":{history}}},\
             {{\"role\":\"user\",\"content\":\"{}\"}}]}}",
            self.events.is_some(),
            self.order
        );
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: bench.test\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            subject.key,
            body.len()
        )
        .into_bytes()
    }
}

/// Text full of escapes, as source code is, as a JSON string.
fn code(size: usize) -> String {
    let mut text = String::with_capacity(size);
    text.push('"');
    let mut line = 0;
    while text.len() + 260 < size {
        write!(text, "line {line}: fn answer() {{ \\\"text\\\" }} // \\u00e9t\\u00e9\\n").unwrap();
        line += 1;
    }
    text.push('"');
    text
}

/// A picture, as a list of parts.
fn image(size: usize) -> String {
    let data: String = "iVBORw0KGgoAAAANSUhEUgAA".chars().cycle().take(size / 4 * 4).collect();
    format!("[{{\"type\":\"image_url\",\"image_url\":{{\"url\":\"data:image/png;base64,{data}\"}}}}]")
}
