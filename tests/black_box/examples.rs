//! Every configuration that the README and `conf/` show is one that the gateway takes, and every request that the README shows is explained by
//! `ovth models --for` under each of them.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What a configuration may name of the environment.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("OPENAI_API_KEY", "sk-proj-0123456789abcdef0123"),
    ("ANTHROPIC_API_KEY", "sk-ant-api03-0123456789abcdef0123"),
    ("GOOGLE_API_KEY", "AIza0123456789abcdef0123"),
    ("OVTH_MASTER_KEY", "master-0123456789abcdef0123456789abcdef"),
];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The fenced blocks of the README with that word, and the line of each.
fn blocks(word: &str) -> Vec<(usize, String)> {
    let text = read("README.md");
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if line == format!("```{word}") {
            let block = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            blocks.push((at + 1, block.map(|line| format!("{line}\n")).collect()));
        }
    }
    blocks
}

/// The configurations, by where they are.
fn configurations() -> Vec<(String, String)> {
    let shipped = ["config.example.yaml", "config.minimal.yaml", "config.starter.yaml"];
    let shipped = shipped.iter().map(|name| (format!("conf/{name}"), read(&format!("conf/{name}"))));
    shipped.chain(blocks("yaml").into_iter().map(|(line, block)| (format!("README.md:{line}"), block))).collect()
}

/// A request of the README: where it is, what the path names, and its body.
struct Shown {
    place: String,
    model: Option<String>,
    body: Value,
}

/// What the README's commands send to the paths that models answer.
fn requests() -> Vec<Shown> {
    let mut requests = Vec::new();
    for (line, block) in blocks("sh") {
        for command in block.split("curl ").skip(1) {
            let path = command.split_whitespace().find(|word| word.contains("$OVTH_URL")).unwrap_or_default();
            let Some(body) = command.split_once("-d '").and_then(|(_, rest)| rest.split('\'').next()) else { continue };
            if path.contains("/admin/") {
                continue;
            }
            let path = path.trim_matches('"');
            let model = path.split_once("/models/").and_then(|(_, rest)| rest.split(':').next());
            requests.push(Shown {
                place: format!("README.md:{line}"),
                model: model.map(str::to_owned),
                body: serde_json::from_str(body).unwrap(),
            });
        }
    }
    requests
}

/// Runs the binary on a configuration in a folder of its own; its output, if it ends well.
fn ovth(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let run = Command::new(env!("CARGO_BIN_EXE_ovth"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(ENVIRONMENT)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if run.status.success() { Ok(text(&run.stdout)) } else { Err(text(&run.stdout) + &text(&run.stderr)) }
}

/// Whether a request needs what only some configurations have: they may name fewer models than the README's requests.
fn is_of_a_model(body: &Value) -> bool {
    body["model"].as_str().is_some_and(|model| model != "auto")
}

#[test]
fn every_configuration_that_is_shown_is_taken_and_explains_every_request_that_is_shown() {
    let (configurations, requests) = (configurations(), requests());
    assert!(configurations.len() >= 6 && requests.len() >= 8, "{} and {}", configurations.len(), requests.len());
    let mut explained = 0;
    for (place, yaml) in &configurations {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.yaml"), yaml).unwrap();
        ovth(folder.path(), &["check", "--config", "config.yaml"]).unwrap_or_else(|said| panic!("{place}: {said}"));
        let read: serde_yaml::Value = serde_yaml::from_str(yaml).unwrap();
        let named = read.get("routes").and_then(serde_yaml::Value::as_mapping);
        let routes: Vec<&str> =
            named.into_iter().flat_map(|routes| routes.keys()).filter_map(|name| name.as_str()).collect();
        for shown in &requests {
            fs::write(folder.path().join("request.json"), shown.body.to_string()).unwrap();
            let mut arguments = vec!["models", "--config", "config.yaml", "--for", "request.json"];
            let names: Vec<&str> = match &shown.model {
                Some(model) => vec![model.as_str()],
                None if is_of_a_model(&shown.body) => vec![""],
                None => routes.clone(),
            };
            for name in names {
                arguments.truncate(5);
                if !name.is_empty() {
                    arguments.extend(["--route", name]);
                }
                let said =
                    ovth(folder.path(), &arguments).unwrap_or_else(|said| panic!("{place}, {}: {said}", shown.place));
                assert!(said.contains("would be answered by "), "{place}, {}: {said}", shown.place);
                explained += 1;
            }
        }
    }
    crate::support::tell(&format!(
        "{} configurations and {} requests that are shown: {explained} explanations",
        configurations.len(),
        requests.len()
    ));
}
