//! Every file under `conf/` and `docker/` has a test that loads or runs it, and the files for containers and systemd say what they must.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking, and say what they leave out"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_yaml::Value;

/// Each file, who loads or runs it, and the text by which it does so. `conf/grafana` and `conf/prometheus` are as many as there are.
const OWNERS: [(&str, &str, &str); 13] = [
    ("conf/README.md", "tests/shipped.rs", "fn the_notes_on_conf_name_what_is_there"),
    ("conf/config.example.yaml", "src/config/tests/example.rs", "conf/config.example.yaml"),
    ("conf/config.minimal.yaml", "src/config/tests/mod.rs", "conf/config.minimal.yaml"),
    ("conf/config.starter.yaml", "tests/black_box/beginning.rs", "fn what_init_writes_passes_the_check_and_serves"),
    ("conf/models.json", "src/catalog/index.rs", "conf/models.json"),
    ("conf/Caddyfile", "tests/black_box/proxies/front.rs", "conf/Caddyfile"),
    ("conf/systemd/ovth.service", "tests/shipped.rs", "fn systemd_takes_the_unit_and_finds_it_hardened"),
    ("docker/Dockerfile", "docker/test-image.sh", "docker/Dockerfile"),
    ("docker/build-static.sh", "docker/test-image.sh", "docker/build-static.sh"),
    ("docker/layout.sh", "docker/test-image.sh", "docker/layout.sh"),
    ("docker/run-in-container.sh", "docker/test-image.sh", "run-in-container.sh"),
    ("docker/test-image.sh", "Makefile", "docker/test-image.sh"),
    (
        "docker/docker-compose.yml",
        "tests/shipped.rs",
        "fn the_compose_file_has_the_form_of_the_guide_and_gives_away_nothing",
    ),
];

/// Folders whose files are all found and loaded by one test.
const FOLDERS: [(&str, &str); 2] = [("conf/grafana/", "grafana"), ("conf/prometheus/", "prometheus")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Whether any test names that text.
fn tests_name(text: &str) -> bool {
    let tests = files(&root().join("tests")).into_iter().filter(|path| !path.ends_with("shipped.rs"));
    tests.filter_map(|path| fs::read_to_string(path).ok()).any(|test| test.contains(text))
}

#[test]
fn every_shipped_file_has_a_test_that_loads_or_runs_it() {
    let owners: BTreeMap<&str, (&str, &str)> =
        OWNERS.iter().map(|(file, owner, text)| (*file, (*owner, *text))).collect();
    let shipped = ["conf", "docker"].map(|folder| files(&root().join(folder))).concat();
    let names: Vec<String> =
        shipped.iter().map(|path| path.strip_prefix(root()).unwrap().display().to_string()).collect();
    for name in &names {
        if let Some((folder, _)) = FOLDERS.iter().find(|(folder, _)| name.starts_with(folder)) {
            assert!(tests_name(folder.trim_end_matches('/')), "no test names {name} or its folder");
            continue;
        }
        let (owner, text) =
            owners.get(name.as_str()).unwrap_or_else(|| panic!("{name} has no test: add one, and a line above"));
        assert!(read(owner).contains(text), "{owner} does not have {text:?}, by which it tests {name}");
    }
    for (file, ..) in OWNERS {
        assert!(names.iter().any(|name| name == file), "{file} is gone: take its line out");
    }
}

#[test]
fn the_notes_on_conf_name_what_is_there() {
    let notes = read("conf/README.md");
    for entry in fs::read_dir(root().join("conf")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let has_own_notes = FOLDERS.iter().any(|(_, folder)| *folder == name);
        assert!(name == "README.md" || has_own_notes || notes.contains(&name), "conf/README.md says nothing of {name}");
    }
}

fn compose(path: &str) -> Value {
    let mut file: Value = serde_yaml::from_str(&read(path)).unwrap();
    file.apply_merge().unwrap();
    file
}

/// The items of a list, as text.
fn list(value: &Value) -> Vec<String> {
    value.as_sequence().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_compose_file_has_the_form_of_the_guide_and_gives_away_nothing() {
    let (guide, ours) = (compose("tests/fixtures/deploy/guide-compose.yml"), compose("docker/docker-compose.yml"));
    let (guide, gateway) = (&guide["services"]["ovth"], &ours["services"]["ovth"]);
    for same in ["ports", "env_file", "restart"] {
        assert_eq!(gateway[same], guide[same], "{same}");
    }
    // The data folder as the guide has it; config under /app, but a folder, so that an editor's new file is seen.
    assert!(list(&guide["volumes"]).contains(&"./config.yaml:/app/config.yaml:ro".to_owned()));
    assert_eq!(list(&gateway["volumes"]), [".:/app:ro", "./data:/data"]);
    assert!(list(&guide["volumes"]).contains(&"./data:/data".to_owned()));
    assert_eq!(gateway["read_only"], Value::Bool(true));
    assert_eq!(list(&gateway["cap_drop"]), ["ALL"]);
    assert_eq!(list(&gateway["cap_add"]), ["CHOWN", "SETGID", "SETUID"]);
    assert_eq!(list(&gateway["security_opt"]), ["no-new-privileges:true"]);
    assert_eq!(gateway["stop_grace_period"], "10s");
    for limit in ["mem_limit", "pids_limit"] {
        assert!(!gateway[limit].is_null(), "{limit}");
    }
    assert_eq!(gateway["profiles"], Value::Null, "the gateway is started without a profile");
    for name in ["caddy", "prometheus", "grafana"] {
        let service = &ours["services"][name];
        assert_eq!(list(&service["profiles"]), [name]);
        assert_eq!(list(&service["cap_drop"]), ["ALL"], "{name}");
        // Only Caddy is for the world.
        let is_local = |port: &String| port.starts_with("127.0.0.1:");
        assert_eq!(list(&service["ports"]).iter().all(is_local), name != "caddy", "{name}");
        for mount in list(&service["volumes"]) {
            let (source, rest) = mount.split_once(':').unwrap();
            if source.starts_with("./") {
                assert!(rest.ends_with(":ro"), "{mount}");
            } else {
                assert!(ours["volumes"].get(source).is_some(), "{mount}");
            }
        }
    }
    for (name, service) in ours["services"].as_mapping().unwrap() {
        let options = &service["logging"]["options"];
        assert!(
            options["max-size"].is_string() && options["max-file"].is_string(),
            "{name:?} may fill the disk with its log"
        );
    }
}

/// The instructions of a Dockerfile's last stage, continuation lines joined.
fn last_stage(dockerfile: &str) -> Vec<(String, String)> {
    let joined = dockerfile.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let all: Vec<(String, String)> = lines
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, rest)| (name.to_owned(), rest.split_whitespace().collect::<Vec<_>>().join(" ")))
        .collect();
    let at = all.iter().rposition(|(name, _)| name == "FROM").unwrap();
    all[at..].to_vec()
}

#[test]
fn the_image_is_the_binary_alone_and_its_settings_are_ones_that_the_gateway_knows() {
    let stage = last_stage(&read("docker/Dockerfile"));
    let of = |name: &str| -> Vec<&str> {
        stage.iter().filter(|(other, _)| other == name).map(|(_, rest)| rest.as_str()).collect()
    };
    assert_eq!(of("FROM"), ["scratch"]);
    assert!(of("RUN").is_empty() && of("ADD").is_empty());
    assert!(
        of("COPY").iter().all(|copy| copy.starts_with("--from=build ")),
        "nothing of the context is in the image: {:?}",
        of("COPY")
    );
    assert_eq!(of("ENTRYPOINT"), [r#"["/ovth"]"#]);
    assert_eq!(of("CMD"), [r#"["serve"]"#]);
    assert!(of("HEALTHCHECK")[0].ends_with(r#"CMD ["/ovth", "health"]"#), "{:?}", of("HEALTHCHECK"));
    assert_eq!(of("EXPOSE"), ["8080"], "the metrics are not published");
    let set: BTreeMap<&str, &str> = of("ENV")[0].split(' ').map(|pair| pair.split_once('=').unwrap()).collect();
    assert_eq!(set["OVTH_LISTEN"], "0.0.0.0:8080");
    assert_eq!(set["OVTH_METRICS_LISTEN"], "0.0.0.0:9464");
    assert_eq!((set["OVTH_CONFIG"], set["OVTH_DATA_DIR"]), ("/app/config.yaml", "/data"));
    assert_eq!(set["OVTH_USER"], "10001:10001");
    // Less than the compose file's stop_grace_period.
    assert_eq!(set["OVTH_SHUTDOWN_GRACE"], "8s");
    let sources =
        files(&root().join("src")).iter().map(|path| fs::read_to_string(path).unwrap_or_default()).collect::<String>();
    // Those of the allocator are glibc's own.
    for name in set.keys().filter(|name| !name.starts_with("MALLOC_")) {
        assert!(sources.contains(&format!("\"{name}\"")), "{name} is set in the image, and nothing reads it");
    }
    // What the build needs is let through to the builder, and no key.
    let ignored = read(".dockerignore");
    let first = ignored.lines().find(|line| !line.starts_with('#')).unwrap();
    assert_eq!(first, "*", "everything is left out that is not named");
    for needed in [
        "Cargo.toml",
        "Cargo.lock",
        "src",
        "filters",
        "benches",
        "conf",
        "docker/build-static.sh",
        "docker/layout.sh",
        "docker/docker-compose.yml",
    ] {
        assert!(ignored.lines().any(|line| line == format!("!{needed}")), "{needed}");
    }
    assert!(ignored.lines().any(|line| line == "**/.env*"));
}

#[test]
fn systemd_takes_the_unit_and_finds_it_hardened() {
    let unit = read("conf/systemd/ovth.service");
    for line in [
        "Type=exec",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "TimeoutStopSec=40",
        "EnvironmentFile=/etc/ovth/.env",
        "StateDirectory=ovth",
        "DynamicUser=yes",
    ] {
        assert!(unit.lines().any(|other| other == line), "{line}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ovth.service");
    // A program that is there, in the place of the installed one.
    fs::write(&file, unit.replace("/usr/local/bin/ovth", env!("CARGO_BIN_EXE_ovth"))).unwrap();
    let Ok(verified) = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file).output() else {
        eprintln!("left out: systemd-analyze of the unit, as it is not installed");
        return;
    };
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && !said.contains("ovth.service"), "{said}");
    // Exposure in tenths: 10 is none of it hardened. Older releases cannot judge a file.
    let judged = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=20", "--no-pager"])
        .arg(&file)
        .output()
        .unwrap();
    let table = String::from_utf8_lossy(&judged.stdout);
    match table.lines().find(|line| line.contains("Overall exposure")) {
        Some(score) => {
            eprintln!("{}", score.trim());
            assert!(judged.status.success(), "{table}");
        }
        None => eprintln!("left out: the exposure of the unit, as this systemd-analyze judges no files"),
    }
}
