//! The settings of the log, from the configuration to the parts that keep to them.

use std::io;
use std::path::Path;

use crate::config::{AccessLogSettings, Config, LogFormat, RotateEvery};
use crate::observe::logging::{Control, Format, LevelChange, Settings};
use crate::observe::{Every, LogFile};

/// A file of the log that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {source}; name a file in a folder that the gateway may write to")]
pub struct LogFileError {
    /// The setting that names it.
    pub setting: &'static str,
    /// What the system says, with the path.
    pub source: io::Error,
}

/// Takes over levels and form, before there is a data folder for files.
pub fn apply_levels(log: &Control, config: &Config) {
    // Without a file nothing can fail.
    let _ = log.apply(&Settings { access: None, ..settings(config) });
}

/// Takes over all settings of the log, at the start and with each reload: all of them or, on an error, none.
///
/// # Errors
/// A file cannot be opened.
pub(super) fn apply_log(log: &Control, config: &Config) -> Result<(), LogFileError> {
    log.apply(&settings(config)).map_err(|source| LogFileError { setting: "log.access.file", source })
}

fn settings(config: &Config) -> Settings {
    let log = &config.log;
    Settings {
        levels: LevelChange { level: Some(log.level), levels: log.levels.clone() },
        format: match log.format {
            LogFormat::Auto => None,
            LogFormat::Json => Some(Format::Json),
            LogFormat::Text => Some(Format::Readable),
        },
        access: log.access.as_ref().map(|access| access_file(access, &config.data_dir)),
    }
}

fn access_file(access: &AccessLogSettings, data_dir: &Path) -> LogFile {
    LogFile {
        path: data_dir.join(&access.file),
        rotate_bytes: access.rotate_bytes,
        rotate_every: match access.rotate_every {
            RotateEvery::Never => Every::Never,
            RotateEvery::Hour => Every::Hour,
            RotateEvery::Day => Every::Day,
        },
        keep_files: access.keep_files,
        keep_time: access.keep,
        keep_bytes: None,
        gzip: access.gzip,
        // Who gave a log shipper's group the right to read it meant it.
        private: false,
    }
}
