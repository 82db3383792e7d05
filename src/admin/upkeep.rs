//! The calls that look after the database: check it, compact it, copy it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, HeaderValue};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use super::Admin;
use super::moment::{day_of, day_text};
use super::response::{AdminResponse, Body, ErrorBody, Refused, storage_fault};
use crate::ledger::{CheckReport, CompactReport, Ledger};
use crate::store::StoreError;

/// So many checks, compactions and copies at a time; a copy counts until its last byte is sent.
const AT_A_TIME: usize = 2;

/// Seconds after which one of them may have ended.
const RETRY_AFTER: u64 = 10;

const COPY_PREFIX: &str = ".backup-";
const COPY_SUFFIX: &str = ".tmp";

/// Room for what takes the disk for seconds.
#[derive(Debug)]
pub(super) struct Upkeep {
    places: Arc<Semaphore>,
    folder: PathBuf,
    copies: AtomicU64,
}

impl Upkeep {
    /// Room for the database in that folder. Copies that a former process left behind are deleted.
    pub(super) fn new(folder: PathBuf) -> Upkeep {
        remove_copies(&folder);
        Upkeep { places: Arc::new(Semaphore::new(AT_A_TIME)), folder, copies: AtomicU64::new(0) }
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, Refused> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let message = format!(
                "At most {AT_A_TIME} checks, compactions and backups run at a time. Try again when one of them has ended."
            );
            let error = ErrorBody::busy(message, "upkeep_busy");
            Box::new(error.into_response(StatusCode::TOO_MANY_REQUESTS).with_retry_after(RETRY_AFTER))
        })
    }
}

/// `POST /admin/ledger/check`
pub(super) async fn check(admin: &Admin) -> Result<AdminResponse, Refused> {
    #[derive(Serialize)]
    struct Report<'a> {
        ok: bool,
        entries: u64,
        reservations: u64,
        sums: u64,
        counters: u64,
        problems: &'a [String],
    }
    let (_place, report) = run(admin, Ledger::check).await?;
    let CheckReport { entries, reservations, sums, counters, problems } = &report;
    let (entries, reservations, sums, counters) = (*entries, *reservations, *sums, *counters);
    let report = Report { ok: problems.is_empty(), entries, reservations, sums, counters, problems };
    Ok(AdminResponse::json(StatusCode::OK, &report))
}

/// `POST /admin/ledger/compact`
pub(super) async fn compact(admin: &Admin) -> Result<AdminResponse, Refused> {
    #[derive(Serialize)]
    struct Report {
        bytes_before: u64,
        bytes_after: u64,
    }
    let (_place, CompactReport { bytes_before, bytes_after }) = run(admin, Ledger::compact).await?;
    log::info!(bytes_before, bytes_after; "the database was compacted");
    Ok(AdminResponse::json(StatusCode::OK, &Report { bytes_before, bytes_after }))
}

/// `GET /admin/ledger/backup`
pub(super) async fn back_up(admin: &Admin) -> Result<AdminResponse, Refused> {
    let number = admin.upkeep.copies.fetch_add(1, Ordering::Relaxed);
    let path = admin.upkeep.folder.join(format!("{COPY_PREFIX}{number}{COPY_SUFFIX}"));
    let (place, (file, length)) = run(admin, move |ledger| copy(ledger, path)).await?;
    log::info!(bytes = length; "a copy of the database is sent");
    let name = format!("attachment; filename=\"ovth-{}.redb\"", day_text(day_of(admin.now())));
    let name = HeaderValue::from_str(&name).expect("a name of digits and letters");
    let body = Body::Stream { reader: Box::new(Copy { file, _place: place }), length };
    let response = AdminResponse::of_type("application/octet-stream", StatusCode::OK, body);
    Ok(response.with_header(CONTENT_DISPOSITION, name))
}

/// Runs work on a thread that may block. Its place is kept until the work is done, even when nobody waits for it any more.
async fn run<T: Send + 'static>(
    admin: &Admin,
    work: impl FnOnce(&Ledger) -> Result<T, StoreError> + Send + 'static,
) -> Result<(OwnedSemaphorePermit, T), Refused> {
    let place = admin.upkeep.place()?;
    let ledger = Arc::clone(&admin.ledger);
    let (place, done) = spawn_blocking(move || (place, work(&ledger)))
        .await
        .map_err(|_| Box::new(storage_fault(&StoreError::Panicked)))?;
    match done {
        Ok(done) => Ok((place, done)),
        Err(error) => Err(Box::new(storage_fault(&error))),
    }
}

/// A copy as an open file without a name, so that nothing is left of it when it was sent or the process ends.
fn copy(ledger: &Ledger, path: PathBuf) -> Result<(File, u64), StoreError> {
    let named = Named(path);
    ledger.backup(&named.0)?;
    let opened = File::open(&named.0).and_then(|file| Ok((file.metadata()?.len(), file)));
    let (length, file) = opened.map_err(|source| StoreError::Io { path: named.0.clone(), source: Arc::new(source) })?;
    Ok((file, length))
}

/// The name of a copy, which is taken away again in any case.
struct Named(PathBuf);

impl Drop for Named {
    fn drop(&mut self) {
        match fs::remove_file(&self.0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => log::warn!(path:% = self.0.display(), error:%; "a copy of the database could not be deleted"),
        }
    }
}

/// A copy on its way to a client, and the place it takes.
struct Copy {
    file: File,
    _place: OwnedSemaphorePermit,
}

impl Read for Copy {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

fn remove_copies(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(COPY_PREFIX) && name.ends_with(COPY_SUFFIX)) {
            drop(Named(entry.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn copies_of_a_former_process_are_deleted_and_nothing_else() {
        let folder = tempfile::TempDir::new().unwrap();
        for name in [".backup-0.tmp", ".backup-17.tmp", "ovth.redb", ".backup-1.redb"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        Upkeep::new(folder.path().to_owned());
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".backup-1.redb", "ovth.redb"]);
    }

    #[test]
    fn places_are_few_and_come_back() {
        let upkeep = Upkeep::new(PathBuf::from("nowhere"));
        let held: Vec<_> = (0..AT_A_TIME).map(|_| upkeep.place().unwrap()).collect();
        let refused = upkeep.place().unwrap_err();
        assert_eq!(refused.status, 429);
        assert_eq!(refused.headers.get("retry-after").unwrap(), "10");
        drop(held);
        assert!(upkeep.place().is_ok());
    }
}
