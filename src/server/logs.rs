//! The settings of the log, from the configuration to the parts that keep to them.

use std::io;
use std::path::Path;

use log::warn;
use wildmatch::WildMatch;

use crate::config::{AccessLogSettings, CaptureSettings, Config, Globs, LogFormat, RotateEvery, Secret, is_credential};
use crate::observe::logging::{Control, Format, LevelChange, Settings};
use crate::observe::{self, Every, LogFile};

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
    let captures = log.captures();
    let captured = captures.prepare(config.log.capture.as_ref().map(|capture| capture_settings(capture, config)));
    let captured = captured.map_err(|source| LogFileError { setting: "log.capture.file", source })?;
    log.apply(&settings(config)).map_err(|source| LogFileError { setting: "log.access.file", source })?;
    captures.set(captured);
    if let Some(capture) = &config.log.capture {
        let file = config.data_dir.join(&capture.file);
        warn!(file:% = file.display(); "capture is on: what some clients say and are answered is written to a file; `log.capture` turns it off");
    }
    Ok(())
}

/// A capture's file is put aside when it has this part of what all of them may take.
const CAPTURE_FILES: u64 = 8;

fn capture_settings(capture: &CaptureSettings, config: &Config) -> observe::CaptureSettings {
    let rotate_bytes = capture.total_bytes / CAPTURE_FILES;
    let patterns = |globs: &Option<Globs>| -> Vec<WildMatch> {
        globs.iter().flat_map(Globs::patterns).map(|pattern| WildMatch::new(&pattern)).collect()
    };
    observe::CaptureSettings {
        keys: patterns(&capture.keys),
        routes: patterns(&capture.routes),
        file: LogFile {
            path: config.data_dir.join(&capture.file),
            rotate_bytes,
            rotate_every: Every::Day,
            keep_files: usize::MAX,
            keep_time: capture.keep,
            keep_bytes: Some(capture.total_bytes.saturating_sub(rotate_bytes)),
            gzip: false,
            private: true,
        },
        body_bytes: capture.body_bytes,
        headers: capture.headers.clone(),
        patterns: capture.redact.iter().map(|redaction| redaction.pattern().clone()).collect(),
        secrets: secrets(config),
    }
}

/// Every credential that the configuration holds.
fn secrets(config: &Config) -> Vec<String> {
    let keys = config.providers.iter().flat_map(|provider| &provider.api_keys).chain([&config.master_key]);
    let headers = config.providers.iter().flat_map(|provider| &provider.headers);
    let headers = headers.filter(|(name, _)| is_credential(name)).filter_map(|(_, value)| value.to_str().ok());
    keys.map(Secret::expose).chain(headers).map(str::to_owned).collect()
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
