//! A bounded queue of log lines to one writer thread, so that a slow terminal or pipe never holds up a worker.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, SystemTime};

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

/// How long a flush may take: a reader that has stopped must not hold up the end of the process.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

enum Message {
    Line(Box<[u8]>),
    Flush(SyncSender<()>),
}

/// The end of the queue that takes lines; the thread behind it ends when this is dropped.
pub(super) struct Queue {
    sender: SyncSender<Message>,
    waiting_bytes: Arc<AtomicUsize>,
    dropped: IntCounter,
}

impl Queue {
    /// Starts the writer thread. Lines that found no room are counted in `dropped`; a line in `format` tells of them.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn start(out: impl Write + Send + 'static, format: Format, dropped: IntCounter) -> io::Result<Queue> {
        let (sender, receiver) = sync_channel(MAX_LINES);
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let told = dropped.get();
        let writer = Writer {
            out,
            format,
            dropped: dropped.clone(),
            told,
            waiting_bytes: Arc::clone(&waiting_bytes),
            batch: Vec::with_capacity(BATCH_BYTES),
        };
        thread::Builder::new().name("log-writer".to_owned()).spawn(move || writer.run(&receiver))?;
        Ok(Queue { sender, waiting_bytes, dropped })
    }

    /// Takes a line, or counts it as dropped when there is no room. Never waits.
    pub(super) fn push(&self, line: &[u8]) {
        let waiting = self.waiting_bytes.fetch_add(line.len(), Ordering::Relaxed);
        if waiting + line.len() <= MAX_BYTES && self.sender.try_send(Message::Line(line.into())).is_ok() {
            return;
        }
        self.waiting_bytes.fetch_sub(line.len(), Ordering::Relaxed);
        self.dropped.inc();
    }

    /// Waits until everything pushed so far is written, at most two seconds.
    pub(super) fn flush(&self) {
        let (done, written) = sync_channel(1);
        let mut message = Message::Flush(done);
        // A full queue means a slow reader; try until there is room or the time is up.
        for _ in 0..FLUSH_TIMEOUT.as_millis() / PAUSE.as_millis() {
            match self.sender.try_send(message) {
                Ok(()) => {
                    // An error is the timeout, or a writer that has ended: nothing more can be done for either.
                    let _ = written.recv_timeout(FLUSH_TIMEOUT);
                    return;
                }
                Err(TrySendError::Full(back)) => message = back,
                Err(TrySendError::Disconnected(_)) => return,
            }
            thread::sleep(PAUSE);
        }
    }
}

/// The writer thread's own.
struct Writer<W> {
    out: W,
    format: Format,
    dropped: IntCounter,
    /// How many dropped lines were told of.
    told: u64,
    waiting_bytes: Arc<AtomicUsize>,
    batch: Vec<u8>,
}

impl<W: Write> Writer<W> {
    fn run(mut self, receiver: &Receiver<Message>) {
        while let Ok(first) = receiver.recv() {
            let flushed = self.write_all_that_waits(first, receiver);
            if !flushed {
                thread::sleep(PAUSE);
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
        self.tell_of_dropped();
        // There is nowhere left to report a log that cannot be written.
        let _ = self.out.write_all(&self.batch).and_then(|()| self.out.flush());
        self.batch.clear();
    }

    fn tell_of_dropped(&mut self) {
        let dropped = self.dropped.get();
        let more = dropped - self.told;
        if more > 0 {
            self.told = dropped;
            let fields = ("dropped", more);
            let mut record = log::Record::builder();
            record.level(Level::Warn).target("ovth::log").key_values(&fields);
            let message = "log records were dropped: the log is not read as fast as it grows";
            let now = SystemTime::now();
            write_line(&mut self.batch, self.format, now, &record.args(format_args!("{message}")).build());
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::mpsc::{Sender, channel};
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// Keeps what is written; before each write it tells that it begins and waits until it may.
    struct Gate {
        begun: Sender<()>,
        may: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.begun.send(());
            let _ = self.may.recv();
            self.written.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
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
        let queue = Queue::start(gate, Format::Readable, dropped.clone()).unwrap();
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
        log.queue.flush();
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
        queue.flush();
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().filter(|line| *line == "more").count(), MAX_LINES);
        assert_eq!(text.lines().filter(|line| line.ends_with(" dropped=10")).count(), 1, "{text}");
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
        log.queue.flush();
        assert_eq!(log.queue.waiting_bytes.load(Ordering::Relaxed), 0);
    }
}
