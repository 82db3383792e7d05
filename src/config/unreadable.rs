//! Why a file of settings cannot be read, in words that hold the cure.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access, geteuid};

/// What is wrong with the file at `path`, to stand behind its name.
pub(super) fn reason(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::IsADirectory => format!(
            "is a folder, not a file. Docker makes one where a file that it is to mount does not exist: remove it (`rmdir {}`), put the file in its \
             place (`ovth init` writes one) and start again",
            path.file_name().unwrap_or(path.as_os_str()).display()
        ),
        ErrorKind::PermissionDenied => match closed_folder(path) {
            Some(folder) => format!(
                "cannot be read: {error}. The gateway runs as user {}, who may not pass the folder {}: let it (`chmod a+x` of that folder, outside \
                 of the container where there is one)",
                geteuid(),
                folder.display()
            ),
            None => format!(
                "cannot be read: {error}. The gateway runs as user {0}: let that user read it (`sudo chown {0} {1}`, or `chmod a+r` where it holds no key)",
                geteuid(),
                path.file_name().unwrap_or(path.as_os_str()).display()
            ),
        },
        _ => format!("cannot be read: {error}"),
    }
}

/// The first folder on the way to a file that this user may not pass.
fn closed_folder(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let folders: Vec<&Path> = path.ancestors().skip(1).collect();
    folders
        .into_iter()
        .rev()
        .find(|folder| access(*folder, AccessFlags::X_OK) == Err(Errno::EACCES))
        .map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_the_place_of_a_file_and_a_file_of_another_user_are_told_with_the_cure() {
        let folder = reason(Path::new("/app/config.yaml"), &io::Error::from(ErrorKind::IsADirectory));
        assert!(
            folder.contains("is a folder") && folder.contains("`rmdir config.yaml`") && folder.contains("ovth init"),
            "{folder}"
        );
        let refused = reason(Path::new("/app/.env"), &io::Error::from(ErrorKind::PermissionDenied));
        assert!(refused.contains("sudo chown") && refused.contains(".env"), "{refused}");
        let other = reason(Path::new("x"), &io::Error::from(ErrorKind::NotFound));
        assert_eq!(other, "cannot be read: entity not found");
    }
}
