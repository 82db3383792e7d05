//! What a newcomer and a container ask first: `ovth init`, `ovth check`, `ovth serve`, `ovth health`.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tokio::net::TcpStream;

use crate::support::{Gateway, free_address, within};

/// The variables in `.env` that hold a provider's key.
const PROVIDERS: [&str; 3] = ["GOOGLE_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"];

fn ovth(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ovth"));
    command.args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

fn text(output: &Output) -> String {
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(said).unwrap()
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test]
async fn what_init_writes_passes_the_check_and_serves_once_any_provider_s_key_is_filled_in() {
    let outside = tempfile::tempdir().unwrap();
    let said = ovth(outside.path(), &["init", "llm"]).output().unwrap();
    assert!(said.status.success(), "{}", text(&said));
    let folder = outside.path().join("llm");
    let dotenv = fs::read_to_string(folder.join(".env")).unwrap();
    let check = |dotenv: &str| {
        fs::write(folder.join(".env"), dotenv).unwrap();
        ovth(&folder, &["check"]).output().unwrap()
    };
    let keyless = check(&dotenv);
    assert!(keyless.status.code() == Some(1) && text(&keyless).contains("none has a key"), "{}", text(&keyless));
    for provider in PROVIDERS {
        let line = format!("\n{provider}=\n");
        assert!(dotenv.contains(&line), "{provider}");
        let good = check(&dotenv.replace(&line, &format!("\n{provider}=sk-of-nobody-0123456789abcdef\n")));
        assert!(good.status.success(), "{provider}: {}", text(&good));
    }

    let (listen, metrics) = (free_address(), free_address());
    let mut serve = ovth(&folder, &["serve"]);
    serve.env("OVTH_LISTEN", listen.to_string()).env("OVTH_METRICS_LISTEN", metrics.to_string());
    serve.env("ANTHROPIC_BASE_URL", "http://127.0.0.1:9");
    let _gateway = Running(serve.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    within("the gateway to listen", async {
        while TcpStream::connect(listen).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    let minted = ovth(&folder, &["keys", "create", "my-app", "--url", &format!("http://{listen}")]).output().unwrap();
    assert!(minted.status.success(), "{}", text(&minted));
}

#[test]
fn init_says_what_exists_and_leaves_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.yaml"), "mine").unwrap();
    let said = ovth(folder.path(), &["init"]).output().unwrap();
    assert!(said.status.success(), "{}", text(&said));
    assert!(text(&said).contains("kept    ./config.yaml"), "{}", text(&said));
    assert_eq!(fs::read_to_string(folder.path().join("config.yaml")).unwrap(), "mine");
    let key = fs::read_to_string(folder.path().join(".env")).unwrap();
    let key = key.lines().find_map(|line| line.strip_prefix("OVTH_MASTER_KEY=")).unwrap();
    assert!(!text(&said).contains(key), "{}", text(&said));
}

fn health(listen: SocketAddr, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [&["health"], arguments].concat();
    ovth(folder.path(), &arguments).env("OVTH_LISTEN", listen.to_string()).output().unwrap()
}

#[tokio::test]
async fn health_tells_in_one_line_whether_the_gateway_serves() {
    let mut gateway = Gateway::start("providers:\n  box: {base_url: 'http://127.0.0.1:9/v1', models: [x]}\n").await;
    let listen = gateway.address();
    for (arguments, word) in [(&[][..], "ready\n"), (&["--live"][..], "ok\n")] {
        let said = health(listen, arguments);
        assert_eq!((said.status.code(), text(&said).as_str()), (Some(0), word), "{arguments:?}");
    }
    // A gateway on all interfaces is asked on this machine.
    let said = health(SocketAddr::from(([0, 0, 0, 0], listen.port())), &[]);
    assert_eq!(said.status.code(), Some(0), "{}", text(&said));
    let said = health(free_address(), &["--url", &format!("http://{listen}")]);
    assert_eq!(said.status.code(), Some(0), "{}", text(&said));
    // The address of the file is asked where the environment names none.
    fs::write(gateway.folder().join("listen.yaml"), format!("listen: {listen}\n")).unwrap();
    fs::write(
        gateway.folder().join(".env"),
        "OVTH_MASTER_KEY=0123456789012345678901234567890123456789\nOPENAI_API_KEY=sk-0123456789\n",
    )
    .unwrap();
    let said = ovth(gateway.folder(), &["health", "--config", "listen.yaml"]).output().unwrap();
    assert_eq!(said.status.code(), Some(0), "{}", text(&said));

    gateway.stop().await;
    let said = health(listen, &[]);
    assert_eq!(said.status.code(), Some(1));
    assert!(
        text(&said).starts_with("error: nothing answers at") && text(&said).lines().count() == 1,
        "{}",
        text(&said)
    );
}

#[tokio::test]
async fn health_asks_over_tls_where_nothing_else_is_spoken_whatever_the_name_in_the_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = rcgen::CertificateParams::new(["llm.example.com".to_owned()]).unwrap().self_signed(&key).unwrap();
    for (name, text) in [
        ("cert.pem", cert.pem()),
        ("key.pem", key.serialize_pem()),
        ("config.yaml", "tls: {cert: cert.pem, key: key.pem}\n".to_owned()),
        (".env", "OVTH_MASTER_KEY=0123456789012345678901234567890123456789\nOPENAI_API_KEY=sk-0123456789\n".to_owned()),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let (listen, metrics) = (free_address(), free_address());
    let with = |arguments: &[&str]| {
        let mut command = ovth(folder.path(), arguments);
        command.env("OVTH_LISTEN", listen.to_string()).env("OVTH_METRICS_LISTEN", metrics.to_string());
        command.env("OPENAI_BASE_URL", "http://127.0.0.1:9/v1");
        command
    };
    let _gateway = Running(with(&["serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    within("the gateway to listen", async {
        while TcpStream::connect(listen).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    let said = with(&["health"]).output().unwrap();
    assert_eq!((said.status.code(), text(&said).as_str()), (Some(0), "ready\n"));
}

#[test]
fn health_gives_up_on_who_does_not_answer_and_believes_nobody_else() {
    // Connections are taken by the kernel, and nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let said = health(silent.local_addr().unwrap(), &[]);
    assert_eq!(said.status.code(), Some(1));
    assert!(text(&said).contains("did not answer within 2 s") && text(&said).lines().count() == 1, "{}", text(&said));

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = other.local_addr().unwrap();
    let answers = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let not_ready = r#"{"status":"not_ready","checks":{"store":"failed","drain":"serving"}}"#;
        for (status, body) in [("200 OK", "<html>"), ("503 Service Unavailable", not_ready)] {
            let (mut client, _) = other.accept().unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                asked.push(byte[0]);
            }
            assert!(asked.starts_with(b"GET /readyz "), "{asked:?}");
            write!(client, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
                .unwrap();
        }
    });
    let said = health(listen, &[]);
    assert!(said.status.code() == Some(1) && text(&said).contains("is no gateway"), "{}", text(&said));
    let said = health(listen, &[]);
    assert_eq!((said.status.code(), text(&said).as_str()), (Some(1), "not_ready: store failed, drain serving\n"));
    answers.join().unwrap();
}
