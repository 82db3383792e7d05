//! Recorded exchanges of providers (`OVTH_RECORDINGS` names their folder) and the project's own beside them.
#![expect(clippy::print_stderr, reason = "tests say what they left out")]

use std::path::PathBuf;

use bytes::Bytes;
use serde_json::Value;

use super::fixtures;
use crate::Shape;

/// An exchange with a provider.
pub(super) struct Exchange {
    /// Its file, with the folder.
    pub(super) name: String,
    /// What the provider speaks.
    pub(super) shape: Shape,
    value: Value,
}

impl Exchange {
    pub(super) fn new(name: String, shape: Shape, value: Value) -> Exchange {
        Exchange { name, shape, value }
    }

    pub(super) fn status(&self) -> u64 {
        self.value["response"]["status"].as_u64().unwrap()
    }

    /// The body of the request.
    pub(super) fn request(&self) -> Option<Vec<u8>> {
        let body = &self.value["request"]["body"];
        body.is_object().then(|| serde_json::to_vec(body).unwrap())
    }

    /// The answer's text when it is a stream.
    pub(super) fn stream(&self) -> Option<Bytes> {
        let text = self.value["response"]["body_text"].as_str()?;
        (self.value["stream"] == true).then(|| Bytes::copy_from_slice(text.as_bytes()))
    }

    /// The answer when it is one body.
    pub(super) fn body(&self) -> Option<Vec<u8>> {
        let response = &self.value["response"];
        let text = || response["body_text"].as_str().map(|text| text.as_bytes().to_vec());
        let body = (!response["body"].is_null()).then(|| serde_json::to_vec(&response["body"]).unwrap());
        if self.value["stream"] == true { None } else { body.or_else(text) }
    }
}

/// The recorded exchanges, or none where no folder is named.
pub(super) fn recorded(folders: &[(&str, Shape)]) -> Vec<Exchange> {
    let Some(root) = std::env::var_os("OVTH_RECORDINGS").map(PathBuf::from) else {
        eprintln!("left out: all recordings (0 read), because OVTH_RECORDINGS names no folder with them");
        return Vec::new();
    };
    let mut exchanges: Vec<Exchange> = folders.iter().flat_map(|(folder, shape)| read(&root, folder, *shape)).collect();
    exchanges.sort_by(|a, b| a.name.cmp(&b.name));
    exchanges
}

/// The project's own exchanges of a folder, which the tests of the gateway and of the SDKs play, too.
pub(super) fn own(folder: &str, shape: Shape) -> Vec<Exchange> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/recordings");
    let mut exchanges = read(&root, folder, shape);
    exchanges.iter_mut().for_each(|exchange| exchange.name.insert_str(0, "own/"));
    exchanges.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(exchanges.len() >= 13, "{folder}: {}", exchanges.len());
    exchanges
}

fn read(root: &std::path::Path, folder: &str, shape: Shape) -> Vec<Exchange> {
    let entries = std::fs::read_dir(root.join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let exchange = |path: PathBuf| {
        let name = format!("{folder}/{}", path.file_name().unwrap().to_string_lossy());
        Exchange::new(name, shape, serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap())
    };
    paths.map(exchange).collect()
}

/// The folders of the two shapes.
pub(super) const BOTH: [(&str, Shape); 2] = [("chat-completions", Shape::Chat), ("messages", Shape::Messages)];

/// The project's own exchanges and the recorded ones.
pub(super) fn exchanges() -> Vec<Exchange> {
    let recorded = recorded(&BOTH);
    assert!(recorded.is_empty() || recorded.len() == 103, "{} recordings", recorded.len());
    fixtures::own().into_iter().chain(recorded).collect()
}

/// Holds the number of recordings that a test has looked at to what it is; says so where there are none. `own` are not counted.
pub(super) fn assert_counted(what: &str, names: &[String], expected: usize) {
    let recorded = names.iter().filter(|name| !name.starts_with("own/")).count();
    eprintln!("{what}: {recorded} recorded and {} own", names.len() - recorded);
    if std::env::var_os("OVTH_RECORDINGS").is_some() {
        assert_eq!(recorded, expected, "{what}");
    }
}
