//! The access log: records of exchanges in a file of their own, written by a thread of its own and rotated.

use std::io;
use std::time::Instant;

use prometheus::IntCounter;

use super::logging::Queue;
use super::rotation::{LogFile, RotatingFile};

/// An access log that is open.
pub(super) struct AccessLog {
    file: LogFile,
    queue: Queue,
}

impl AccessLog {
    /// Opens the file, with the folders above it, and starts its writer. Records that found no room or could not be written are counted.
    ///
    /// # Errors
    /// The file cannot be opened, or the thread not started.
    pub(super) fn open(file: LogFile, dropped: IntCounter) -> io::Result<AccessLog> {
        let sink = RotatingFile::open(file.clone())?;
        let queue = Queue::start("access-writer", sink, dropped)?;
        Ok(AccessLog { file, queue })
    }

    /// What it was opened with.
    pub(super) const fn file(&self) -> &LogFile {
        &self.file
    }

    /// Takes a line. Never waits.
    pub(super) fn push(&self, line: &[u8]) {
        self.queue.push(line);
    }

    /// Waits until everything pushed so far is written, or the time is up.
    pub(super) fn flush(&self, until: Instant) {
        self.queue.flush(until);
    }
}
