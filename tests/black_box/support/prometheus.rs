//! The programs of Debian's package `prometheus`, where they are installed: promtool, and a server of our own on a loopback port.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::client::{Request, Way, send};
use super::{free_address, within};

/// Promtool, which checks what Prometheus is given.
pub(crate) struct Promtool(PathBuf);

/// Promtool, where it is installed.
pub(crate) fn promtool() -> Option<Promtool> {
    program("promtool").map(Promtool)
}

/// Where a program is.
fn program(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).map(|folder| folder.join(name)).find(|path| path.is_file())
}

impl Promtool {
    /// Runs it; all that it says, when it finds nothing wrong. Fails the test when it does.
    pub(crate) fn check(&self, arguments: &[&str], input: &str) -> String {
        let mut child = Command::new(&self.0)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool runs");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("promtool reads");
        let output = child.wait_with_output().expect("promtool ends");
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        assert!(output.status.success(), "promtool {arguments:?}: {said}");
        said
    }
}

/// A Prometheus of our own, on a loopback port and a temporary folder; ended when dropped.
pub(crate) struct Prometheus {
    address: SocketAddr,
    child: Child,
    /// Its configuration, its data and what it says.
    folder: TempDir,
}

impl Prometheus {
    /// Starts it with this configuration and these rules, where it is installed.
    pub(crate) async fn start(config: &str, rules: &str) -> Option<Prometheus> {
        let program = program("prometheus")?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("prometheus.yml"), config).expect("a configuration");
        std::fs::write(file("alerts.yml"), rules).expect("rules");
        let address = free_address();
        let child = Command::new(program)
            .arg(format!("--config.file={}", file("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", file("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(file("log")).expect("a log"))
            .spawn()
            .expect("prometheus runs");
        let mut prometheus = Prometheus { address, child, folder };
        within("Prometheus to be ready", prometheus.ready()).await;
        Some(prometheus)
    }

    async fn ready(&mut self) {
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                panic!("Prometheus ended with {status}: {}", self.log());
            }
            if TcpStream::connect(self.address).await.is_ok()
                && send(self.address, &Request::get("/-/ready"), Way::Sized).await.status == 200
            {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// What it has complained of.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Asks its HTTP API; fails the test when it answers with an error or a warning.
    pub(crate) async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let response = send(self.address, &Request::get(format!("/api/v1/{path}?{query}")), Way::Sized).await;
        let mut answer = response.json();
        assert_eq!(answer["status"], "success", "{path} {query}: {answer}");
        assert!(answer["warnings"].is_null(), "{path} {query}: {answer}");
        answer["data"].take()
    }

    /// The value of an expression that gives one; absent when it gives nothing.
    pub(crate) async fn value(&self, expression: &str) -> Option<f64> {
        let data = self.ask("query", &[("query", expression)]).await;
        data["result"][0]["value"][1].as_str()?.parse().ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Failing to kill means that it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("--- Prometheus' log ---\n{}\n---", self.log());
        }
    }
}
