//! A bounded queue of log lines to one writer thread, so that a slow terminal or pipe never holds up a worker.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use log::Level;
use prometheus::IntCounter;

use super::format::{Format, write_line};

/// The most lines that wait.
const MAX_LINES: usize = 16_384;

/// The most bytes that wait.
const MAX_BYTES: usize = 4 << 20;

/// What is written in one call.
const BATCH_BYTES: usize = 64 << 10;

/// The pause after each write. The first line after a quiet time is written at once; under load, lines gather
/// meanwhile, so that the writer wakes a hundred times a second and not for every line.
const PAUSE: Duration = Duration::from_millis(10);

/// How often a sink is tended while nothing is written.
const TEND_EVERY: Duration = Duration::from_secs(60);

/// The least time between two lines about a file that cannot be written.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Where lines end up. It is used by one thread, which may block.
pub(in crate::observe) trait Sink: Send + 'static {
    /// Writes whole lines.
    ///
    /// # Errors
    /// They are not written, or not all of them.
    fn write_lines(&mut self, lines: &[u8]) -> io::Result<()>;

    /// How a line about dropped lines looks here; none where it belongs into another log.
    fn note_format(&self) -> Option<Format>;

    /// Called once a minute while nothing is written.
    fn tend(&mut self) {}

    /// What it is, for the log.
    fn name(&self) -> String;
}

enum Message {
    Line(Box<[u8]>),
    Flush(SyncSender<()>),
}

/// The end of the queue that takes lines; the thread behind it ends when this is dropped.
pub(in crate::observe) struct Queue {
    sender: SyncSender<Message>,
    waiting_bytes: Arc<AtomicUsize>,
    dropped: IntCounter,
}

impl Queue {
    /// Starts the writer thread. Lines that found no room or could not be written are counted in `dropped`; a line tells of them.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(in crate::observe) fn start(thread: &str, sink: impl Sink, dropped: IntCounter) -> io::Result<Queue> {
        let (sender, receiver) = sync_channel(MAX_LINES);
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let told = dropped.get();
        let writer = Writer {
            sink,
            dropped: dropped.clone(),
            told,
            failure_told: None,
            waiting_bytes: Arc::clone(&waiting_bytes),
            batch: Vec::with_capacity(BATCH_BYTES),
        };
        thread::Builder::new().name(thread.to_owned()).spawn(move || writer.run(&receiver))?;
        Ok(Queue { sender, waiting_bytes, dropped })
    }

    /// Takes a line, or counts it as dropped when there is no room. Never waits.
    pub(in crate::observe) fn push(&self, line: &[u8]) {
        let waiting = self.waiting_bytes.fetch_add(line.len(), Ordering::Relaxed);
        if waiting + line.len() <= MAX_BYTES && self.sender.try_send(Message::Line(line.into())).is_ok() {
            return;
        }
        self.waiting_bytes.fetch_sub(line.len(), Ordering::Relaxed);
        self.dropped.inc();
    }

    /// Waits until everything pushed so far is written, or the time is up.
    pub(in crate::observe) fn flush(&self, until: Instant) {
        let (done, written) = sync_channel(1);
        let mut message = Message::Flush(done);
        // A full queue means a slow reader; try until there is room or the time is up.
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.sender.try_send(message) {
                Ok(()) => {
                    // An error is the timeout, or a writer that has ended: nothing more can be done for either.
                    let _ = written.recv_timeout(left);
                    return;
                }
                Err(TrySendError::Full(back)) if !left.is_zero() => message = back,
                Err(_) => return,
            }
            thread::sleep(PAUSE);
        }
    }
}

/// The writer thread's own.
struct Writer<S> {
    sink: S,
    dropped: IntCounter,
    /// How many dropped lines were told of.
    told: u64,
    /// When a failure to write was told last.
    failure_told: Option<Instant>,
    waiting_bytes: Arc<AtomicUsize>,
    batch: Vec<u8>,
}

impl<S: Sink> Writer<S> {
    fn run(mut self, receiver: &Receiver<Message>) {
        loop {
            match receiver.recv_timeout(TEND_EVERY) {
                Ok(first) => {
                    let flushed = self.write_all_that_waits(first, receiver);
                    if !flushed {
                        thread::sleep(PAUSE);
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.sink.tend(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Writes `first` and what else waits, batch by batch; whether that ended with a flush.
    fn write_all_that_waits(&mut self, first: Message, receiver: &Receiver<Message>) -> bool {
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(line) => {
                    self.waiting_bytes.fetch_sub(line.len(), Ordering::Relaxed);
                    self.batch.extend_from_slice(&line);
                    if self.batch.len() >= BATCH_BYTES {
                        self.write();
                    }
                }
                Message::Flush(done) => {
                    self.write();
                    // The one who asked may have stopped waiting.
                    let _ = done.send(());
                    return true;
                }
            }
            next = receiver.try_recv().ok();
        }
        self.write();
        false
    }

    fn write(&mut self) {
        let lines = memchr::memchr_iter(b'\n', &self.batch).count();
        self.tell_of_dropped();
        if !self.batch.is_empty()
            && let Err(error) = self.sink.write_lines(&self.batch)
        {
            self.dropped.inc_by(u64::try_from(lines).unwrap_or(u64::MAX));
            self.tell_of_failure(&error);
        }
        self.batch.clear();
    }

    fn tell_of_dropped(&mut self) {
        let dropped = self.dropped.get();
        let more = dropped.saturating_sub(self.told);
        if more == 0 {
            return;
        }
        self.told = dropped;
        match self.sink.note_format() {
            Some(format) => {
                let fields = ("dropped", more);
                let mut record = log::Record::builder();
                record.level(Level::Warn).target(TARGET).key_values(&fields);
                let now = SystemTime::now();
                write_line(&mut self.batch, format, now, &record.args(format_args!("{DROPPED}")).build());
            }
            None => log::warn!(target: TARGET, dropped = more, file = self.sink.name(); "{DROPPED}"),
        }
    }

    /// A log that cannot be written has nowhere to report that; a file has the log.
    fn tell_of_failure(&mut self, error: &io::Error) {
        let is_due = self.failure_told.is_none_or(|told| told.elapsed() >= TELL_EVERY);
        if is_due && self.sink.note_format().is_none() {
            self.failure_told = Some(Instant::now());
            log::error!(target: TARGET, file = self.sink.name(), error:%; "a log file cannot be written; its lines are lost until it can");
        }
    }
}

/// The target of records about the log itself.
const TARGET: &str = "ovth::log";

const DROPPED: &str = "log records were dropped: the log is not read as fast as it grows, or cannot be written";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::io::Write;
    use std::sync::mpsc::{Sender, channel};
    use std::sync::{Mutex, PoisonError};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// Keeps what is written; before each write it tells that it begins and waits until it may.
    struct Gate {
        begun: Sender<()>,
        may: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Sink for Gate {
        fn write_lines(&mut self, lines: &[u8]) -> io::Result<()> {
            let _ = self.begun.send(());
            let _ = self.may.recv();
            self.written.lock().unwrap_or_else(PoisonError::into_inner).write_all(lines)
        }

        fn note_format(&self) -> Option<Format> {
            Some(Format::Readable)
        }

        fn name(&self) -> String {
            "gate".to_owned()
        }
    }

    struct Blocked {
        queue: Queue,
        begun: Receiver<()>,
        may: Sender<()>,
        written: Arc<Mutex<Vec<u8>>>,
        dropped: IntCounter,
    }

    fn blocked() -> Blocked {
        let (begun_sender, begun) = channel();
        let (may, may_receiver) = channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let dropped = IntCounter::new("dropped", "dropped").unwrap();
        let gate = Gate { begun: begun_sender, may: may_receiver, written: Arc::clone(&written) };
        let queue = Queue::start("gate", gate, dropped.clone()).unwrap();
        Blocked { queue, begun, may, written, dropped }
    }

    impl Blocked {
        fn text(&self) -> String {
            String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
        }
    }

    #[test]
    fn lines_are_written_in_order_and_flush_waits_for_them() {
        let log = blocked();
        drop(log.may);
        for index in 0..1_000 {
            log.queue.push(format!("line {index}\n").as_bytes());
        }
        log.queue.flush(Instant::now() + PATIENCE);
        let text = String::from_utf8(log.written.lock().unwrap().clone()).unwrap();
        assert!(text.lines().eq((0..1_000).map(|index| format!("line {index}"))), "{text}");
        assert_eq!(log.dropped.get(), 0);
        assert_eq!(log.queue.waiting_bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_blocked_writer_drops_lines_and_tells_how_many() {
        let log = blocked();
        log.queue.push(b"first\n");
        log.begun.recv().unwrap();
        // The writer is blocked now; nothing is taken out of the queue.
        for _ in 0..MAX_LINES + 10 {
            log.queue.push(b"more\n");
        }
        assert_eq!(log.dropped.get(), 10);
        assert_eq!(log.text(), "");
        let Blocked { queue, may, written, .. } = log;
        drop(may);
        queue.flush(Instant::now() + PATIENCE);
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().filter(|line| *line == "more").count(), MAX_LINES);
        assert_eq!(text.lines().filter(|line| line.ends_with(" dropped=10")).count(), 1, "{text}");
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        struct Full;
        impl Sink for Full {
            fn write_lines(&mut self, _: &[u8]) -> io::Result<()> {
                Err(io::ErrorKind::StorageFull.into())
            }

            fn note_format(&self) -> Option<Format> {
                None
            }

            fn name(&self) -> String {
                "full".to_owned()
            }
        }
        let dropped = IntCounter::new("dropped", "dropped").unwrap();
        let queue = Queue::start("full", Full, dropped.clone()).unwrap();
        for _ in 0..3 {
            queue.push(b"lost\n");
        }
        queue.flush(Instant::now() + PATIENCE);
        assert_eq!(dropped.get(), 3);
    }

    #[test]
    fn the_bytes_that_wait_are_bounded_too() {
        let log = blocked();
        log.queue.push(b"first\n");
        log.begun.recv().unwrap();
        let big = vec![b'x'; 1 << 20];
        for _ in 0..6 {
            log.queue.push(&big);
        }
        assert_eq!(log.dropped.get(), 2);
        drop(log.may);
        log.queue.flush(Instant::now() + PATIENCE);
        assert_eq!(log.queue.waiting_bytes.load(Ordering::Relaxed), 0);
    }
}
