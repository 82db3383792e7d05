//! One file that lines are added to, and when it is put aside for a new one.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::rotated::{Keep, compress, put_aside, sweep};
use crate::observe::logging::{Format, Sink};

/// Only the gateway's own user reads the file, unless somebody else gave it another mode.
const MODE: u32 = 0o600;

/// A file that cannot be put aside is tried again so much later.
const PAUSE: Duration = Duration::from_secs(60);

/// When a file is put aside though it is not full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// Never.
    Never,
    /// With the first line of another hour (UTC).
    Hour,
    /// With the first line of another day (UTC).
    Day,
}

impl Every {
    /// The number of the hour or day that a time lies in.
    fn period(self, at: SystemTime) -> u64 {
        let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        match self {
            Every::Never => 0,
            Every::Hour => seconds / 3_600,
            Every::Day => seconds / 86_400,
        }
    }
}

/// A file of lines, when it is rotated, and what is kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Where it is.
    pub path: PathBuf,
    /// It is rotated before it would be larger than this.
    pub rotate_bytes: u64,
    /// And when another hour or day has begun.
    pub rotate_every: Every,
    /// So many rotated files are kept.
    pub keep_files: usize,
    /// Rotated files are deleted that were put aside longer ago than this.
    pub keep_time: Duration,
    /// The rotated files may take so many bytes together; the oldest go first.
    pub keep_bytes: Option<u64>,
    /// Whether rotated files are compressed, in the background.
    pub gzip: bool,
    /// Whether a file that is there with a wider mode is narrowed to its owner.
    pub private: bool,
}

impl LogFile {
    fn keep(&self) -> Keep {
        Keep { files: self.keep_files, time: self.keep_time, bytes: self.keep_bytes.unwrap_or(u64::MAX) }
    }
}

/// Such a file, open. For one thread, which may block.
pub(in crate::observe) struct RotatingFile {
    settings: LogFile,
    open: Option<Open>,
    /// Before this nothing is put aside, as it failed a moment ago.
    pause_until: Option<SystemTime>,
    /// Whether rotated files are being compressed.
    compressing: Arc<AtomicBool>,
    clock: fn() -> SystemTime,
}

struct Open {
    file: File,
    /// Tells whether the path still leads to it.
    identity: (u64, u64),
    bytes: u64,
    /// When its first line of the present period was written.
    since: SystemTime,
    /// What is no regular file, such as `/dev/stdout`, is not rotated.
    is_regular: bool,
}

impl RotatingFile {
    /// Opens the file, with the folders above it.
    ///
    /// # Errors
    /// What the system says, with the path.
    pub(in crate::observe) fn open(settings: LogFile) -> io::Result<RotatingFile> {
        RotatingFile::open_with(settings, SystemTime::now)
    }

    pub(super) fn open_with(settings: LogFile, clock: fn() -> SystemTime) -> io::Result<RotatingFile> {
        let mut file = RotatingFile { settings, open: None, pause_until: None, compressing: Arc::default(), clock };
        let opened = file.open_path();
        let path = &file.settings.path;
        let opened = opened.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        file.open = Some(opened);
        file.clean_up();
        Ok(file)
    }

    fn open_path(&self) -> io::Result<Open> {
        let path = &self.settings.path;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).mode(MODE).open(path)?;
        let metadata = file.metadata()?;
        let is_regular = metadata.is_file();
        if self.settings.private && is_regular && metadata.mode() & 0o777 != MODE {
            file.set_permissions(fs::Permissions::from_mode(MODE))?;
        }
        let now = (self.clock)();
        let since = if metadata.len() == 0 { now } else { metadata.modified().unwrap_or(now) };
        let identity = (metadata.dev(), metadata.ino());
        Ok(Open { file, identity, bytes: metadata.len(), since, is_regular })
    }

    /// The file that the path leads to now, with room for so many bytes more.
    fn current(&mut self, more: u64) -> io::Result<&mut Open> {
        // Another program may have moved it away (logrotate), or cut it.
        let moved = match (&mut self.open, fs::metadata(&self.settings.path)) {
            (Some(open), Ok(metadata)) => {
                if open.is_regular {
                    open.bytes = metadata.len();
                }
                open.identity != (metadata.dev(), metadata.ino())
            }
            _ => true,
        };
        if moved {
            self.open = None;
            self.open = Some(self.open_path()?);
        }
        if self.is_due(more) {
            let before = self.open.as_ref().and_then(|open| open.file.metadata().ok());
            self.rotate();
            if self.open.is_none() {
                let open = self.open_path()?;
                if let Some(before) = before.filter(|_| !self.settings.private) {
                    take_rights(&open.file, &before);
                }
                self.open = Some(open);
            }
        }
        let now = (self.clock)();
        let open = self.open.as_mut().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        if open.bytes == 0 {
            open.since = now;
        }
        Ok(open)
    }

    fn is_due(&self, more: u64) -> bool {
        let Some(open) = self.open.as_ref().filter(|open| open.is_regular && open.bytes > 0) else { return false };
        if self.pause_until.is_some_and(|until| (self.clock)() < until) {
            return false;
        }
        let every = self.settings.rotate_every;
        open.bytes.saturating_add(more) > self.settings.rotate_bytes
            || every.period((self.clock)()) > every.period(open.since)
    }

    /// Puts the file aside. One that cannot be put aside is written on.
    fn rotate(&mut self) {
        match put_aside(&self.settings.path, (self.clock)()) {
            Ok(()) => {
                self.open = None;
                self.pause_until = None;
                self.clean_up();
            }
            Err(error) => {
                let path = self.settings.path.display();
                log::error!(
                    target: "ovth::log", path:%, error:%, again_in_seconds = PAUSE.as_secs();
                    "a log file cannot be rotated; it grows on"
                );
                self.pause_until = (self.clock)().checked_add(PAUSE);
            }
        }
    }

    /// Deletes what is not to be kept, and compresses what is.
    fn clean_up(&self) {
        let is_regular = self.open.as_ref().is_none_or(|open| open.is_regular);
        if !is_regular {
            return;
        }
        let plain = sweep(&self.settings.path, &self.settings.keep(), (self.clock)());
        if self.settings.gzip {
            compress(plain, &self.compressing);
        }
    }
}

/// Gives a file the mode and the group of the one that it follows: somebody gave a log shipper the right to read that.
pub(super) fn take_rights(file: &File, before: &Metadata) {
    // Whoever may not give them away has a file of its own mode, as the first one was.
    let _ = fchown(file, None, Some(before.gid()));
    let _ = file.set_permissions(fs::Permissions::from_mode(before.mode() & 0o777));
}

impl Sink for RotatingFile {
    fn write_lines(&mut self, lines: &[u8]) -> io::Result<()> {
        let length = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let open = self.current(length)?;
        if let Err(error) = open.file.write_all(lines) {
            if open.is_regular {
                // No half line stays. Where that fails, too, the file only has one line that cannot be read.
                let _ = open.file.set_len(open.bytes);
            }
            self.open = None;
            return Err(error);
        }
        open.bytes = open.bytes.saturating_add(length);
        Ok(())
    }

    fn note_format(&self) -> Option<Format> {
        None
    }

    fn tend(&mut self) {
        // A failure shows with the next line.
        let _ = self.current(0);
        self.clean_up();
    }

    fn name(&self) -> String {
        self.settings.path.display().to_string()
    }
}
