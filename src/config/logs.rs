//! What is logged, and where it goes: the checked form of `log`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

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
}

impl Default for LogSettings {
    fn default() -> LogSettings {
        LogSettings { level: LevelFilter::Info, levels: BTreeMap::new(), format: LogFormat::Auto, access: None }
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
