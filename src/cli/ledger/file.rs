//! Files that are there whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;

/// A file that is being written, readable by its owner only. Dropped without [`NewFile::keep`] it is deleted.
pub(super) struct NewFile {
    file: File,
    path: PathBuf,
    /// What it is to be called when it is whole.
    target: Option<PathBuf>,
    kept: bool,
}

impl NewFile {
    /// A file that must not exist yet.
    pub(super) fn new(path: &Path) -> Result<NewFile, Failure> {
        let shown = path.display();
        let file = create(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::Said(format!("{shown} exists; name a new file")),
            _ => Failure::io(format!("{shown} cannot be made"))(error),
        })?;
        Ok(NewFile { file, path: path.to_path_buf(), target: None, kept: false })
    }

    /// A file that takes the place of the one with that name when it is whole.
    pub(super) fn replacing(path: &Path) -> Result<NewFile, Failure> {
        let mut name = OsString::from(path);
        name.push(format!(".{}.part", std::process::id()));
        let part = PathBuf::from(name);
        let file = create(&part).map_err(Failure::io(format!("{} cannot be made", part.display())))?;
        Ok(NewFile { file, path: part, target: Some(path.to_path_buf()), kept: false })
    }

    /// It is whole: makes it durable and gives it its name.
    pub(super) fn keep(mut self) -> Result<(), Failure> {
        let target = self.target.as_deref().unwrap_or(&self.path);
        let failed = |error| Failure::io(format!("{} cannot be written", target.display()))(error);
        self.file.sync_all().map_err(failed)?;
        if self.target.is_some() {
            fs::rename(&self.path, target).map_err(failed)?;
        }
        self.kept = true;
        Ok(())
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Write for &NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&self.file).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&self.file).flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept {
            // What is left of it is named so that it is seen.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        NewFile::new(&path).unwrap().write_all(b"half").unwrap();
        assert!(!path.exists());
        let mut file = NewFile::new(&path).unwrap();
        file.write_all(b"first").unwrap();
        file.keep().unwrap();
        assert!(NewFile::new(&path).is_err(), "nothing is overwritten by chance");
        NewFile::replacing(&path).unwrap().write_all(b"half").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        let mut file = NewFile::replacing(&path).unwrap();
        file.write_all(b"second").unwrap();
        file.keep().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }
}
