//! Where changes of a file can come from: not its own folder alone, but every link on the way to it, as Kubernetes swaps one.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The most links that are followed on the way to one file, as the kernel has it.
const MAX_LINKS: usize = 40;

/// What must be watched for some files, and which events are about them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Trail {
    /// Folders to be watched, without links in their paths: those of the files, and of each link on the way.
    pub(super) folders: BTreeSet<PathBuf>,
    /// The files themselves, where they are there. One that is mounted by itself is changed in place, and the folder is not told.
    pub(super) files: BTreeSet<PathBuf>,
    /// The entries of those folders whose change matters.
    pub(super) entries: HashSet<PathBuf>,
}

impl Trail {
    /// What leads to these files (paths from the root on) now.
    pub(super) fn of<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Trail {
        let mut trail = Trail::default();
        paths.into_iter().for_each(|path| trail.follow(path));
        trail
    }

    fn follow(&mut self, path: &Path) {
        let mut ahead: VecDeque<OsString> = parts(path).collect();
        let mut folder = PathBuf::from("/");
        let mut links = 0;
        while let Some(part) = ahead.pop_front() {
            if part == ".." {
                folder.pop();
                continue;
            }
            let entry = folder.join(&part);
            match fs::symlink_metadata(&entry) {
                Ok(metadata) if metadata.is_symlink() && links < MAX_LINKS => {
                    links += 1;
                    self.note(&folder, &entry);
                    let Ok(target) = fs::read_link(&entry) else { return };
                    if target.is_absolute() {
                        folder = PathBuf::from("/");
                    }
                    parts(&target).collect::<Vec<_>>().into_iter().rev().for_each(|part| ahead.push_front(part));
                }
                Ok(metadata) if metadata.is_dir() && !ahead.is_empty() => folder = entry,
                Ok(metadata) => {
                    self.note(&folder, &entry);
                    if metadata.is_file() {
                        self.files.insert(entry);
                    }
                    return;
                }
                // It may come: the folder that it is missing in tells.
                Err(_) => return self.note(&folder, &entry),
            }
        }
    }

    fn note(&mut self, folder: &Path, entry: &Path) {
        self.folders.insert(folder.to_owned());
        self.entries.insert(entry.to_owned());
    }
}

/// The names in a path, `..` among them.
fn parts(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::os::unix::fs::symlink;

    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        (folder, root)
    }

    fn told(trail: &Trail, root: &Path) -> (Vec<String>, Vec<String>) {
        let short = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
        let mut entries: Vec<String> = trail.entries.iter().map(|entry| short(entry)).collect();
        entries.sort();
        (trail.folders.iter().map(|folder| short(folder)).collect(), entries)
    }

    #[test]
    fn a_plain_file_leads_to_its_folder_whether_it_is_there_or_not() {
        let (_folder, root) = folder();
        fs::write(root.join("config.yaml"), "").unwrap();
        let paths = [root.join("config.yaml"), root.join(".env"), root.join("keys/openai")];
        let trail = Trail::of(paths.iter().map(PathBuf::as_path));
        let entries = [".env", "config.yaml", "keys"].map(str::to_owned).to_vec();
        assert_eq!(told(&trail, &root), (vec![String::new()], entries));
        assert_eq!(trail.files, BTreeSet::from([root.join("config.yaml")]));
    }

    #[test]
    fn every_link_on_the_way_counts() {
        // As Kubernetes mounts a ConfigMap, in a folder that is reached by a link itself.
        let (_folder, root) = folder();
        fs::create_dir_all(root.join("real/..2026_11_23")).unwrap();
        fs::write(root.join("real/..2026_11_23/config.yaml"), "").unwrap();
        symlink("..2026_11_23", root.join("real/..data")).unwrap();
        symlink("..data/config.yaml", root.join("real/config.yaml")).unwrap();
        symlink(root.join("real"), root.join("current")).unwrap();
        let trail = Trail::of([root.join("current/config.yaml").as_path()]);
        let folders = ["", "real", "real/..2026_11_23"].map(str::to_owned).to_vec();
        let entries = ["current", "real/..2026_11_23/config.yaml", "real/..data", "real/config.yaml"];
        assert_eq!(told(&trail, &root), (folders, entries.map(str::to_owned).to_vec()));
    }

    #[test]
    fn links_in_a_circle_end() {
        let (_folder, root) = folder();
        symlink("b", root.join("a")).unwrap();
        symlink("a", root.join("b")).unwrap();
        let trail = Trail::of([root.join("a").as_path()]);
        assert_eq!(trail.folders, BTreeSet::from([root]));
    }
}
