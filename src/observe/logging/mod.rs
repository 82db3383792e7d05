//! The log: `log` records with fields, filtered by `env_logger`, written to standard error by a thread of its own.

mod escape;
mod format;
mod queue;
mod timestamp;

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::time::SystemTime;

use log::{Log, Metadata, Record};
use prometheus::IntCounter;

pub use self::format::Format;
use self::queue::Queue;

/// The environment variable with the filter: comma-separated `target=level`, or a level alone for all other targets.
pub const FILTER_ENV: &str = "OVTH_LOG";

/// What is logged unless [`FILTER_ENV`] says otherwise. Its directives are added to these, so that `OVTH_LOG=debug`
/// leaves Pingora silent: lines of its own hold data that clients sent. `OVTH_LOG=pingora_core=warn` turns one on.
const DEFAULT_FILTER: &str = "info,pingora=off,pingora_core=off,pingora_proxy=off";

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

/// Sets up the log of this process: JSON lines when standard error is not a terminal, else a readable form.
/// `filter` holds further directives, usually the value of [`FILTER_ENV`]; `dropped` counts records that were dropped.
///
/// # Errors
/// When a logger is in place already, or its thread cannot be started.
pub fn init(filter: Option<&str>, dropped: IntCounter) -> Result<Flush, LoggingError> {
    let stderr = io::stderr();
    let format = if stderr.is_terminal() { Format::Readable } else { Format::Json };
    let logger = Logger::new(filter, format, stderr, dropped)?;
    let level = logger.filter.filter();
    log::set_boxed_logger(Box::new(logger))?;
    log::set_max_level(level);
    Ok(Flush(()))
}

struct Logger {
    /// Decides by target and level; its own writer is never used, since that waits.
    filter: env_logger::Logger,
    format: Format,
    queue: Queue,
}

impl Logger {
    fn new(
        filter: Option<&str>,
        format: Format,
        out: impl Write + Send + 'static,
        dropped: IntCounter,
    ) -> io::Result<Logger> {
        let mut directives = env_logger::Builder::new();
        directives.parse_filters(DEFAULT_FILTER);
        if let Some(more) = filter {
            directives.parse_filters(more);
        }
        Ok(Logger { filter: directives.build(), format, queue: Queue::start(out, format, dropped)? })
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        thread_local! {
            /// The line being made, kept so that its memory is.
            static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        if !self.filter.matches(record) {
            return;
        }
        let now = SystemTime::now();
        // No line is being made on this thread, unless a value logs while it is printed; and none can at a thread's end.
        let made = LINE.try_with(|line| {
            let mut line = line.try_borrow_mut().ok()?;
            line.clear();
            format::write_line(&mut line, self.format, now, record);
            self.queue.push(&line);
            Some(())
        });
        if !matches!(made, Ok(Some(()))) {
            let mut line = Vec::new();
            format::write_line(&mut line, self.format, now, record);
            self.queue.push(&line);
        }
    }

    fn flush(&self) {
        self.queue.flush();
    }
}

#[cfg(test)]
mod tests;
