//! The files and folders that the gateway reads and writes, looked at as the user who runs this.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::report::Report;
use crate::config::Config;

/// Bits of a file's mode with which others than its owner may read or write it.
const OTHERS: u32 = 0o077;

/// Looks at the `.env` file beside the configuration and at the data folder.
pub(super) fn look_at(path: &Path, config: &Config, report: &mut Report) {
    let dotenv = path.with_file_name(".env");
    if let Ok(facts) = fs::metadata(&dotenv) {
        let mode = facts.permissions().mode() & 0o777;
        if mode & OTHERS != 0 {
            let shown = dotenv.display();
            report.warning(format!(
                "{shown} holds keys, and others on this machine may read it (mode {mode:03o}): run `chmod 600 {shown}`"
            ));
        }
    }
    look_at_data(&config.data_dir, report);
}

fn look_at_data(folder: &Path, report: &mut Report) {
    let shown = folder.display();
    match fs::metadata(folder) {
        Ok(facts) if !facts.is_dir() => report.error(format!("{shown} (data_dir) is no folder")),
        Ok(_) => {
            if let Err(error) = can_write(folder) {
                report.error(format!("{shown} (data_dir) cannot be written to: {error}"));
            }
        }
        // It is made at the start.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => report.error(format!("{shown} (data_dir) cannot be looked at: {error}")),
    }
}

/// Makes a file there and removes it.
fn can_write(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".ovth-doctor-{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).open(&probe)?;
    fs::remove_file(probe)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_data_folder_that_is_a_file_is_an_error_and_a_missing_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut report = Report::default();
        look_at_data(&folder.path().join("later"), &mut report);
        look_at_data(folder.path(), &mut report);
        assert!(report.is_well());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the probe is gone");
        let file = folder.path().join("data");
        fs::write(&file, "x").unwrap();
        look_at_data(&file, &mut report);
        assert!(!report.is_well());
    }
}
