//! A gateway process with one durability, in front of one upstream.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const MASTER_KEY: &str = "master-0123456789abcdef0123456789abcdef";
/// The longest wait for its start.
const PATIENCE: Duration = Duration::from_secs(10);
/// What Linux counts CPU time in, on every machine that this runs on.
const TICKS_PER_SECOND: u64 = 100;

/// A running gateway; killed when dropped.
pub(crate) struct Gateway {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// A key without limits that bite.
    pub(crate) key: String,
    child: Child,
    _folder: TempDir,
}

impl Gateway {
    /// Starts it and mints a key.
    pub(crate) fn start(durability: &str, upstream: SocketAddr) -> Gateway {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let config = format!(
            "durability: {durability}\nquota: {{daily_tokens: 1000000000000, requests_per_minute: 100000000}}\n\
             providers:\n  bench:\n    base_url: http://{upstream}/v1\n    models: [bench]\n"
        );
        fs::write(folder.path().join("config.yaml"), config).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_ovth"))
            .args(["serve", "--config", "config.yaml"])
            .current_dir(folder.path())
            .env_remove("OVTH_CONFIG")
            .env("OVTH_LISTEN", address.to_string())
            .env("OVTH_METRICS_LISTEN", free_address().to_string())
            .env("OVTH_DATA_DIR", folder.path().join("data"))
            .env("OVTH_MASTER_KEY", MASTER_KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut gateway = Gateway { address, key: String::new(), child, _folder: folder };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "the gateway does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        gateway.key = mint(address);
        gateway
    }

    /// CPU time of the whole process so far.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn mint(address: SocketAddr) -> String {
    let body = r#"{"label":"bench"}"#;
    let request = format!(
        "POST /admin/keys HTTP/1.0\r\nhost: bench.test\r\nauthorization: Bearer {MASTER_KEY}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    let minted: serde_json::Value = serde_json::from_str(body).unwrap();
    minted["key"].as_str().unwrap().to_owned()
}

fn free_address() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).unwrap()
}
