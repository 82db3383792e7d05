//! Every file that a configuration is made of, with a digest of what was read: by these a reload tells whether anything has changed.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// The largest file of settings or keys that is read.
const MAX_TEXT_BYTES: u64 = 1 << 20;

/// The largest catalogue that is read.
const MAX_CATALOGUE_BYTES: u64 = 16 << 20;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRole {
    /// The configuration itself.
    Config,
    /// The variables beside it.
    Environment,
    /// A key, by itself.
    Key,
    /// The operator's own catalogue.
    Catalogue,
    /// The certificate that clients are shown, with those that vouch for it.
    Certificate,
    /// The key of that certificate.
    CertificateKey,
}

impl FileRole {
    /// The name that answers and logs use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            FileRole::Config => "config",
            FileRole::Environment => "environment",
            FileRole::Key => "key",
            FileRole::Catalogue => "catalogue",
            FileRole::Certificate => "certificate",
            FileRole::CertificateKey => "certificate_key",
        }
    }

    /// Whether little but secrets is in it, so that not even a digest of it should be shown.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        matches!(self, FileRole::Environment | FileRole::Key | FileRole::CertificateKey)
    }

    /// The most bytes of such a file.
    const fn most_bytes(self) -> u64 {
        match self {
            FileRole::Config
            | FileRole::Environment
            | FileRole::Key
            | FileRole::Certificate
            | FileRole::CertificateKey => MAX_TEXT_BYTES,
            FileRole::Catalogue => MAX_CATALOGUE_BYTES,
        }
    }
}

/// The SHA-256 of a file's bytes. `Display` and `Debug` print it in hex.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What was found where a file is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Read(Digest),
    /// Nothing.
    Missing,
    /// Something that cannot be read: it is too large, not permitted, or no file.
    Unreadable(io::ErrorKind),
}

impl Content {
    fn of(read: &io::Result<Vec<u8>>) -> Content {
        match read {
            Ok(bytes) => Content::Read(Digest::of(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Content::Missing,
            Err(error) => Content::Unreadable(error.kind()),
        }
    }
}

/// A file that a configuration names, and what was in it when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// Where it is, as far as it was said; relative ones are relative to the current folder.
    pub path: PathBuf,
    /// What it is for.
    pub role: FileRole,
    /// What was in it.
    pub content: Content,
}

impl NamedFile {
    /// Reads a file for a configuration.
    pub(super) fn read(path: &Path, role: FileRole) -> (NamedFile, io::Result<Vec<u8>>) {
        let read = read(path, role.most_bytes());
        (NamedFile { path: path.to_owned(), role, content: Content::of(&read) }, read)
    }

    /// Whether it can be read only once, as a pipe is: a second time would wait for ever.
    #[must_use]
    pub fn is_gone_once_read(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
    }

    /// What is in it now; what can be read only once stays as it was.
    #[must_use]
    pub fn content_now(&self) -> Content {
        if self.is_gone_once_read() {
            return self.content;
        }
        Content::of(&read(&self.path, self.role.most_bytes()))
    }
}

fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let message = format!("it is larger than {} MiB", most >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// The bytes of a file as text.
pub(super) fn as_text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

/// All files of a configuration, each once, in the order in which they were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(Vec<NamedFile>);

impl Files {
    /// Adds a file, unless it is there.
    pub(super) fn add(&mut self, file: NamedFile) {
        if self.0.iter().all(|known| known.path != file.path) {
            self.0.push(file);
        }
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, NamedFile> {
        self.0.iter()
    }

    /// Those whose content is now another than what was read.
    #[must_use]
    pub fn changed(&self) -> Vec<&NamedFile> {
        self.0.iter().filter(|file| file.content_now() != file.content).collect()
    }
}

impl<'a> IntoIterator for &'a Files {
    type Item = &'a NamedFile;
    type IntoIter = std::slice::Iter<'a, NamedFile>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<NamedFile> for Files {
    fn from_iter<T: IntoIterator<Item = NamedFile>>(files: T) -> Files {
        let mut all = Files::default();
        files.into_iter().for_each(|file| all.add(file));
        all
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn only_another_content_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let read = |path: &Path| Files::from_iter([NamedFile::read(path, FileRole::Key).0]);
        assert_eq!(read(&path).iter().next().unwrap().content, Content::Missing);
        let before = read(&path);
        fs::write(&path, "one").unwrap();
        assert_eq!(before.changed().len(), 1, "it was not there");
        let files = read(&path);
        fs::write(&path, "one").unwrap();
        assert!(files.changed().is_empty(), "touched");
        fs::write(&path, "two").unwrap();
        assert_eq!(files.changed()[0].path, path);
        fs::remove_file(&path).unwrap();
        assert_eq!(files.changed().len(), 1, "gone");
    }

    #[test]
    fn a_file_that_is_too_large_or_no_file_is_neither_there_nor_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, vec![b'x'; (MAX_TEXT_BYTES + 1) as usize]).unwrap();
        let (file, read) = NamedFile::read(&path, FileRole::Key);
        assert_eq!(file.content, Content::Unreadable(io::ErrorKind::FileTooLarge));
        assert!(read.unwrap_err().to_string().contains("1 MiB"));
        let (folder_as_file, _) = NamedFile::read(folder.path(), FileRole::Key);
        assert!(matches!(folder_as_file.content, Content::Unreadable(_)));
        assert_eq!(folder_as_file.content_now(), folder_as_file.content);
        let (device, _) = NamedFile::read(Path::new("/dev/null"), FileRole::Key);
        assert!(device.is_gone_once_read() && !file.is_gone_once_read() && !folder_as_file.is_gone_once_read());
        assert_eq!(device.content_now(), device.content);
    }

    #[test]
    fn a_digest_is_that_of_sha256sum() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), empty);
    }
}
