//! From the configuration file to the snapshot that requests are served from, with all that is wrong on the way.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::catalog::{Catalog, Date};
use crate::config::{self, Environment, Problem, Problems};
use crate::providers;
use crate::routing::Snapshot;

/// Builds the snapshot of the configuration file at `path`, with the environment and the `.env` file beside it.
///
/// # Errors
/// Everything that is wrong, warnings too. Without an error the warnings come with the snapshot.
pub(super) fn snapshot(path: &Path) -> Result<(Snapshot, Problems), Problems> {
    let environment = Environment::beside(path);
    let (draft, mut problems) = config::load_draft(path, &environment, providers::builtins());
    let Some(draft) = draft else { return Err(problems) };
    let catalog = match Catalog::embedded() {
        Ok(catalog) => Arc::new(catalog),
        Err(error) => {
            problems.0.push(Problem::error("catalogue", error.to_string()));
            return Err(problems);
        }
    };
    // What routing finds in a file with errors is told with them, so that all is told at once.
    let built = Snapshot::build(draft, catalog, today());
    let (Ok((_, more)) | Err(more)) = &built;
    problems.0.extend(more.0.iter().cloned());
    match built {
        Ok((snapshot, _)) if !problems.has_errors() => Ok((snapshot, problems)),
        _ => Err(problems),
    }
}

/// The day in UTC; a clock before 1970 counts as the first day of 1970.
fn today() -> Date {
    Date::from_unix_seconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}
