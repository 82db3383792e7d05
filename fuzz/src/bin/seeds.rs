//! Makes seeds out of recorded exchanges: the project's own fixtures, and what `OVTH_RECORDINGS` names. They are never committed.

use std::path::{Path, PathBuf};

use ovth_fuzz::HEADER;
use serde_json::Value;

/// Larger ones make a fuzzer slow.
const MAX_BYTES: usize = 48 * 1024;

fn main() -> std::io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixtures = here.join("../tests/fixtures/recordings");
    let recordings = std::env::var_os("OVTH_RECORDINGS").map(PathBuf::from);
    let mut seeds = 0_usize;
    for root in [Some(fixtures), recordings].into_iter().flatten() {
        for (folder, shape) in [("chat-completions", "chat"), ("messages", "messages")] {
            let Ok(entries) = std::fs::read_dir(root.join(folder)) else { continue };
            for entry in entries {
                let path = entry?.path();
                let Ok(exchange) = serde_json::from_slice::<Value>(&std::fs::read(&path)?) else { continue };
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                for (target, bytes) in inputs(shape, &exchange) {
                    if bytes.len() <= MAX_BYTES {
                        // Each seed begins with other choices, so that all of them are tried.
                        let header = (seeds as u32).wrapping_mul(0x9e37_79b9).to_be_bytes();
                        let folder = here.join("corpus").join(&target);
                        std::fs::create_dir_all(&folder)?;
                        let header: &[u8] = if target == "json" { &[] } else { &header[..HEADER] };
                        std::fs::write(folder.join(format!("{shape}-{name}")), [header, &bytes].concat())?;
                        seeds += 1;
                    }
                }
            }
        }
    }
    println!("{seeds} seeds");
    Ok(())
}

/// The targets that an exchange says something to, with what it says.
fn inputs(shape: &str, exchange: &Value) -> Vec<(String, Vec<u8>)> {
    let mut inputs = Vec::new();
    let request = &exchange["request"]["body"];
    if request.is_object() {
        let body = request.to_string().into_bytes();
        for target in [format!("request_{shape}"), "passing".to_owned(), "json".to_owned()] {
            inputs.push((target, body.clone()));
        }
    }
    let response = &exchange["response"];
    match response["body_text"].as_str() {
        Some(text) if exchange["stream"] == true => {
            for target in [format!("stream_{shape}"), "sse".to_owned()] {
                inputs.push((target, text.as_bytes().to_vec()));
            }
        }
        _ if response["body"].is_object() => {
            inputs.push((format!("answer_{shape}"), response["body"].to_string().into_bytes()));
        }
        _ => {}
    }
    inputs
}
