//! The gateway as a process of its own, on a temporary data folder and free loopback ports.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::client::{Connection, Request, Response, Way, send};
use super::record::Record;
use super::{PATIENCE, Shape, within};

/// The master key of every gateway under test.
pub(crate) const MASTER_KEY: &str = "master-0123456789abcdef0123456789abcdef";
/// The time between two looks at something that cannot be waited for.
const GLANCE: Duration = Duration::from_millis(5);
/// Log lines that are shown when a test fails.
const SHOWN_LINES: usize = 60;

/// Among the environment of a gateway: what a shell does first, in the process that then becomes the gateway.
pub(crate) const LAUNCHER: &str = "OVTH_TEST_LAUNCHER";

/// A running gateway; killed when dropped.
pub(crate) struct Gateway {
    address: SocketAddr,
    metrics_address: SocketAddr,
    folder: TempDir,
    environment: Vec<(String, String)>,
    /// What starts the binary, when it is not started by itself.
    starter: Vec<String>,
    child: Child,
    log: Arc<watch::Sender<Vec<String>>>,
    /// Takes the log until the process has ended.
    listener: JoinHandle<()>,
    key: String,
}

impl Gateway {
    /// Starts with this configuration file, and mints one key.
    pub(crate) async fn start(config: &str) -> Gateway {
        Gateway::start_with(config, &[]).await
    }

    /// The same, with more environment variables; nothing of the test's own environment is inherited but `PATH`.
    pub(crate) async fn start_with(config: &str, environment: &[(&str, &str)]) -> Gateway {
        let mut gateway = Gateway::start_all(&[], config, owned(environment), |_| {}).await;
        gateway.key = gateway.mint("tests", None).await;
        gateway
    }

    /// The same, with files beside its configuration.
    pub(crate) async fn start_with_files(config: &str, files: &[(&str, &str)]) -> Gateway {
        Gateway::start_by(&[], config, |folder| {
            for (name, content) in files {
                std::fs::write(folder.join(name), content).expect("a file");
            }
        })
        .await
    }

    /// Starts without minting a key, for which the admin API would have to be where it usually is.
    pub(crate) async fn start_without_key(config: &str) -> Gateway {
        Gateway::start_all(&[], config, Vec::new(), |_| {}).await
    }

    /// The same, by a program that runs what follows its own arguments, in a folder in which more was laid out.
    pub(crate) async fn start_by(starter: &[&str], config: &str, lay_out: impl FnOnce(&Path)) -> Gateway {
        let mut gateway = Gateway::start_all(starter, config, Vec::new(), lay_out).await;
        gateway.key = gateway.mint("tests", None).await;
        gateway
    }

    async fn start_all(
        starter: &[&str],
        config: &str,
        environment: Vec<(String, String)>,
        lay_out: impl FnOnce(&Path),
    ) -> Gateway {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("config.yaml"), config).expect("a configuration file");
        lay_out(folder.path());
        let starter: Vec<String> = starter.iter().map(|&word| word.to_owned()).collect();
        let address = free_address();
        let metrics_address = free_address();
        let log = Arc::new(watch::Sender::new(Vec::new()));
        let (child, listener) = spawn(folder.path(), (&starter, &environment), [address, metrics_address], &log);
        let key = String::new();
        let mut gateway = Gateway { address, metrics_address, folder, environment, starter, child, log, listener, key };
        gateway.ready().await;
        gateway
    }

    /// The key of its admin API.
    pub(crate) fn master_key(&self) -> &'static str {
        MASTER_KEY
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its metrics are.
    pub(crate) fn metrics_address(&self) -> SocketAddr {
        self.metrics_address
    }

    /// The folder with its configuration and its data.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A key without a quota of its own.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Mints a key.
    pub(crate) async fn mint(&self, label: &str, daily_tokens: Option<u64>) -> String {
        let mut body = serde_json::json!({ "label": label });
        if let Some(daily_tokens) = daily_tokens {
            body["quota"] = serde_json::json!({ "daily_tokens": daily_tokens });
        }
        let response = self.admin(&body.to_string()).await;
        assert_eq!(response.status, 201, "{response:?}");
        response.json()["key"].as_str().expect("a key").to_owned()
    }

    /// `POST /admin/keys` with the master key.
    pub(crate) async fn admin(&self, body: &str) -> Response {
        let request = Request::post("/admin/keys", body.to_owned()).bearer(MASTER_KEY);
        send(self.address, &request, Way::Sized).await
    }

    /// Sends a request with the master key.
    pub(crate) async fn as_admin(&self, request: Request, way: Way) -> Response {
        send(self.address, &request.bearer(MASTER_KEY), way).await
    }

    /// Sends a request with our key on a connection of its own.
    pub(crate) async fn post(&self, shape: Shape, body: impl Into<bytes::Bytes>) -> Response {
        self.send(&self.request(shape, body), Way::Sized).await
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: &Request, way: Way) -> Response {
        send(self.address, request, way).await
    }

    /// A request with our key.
    pub(crate) fn request(&self, shape: Shape, body: impl Into<bytes::Bytes>) -> Request {
        shape.post(body).bearer(&self.key)
    }

    /// Opens a connection and sends a request on it; the response is left to the test.
    pub(crate) async fn open(&self, shape: Shape, body: impl Into<bytes::Bytes>) -> Connection {
        let mut connection = Connection::open(self.address).await;
        connection.send(&self.request(shape, body), Way::Sized).await;
        connection
    }

    /// The metrics page.
    pub(crate) async fn metrics(&self) -> String {
        let response = send(self.metrics_address, &Request::get("/metrics"), Way::Sized).await;
        assert_eq!(response.status, 200, "{response:?}");
        response.text().to_owned()
    }

    /// Waits for the record of that request.
    pub(crate) async fn record(&self, request_id: &str) -> Record {
        self.record_where(|record| record.request_id == request_id).await
    }

    /// Waits for the first record that fits.
    pub(crate) async fn record_where(&self, fits: impl Fn(&Record) -> bool) -> Record {
        let find =
            |lines: &Vec<String>| lines.iter().filter_map(|line| Record::parse(line)).find(|record| fits(record));
        let mut log = self.log.subscribe();
        let lines = within("an access record", log.wait_for(|lines| find(lines).is_some())).await;
        find(&lines.expect("the log exists")).expect("it was just found")
    }

    /// All that was logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.borrow().join("\n")
    }

    /// Resident memory of the process, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most resident memory that the process ever had, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// Forgets the most that it had so far.
    pub(crate) fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").expect("the process lives");
    }

    /// What the process holds: resident memory in KiB, descriptors, threads.
    pub(crate) fn holds(&self) -> [u64; 3] {
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("the process lives").count();
        [self.resident_kib(), descriptors as u64, self.status("Threads:")]
    }

    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the process lives");
        let line = status.lines().find(|line| line.starts_with(name)).expect("a line of that name");
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
    }

    /// Waits for a line of the log that holds this text.
    pub(crate) async fn logged(&self, text: &str) {
        let mut log = self.log.subscribe();
        within(text, log.wait_for(|lines| lines.iter().any(|line| line.contains(text)))).await.expect("the log exists");
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends the process a signal, by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill`: a bare system need not have the program.
        let asked = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.pid())]).status();
        assert!(asked.expect("a shell").success(), "the process could not be signalled");
    }

    /// Waits for the process to end; all that it logged is there then.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        within("the gateway to end", async {
            loop {
                if let Some(status) = self.child.try_wait().expect("a child can be waited for")
                    && self.listener.is_finished()
                {
                    return status;
                }
                tokio::time::sleep(GLANCE).await;
            }
        })
        .await
    }

    /// Asks the process to end, and waits for it.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.ended().await
    }

    /// Ends the process and starts it again on the same folder and ports.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start_again().await;
    }

    /// Starts the process again that has ended, on the same folder and ports.
    pub(crate) async fn start_again(&mut self) {
        (self.child, self.listener) = spawn(
            self.folder.path(),
            (&self.starter, &self.environment),
            [self.address, self.metrics_address],
            &self.log,
        );
        self.ready().await;
    }

    /// Ends the process without a word to it, and starts it again on the same folder and ports.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.child.kill().expect("a process that runs");
        self.ended().await;
        (self.child, self.listener) = spawn(
            self.folder.path(),
            (&self.starter, &self.environment),
            [self.address, self.metrics_address],
            &self.log,
        );
        self.ready().await;
    }

    /// Sends a request to the admin API with the master key.
    pub(crate) async fn ask_admin(&self, method: &'static str, path: &str, body: &str) -> Response {
        let mut request = Request::new(method, path).bearer(MASTER_KEY);
        request.body = body.to_owned().into();
        send(self.address, &request, Way::Sized).await
    }

    /// What `GET` of that path of the admin API answers.
    pub(crate) async fn admin_json(&self, path: &str) -> serde_json::Value {
        let response = self.ask_admin("GET", path, "").await;
        assert_eq!(response.status, 200, "{path}: {response:?}");
        response.json()
    }

    /// Every entry of the ledger, oldest first.
    pub(crate) async fn entries(&self) -> Vec<serde_json::Value> {
        let (mut entries, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.admin_json(&format!("/admin/exchanges?order=asc&limit=1000{cursor}")).await;
            entries.extend(page["data"].as_array().expect("a list").iter().cloned());
            if page["has_more"] != true {
                return entries;
            }
            cursor = format!("&cursor={}", page["next"].as_str().expect("a cursor"));
        }
    }

    /// The entry of that request, once it is written.
    pub(crate) async fn entry(&self, request_id: &str) -> serde_json::Value {
        self.record(request_id).await;
        within("an entry", async {
            loop {
                let response = self.ask_admin("GET", &format!("/admin/exchanges/{request_id}"), "").await;
                if response.status == 200 {
                    return response.json();
                }
                tokio::time::sleep(GLANCE).await;
            }
        })
        .await
    }

    async fn ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                panic!("the gateway ended at start with {status}");
            }
            if TcpStream::connect(self.address).await.is_ok() {
                let response = send(self.address, &Request::get("/readyz"), Way::Sized).await;
                if response.status == 200 {
                    return;
                }
            }
            assert!(Instant::now() < deadline, "the gateway does not become ready");
            tokio::time::sleep(GLANCE).await;
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Failing to kill means that it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            let lines = self.log.borrow();
            let shown = lines.len().saturating_sub(SHOWN_LINES);
            eprintln!("--- the gateway's log, last lines ---\n{}\n---", lines[shown..].join("\n"));
        }
    }
}

fn owned(environment: &[(&str, &str)]) -> Vec<(String, String)> {
    environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn spawn(
    folder: &Path,
    (starter, environment): (&[String], &[(String, String)]),
    [address, metrics_address]: [SocketAddr; 2],
    log: &Arc<watch::Sender<Vec<String>>>,
) -> (Child, JoinHandle<()>) {
    let program = env!("CARGO_BIN_EXE_ovth");
    let launcher = environment.iter().find(|(name, _)| name == LAUNCHER);
    let mut command = match (starter, launcher) {
        ([first, rest @ ..], _) => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
        ([], Some((_, launcher))) => {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("{launcher} && exec \"$0\" \"$@\""), program]);
            shell
        }
        ([], None) => Command::new(program),
    };
    let mut child = command
        .args(["serve", "--config", "config.yaml"])
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("RUST_BACKTRACE", "1")
        .env("OVTH_MASTER_KEY", MASTER_KEY)
        .env("OVTH_LISTEN", address.to_string())
        .env("OVTH_METRICS_LISTEN", metrics_address.to_string())
        .env("OVTH_DATA_DIR", folder.join("data"))
        // Tests count what their providers are asked; those of the check itself turn it on.
        .env("OVTH_ACCOUNT_CHECK", "never")
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the gateway's binary runs");
    let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let log = Arc::clone(log);
    // Ends with the process, whose end closes the pipe.
    let listener = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            log.send_modify(|log| log.push(line));
        }
    });
    (child, listener)
}

/// A loopback address that nothing listens on, below the range that the kernel gives to outgoing connections.
pub(crate) fn free_address() -> SocketAddr {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test processes that run at the same time begin at different ports.
    let begin = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let offset = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + offset).expect("below 65,536");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no free port");
}
