//! From the configuration file to the snapshot that requests are served from, with all that is wrong on the way.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::catalog::{Catalog, CatalogError, Date};
use crate::config::{self, Draft, Environment, Files, Problem, Problems};
use crate::providers;
use crate::routing::Snapshot;

/// A configuration that can be served.
#[derive(Debug)]
pub struct Loaded {
    /// Where it was read.
    pub path: PathBuf,
    /// What requests are served from.
    pub snapshot: Snapshot,
    /// What is doubtful about it.
    pub warnings: Problems,
    /// Every file that it was made of.
    pub files: Files,
}

/// A configuration that cannot be served.
#[derive(Debug)]
pub struct Failed {
    /// Everything that is wrong, warnings too.
    pub problems: Problems,
    /// Every file that was read or looked for.
    pub files: Files,
}

/// Builds the snapshot of the configuration file at `path`, with the environment and the `.env` file beside it. Blocks on the disk.
///
/// # Errors
/// Everything that is wrong, warnings too.
pub fn load(path: &Path) -> Result<Loaded, Failed> {
    let environment = Environment::beside(path);
    let Draft { config, mut problems, files, catalogue } =
        config::load_draft(path, &environment, providers::builtins());
    let Some(config) = config else { return Err(Failed { problems, files }) };
    let catalog = match catalogue {
        Some(json) => Catalog::parse(&json).map(Arc::new).map_err(|error| {
            Problem::error("catalog.file", format!("{error}; without this setting the built-in one is used"))
        }),
        None => embedded().map_err(|error| Problem::error("catalogue", error.to_string())),
    };
    let catalog = match catalog {
        Ok(catalog) => catalog,
        Err(problem) => {
            problems.0.push(problem);
            return Err(Failed { problems, files });
        }
    };
    // What routing finds in a file with errors is told with them, so that all is told at once.
    let built = Snapshot::build(config, catalog, today());
    let (Ok((_, more)) | Err(more)) = &built;
    problems.0.extend(more.0.iter().cloned());
    match built {
        Ok((snapshot, _)) if !problems.has_errors() => {
            Ok(Loaded { path: path.to_owned(), snapshot, warnings: problems, files })
        }
        _ => Err(Failed { problems, files }),
    }
}

/// The built-in catalogue, read once.
fn embedded() -> Result<Arc<Catalog>, &'static CatalogError> {
    static EMBEDDED: LazyLock<Result<Arc<Catalog>, CatalogError>> = LazyLock::new(|| Catalog::embedded().map(Arc::new));
    EMBEDDED.as_ref().map(Arc::clone)
}

/// The day in UTC; a clock before 1970 counts as the first day of 1970.
fn today() -> Date {
    Date::from_unix_seconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}
