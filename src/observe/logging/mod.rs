//! The log: `log` records with fields, chosen by level and target, written to standard error by a thread of its own.

mod control;
mod escape;
mod format;
mod levels;
mod panics;
mod queue;
mod timestamp;

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};
use log::{Log, Metadata, Record};
use prometheus::IntCounter;

use self::control::Locked;
pub use self::control::{Control, Settings, Standing};
pub use self::format::Format;
pub(super) use self::format::write_line;
pub use self::levels::{LevelChange, Levels, is_target, level_name};
pub(super) use self::queue::{Queue, Sink};
use super::Metrics;
use super::access::AccessLog;
use super::capture::Captures;
use super::record;

/// The environment variable with the filter: comma-separated `target=level`, or a level alone for all other targets. Its directives go over
/// those of the configuration.
pub const FILTER_ENV: &str = "OVTH_LOG";

/// How long a flush may take: a reader that has stopped must not hold up the end of the process.
const FLUSH_TIME: Duration = Duration::from_secs(2);

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The writer thread did not start.
    #[error("the log's writer thread cannot be started: {0}")]
    Thread(#[from] io::Error),
    /// Another logger is in place already.
    #[error("the log was set up twice")]
    Twice(#[from] log::SetLoggerError),
}

/// Writes out what waits when it is dropped; keep it until the process ends.
#[must_use = "the last lines are lost unless this is kept until the end"]
pub struct Flush(());

impl Drop for Flush {
    fn drop(&mut self) {
        log::logger().flush();
    }
}

/// Sets up the log of this process, and what is logged of a panic. `filter` holds further directives, usually the value of [`FILTER_ENV`].
///
/// # Errors
/// When a logger is in place already, or its thread cannot be started.
pub fn init(filter: Option<&str>, metrics: &Metrics) -> Result<(Flush, Control), LoggingError> {
    let stderr = io::stderr();
    let usual_format = if stderr.is_terminal() { Format::Readable } else { Format::Json };
    let counters = Counters {
        dropped: metrics.log_records_dropped.clone(),
        access_dropped: metrics.access_records_dropped.clone(),
        captures_dropped: metrics.captures_dropped.clone(),
    };
    let (shared, unknown) = Shared::start(filter, usual_format, stderr, counters)?;
    log::set_boxed_logger(Box::new(Logger(Arc::clone(&shared))))?;
    shared.is_installed.store(true, Ordering::Relaxed);
    log::set_max_level(shared.levels.load().most());
    panics::log_them();
    for directive in unknown {
        log::warn!(directive; "{FILTER_ENV} holds a directive that is not understood; it must be like `info` or `ovth::access=off`");
    }
    Ok((Flush(()), Control(shared)))
}

/// What counts lost lines.
struct Counters {
    dropped: IntCounter,
    access_dropped: IntCounter,
    captures_dropped: IntCounter,
}

/// The logger, as the `log` crate has it.
struct Logger(Arc<Shared>);

/// The logger and its handle.
struct Shared {
    levels: ArcSwap<Levels>,
    parts: Locked,
    /// How lines look where the configuration does not say.
    usual_format: Format,
    format: Arc<FormatNow>,
    queue: Queue,
    /// Where records of exchanges go, when not to the log.
    access: ArcSwapOption<AccessLog>,
    access_dropped: IntCounter,
    captures: Captures,
    /// Whether the process's level is this one's.
    is_installed: AtomicBool,
}

/// How lines look now.
struct FormatNow(AtomicBool);

impl FormatNow {
    fn new(format: Format) -> FormatNow {
        FormatNow(AtomicBool::new(format == Format::Json))
    }

    fn set(&self, format: Format) {
        self.0.store(format == Format::Json, Ordering::Relaxed);
    }

    fn get(&self) -> Format {
        if self.0.load(Ordering::Relaxed) { Format::Json } else { Format::Readable }
    }
}

/// Standard error, or what a test has in its place.
struct Plain<W> {
    out: W,
    format: Arc<FormatNow>,
}

impl<W: Write + Send + 'static> Sink for Plain<W> {
    fn write_lines(&mut self, lines: &[u8]) -> io::Result<()> {
        self.out.write_all(lines)?;
        self.out.flush()
    }

    fn note_format(&self) -> Option<Format> {
        Some(self.format.get())
    }

    fn name(&self) -> String {
        "standard error".to_owned()
    }
}

impl Shared {
    /// Starts the writer; also gives the directives that were not understood.
    fn start(
        filter: Option<&str>,
        format: Format,
        out: impl Write + Send + 'static,
        counters: Counters,
    ) -> io::Result<(Arc<Shared>, Vec<String>)> {
        let (environment, unknown) = LevelChange::parse(filter.unwrap_or_default());
        let format_now = Arc::new(FormatNow::new(format));
        let shared = Shared {
            levels: ArcSwap::from_pointee(Levels::default().with(&environment)),
            parts: Locked::new(control::Parts::of(environment)),
            usual_format: format,
            queue: Queue::start("log-writer", Plain { out, format: Arc::clone(&format_now) }, counters.dropped)?,
            format: format_now,
            access: ArcSwapOption::empty(),
            access_dropped: counters.access_dropped,
            captures: Captures::new(counters.captures_dropped),
            is_installed: AtomicBool::new(false),
        };
        Ok((Arc::new(shared), unknown))
    }

    fn set_levels(&self, levels: Levels) {
        let most = levels.most();
        self.levels.store(Arc::new(levels));
        if self.is_installed.load(Ordering::Relaxed) {
            log::set_max_level(most);
        }
    }

    fn writes(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.levels.load().of(metadata.target())
    }

    fn write(&self, record: &Record<'_>) {
        thread_local! {
            /// The line being made, kept so that its memory is.
            static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        // No line is being made on this thread, unless a value logs while it is printed; and none can at a thread's end.
        let made = LINE.try_with(|line| {
            let mut line = line.try_borrow_mut().ok()?;
            line.clear();
            self.make(&mut line, record);
            Some(())
        });
        if !matches!(made, Ok(Some(()))) {
            self.make(&mut Vec::new(), record);
        }
    }

    fn make(&self, line: &mut Vec<u8>, record: &Record<'_>) {
        let now = SystemTime::now();
        if record.target() == record::TARGET
            && let Some(access) = &*self.access.load()
        {
            write_line(line, Format::Json, now, record);
            return access.push(line);
        }
        write_line(line, self.format.get(), now, record);
        self.queue.push(line);
    }

    fn flush(&self) {
        // All of them write at the same time.
        let until = Instant::now() + FLUSH_TIME;
        self.queue.flush(until);
        if let Some(access) = &*self.access.load() {
            access.flush(until);
        }
        self.captures.flush(until);
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.writes(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.0.writes(record.metadata()) {
            self.0.write(record);
        }
    }

    fn flush(&self) {
        self.0.flush();
    }
}

#[cfg(test)]
mod tests;
