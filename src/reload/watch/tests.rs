//! What is noticed of files, and what is not.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::os::unix::fs::symlink;
use std::sync::Mutex;

use tempfile::TempDir;

use super::*;

/// Nothing that a test waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

struct Watched {
    folder: TempDir,
    paths: Vec<PathBuf>,
    watch: Watch,
}

impl Watched {
    /// A folder in which these files are watched; `lay_out` makes them.
    fn new(names: &[&str], lay_out: impl FnOnce(&Path)) -> Watched {
        let folder = tempfile::tempdir().unwrap();
        lay_out(folder.path());
        let paths = names.iter().map(|name| folder.path().join(name)).collect();
        let mut watched = Watched { folder, paths, watch: Watch::new() };
        assert!(watched.follow());
        watched
    }

    /// Watches anew; whether anything is watched that was not before.
    fn follow(&mut self) -> bool {
        self.watch.follow(self.paths.iter().map(PathBuf::as_path)).unwrap()
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until a change was noticed and it is quiet.
    async fn noticed(&self) {
        timeout(PATIENCE, self.watch.settled()).await.unwrap();
    }
}

fn replace(path: &Path, content: &str) {
    let new = path.with_extension("new");
    fs::write(&new, content).unwrap();
    fs::rename(new, path).unwrap();
}

#[tokio::test]
async fn a_file_that_is_renamed_into_place_is_noticed_again_and_again() {
    let mut watched = Watched::new(&["config.yaml"], |root| fs::write(root.join("config.yaml"), "0").unwrap());
    for round in 1..4 {
        replace(&watched.root().join("config.yaml"), &round.to_string());
        watched.noticed().await;
        assert!(watched.follow(), "the new file is watched in the place of the old one");
    }
}

#[tokio::test]
async fn a_file_that_is_written_in_place_is_noticed() {
    let watched = Watched::new(&["config.yaml"], |root| fs::write(root.join("config.yaml"), "0").unwrap());
    fs::write(watched.root().join("config.yaml"), "1").unwrap();
    watched.noticed().await;
}

#[tokio::test]
async fn a_file_that_comes_and_goes_is_noticed() {
    let mut watched = Watched::new(&["config.yaml", ".env", "keys/openai"], |root| {
        fs::write(root.join("config.yaml"), "").unwrap();
    });
    let root = watched.root().to_owned();
    fs::write(root.join(".env"), "A=1").unwrap();
    watched.noticed().await;
    fs::create_dir(root.join("keys")).unwrap();
    watched.noticed().await;
    assert!(watched.follow());
    fs::write(root.join("keys/openai"), "key").unwrap();
    watched.noticed().await;
    fs::remove_file(root.join(".env")).unwrap();
    watched.noticed().await;
}

#[tokio::test]
async fn the_swap_of_a_link_is_noticed_as_kubernetes_makes_it() {
    let version = |root: &Path, name: &str| {
        fs::create_dir(root.join(name)).unwrap();
        fs::write(root.join(name).join("config.yaml"), name).unwrap();
    };
    let mut watched = Watched::new(&["config.yaml"], |root| {
        version(root, "..1");
        symlink("..1", root.join("..data")).unwrap();
        symlink("..data/config.yaml", root.join("config.yaml")).unwrap();
    });
    let root = watched.root().to_owned();
    for name in ["..2", "..3"] {
        version(&root, name);
        symlink(name, root.join("..data_tmp")).unwrap();
        fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
        watched.noticed().await;
        assert!(watched.follow());
        assert_eq!(fs::read_to_string(root.join("config.yaml")).unwrap(), name);
    }
    fs::write(root.join("..3/config.yaml"), "in place").unwrap();
    watched.noticed().await;
}

#[tokio::test]
async fn another_folder_in_the_place_of_the_old_one_is_noticed() {
    let mut watched = Watched::new(&["conf/config.yaml"], |root| {
        fs::create_dir(root.join("conf")).unwrap();
        fs::write(root.join("conf/config.yaml"), "0").unwrap();
    });
    let root = watched.root().to_owned();
    fs::create_dir(root.join("new")).unwrap();
    fs::write(root.join("new/config.yaml"), "1").unwrap();
    fs::rename(root.join("conf"), root.join("old")).unwrap();
    watched.noticed().await;
    fs::rename(root.join("new"), root.join("conf")).unwrap();
    watched.follow();
    fs::write(root.join("conf/config.yaml"), "2").unwrap();
    watched.noticed().await;
}

#[tokio::test]
async fn other_files_of_the_folder_and_readers_are_not_noticed() {
    /// What was noticed, in its order.
    static NOTICED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    fn noting(stirred: Arc<Notify>, entries: Entries) -> notify::Result<Box<dyn Watcher + Send>> {
        let note = move |event: notify::Result<Event>| {
            let event = event.unwrap();
            if matters(&event, &entries.load()) {
                NOTICED.lock().unwrap().extend(event.paths);
                stirred.notify_one();
            }
        };
        Ok(Box::new(notify::recommended_watcher(note)?))
    }
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap();
    fs::write(root.join("config.yaml"), "0").unwrap();
    let mut watch = Watch::made_by(noting);
    let paths = [root.join("config.yaml"), root.join("key")];
    watch.follow(paths.iter().map(PathBuf::as_path)).unwrap();
    for round in 0..50 {
        fs::write(root.join("access.log"), round.to_string()).unwrap();
        fs::rename(root.join("access.log"), root.join("access.log.1")).unwrap();
        fs::read_to_string(root.join("config.yaml")).unwrap();
    }
    // The system tells in order: what is noticed first is what was done last.
    fs::write(root.join("key"), "last").unwrap();
    timeout(PATIENCE, watch.settled()).await.unwrap();
    assert_eq!(NOTICED.lock().unwrap().first(), Some(&root.join("key")));
}

#[tokio::test]
async fn many_changes_are_one() {
    let watched = Watched::new(&["config.yaml"], |root| fs::write(root.join("config.yaml"), "0").unwrap());
    let began = Instant::now();
    for round in 0..500 {
        replace(&watched.root().join("config.yaml"), &round.to_string());
    }
    let mut waits = 0;
    while timeout(LONGEST_WAIT * 2, watched.watch.settled()).await.is_ok() {
        waits += 1;
    }
    let most = 2 + began.elapsed().as_millis() / QUIET.as_millis();
    assert!((1..=most).contains(&waits), "{waits} waits in {:?}", began.elapsed());
}

#[tokio::test]
async fn a_system_that_cannot_watch_is_told_and_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    let mut watch = Watch::made_by(|_, _| Err(notify::Error::new(ErrorKind::MaxFilesWatch)));
    assert!(watch.follow([path.as_path()]).is_err());
    watch.make = system;
    assert!(watch.follow([path.as_path()]).unwrap(), "it can now");
    assert!(!watch.follow([path.as_path()]).unwrap(), "nothing is new");
}
