//! The database on the file, when no gateway runs.

use std::path::Path;
use std::sync::Arc;

use url::Url;

use super::{CheckAnswer, CompactAnswer};
use crate::admin;
use crate::cli::failure::Failure;
use crate::cli::figures::thousands;
use crate::cli::filter::Filter;
use crate::cli::print;
use crate::config::Config;
use crate::ledger::Ledger;
use crate::store::{Store, StoreError};

/// The open database. No gateway can start meanwhile.
pub(super) struct Offline {
    ledger: Ledger,
    store: Arc<Store>,
}

impl Offline {
    /// Opens the database of the configuration; none is made where there is none. Requests that were under way when a gateway died are
    /// charged, as at its next start.
    pub(super) fn open(config: &Config, url: &Url) -> Result<Offline, Failure> {
        let folder = &config.data_dir;
        let asked = url.as_str().trim_end_matches('/');
        if !Store::is_in(folder) {
            return Err(Failure::Said(format!(
                "no gateway answers at {asked}, and there is no database in {}: name the gateway with --url, or the \
                 configuration whose `data_dir` has the database with --config",
                folder.display()
            )));
        }
        let store = Store::open(folder).map_err(|error| match error {
            StoreError::InUse { path } => Failure::Said(format!(
                "{} is open in another process: a gateway that does not answer at {asked}. Name its address with --url",
                path.display()
            )),
            error => Failure::Said(error.to_string()),
        })?;
        let store = Arc::new(store);
        let ledger = Ledger::open(Arc::clone(&store), config.ledger).map_err(said)?;
        let recovered = ledger.figures().recovered;
        if recovered > 0 {
            print::note(format_args!(
                "The last gateway died: what it had set aside for {} requests under way was charged.",
                thousands(recovered)
            ));
        }
        Ok(Offline { ledger, store })
    }

    /// Reads everything and compares it with itself.
    pub(super) fn check(&self) -> Result<CheckAnswer, Failure> {
        let report = self.ledger.check().map_err(said)?;
        Ok(CheckAnswer {
            ok: report.problems.is_empty(),
            entries: report.entries,
            reservations: report.reservations,
            sums: report.sums,
            counters: report.counters,
            problems: report.problems,
        })
    }

    /// Makes the file as small as it can be.
    pub(super) fn compact(&self) -> Result<CompactAnswer, Failure> {
        let report = self.ledger.compact().map_err(said)?;
        Ok(CompactAnswer { bytes_before: report.bytes_before, bytes_after: report.bytes_after })
    }

    /// Copies the database to a new file; answers how many bytes that has.
    pub(super) fn backup(&self, to: &Path) -> Result<u64, Failure> {
        Ok(self.ledger.backup(to).map_err(said)?.bytes)
    }

    /// Gives every entry that fits, oldest first, as the admin API writes it.
    pub(super) fn entries(
        &self,
        filter: &Filter,
        outcome: Option<&str>,
        mut take: impl FnMut(&str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut wanted = filter.of_entries(outcome)?;
        loop {
            let page = self.ledger.entries(&wanted).map_err(said)?;
            page.entries.iter().try_for_each(|entry| take(&admin::exchange_json(entry)))?;
            // The same place again would be the same page again.
            match page.next {
                Some(next) if wanted.after < Some(next) => wanted.after = Some(next),
                _ => return Ok(()),
            }
        }
    }

    /// Writes what there is to write, and lets go of the file.
    pub(super) fn close(self) -> Result<(), Failure> {
        self.ledger.shutdown().and_then(|()| self.store.shutdown()).map_err(said)
    }
}

fn said(error: StoreError) -> Failure {
    Failure::Said(error.to_string())
}
