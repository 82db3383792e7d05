//! The thread that redacts captured exchanges and writes them, one line for each request and answer.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use prometheus::IntCounter;
use serde::Serialize;

use super::exchange::{Finished, Part};
use super::redact::Redactor;
use super::{Message, stream, strings};
use crate::observe::logging::Sink;
use crate::observe::rotation::RotatingFile;

/// How often the file is tended while nothing is captured.
const TEND_EVERY: Duration = Duration::from_secs(60);

/// The least time between two lines about a file that cannot be written.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// The writer thread's own.
pub(super) struct Writer {
    file: RotatingFile,
    redactor: Redactor,
    body_bytes: usize,
    dropped: IntCounter,
    /// How many dropped exchanges were told of, and when that was, or a failure.
    told: (u64, Option<Instant>),
}

/// One request or answer as it is written.
#[derive(Serialize)]
struct Line<'a> {
    ts: String,
    request_id: &'a str,
    key_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    part: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<&'a str, String>,
    /// The length of the body as it was.
    bytes: u64,
    /// Whether only its beginning is here.
    truncated: bool,
    body: String,
}

impl Writer {
    pub(super) fn new(file: RotatingFile, redactor: Redactor, body_bytes: usize, dropped: IntCounter) -> Writer {
        let told = (dropped.get(), None);
        Writer { file, redactor, body_bytes, dropped, told }
    }

    pub(super) fn run(mut self, receiver: &Receiver<Message>) {
        loop {
            match receiver.recv_timeout(TEND_EVERY) {
                Ok(Message::Exchange(exchange)) => self.write(&exchange),
                Ok(Message::Flush(done)) => {
                    // The one who asked may have stopped waiting.
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => self.file.tend(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn write(&mut self, exchange: &Finished) {
        let mut lines = Vec::new();
        for part in &exchange.parts {
            if serde_json::to_writer(&mut lines, &self.line(exchange, part)).is_ok() {
                lines.push(b'\n');
            }
        }
        if let Err(error) = self.file.write_lines(&lines) {
            self.dropped.inc();
            if self.is_due() {
                log::error!(target: "ovth::capture", file = self.file.name(), error:%; "captured exchanges cannot be written");
            }
        }
        let dropped = self.dropped.get();
        if dropped > self.told.0 && self.is_due() {
            log::warn!(target: "ovth::capture", dropped = dropped - self.told.0; "exchanges were not captured, or not whole");
            self.told.0 = dropped;
        }
    }

    fn is_due(&mut self) -> bool {
        let is_due = self.told.1.is_none_or(|told| told.elapsed() >= TELL_EVERY);
        if is_due {
            self.told.1 = Some(Instant::now());
        }
        is_due
    }

    fn line<'a>(&self, exchange: &'a Finished, part: &'a Part) -> Line<'a> {
        let mut headers = BTreeMap::new();
        for (name, value) in &part.headers {
            let redacted = self.redactor.redacted(value.as_bytes(), value.len());
            let bytes = redacted.map_or(Cow::Borrowed(value.as_bytes()), Cow::Owned);
            headers.insert(name.as_str(), String::from_utf8_lossy(&bytes).into_owned());
        }
        Line {
            ts: Timestamp::try_from(exchange.at).map(|at| format!("{at:.3}")).unwrap_or_default(),
            request_id: &exchange.request_id,
            key_id: &exchange.key_id,
            route: exchange.route.as_deref(),
            part: part.side.as_str(),
            attempt: part.attempt,
            provider: part.provider.as_deref(),
            model: part.model.as_deref(),
            status: part.status,
            headers,
            bytes: part.bytes,
            truncated: part.bytes > u64::try_from(self.body_bytes).unwrap_or(u64::MAX),
            body: String::from_utf8_lossy(&self.body(&part.kept)).into_owned(),
        }
    }

    /// A body as it may be written: first what is seen only when escapes are undone and events put together, then what is plain to see, then
    /// only as much as is wanted.
    fn body(&self, kept: &[u8]) -> Vec<u8> {
        let wanted = self.body_bytes.min(kept.len());
        let (text, wanted) = if stream::is_stream(kept) {
            stream::redacted(&self.redactor, kept, wanted)
        } else {
            strings::redacted(&self.redactor, kept, wanted)
        };
        match self.redactor.redacted(&text, wanted) {
            Some(redacted) => redacted,
            None => text.get(..wanted).unwrap_or_default().to_vec(),
        }
    }
}
