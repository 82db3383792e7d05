//! The data folder: given to the user that the gateway runs as, or the command that does so.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::{AccessFlags, access, fchownat};

use super::{Identity, in_container};

/// So many files are given away at most, and so deep: the gateway's own folder has far fewer.
const MAX_ENTRIES: usize = 10_000;
const MAX_DEPTH: usize = 4;

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It is no folder of the gateway's own.
    #[error("the data folder is the root of the file system: set `data_dir` (OVTH_DATA_DIR) to a folder of its own")]
    Root,
    /// It is something else.
    #[error("the data folder {} is no folder: set `data_dir` (OVTH_DATA_DIR) to one", .0.display())]
    NoFolder(PathBuf),
    /// The user that runs the gateway may not write there.
    #[error("user {user} cannot write to {}: {source}. {}", path.display(), cure(*user, folder))]
    NotWritable {
        /// Who runs the gateway.
        user: Identity,
        /// What cannot be written to.
        path: PathBuf,
        /// The data folder.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It cannot be made.
    #[error("the data folder {} cannot be made: {source}. {}", path.display(), cure(*user, path))]
    NotMade {
        /// Who runs the gateway.
        user: Identity,
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The command that gives the folder to that user.
fn cure(user: Identity, folder: &Path) -> String {
    let path = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    if in_container() {
        return format!(
            "In the folder of docker-compose.yml, run: sudo chown -R {user} ./data (or whichever folder is mounted at {})",
            path.display()
        );
    }
    format!(
        "Run: sudo install -d -o {} -g {} -m 700 {2} && sudo chown -R {user} {2}",
        user.user,
        user.group,
        path.display()
    )
}

/// Makes the folder if it is missing, and gives it to `to`, with those files in it that belong to root. For root, before it becomes
/// that user. What the system refuses here is told by [`writable`] afterwards, if it matters.
///
/// # Errors
/// When the folder is the root of the file system, or no folder.
pub fn own(folder: &Path, to: Identity) -> Result<(), FolderError> {
    if folder.canonicalize().is_ok_and(|path| path.parent().is_none()) {
        return Err(FolderError::Root);
    }
    // One that is missing after this is told as not writable. Folders above it stay root's, and others must be able to pass.
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        let _ = fs::create_dir_all(parent);
    }
    let _ = DirBuilder::new().mode(0o700).create(folder);
    // A link to the folder is followed, links in it are not.
    match fs::metadata(folder) {
        Ok(found) if !found.is_dir() => return Err(FolderError::NoFolder(folder.to_path_buf())),
        Ok(_) | Err(_) => {}
    }
    let opened = folder.canonicalize().and_then(|path| Ok(open(&path, ENTRY | OFlag::O_DIRECTORY, Mode::empty())?));
    let Ok(folder) = opened else { return Ok(()) };
    let mut left = MAX_ENTRIES;
    // Inside first: the folder itself may be out of root's reach afterwards, as root in a container may lack the capability to pass by
    // permissions. For the same reason it may not be readable, and is given away all the same.
    give_inside(&folder, to, 0, &mut left);
    if let Ok(found) = fstat(&folder)
        && (found.st_uid, found.st_gid) != (to.user, to.group)
    {
        let _ = fchownat(&folder, "", Some(to.uid()), Some(to.gid()), AtFlags::AT_EMPTY_PATH);
    }
    Ok(())
}

/// How things are opened: to be looked at and given away by their descriptor, and never through a link, so that nobody who may write there can
/// lead root elsewhere.
const ENTRY: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Gives files and folders inside away that belong to root. Others' are left alone: somebody put them there. So is a file that has a second name,
/// which may be one elsewhere.
fn give_inside(folder: &OwnedFd, to: Identity, depth: usize, left: &mut usize) {
    let Ok(entries) = fs::read_dir(format!("/proc/self/fd/{}", folder.as_raw_fd())) else { return };
    for entry in entries.flatten() {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let Ok(entry) = openat(folder, entry.file_name().as_os_str(), ENTRY, Mode::empty()) else { continue };
        let Ok(found) = fstat(&entry) else { continue };
        let kind = SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT;
        let is_folder = kind == SFlag::S_IFDIR;
        if is_folder && depth < MAX_DEPTH {
            give_inside(&entry, to, depth + 1, left);
        }
        if found.st_uid == 0 && (is_folder || (kind == SFlag::S_IFREG && found.st_nlink == 1)) {
            let _ = fchownat(&entry, "", Some(to.uid()), Some(to.gid()), AtFlags::AT_EMPTY_PATH);
        }
    }
}

/// Makes the folder if it is missing, and finds out whether this process may write there, and to the database in it.
///
/// # Errors
/// When it may not: the message has the command that helps.
pub fn writable(folder: &Path, database: &str) -> Result<(), FolderError> {
    let user = Identity::current();
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    match (made, fs::metadata(folder)) {
        (_, Ok(found)) if found.is_dir() => {}
        (_, Ok(_)) => return Err(FolderError::NoFolder(folder.to_path_buf())),
        (Err(source), _) | (Ok(()), Err(source)) => {
            return Err(FolderError::NotMade { user, path: folder.to_path_buf(), source });
        }
    }
    let file = folder.join(database);
    for (path, wanted) in [
        (folder, AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK),
        (&file, AccessFlags::R_OK | AccessFlags::W_OK),
    ] {
        match access(path, wanted).map_err(io::Error::from) {
            Ok(()) => {}
            Err(source) if source.kind() == ErrorKind::NotFound && path != folder => {}
            Err(source) => {
                let (path, folder) = (path.to_path_buf(), folder.to_path_buf());
                return Err(FolderError::NotWritable { user, path, folder, source });
            }
        }
    }
    Ok(())
}
