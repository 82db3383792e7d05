//! Files that are mounted by themselves. Such a mount holds on to one inode: an editor outside that writes a new file and renames it over
//! the old one is not seen inside, and nothing tells of it.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Where something is mounted in this process's view.
#[derive(Debug, Default)]
pub(super) struct Mounts(HashSet<PathBuf>);

impl Mounts {
    /// As the kernel tells it now; none where it does not.
    pub(super) fn now() -> Mounts {
        Mounts::parse(&fs::read("/proc/self/mountinfo").unwrap_or_default())
    }

    fn parse(mountinfo: &[u8]) -> Mounts {
        let point = |line: &[u8]| line.split(|byte| *byte == b' ').nth(4).map(unescaped);
        Mounts(mountinfo.split(|byte| *byte == b'\n').filter_map(point).collect())
    }

    /// Whether this file, or the file that it is a link to, is mounted by itself. What is not there is not.
    pub(super) fn is_pinned(&self, path: &Path) -> bool {
        let is_file = |path: &Path| fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
        fs::canonicalize(path).is_ok_and(|real| self.0.contains(&real) && is_file(&real))
    }
}

/// A path of mountinfo: white space and backslashes are three octal digits after a backslash.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let octal = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(escaped) if byte == b'\\' => {
                path.push(escaped);
                rest = after.get(3..).unwrap_or_default();
            }
            _ => path.push(byte),
        }
    }
    OsString::from_vec(path).into()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_file_that_is_a_mount_point_is_pinned_and_a_folder_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let file = root.join("my config.yaml");
        fs::write(&file, "").unwrap();
        fs::write(root.join("other.yaml"), "").unwrap();
        std::os::unix::fs::symlink(&file, root.join("link.yaml")).unwrap();
        let (dir, escaped) = (root.display(), file.display().to_string().replace(' ', "\\040"));
        let mountinfo = format!(
            "22 1 0:20 / / rw,relatime shared:1 - overlay overlay rw\n\
             36 22 98:0 /srv/app {dir} rw,noatime - ext4 /dev/root rw\n\
             37 22 98:0 /srv/config.yaml {escaped} ro,relatime - ext4 /dev/root rw\n"
        );
        let mounts = Mounts::parse(mountinfo.as_bytes());
        assert!(mounts.is_pinned(&file));
        assert!(mounts.is_pinned(&root.join("link.yaml")), "what it is a link to is pinned");
        assert!(!mounts.is_pinned(&root), "a folder shows what is in it");
        assert!(!mounts.is_pinned(&root.join("other.yaml")) && !mounts.is_pinned(&root.join("missing.yaml")));
        assert!(!Mounts::now().is_pinned(&file));
    }
}
