//! Plants secrets and prompts everywhere, does everything, and looks for them in all that the process writes: none is found.

mod asked;

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use self::asked::{Ask, newer_upstream, raw, upstream};
use crate::support::{Gateway, MASTER_KEY};

/// Is in everything that is planted, and in nothing else: whatever has it in any case of letters, or in base64, holds a part of a secret.
const CORE: &str = "pLaNtEd";
/// The providers' keys.
const FIRST_KEY: &str = "sk-pLaNtEd-first-0123456789abcdef";
const SECOND_KEY: &str = "pLaNtEd-second-0123456789abcdef";
const THIRD_KEY: &str = "sk-pLaNtEd-third-0123456789abcdef";
const GOOGLE_KEY: &str = "AIzaSy-pLaNtEd-0123456789abcdefghijklmnop";
/// A header that one provider is sent.
const HEADER: &str = "pLaNtEd-header-0123456789abcdef";

/// What was written where.
#[derive(Default)]
struct Written(Vec<(String, Vec<u8>)>);

impl Written {
    fn add(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((name.into(), bytes.into()));
    }

    /// All files of a folder.
    fn folder(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.folder(&path);
            } else {
                self.add(path.display().to_string(), fs::read(&path).unwrap());
            }
        }
    }

    /// Fails the test where any of the texts is in anything that was written.
    fn holds_none_of(&self, texts: &[String]) {
        let mut found = Vec::new();
        for (name, bytes) in &self.0 {
            let lower = bytes.to_ascii_lowercase();
            for text in texts {
                // Base64 has meaning in its case.
                let hit = memchr::memmem::find(bytes, text.as_bytes())
                    .or_else(|| memchr::memmem::find(&lower, text.to_ascii_lowercase().as_bytes()));
                if let Some(at) = hit {
                    let around = &bytes[at.saturating_sub(200)..(at + 200).min(bytes.len())];
                    found.push(format!("{text} is in {name}: {}", String::from_utf8_lossy(around)));
                }
            }
        }
        found.truncate(20);
        assert!(found.is_empty(), "{}", found.join("\n\n"));
    }
}

/// The core as it is, and in base64 wherever in a text it stands.
fn planted() -> Vec<String> {
    let encoded = (0..3).map(|offset| {
        let text = STANDARD.encode([vec![b'.'; offset], CORE.as_bytes().to_vec(), b"...".to_vec()].concat());
        // What depends on the core alone.
        let from = (offset * 4).div_ceil(3) + usize::from(offset > 0);
        text.get(from..from + 7).expect("base64 is ASCII").to_owned()
    });
    encoded.chain([CORE.to_owned()]).collect()
}

fn config([first, second, third, google]: [&str; 4]) -> String {
    let models: Vec<String> = asked::CASES.iter().enumerate().map(|(index, _)| format!("case-{index}")).collect();
    let mut config = format!(
        "log: {{access: {{file: access.log}}}}\ncommit_after: 100ms\nheartbeat: 100ms\nlimits: {{body_bytes: 100KiB}}\n\
         timeouts: {{first_byte: 2s, idle: 2s}}\nproviders:\n  \
         first: {{base_url: '{first}', api_key: '{FIRST_KEY}', shapes: [chat], models: {models:?}}}\n  \
         second: {{base_url: '{second}', api_key: '${{SECOND_KEY}}', shapes: [messages], headers: {{x-team-token: '{HEADER}'}}, models: {models:?}}}\n  \
         third: {{base_url: '{third}', api_key: '{THIRD_KEY}', shapes: [responses], models: {models:?}}}\n  \
         google: {{base_url: '{google}', api_key: {{file: google.key}}, models: {models:?}}}\n\
         routes:\n"
    );
    for model in models {
        for provider in ["first", "second", "third", "google"] {
            config.push_str(&format!("  {provider}-{model}: {{providers: [{provider}], models: [{model}]}}\n"));
        }
        config.push_str(&format!("  both-{model}: {{providers: [first, second], models: [{model}]}}\n"));
    }
    config
}

/// Runs a command with the key to the gateway, and takes what it prints.
fn run(gateway: &Gateway, folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_ovth"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("OVTH_URL", format!("http://{}", gateway.address()))
        .env("OVTH_MASTER_KEY", MASTER_KEY)
        .env("OVTH_LOG", "trace")
        .env("OVTH_LISTEN", gateway.address().to_string())
        .env("SECOND_KEY", SECOND_KEY)
        .output()
        .unwrap();
    [output.stdout, output.stderr].concat()
}

#[tokio::test]
async fn nothing_that_is_planted_is_found_in_anything_that_is_written() {
    let (first, second, newer) = (upstream().await, upstream().await, newer_upstream().await);
    let config =
        config([&first.base_url(), &second.base_url(), &newer.base_url(), &format!("http://{}", newer.address())]);
    let second_key = format!("SECOND_KEY={SECOND_KEY}");
    let mut gateway = Gateway::start_by(&["env", &second_key, "OVTH_LOG=trace"], &config, |folder| {
        fs::write(folder.join("google.key"), GOOGLE_KEY).unwrap();
    })
    .await;
    let (mut written, mut answers) = (Written::default(), Written::default());
    let key = gateway.key().to_owned();

    // Every way to ask, every way to answer.
    for (case, _) in asked::CASES.iter().enumerate() {
        for route in ["first", "second", "both", "third", "google"] {
            for ask in Ask::all(&format!("{route}-case-{case}")) {
                answers.add(format!("{ask:?}"), raw(gateway.address(), &ask.bytes(&key)).await);
            }
        }
    }
    // Requests that are wrong in every way, and a panic with all of it.
    for (name, bytes) in asked::wrong(&key) {
        answers.add(name, raw(gateway.address(), &bytes).await);
    }
    if cfg!(debug_assertions) {
        gateway.logged("a panic; its message is not logged").await;
    }
    // The admin API: wrong keys, wrong bodies, everything that it tells.
    let mut minted = vec![key.clone()];
    for (method, path, body) in asked::admin() {
        let response = gateway.ask_admin(method, &path, &body).await;
        if response.status == 201 {
            minted.push(response.json()["key"].as_str().unwrap().to_owned());
        }
        written.add(format!("{method} {path}"), response.body.to_vec());
    }
    for path in [
        "/admin",
        "/admin/keys",
        "/admin/usage",
        "/admin/exchanges?limit=1000",
        "/admin/quotas",
        "/admin/log",
        "/readyz",
        "/v1/models",
    ] {
        written.add(path, gateway.ask_admin("GET", path, "").await.body.to_vec());
    }
    written.add("the copy of the database", gateway.ask_admin("GET", "/admin/ledger/backup", "").await.body.to_vec());

    // A file that is wrong, with secrets in every place, asked for in every way.
    let folder = tempfile::tempdir().unwrap();
    for (index, bad) in asked::bad_files().iter().enumerate() {
        fs::write(folder.path().join("config.yaml"), bad).unwrap();
        fs::write(folder.path().join("key.txt"), "pLaNtEd key\nof two lines").unwrap();
        fs::write(
            folder.path().join(".env"),
            format!("NAME={FIRST_KEY}\nbroken line {FIRST_KEY}\nOTHER=$({FIRST_KEY})\n"),
        )
        .unwrap();
        for command in ["check", "serve", "doctor"] {
            written.add(
                format!("{command} of file {index}: {bad}"),
                run(&gateway, folder.path(), &[command, "--config", "config.yaml"]),
            );
        }
        fs::write(gateway.folder().join("config.yaml"), bad).unwrap();
        let reload = gateway.ask_admin("POST", "/admin/reload", "").await;
        assert_eq!(reload.status, 422, "{bad}: {reload:?}");
        written.add(format!("reload of file {index}"), reload.body.to_vec());
        gateway.signal("HUP");
        written.add("/admin/config", gateway.ask_admin("GET", "/admin/config", "").await.body.to_vec());
    }
    fs::write(gateway.folder().join("config.yaml"), &config).unwrap();

    let exchange = gateway.entries().await.pop().unwrap()["request_id"].as_str().unwrap().to_owned();
    let copy = gateway.folder().join("data");
    for line in [
        "keys list --json",
        "keys show tests",
        "keys update tests --strict",
        "usage --since 7d",
        "usage --json",
        "exchanges list",
        "exchanges list --json",
        "quotas",
        "quotas --json",
        "ledger check",
        "ledger export",
        "ledger export --format csv",
        "ledger compact",
        "doctor --config config.yaml",
        "health",
        "keys create pLaNt\u{7}Ed",
        "--version",
        "--help",
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        written.add(line, run(&gateway, gateway.folder(), &arguments));
    }
    written.add("exchanges show", run(&gateway, gateway.folder(), &["exchanges", "show", &exchange]));
    written.add("check", run(&gateway, gateway.folder(), &["check", "--config", "config.yaml"]));
    written.add("the metrics", gateway.metrics().await);
    let served = gateway.entries().await.len();
    assert!(served > 100, "only {served} exchanges came so far that they have an entry");

    gateway.stop().await;
    let log = gateway.log();
    assert!(
        log.contains("\"level\":\"trace\"")
            || log.contains("\"level\":\"debug\"")
            || log.contains("\"level\":\"warn\""),
        "{log}"
    );
    written.add("the log", log);
    written.folder(&copy);
    written.holds_none_of(&planted());
    let credentials: Vec<String> = minted.into_iter().chain([MASTER_KEY.to_owned()]).collect();
    // A new key is shown once, to whoever made it.
    written.0.retain(|(name, _)| !name.starts_with("POST /admin/keys"));
    written.holds_none_of(&credentials);
    // What clients are told may repeat what they said, and what a provider said to them; never a credential of the operator's.
    let operators = [FIRST_KEY, SECOND_KEY, HEADER, MASTER_KEY].map(str::to_owned);
    answers.holds_none_of(&operators);
}

#[test]
fn what_the_configuration_prints_of_itself_holds_no_secret() {
    use ovth_gateway::config::{Environment, parse};

    let environment = Environment::from_pairs([
        ("OVTH_MASTER_KEY", "pLaNtEd-0123456789abcdef0123456789abcdef"),
        ("SECOND_KEY", SECOND_KEY),
    ]);
    let yaml =
        config(["http://127.0.0.1:9"; 4]) + "prices: {}\nquota: {daily_tokens: 5}\n" + "retention: {entry_days: 3}\n";
    let yaml = yaml.replace("{file: google.key}", &format!("'{GOOGLE_KEY}'"));
    let yaml = yaml.replacen("log: {access", "log: {capture: {keys: [a], redact: ['pLaNtEd-[a-z]+']}, access", 1);
    let (config, problems) = parse(&yaml, Path::new(""), &environment, &[]).unwrap();
    let mut written = Written::default();
    written.add("the configuration", format!("{config:?} {config:#?}"));
    written.add("its problems", format!("{problems} {problems:?}"));
    written.add("the environment", format!("{environment:?}"));
    written.holds_none_of(&planted());
}

/// The search itself: it finds what it is to find.
#[test]
fn the_search_finds_what_is_planted_in_every_form() {
    for form in [
        json!({"a": FIRST_KEY}).to_string(),
        SECOND_KEY.to_uppercase(),
        STANDARD.encode(format!("a file with {FIRST_KEY} in it")),
        STANDARD.encode(format!("a file, with {FIRST_KEY} in it")),
        STANDARD.encode(format!("a file -- with {FIRST_KEY} in it")),
        format!("{:?}", Value::from(HEADER)),
    ] {
        let mut written = Written::default();
        written.add("form", form.clone());
        let found = std::panic::catch_unwind(|| written.holds_none_of(&planted()));
        assert!(found.is_err(), "{form}");
    }
}
