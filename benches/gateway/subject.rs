//! The processes under test: the simulator, nginx where it is installed, and the gateway with everything switched on.

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::process::{self, Process, free_address};

const UPSTREAM_KEY: &str = "simulated-key-0123456789abcdef";

/// The name of the subject that the others are compared with.
pub(crate) const BASELINE: &str = "simulator";

/// One process, and where clients reach it.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// The key that it, or the simulator behind it, accepts.
    pub(crate) key: String,
    pid: u32,
}

impl Subject {
    /// CPU time of all its threads so far.
    pub(crate) fn cpu(&self) -> Duration {
        process::cpu(self.pid)
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("the process lives");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a resident size");
        line.split_whitespace().nth(1).and_then(|size| size.parse().ok()).expect("a number")
    }
}

/// All processes, on a temporary folder; killed when dropped.
pub(crate) struct Stage {
    folder: TempDir,
    processes: Vec<(Process, Subject)>,
}

impl Stage {
    /// Starts everything and waits until it answers.
    pub(crate) fn start() -> Stage {
        let mut stage = Stage { folder: tempfile::tempdir().unwrap(), processes: Vec::new() };
        let simulator = stage.start_simulator();
        stage.start_nginx(simulator);
        stage.start_gateway(simulator);
        stage
    }

    pub(crate) fn subjects(&self) -> Vec<&Subject> {
        self.processes.iter().map(|(_, subject)| subject).collect()
    }

    fn start_simulator(&mut self) -> SocketAddr {
        let address = free_address();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ovth"));
        command.args(["simulate", "--listen", &address.to_string()]);
        self.add(BASELINE, address, UPSTREAM_KEY.to_owned(), &mut command);
        address
    }

    fn start_nginx(&mut self, simulator: SocketAddr) {
        let installed = Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_ok();
        if !installed {
            eprintln!("nginx is not installed: its column is left out");
            return;
        }
        let address = free_address();
        let folder = self.folder.path().join("nginx");
        fs::create_dir(&folder).unwrap();
        let here = folder.display();
        let config = format!(
            "daemon off;\nmaster_process off;\nworker_processes 1;\npid {here}/pid;\nerror_log {here}/error.log;\n\
             events {{ worker_connections 256; }}\n\
             http {{\n  access_log {here}/access.log;\n  client_max_body_size 64m;\n  client_body_buffer_size 2m;\n  \
             client_body_temp_path {here}/body;\n  proxy_temp_path {here}/proxy;\n  fastcgi_temp_path {here}/fastcgi;\n  \
             uwsgi_temp_path {here}/uwsgi;\n  scgi_temp_path {here}/scgi;\n  keepalive_requests 10000000;\n  tcp_nodelay on;\n  \
             upstream simulator {{ server {simulator}; keepalive 64; keepalive_requests 10000000; }}\n  \
             server {{\n    listen {address};\n    location / {{\n      proxy_pass http://simulator;\n      \
             proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n      proxy_buffering off;\n    }}\n  }}\n}}\n"
        );
        let path = folder.join("nginx.conf");
        fs::write(&path, config).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&path).arg("-p").arg(&folder).arg("-e").arg(folder.join("error.log"));
        self.add("nginx", address, UPSTREAM_KEY.to_owned(), &mut command);
    }

    fn start_gateway(&mut self, simulator: SocketAddr) {
        let address = free_address();
        let folder = self.folder.path().join("gateway");
        fs::create_dir(&folder).unwrap();
        // A quota that is checked and never met.
        let config = "threads: 1\nquota: {daily_tokens: 1000000000000, per_user: true}\n";
        let mut command = process::gateway(&folder, address, config);
        command.env("OPENAI_API_KEY", UPSTREAM_KEY).env("OPENAI_BASE_URL", format!("http://{simulator}/v1"));
        let pending = "minted below".to_owned();
        self.add("gateway", address, pending, &mut command);
        let key = process::mint(address);
        self.processes.last_mut().expect("it was just added").1.key = key;
    }

    /// Starts a process, its output in a file of the stage's folder, and waits until it listens.
    fn add(&mut self, name: &'static str, address: SocketAddr, key: String, command: &mut Command) {
        let log = self.folder.path().join(format!("{name}.log"));
        let process = Process::start(command, address, &log);
        let pid = process.id();
        self.processes.push((process, Subject { name, address, key, pid }));
    }
}
