//! A real Caddy or nginx in front of the gateway, on a loopback port and a folder of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::support::{free_address, tell, within};

/// The guide's own file.
pub(super) const CADDY_GUIDE: &str = include_str!("../../fixtures/deploy/guide.Caddyfile");
/// The file that is shipped.
pub(super) const CADDY_SHIPPED: &str = include_str!("../../../conf/Caddyfile");
/// A server with nothing but `proxy_pass`, and a place for more.
pub(super) const NGINX: &str = include_str!("../../fixtures/deploy/nginx.conf");

/// The time between two looks at whether it listens.
const GLANCE: Duration = Duration::from_millis(10);

/// A running proxy; killed when dropped.
pub(super) struct Front {
    address: SocketAddr,
    child: Child,
    _folder: TempDir,
}

impl Front {
    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Caddy with this file, without TLS; none where it is not installed.
    pub(super) async fn caddy(conf: &str, gateway: SocketAddr) -> Option<Front> {
        let address = free_address();
        // The test's client names this host.
        Front::caddy_at(conf, &format!("http://gateway.test:{}", address.port()), address, gateway).await
    }

    /// Caddy with this file, at that site.
    pub(super) async fn caddy_at(conf: &str, site: &str, address: SocketAddr, gateway: SocketAddr) -> Option<Front> {
        let program = program("caddy", &["/usr/bin/caddy"])?;
        let folder = tempfile::tempdir().unwrap();
        // Loopback only, no endpoint that others could reconfigure it by, and no redirect on port 80.
        let global = "\tadmin off\n\tdefault_bind 127.0.0.1\n\tauto_https disable_redirects\n";
        let conf = conf.replace("llm.example.com", site).replace("localhost:8080", &gateway.to_string());
        let conf = match conf.split_once("\n{\n") {
            Some((comment, rest)) => format!("{comment}\n{{\n{global}{rest}"),
            None => format!("{{\n{global}}}\n{conf}"),
        };
        let file = folder.path().join("Caddyfile");
        std::fs::write(&file, conf).unwrap();
        let mut command = Command::new(program);
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
        command.env("OVTH_DOMAIN", site).env("OVTH_UPSTREAM", gateway.to_string());
        Some(Front::start(command, address, folder).await)
    }

    /// nginx with this file, and these directives beside `proxy_pass`; none where it is not installed.
    pub(super) async fn nginx(conf: &str, extra: &str, gateway: SocketAddr) -> Option<Front> {
        let program = program("nginx", &["/usr/sbin/nginx"])?;
        let (address, folder) = (free_address(), tempfile::tempdir().unwrap());
        let conf = conf
            .replace("LISTEN", &address.to_string())
            .replace("GATEWAY", &gateway.to_string())
            .replace("EXTRA", extra);
        std::fs::write(folder.path().join("nginx.conf"), conf).unwrap();
        let mut command = Command::new(program);
        command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "stderr"]);
        command.args(["-g", "daemon off; master_process off;"]);
        Some(Front::start(command, address, folder).await)
    }

    async fn start(mut command: Command, address: SocketAddr, folder: TempDir) -> Front {
        let said = folder.path().join("said");
        let log = std::fs::File::create(&said).unwrap();
        command.env("HOME", folder.path()).env("XDG_DATA_HOME", folder.path()).env("XDG_CONFIG_HOME", folder.path());
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().expect("an installed program starts");
        let mut front = Front { address, child, _folder: folder };
        within("the proxy to listen", async {
            while TcpStream::connect(address).await.is_err() {
                if let Some(status) = front.child.try_wait().unwrap() {
                    panic!("the proxy ended with {status}: {}", std::fs::read_to_string(&said).unwrap());
                }
                tokio::time::sleep(GLANCE).await;
            }
        })
        .await;
        front
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // Failing to kill means that it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Where a program is; says what is left out where it is not.
pub(super) fn program(name: &str, places: &[&str]) -> Option<String> {
    let on_path = std::env::var_os("PATH")
        .and_then(|path| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file()));
    let found = on_path
        .map(|path| path.display().to_string())
        .or_else(|| places.iter().find(|place| Path::new(place).is_file()).map(|place| (*place).to_owned()));
    if found.is_none() {
        tell(&format!("left out: streams through {name}, as it is not installed"));
    }
    found
}
