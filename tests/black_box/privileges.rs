//! Who the gateway runs as: root that becomes somebody else for good, and what is said where that does not work out.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::support::{Request, Way, free_address, send, tell, within};

const SOMEBODY: u32 = 10_001;
const MASTER_KEY: &str = "master-0123456789abcdef0123456789abcdef";
const CONFIG: &str = "routes:\n  auto: {strategy: cheapest-capable}\n";

/// A folder as a compose file mounts it: config.yaml, and a data folder of root's.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        // Others may pass, as they may in /app.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("config.yaml"), CONFIG).unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        Place(folder)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn serve(&self, environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ovth"));
        command.args(["serve", "--config"]).arg(self.path("config.yaml")).current_dir(self.0.path()).env_clear();
        command.env("OVTH_MASTER_KEY", MASTER_KEY).env("OPENAI_API_KEY", "key-of-nobody-0123456789abcdef");
        command.env("OVTH_DATA_DIR", self.path("data")).env("OPENAI_BASE_URL", "http://127.0.0.1:9/v1");
        command.envs(environment.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// What is said by a gateway that does not start.
    fn refused(&self, environment: &[(&str, &str)], prepare: impl FnOnce(&mut Command)) -> String {
        let mut command = self.serve(environment);
        prepare(&mut command);
        let said = command.output().unwrap();
        let text = String::from_utf8(said.stderr).unwrap();
        assert_eq!(said.status.code(), Some(1), "{text}");
        text
    }

    /// A gateway that serves.
    async fn started(&self, environment: &[(&str, &str)]) -> Running {
        let (address, metrics) = (free_address(), free_address());
        let mut command = self.serve(environment);
        command.env("OVTH_LISTEN", address.to_string()).env("OVTH_METRICS_LISTEN", metrics.to_string());
        let log = fs::File::create(self.path("log")).unwrap();
        let mut child = command.stderr(log).spawn().unwrap();
        within("the gateway to listen", async {
            while TcpStream::connect(address).await.is_err() {
                if let Some(status) = child.try_wait().unwrap() {
                    panic!("ended with {status}: {}", fs::read_to_string(self.path("log")).unwrap());
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await;
        Running { child, address }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }
}

struct Running {
    child: Child,
    address: SocketAddr,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn is_root() -> bool {
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if !root {
        tell("left out: becoming another user, as these tests do not run as root");
    }
    root
}

fn fields(status: &Path) -> impl Fn(&str) -> String + use<> {
    let status = fs::read_to_string(status).unwrap();
    move |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

#[tokio::test]
async fn root_gives_the_data_folder_away_and_every_thread_is_somebody_else_with_no_way_back() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    // As docker's `env_file` has it: the file is not for that user, and its variables are there.
    fs::write(place.path(".env"), "OVTH_MASTER_KEY=another\n").unwrap();
    fs::set_permissions(place.path(".env"), Permissions::from_mode(0o600)).unwrap();
    let gateway = place.started(&[("OVTH_USER", "10001:10001")]).await;
    let mint = Request::post("/admin/keys", r#"{"label":"x"}"#).bearer(MASTER_KEY);
    assert_eq!(send(gateway.address, &mint, Way::Sized).await.status, 201);
    let shown = send(gateway.address, &Request::get("/admin/config").bearer(MASTER_KEY), Way::Sized).await.json();
    assert_eq!(shown["watching"], "watched", "one file that cannot be read is no reason to watch none: {shown}");

    let ids = format!("{SOMEBODY} {SOMEBODY} {SOMEBODY} {SOMEBODY}");
    let mut threads = 0;
    for task in fs::read_dir(format!("/proc/{}/task", gateway.child.id())).unwrap() {
        let status = task.unwrap().path().join("status");
        let field = fields(&status);
        assert_eq!((field("Uid"), field("Gid"), field("Groups")), (ids.clone(), ids.clone(), String::new()));
        for capabilities in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(field(capabilities), "0000000000000000", "{capabilities}");
        }
        // That of the signals is older than the change, and never runs a program.
        assert!(field("Name") == "signals" || field("NoNewPrivs") == "1", "{}", field("Name"));
        threads += 1;
    }
    assert!(threads > 3, "{threads} threads");
    for name in ["data", "data/ovth.redb"] {
        let found = fs::metadata(place.path(name)).unwrap();
        assert_eq!((found.uid(), found.gid()), (SOMEBODY, SOMEBODY), "{name}");
    }
    assert_eq!(fs::metadata(place.path("config.yaml")).unwrap().uid(), 0);
    assert!(!place.log().contains("runs as root"), "{}", place.log());
}

#[tokio::test]
async fn what_an_earlier_run_as_root_left_is_taken_over() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let earlier = place.started(&[("OVTH_USER", "0:0")]).await;
    assert!(!place.log().contains("runs as root"), "root was asked for: {}", place.log());
    drop(earlier);
    assert_eq!(fs::metadata(place.path("data/ovth.redb")).unwrap().uid(), 0);
    let _gateway = place.started(&[("OVTH_USER", "10001")]).await;
    assert_eq!(fs::metadata(place.path("data/ovth.redb")).unwrap().uid(), SOMEBODY);
}

#[tokio::test]
async fn root_that_nobody_asked_for_is_warned_of() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let _gateway = place.started(&[]).await;
    let log = place.log();
    assert!(log.contains("runs as root") && log.contains("OVTH_USER"), "{log}");
}

#[test]
fn somebody_else_who_may_not_write_is_told_the_command() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let as_somebody = |command: &mut Command| {
        command.uid(SOMEBODY).gid(SOMEBODY);
    };
    let said = place.refused(&[], as_somebody);
    // The tests may run in a container themselves, where the folder's name outside is not known.
    let here = ["/.dockerenv", "/run/.containerenv"].iter().any(|mark| Path::new(mark).exists());
    let folder = if here { "./data".to_owned() } else { place.path("data").display().to_string() };
    let command = format!("sudo chown -R 10001:10001 {folder}");
    assert!(said.contains("user 10001:10001 cannot write to") && said.contains(&command), "{said}");
    let said = place.refused(&[("container", "oci")], as_somebody);
    assert!(said.contains("sudo chown -R 10001:10001 ./data"), "{said}");
    // A folder that root may not give away (here: it may, and the file in it is a third user's).
    fs::write(place.path("data/ovth.redb"), "x").unwrap();
    fs::set_permissions(place.path("data/ovth.redb"), Permissions::from_mode(0o600)).unwrap();
    chown(place.path("data/ovth.redb"), Some(1_234), Some(1_234)).unwrap();
    let said = place.refused(&[("OVTH_USER", "10001:10001")], |_| {});
    assert!(said.contains("ovth.redb") && said.contains("sudo chown -R 10001:10001"), "{said}");
}

#[test]
fn a_user_that_is_none_is_refused_before_anything_happens() {
    let place = Place::new();
    let said = place.refused(&[("OVTH_USER", "nobody")], |_| {});
    assert!(said.contains("--user (OVTH_USER): `nobody` must be the numbers"), "{said}");
}

#[test]
fn a_folder_that_docker_made_for_the_missing_config_yaml_is_told_with_the_cure() {
    let place = Place::new();
    fs::remove_file(place.path("config.yaml")).unwrap();
    fs::create_dir(place.path("config.yaml")).unwrap();
    let said = place.refused(&[("OVTH_USER", "10001:10001")], |_| {});
    assert!(
        said.contains("config.yaml: is a folder") && said.contains("`rmdir config.yaml`") && said.contains("ovth init"),
        "{said}"
    );
}

#[test]
fn a_configuration_that_its_user_may_not_read_is_told_with_the_cure() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    fs::set_permissions(place.path("config.yaml"), Permissions::from_mode(0o600)).unwrap();
    let said = place.refused(&[("OVTH_USER", "10001:10001")], |_| {});
    assert!(said.contains("Permission denied") && said.contains("sudo chown 10001 config.yaml"), "{said}");
}
