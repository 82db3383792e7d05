//! Processes under measurement: started on a folder of their own, waited for, killed in the end; and a gateway among them.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The longest wait for a start or an answer.
const PATIENCE: Duration = Duration::from_secs(30);
const MASTER_KEY: &str = "master-0123456789abcdef0123456789abcdef";

/// A running process; killed when dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts a process, its output in that file, and waits until it listens.
    pub(crate) fn start(command: &mut Command, address: SocketAddr, log: &Path) -> Process {
        let output = fs::File::create(log).unwrap();
        let name = log.display();
        let child = command
            .env_remove("OVTH_CONFIG")
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: it does not start: {error}"));
        let mut process = Process(child);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            let ended = process.0.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "{name}: it does not listen: {}", tail(log));
            std::thread::sleep(Duration::from_millis(10));
        }
        process
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Failing to kill means that it has ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// CPU time of all threads of a process so far.
pub(crate) fn cpu(id: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{id}/task")).expect("the process lives");
    let nanoseconds = tasks.map(|task| {
        // A thread may end between the two looks; those that are measured do not.
        let times = fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap_or_default();
        times.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or(0)
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// A gateway that is to be started on that folder with that configuration.
pub(crate) fn gateway(folder: &Path, address: SocketAddr, config: &str) -> Command {
    fs::write(folder.join("config.yaml"), config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ovth"));
    command
        .args(["serve", "--config", "config.yaml"])
        .current_dir(folder)
        .env("OVTH_LISTEN", address.to_string())
        .env("OVTH_METRICS_LISTEN", free_address().to_string())
        .env("OVTH_ACCOUNT_CHECK", "never")
        .env("OVTH_DATA_DIR", folder.join("data"))
        .env("OVTH_MASTER_KEY", MASTER_KEY);
    command
}

/// Mints a key at a gateway that has just begun to listen.
pub(crate) fn mint(address: SocketAddr) -> String {
    let body = r#"{"label":"bench"}"#;
    let request = format!(
        "POST /admin/keys HTTP/1.0\r\nhost: bench.test\r\nauthorization: Bearer {MASTER_KEY}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (_, body) = response.split_once("\r\n\r\n").unwrap_or_else(|| panic!("a response, not {response:?}"));
    let minted: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {response}"));
    minted["key"].as_str().unwrap_or_else(|| panic!("a key in {response}")).to_owned()
}

/// A loopback address that nothing listens on.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a loopback port")
}

fn tail(log: &Path) -> String {
    let log = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
