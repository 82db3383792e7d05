//! `ovth demo`: the gateway at work against a simulated provider, without any key.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Args;

use crate::simulator;

/// See the gateway work, against a simulated provider and without any key
///
/// Starts a simulator and the gateway on free local ports with a temporary data folder, mints a key, sends requests in
/// both API shapes, and prints what goes in and what comes out.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ovth demo\n  ovth demo --keep    then try your own app against it")]
pub(super) struct Arguments {
    /// Keep serving after the demonstration, until Ctrl-C
    #[arg(long)]
    pub(super) keep: bool,
}

/// The configuration of the demonstration: the one that the README begins with.
const CONFIG: &str = include_str!("../../conf/config.minimal.yaml");

/// The master key of the demonstration, which nothing but the demonstration can reach.
const MASTER_KEY: &str = "demo-master-key-for-this-run-only-0000";

/// The gateway must answer within this time.
const START: Duration = Duration::from_secs(20);

/// One answer must come within this time.
const ANSWER: Duration = Duration::from_secs(20);

/// Why the demonstration did not come to its end.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("{what}: {source}")]
    Io { what: &'static str, source: io::Error },
    #[error(transparent)]
    Simulator(#[from] simulator::SimulatorError),
    #[error("the gateway ended before it served; what it said is above")]
    Ended,
    #[error("the gateway did not answer within {} s", START.as_secs())]
    Late,
    #[error("the request `{title}` was answered with status {status}")]
    Status { title: &'static str, status: u16 },
    #[error("the gateway's answer holds no key")]
    NoKey,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match demonstrate(arguments.keep, &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn demonstrate(keep: bool, out: &mut impl Write) -> Result<(), DemoError> {
    let simulator = simulator::spawn(simulator::Options::default())?;
    let folder = Folder::new()?;
    let mut gateway = Gateway::start(&folder.0, simulator.addr)?;
    let url = format!("http://{}", gateway.address);
    let told = |what| move |source| DemoError::Io { what, source };
    let tell = told("the terminal cannot be written to");

    writeln!(
        out,
        "The gateway serves at {url}, on a simulated provider. This is its config.yaml:\n\n{}",
        indented(CONFIG)
    )
    .map_err(tell)?;
    let mint = Request {
        title: "Mint a key for an app",
        method: "POST",
        path: "/admin/keys",
        headers: &[("Authorization", &format!("Bearer {MASTER_KEY}"))],
        body: r#"{"label":"cursor","quota":{"daily_tokens":100000}}"#,
    };
    let minted = gateway.show(&mint, out)?;
    let key = field(&minted, "key").ok_or(DemoError::NoKey)?;
    let bearer = format!("Bearer {key}");
    for request in [
        Request {
            title: "Ask in the OpenAI shape; `auto` is the cheapest model that can serve it",
            method: "POST",
            path: "/v1/chat/completions",
            headers: &[("Authorization", &bearer)],
            body: r#"{"model":"auto","messages":[{"role":"user","content":"Say hello."}]}"#,
        },
        Request {
            title: "The same as a stream",
            method: "POST",
            path: "/v1/chat/completions",
            headers: &[("Authorization", &bearer)],
            body: r#"{"model":"auto","stream":true,"messages":[{"role":"user","content":"Count to three."}]}"#,
        },
        Request {
            title: "Ask in the Anthropic shape, by a model's name",
            method: "POST",
            path: "/anthropic/v1/messages",
            headers: &[("x-api-key", &key), ("anthropic-version", "2023-06-01")],
            body: r#"{"model":"claude-sonnet-4.5","max_tokens":100,"messages":[{"role":"user","content":"Say hello."}]}"#,
        },
        Request {
            title: "The same Claude in the OpenAI shape: it is translated",
            method: "POST",
            path: "/v1/chat/completions",
            headers: &[("Authorization", &bearer)],
            body: r#"{"model":"claude-sonnet-4.5","messages":[{"role":"user","content":"Say hello."}]}"#,
        },
        Request {
            title: "And a GPT in the Anthropic shape, with a tool",
            method: "POST",
            path: "/anthropic/v1/messages",
            headers: &[("x-api-key", &key), ("anthropic-version", "2023-06-01")],
            body: r#"{"model":"gpt-5","max_tokens":100,"messages":[{"role":"user","content":"What is the weather in Paris?"}],"tools":[{"name":"get_weather","input_schema":{"type":"object","properties":{"city":{"type":"string"}}}}]}"#,
        },
    ] {
        gateway.show(&request, out)?;
    }
    if keep {
        writeln!(
            out,
            "It goes on serving; Ctrl-C ends it. To try your own app, or the README's commands:\n\n  \
             export OVTH_URL={url}\n  export OVTH_MASTER_KEY={MASTER_KEY}\n  export OVTH_API_KEY={key}\n"
        )
        .and_then(|()| out.flush())
        .map_err(tell)?;
        gateway.child.wait().map_err(told("the gateway cannot be waited for"))?;
    } else {
        writeln!(out, "That is all. `ovth demo --keep` (`make demo ARGS=--keep`) goes on serving, so that you can try your own app.")
            .map_err(tell)?;
    }
    Ok(())
}

/// A request as the README shows it.
struct Request<'a> {
    title: &'static str,
    method: &'static str,
    path: &'static str,
    headers: &'a [(&'a str, &'a str)],
    body: &'static str,
}

/// The gateway as a process of its own, ended when dropped.
struct Gateway {
    child: Child,
    address: SocketAddr,
}

impl Gateway {
    fn start(folder: &Path, simulator: SocketAddr) -> Result<Gateway, DemoError> {
        let told = |what| move |source| DemoError::Io { what, source };
        let config = folder.join("config.yaml");
        fs::write(&config, CONFIG).map_err(told("the configuration cannot be written"))?;
        let address = free_address().map_err(told("no local port is free"))?;
        let metrics = free_address().map_err(told("no local port is free"))?;
        let program = std::env::current_exe().map_err(told("this program's own file cannot be found"))?;
        let child = Command::new(program)
            .args(["serve", "--config"])
            .arg(&config)
            .env("OVTH_LISTEN", address.to_string())
            .env("OVTH_METRICS_LISTEN", metrics.to_string())
            .env("OVTH_DATA_DIR", folder.join("data"))
            .env("OVTH_MASTER_KEY", MASTER_KEY)
            // The simulator lists a few of the models that it answers as.
            .env("OVTH_ACCOUNT_CHECK", "never")
            .env("OPENAI_API_KEY", "demo-key-of-the-simulator")
            .env("ANTHROPIC_API_KEY", "demo-key-of-the-simulator")
            .env("OPENAI_BASE_URL", format!("http://{simulator}/openai/v1"))
            .env("ANTHROPIC_BASE_URL", format!("http://{simulator}/anthropic"))
            .env_remove("GOOGLE_API_KEY")
            .env_remove("OPENROUTER_API_KEY")
            .env("OVTH_LOG", "error")
            // In a container this would become a user that cannot read the folder.
            .env("OVTH_USER", "0:0")
            .stdin(Stdio::null())
            .spawn()
            .map_err(told("the gateway cannot be started"))?;
        let mut gateway = Gateway { child, address };
        gateway.wait_until_ready()?;
        Ok(gateway)
    }

    fn wait_until_ready(&mut self) -> Result<(), DemoError> {
        let began = Instant::now();
        while began.elapsed() < START {
            if let Ok(Some(_)) = self.child.try_wait() {
                return Err(DemoError::Ended);
            }
            if TcpStream::connect_timeout(&self.address, Duration::from_millis(100)).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(DemoError::Late)
    }

    /// Prints a request, sends it, prints the answer as it comes, and gives its body.
    fn show(&self, request: &Request<'_>, out: &mut impl Write) -> Result<String, DemoError> {
        let told = |what| move |source| DemoError::Io { what, source };
        let tell = told("the terminal cannot be written to");
        writeln!(out, "# {}\n", request.title).map_err(tell)?;
        writeln!(out, "  curl -sN -X {} http://{}{} \\", request.method, self.address, request.path).map_err(tell)?;
        for (name, value) in request.headers {
            writeln!(out, "    -H '{name}: {value}' \\").map_err(tell)?;
        }
        writeln!(out, "    -d '{}'\n", request.body).map_err(tell)?;
        let (status, body) = self.send(request, out).map_err(told("the gateway did not answer"))?;
        writeln!(out).map_err(tell)?;
        if (200..300).contains(&status) { Ok(body) } else { Err(DemoError::Status { title: request.title, status }) }
    }

    /// HTTP/1.0 has no chunks: the body is what comes until the end, and can be shown as it comes.
    fn send(&self, request: &Request<'_>, out: &mut impl Write) -> io::Result<(u16, String)> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(ANSWER))?;
        let mut head = format!("{} {} HTTP/1.0\r\nHost: {}\r\n", request.method, request.path, self.address);
        for (name, value) in request.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n{}", request.body.len(), request.body));
        stream.write_all(head.as_bytes())?;
        let mut answer = BufReader::new(stream);
        let mut line = String::new();
        answer.read_line(&mut line)?;
        let status = line.split_ascii_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        writeln!(out, "  {}", line.trim_end())?;
        loop {
            line.clear();
            answer.read_line(&mut line)?;
            match line.trim_end() {
                "" => break,
                header if header.starts_with("x-ovth") || header.contains("request-id") => writeln!(out, "  {header}")?,
                _ => {}
            }
        }
        writeln!(out)?;
        let mut body = String::new();
        let mut streamed = String::new();
        while answer.read_line(&mut streamed)? > 0 {
            write!(out, "  {streamed}")?;
            body.push_str(&streamed);
            streamed.clear();
        }
        answer.read_to_string(&mut body)?;
        writeln!(out)?;
        Ok((status, body))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A temporary folder, removed when dropped.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Result<Folder, DemoError> {
        let path = std::env::temp_dir().join(format!("ovth-demo-{}", std::process::id()));
        fs::create_dir_all(&path)
            .map_err(|source| DemoError::Io { what: "no temporary folder can be made", source })?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A free port of this machine. It could be taken before the gateway has it; then the gateway says so.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn field(json: &str, name: &str) -> Option<String> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).ok()?;
    object.get(name)?.as_str().map(str::to_owned)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
