//! Reloads of real files by the real thread.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tempfile::TempDir;

use super::*;
use crate::config::Content;
use crate::observe::{Metrics, ReloadOutcome};
use crate::routing::Snapshot;

const CONFIG: &str = "\
master_key: {file: master}
providers:
  host: {base_url: 'http://127.0.0.1:9/v1', api_key: {file: key}, headers: {x-secret: planted-in-a-header}}
routes:
  auto: {providers: [host], models: [some-model]}
";

struct Scene {
    folder: TempDir,
    snapshot: Arc<ArcSwap<Snapshot>>,
    followed: Arc<Mutex<Vec<usize>>>,
    metrics: Arc<Metrics>,
    handle: Handle,
}

impl Scene {
    fn new(config: &str) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("config.yaml", config);
        write("master", "planted-master-0123456789abcdef0123456789");
        write("key", "planted-key-1");
        let path = folder.path().join("config.yaml");
        let Loaded { snapshot, warnings, files, .. } =
            load(&path).unwrap_or_else(|failed| panic!("{}", failed.problems));
        Scene::started(
            folder,
            Parts {
                path,
                files,
                warnings,
                snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
                metrics: Arc::new(Metrics::new()),
                followers: Vec::new(),
                swapped: Box::new(|| ()),
            },
        )
    }

    fn started(folder: TempDir, mut parts: Parts) -> Scene {
        let (snapshot, metrics) = (Arc::clone(&parts.snapshot), Arc::clone(&parts.metrics));
        let followed = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&followed);
        parts.followers.push(Box::new(move |config| {
            notes.lock().unwrap().push(config.limits.buffered_bytes);
            Ok(())
        }));
        let handle = start(parts).unwrap();
        Scene { folder, snapshot, followed, metrics, handle }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn key(&self) -> String {
        self.snapshot.load().config().providers[0].api_keys[0].expose().to_owned()
    }

    /// Waits for a state.
    async fn when(&self, is_so: impl Fn(&State) -> bool) -> Arc<State> {
        let looked = async {
            loop {
                let state = self.handle.state();
                if is_so(&state) {
                    return state;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), looked).await.unwrap()
    }
}

fn claimed(config: &str) -> String {
    config.replace("api_key: {file: key},", "api_key: {file: key}, models: [some-model, other-model],")
}

#[tokio::test]
async fn a_changed_file_is_taken_over_and_the_old_snapshot_is_freed() {
    let scene = Scene::new(&claimed(CONFIG));
    let old: Weak<Snapshot> = Arc::downgrade(&scene.snapshot.load_full());
    let held = scene.snapshot.load_full();
    scene.write("key", "planted-key-2\n");
    let state = scene.when(|state| state.generation == 2).await;
    assert_eq!((state.last.trigger, state.last.outcome), (Trigger::File, ReloadOutcome::Ok));
    assert_eq!(scene.key(), "planted-key-2");
    assert_eq!(held.config().providers[0].api_keys[0].expose(), "planted-key-1", "who holds the old one keeps it");
    assert_eq!(*scene.followed.lock().unwrap(), [128 << 20]);
    drop(held);
    // The thread itself lets go of it a moment after it has told.
    scene.when(|_| old.upgrade().is_none()).await;
    let page = scene.metrics.render();
    for line in ["ovth_config_generation 2", "ovth_config_reloads_total{outcome=\"ok\"} 1"] {
        assert!(page.contains(line), "{line}: {page}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_kept_out_until_it_is_put_right() {
    let scene = Scene::new(&claimed(CONFIG));
    let good = fs::read_to_string(scene.folder.path().join("config.yaml")).unwrap();
    scene.write("config.yaml", &good.replace("some-model]", "unheard-of]").replace("auto:", "auto: {}\n  car:"));
    let state = scene.when(|state| state.condition() == Condition::Rejected).await;
    assert_eq!((state.generation, state.last.outcome), (1, ReloadOutcome::Invalid));
    assert!(state.problems.to_string().contains("unheard-of"), "{}", state.problems);
    scene.write("config.yaml", &(good.clone() + "threads: 7\ndata_dir: elsewhere\n"));
    let state = scene.when(|state| state.condition() == Condition::NeedsRestart).await;
    let names: Vec<&str> = state.problems.0.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(names, ["data_dir", "threads"]);
    scene.write("config.yaml", &good);
    let state = scene.when(|state| state.condition() == Condition::Ok).await;
    assert_eq!((state.generation, state.problems.0.iter().filter(|p| p.path == "threads").count()), (2, 0));
    let page = scene.metrics.render();
    for line in ["outcome=\"invalid\"} 1", "outcome=\"needs_restart\"} 1", "outcome=\"ok\"} 1"] {
        assert!(page.contains(line), "{line}: {page}");
    }
}

#[tokio::test]
async fn a_key_file_that_was_missing_mends_a_configuration_when_it_comes() {
    let scene = Scene::new(&claimed(CONFIG));
    let good = fs::read_to_string(scene.folder.path().join("config.yaml")).unwrap();
    scene.write("config.yaml", &good.replace("{file: key}", "{file: keys/later}"));
    scene.when(|state| state.condition() == Condition::Rejected).await;
    fs::create_dir(scene.folder.path().join("keys")).unwrap();
    scene.write("keys/later", "planted-key-3");
    scene.when(|state| state.generation == 2).await;
    assert_eq!(scene.key(), "planted-key-3");
}

#[tokio::test]
async fn a_change_between_the_load_and_the_watch_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("config.yaml");
    fs::write(&path, claimed(CONFIG)).unwrap();
    fs::write(folder.path().join("master"), "planted-master-0123456789abcdef0123456789").unwrap();
    fs::write(folder.path().join("key"), "planted-key-1").unwrap();
    let Loaded { snapshot, warnings, files, .. } = load(&path).unwrap();
    fs::write(folder.path().join("key"), "planted-key-2").unwrap();
    let scene = Scene::started(
        folder,
        Parts {
            path,
            files,
            warnings,
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            metrics: Arc::new(Metrics::new()),
            followers: Vec::new(),
            swapped: Box::new(|| ()),
        },
    );
    scene.when(|state| state.generation == 2).await;
    assert_eq!(scene.key(), "planted-key-2");
}

#[tokio::test]
async fn a_catalogue_of_the_operators_own_replaces_the_built_in_one_and_follows_its_file() {
    let catalogue = |version: &str, model: &str| {
        format!(
            r#"{{"version":"{version}","models":[{{"id":"{model}","provider":"host","kind":"chat","status":"current","api":["chat"]}}]}}"#
        )
    };
    let scene = Scene::new(&claimed(CONFIG));
    assert!(scene.snapshot.load().catalog().models().len() > 10);
    let good = fs::read_to_string(scene.folder.path().join("config.yaml")).unwrap();
    scene.write("mine.json", &catalogue("one", "some-model"));
    scene.write("config.yaml", &(good + "catalog: {file: mine.json}\n"));
    scene.when(|state| state.generation == 2).await;
    assert_eq!((scene.snapshot.load().catalog().version(), scene.snapshot.load().catalog().models().len()), ("one", 1));
    scene.write("mine.json", &catalogue("two", "other-model"));
    scene.when(|state| state.generation == 3).await;
    assert_eq!(scene.snapshot.load().catalog().version(), "two");
    scene.write("mine.json", "{");
    let state = scene.when(|state| state.condition() == Condition::Rejected).await;
    assert!(state.problems.to_string().contains("catalog.file"), "{}", state.problems);
    assert_eq!(scene.snapshot.load().catalog().version(), "two");
}

#[tokio::test]
async fn callers_that_wait_together_share_a_reload_and_too_many_are_turned_away() {
    let scene = Scene::new(&claimed(CONFIG));
    let many = futures::future::join_all((0..40).map(|_| scene.handle.reload())).await;
    let (done, busy): (Vec<_>, Vec<_>) = many.into_iter().partition(Result::is_ok);
    assert!(!done.is_empty() && busy.iter().all(|busy| matches!(busy, Err(RefusedReload::Busy))), "{busy:?}");
    let generation = scene.handle.state().generation;
    assert!(generation <= 1 + done.len() as u64, "{generation}");
}

#[tokio::test]
async fn a_storm_of_changes_makes_few_reloads_and_ends_with_the_last() {
    let scene = Scene::new(&claimed(CONFIG));
    let began = Instant::now();
    for round in 0..300 {
        let new = scene.folder.path().join("new");
        fs::write(&new, format!("planted-key-of-round-{round}")).unwrap();
        fs::rename(new, scene.folder.path().join("key")).unwrap();
    }
    scene.when(|_| scene.key() == "planted-key-of-round-299").await;
    let generation = scene.handle.state().generation;
    // One for each time that it was quiet for a while.
    let most = 3 + began.elapsed().as_millis() / 100;
    assert!(u128::from(generation) <= most, "{generation} in {:?}", began.elapsed());
}

#[tokio::test]
async fn nothing_that_is_shown_holds_a_secret() {
    let scene = Scene::new(&claimed(CONFIG));
    let state = scene.handle.state();
    let shown = serde_json::to_string(&settings(&state.snapshot)).unwrap();
    let files: Vec<String> = state.files.iter().map(|file| format!("{file:?} {:?}", file.hash())).collect();
    let told = format!("{shown} {files:?} {:?}", state.snapshot.config());
    for secret in ["planted-master", "planted-key", "planted-in-a-header"] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
    for file in &state.files {
        let hash = file.hash();
        let begins = |start: &str| hash.as_deref().is_some_and(|hash| hash.starts_with(start));
        match file.content {
            Content::Read(_) if file.role.is_secret() => assert!(begins("keyed:"), "{hash:?}"),
            Content::Read(_) => assert!(begins("sha256:"), "{hash:?}"),
            Content::Missing | Content::Unreadable(_) => assert_eq!(hash, None),
        }
    }
}

/// Whoever adds a setting adds it to what is shown, or says here why it is not.
#[test]
fn every_setting_is_shown() {
    const NOT_SHOWN: [&str; 1] = ["master_key"];
    const OTHERWISE: [(&str, &str); 5] = [
        ("admin_listen", "admin"),
        ("metrics_listen", "metrics"),
        ("ledger", "durability"),
        ("keyless", "providers_without_key"),
        ("process_keys", "process_keys"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path: &Path = &folder.path().join("config.yaml");
    fs::write(path, claimed(CONFIG)).unwrap();
    fs::write(folder.path().join("master"), "planted-master-0123456789abcdef0123456789").unwrap();
    fs::write(folder.path().join("key"), "planted-key-1").unwrap();
    let loaded = load(path).unwrap();
    let shown = serde_json::to_value(settings(&loaded.snapshot)).unwrap();
    // `Debug` lists every field at one step of indentation.
    let debug = format!("{:#?}", loaded.snapshot.config());
    let fields = debug.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(':').map(|(name, _)| name));
    for field in fields.filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())) {
        let name = OTHERWISE.iter().find(|(own, _)| *own == field).map_or(field, |(_, name)| name);
        assert!(
            NOT_SHOWN.contains(&field) || shown.get(name).is_some(),
            "the setting `{field}` is not in `reload::settings`, which GET /admin/config shows"
        );
    }
}
