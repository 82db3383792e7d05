//! The programs of Debian's package `prometheus`, where they are installed: promtool, and a server of our own on a loopback port.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Promtool, which checks what Prometheus is given.
pub(crate) struct Promtool(PathBuf);

/// Promtool, where it is installed.
pub(crate) fn promtool() -> Option<Promtool> {
    program("promtool").map(Promtool)
}

/// Where a program is.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
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
