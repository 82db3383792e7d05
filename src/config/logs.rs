//! What is logged, and where it goes: the checked form of `log`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;
use log::LevelFilter;
use regex::bytes::Regex;

use super::Globs;

/// The log's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct LogSettings {
    /// The level of the gateway's own records whose target is not named.
    pub level: LevelFilter,
    /// Levels of targets, by how they begin.
    pub levels: BTreeMap<String, LevelFilter>,
    /// How lines look.
    pub format: LogFormat,
    /// A file for the records of exchanges; none: they go where the others do.
    pub access: Option<AccessLogSettings>,
    /// Whose exchanges are written down as a whole; none: nobody's.
    pub capture: Option<CaptureSettings>,
}

impl Default for LogSettings {
    fn default() -> LogSettings {
        LogSettings {
            level: LevelFilter::Info,
            levels: BTreeMap::new(),
            format: LogFormat::Auto,
            access: None,
            capture: None,
        }
    }
}

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// The readable form on a terminal, else JSON.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// A form for people.
    Text,
}

/// The access log's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLogSettings {
    /// Where it is; relative to the data folder.
    pub file: PathBuf,
    /// It is rotated before it would be larger than this, in bytes.
    pub rotate_bytes: u64,
    /// And when another hour or day has begun.
    pub rotate_every: RotateEvery,
    /// So many rotated files are kept.
    pub keep_files: usize,
    /// And for so long.
    pub keep: Duration,
    /// Whether rotated files are compressed.
    pub gzip: bool,
}

/// When a file is rotated though it is not full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RotateEvery {
    /// Never.
    Never,
    /// With the first line of another hour (UTC).
    Hour,
    /// With the first line of another day (UTC).
    #[default]
    Day,
}

/// What is captured of exchanges, and how it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct CaptureSettings {
    /// Keys, by id or label.
    pub keys: Option<Globs>,
    /// Routes.
    pub routes: Option<Globs>,
    /// Where it goes; relative to the data folder.
    pub file: PathBuf,
    /// So many bytes of one body are kept.
    pub body_bytes: usize,
    /// The bytes that all of it may take on the disk.
    pub total_bytes: u64,
    /// It is deleted after so long.
    pub keep: Duration,
    /// Headers whose values are kept.
    pub headers: Vec<HeaderName>,
    /// What is taken out, besides what always is.
    pub redact: Vec<Redaction>,
}

/// A pattern of what is taken out of captured bodies. It may name a secret, so nothing prints it.
#[derive(Clone)]
pub struct Redaction(pub(super) Regex);

impl Redaction {
    /// The pattern, of bytes.
    #[must_use]
    pub const fn pattern(&self) -> &Regex {
        &self.0
    }
}

impl PartialEq for Redaction {
    fn eq(&self, other: &Redaction) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redaction(..)")
    }
}

/// Whether a header's name says that its value is a credential.
#[must_use]
pub fn is_credential(name: &HeaderName) -> bool {
    const SIGNS: [&str; 6] = ["auth", "key", "token", "secret", "cookie", "password"];
    SIGNS.iter().any(|sign| name.as_str().contains(sign))
}
