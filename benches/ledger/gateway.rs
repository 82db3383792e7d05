//! A gateway process with one durability, in front of one upstream.

use std::net::SocketAddr;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::{self, Process};

/// A running gateway; killed when dropped.
pub(crate) struct Gateway {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// A key without limits that bite.
    pub(crate) key: String,
    process: Process,
    _folder: TempDir,
}

impl Gateway {
    /// Starts it and mints a key.
    pub(crate) fn start(durability: &str, upstream: SocketAddr) -> Gateway {
        let folder = tempfile::tempdir().unwrap();
        let address = process::free_address();
        let config = format!(
            "durability: {durability}\nquota: {{daily_tokens: 1000000000000, requests_per_minute: 100000000}}\n\
             providers:\n  bench:\n    base_url: http://{upstream}/v1\n    models: [bench]\n"
        );
        let mut command = process::gateway(folder.path(), address, &config);
        let process = Process::start(&mut command, address, &folder.path().join("gateway.log"));
        Gateway { address, key: process::mint(address), process, _folder: folder }
    }

    /// CPU time of the whole process so far.
    pub(crate) fn cpu(&self) -> Duration {
        process::cpu(self.process.id())
    }
}
