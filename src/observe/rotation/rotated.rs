//! Files that were put aside: their names, which of them are kept, and their compression.

use std::cmp::Reverse;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::file::take_rights;

/// `access.log` is put aside as `access.log.20261123T101500Z`.
const STAMP: &str = "%Y%m%dT%H%M%SZ";
const STAMP_CHARS: usize = 16;
const COMPRESSED: &str = ".gz";
const UNFINISHED: &str = ".gz.tmp";

/// So many files may be put aside within one second.
const MAX_NUMBER: u32 = 1_000;

/// What is kept.
pub(super) struct Keep {
    pub(super) files: usize,
    pub(super) time: Duration,
    pub(super) bytes: u64,
}

/// A file that was put aside.
struct Rotated {
    path: PathBuf,
    at: Timestamp,
    number: u32,
    bytes: u64,
    is_compressed: bool,
}

/// Renames a file to a name with the time in it.
pub(super) fn put_aside(path: &Path, now: SystemTime) -> io::Result<()> {
    let stamp = timestamp(now).strftime(STAMP).to_string();
    let taken = |target: &Path| target.exists() || with_suffix(target, COMPRESSED).exists();
    let targets = (0..MAX_NUMBER).map(|number| {
        let suffix = if number == 0 { format!(".{stamp}") } else { format!(".{stamp}-{number}") };
        with_suffix(path, &suffix)
    });
    let target = targets.into_iter().find(|target| !taken(target));
    fs::rename(path, target.ok_or_else(|| io::Error::from(io::ErrorKind::AlreadyExists))?)
}

/// Deletes what is not to be kept; gives those that are kept and not compressed.
pub(super) fn sweep(path: &Path, keep: &Keep, now: SystemTime) -> Vec<PathBuf> {
    let mut rotated = list(path);
    rotated.sort_by_key(|file| Reverse((file.at, file.number)));
    let oldest = now.checked_sub(keep.time).map(timestamp);
    let mut bytes = 0_u64;
    let mut plain = Vec::new();
    for (index, file) in rotated.into_iter().enumerate() {
        bytes = bytes.saturating_add(file.bytes);
        if index >= keep.files || bytes > keep.bytes || oldest.is_some_and(|oldest| file.at < oldest) {
            delete(&file.path);
        } else if !file.is_compressed {
            plain.push(file.path);
        }
    }
    plain
}

/// Compresses files on a thread of their own, unless that is under way already: what is left over then is found again.
pub(super) fn compress(plain: Vec<PathBuf>, busy: &Arc<AtomicBool>) {
    if plain.is_empty() || busy.swap(true, Ordering::AcqRel) {
        return;
    }
    let done = Arc::clone(busy);
    // A process that ends meanwhile leaves a file that is not compressed, and maybe a piece of one that is: both are found at the next start.
    let started = thread::Builder::new().name("log-gzip".to_owned()).spawn(move || {
        for path in plain {
            if let Err(error) = compress_one(&path) {
                log::warn!(target: "ovth::log", path:% = path.display(), error:%; "a rotated log file cannot be compressed");
            }
        }
        done.store(false, Ordering::Release);
    });
    if started.is_err() {
        busy.store(false, Ordering::Release);
    }
}

fn compress_one(path: &Path) -> io::Result<()> {
    let unfinished = with_suffix(path, UNFINISHED);
    let out = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
    let compressed = File::open(path).and_then(|mut file| {
        take_rights(&out, &file.metadata()?);
        let mut encoder = GzEncoder::new(out, Compression::fast());
        io::copy(&mut file, &mut encoder)?;
        encoder.finish()?.sync_data()
    });
    if let Err(error) = compressed {
        delete(&unfinished);
        return Err(error);
    }
    fs::rename(&unfinished, with_suffix(path, COMPRESSED))?;
    fs::remove_file(path)
}

/// The files that were put aside for this one, in no order.
fn list(path: &Path) -> Vec<Rotated> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let prefix = format!("{name}.");
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let (at, number, is_compressed) = read_suffix(name.to_str()?.strip_prefix(&prefix)?)?;
            Some(Rotated { path: entry.path(), at, number, bytes: entry.metadata().ok()?.len(), is_compressed })
        })
        .collect()
}

/// When a file with that end of its name was put aside, its number within that second, and whether it is compressed.
fn read_suffix(suffix: &str) -> Option<(Timestamp, u32, bool)> {
    let (suffix, is_compressed) = match suffix.strip_suffix(COMPRESSED) {
        Some(rest) => (rest, true),
        None => (suffix, false),
    };
    let (stamp, rest) = suffix.split_at_checked(STAMP_CHARS)?;
    let number = match rest.strip_prefix('-') {
        Some(number) => number.parse().ok()?,
        None if rest.is_empty() => 0,
        None => return None,
    };
    let at = DateTime::strptime(STAMP, stamp).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some((at, number, is_compressed))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn delete(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            log::warn!(target: "ovth::log", path:% = path.display(), error:%; "an old log file cannot be deleted");
        }
        _ => {}
    }
}

fn timestamp(at: SystemTime) -> Timestamp {
    Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH)
}
