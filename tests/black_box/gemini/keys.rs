//! Where a client's key may be, and that none is found anywhere else.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::{MODELS, Scene, ask};
use crate::support::{Request, Way};

#[tokio::test]
async fn a_key_is_taken_from_google_s_header_from_the_query_and_as_a_bearer() {
    let scene = Scene::start().await;
    let key = scene.gateway.key();
    let path = "/gemini/v1beta/models/auto:generateContent";
    let post = |path: String| Request::post(path, ask("hi").to_string());
    for request in [
        post(path.to_owned()).header("x-goog-api-key", key),
        post(path.to_owned()).bearer(key),
        post(path.to_owned()).header("x-api-key", key),
        post(format!("{path}?key={key}")),
        post(format!("{path}?alt=json&key={}", key.replace('_', "%5F"))),
        // A key of the environment beside ours.
        post(format!("{path}?key=AIzaSyForeign")).header("x-goog-api-key", key),
        post(format!("{path}?key={key}")).header("x-goog-api-key", "AIzaSyForeign"),
    ] {
        let response = scene.gateway.send(&request, Way::Sized).await;
        assert_eq!(response.status, 200, "{request:?}: {response:?}");
    }
    for request in [post(path.to_owned()), post(format!("{path}?key=wrong")), post(format!("{path}?key="))] {
        let response = scene.gateway.send(&request, Way::Sized).await;
        let error = &response.json()["error"];
        assert_eq!(
            (response.status, &error["code"]),
            (error["code"].as_u64().unwrap() as u16, &json!(response.status))
        );
        assert_eq!(error["details"][0]["reason"], "API_KEY_INVALID", "{error}");
    }
    // In other shapes the query is no place for a key.
    let chat = Request::post(format!("/v1/chat/completions?key={key}"), json!({"model": "auto"}).to_string());
    assert_eq!(scene.gateway.send(&chat, Way::Sized).await.status, 401);
}

/// Every file of a folder.
fn files(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else {
            into.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

#[tokio::test]
async fn pitfall_111_a_key_in_the_query_is_in_nothing_that_is_written_sent_or_told() {
    let settings = "log: {access: {file: access.log}, capture: {keys: ['*'], headers: ['*']}}\n";
    let mut scene = Scene::start_with(settings, "trace").await;
    let key = scene.gateway.key().to_owned();
    let wrong = "AIzaSyPlantedPlantedPlanted";
    let mut told = Vec::new();
    for secret in [key.as_str(), wrong] {
        let mut paths = Vec::new();
        for (model, _) in MODELS {
            for method in ["generateContent", "streamGenerateContent", "countTokens", "embedContent", "nothing"] {
                paths.push(format!("/gemini/v1beta/models/{model}:{method}?key={secret}"));
                paths.push(format!("/gemini/v1beta/models/{model}:{method}?alt=sse&key={secret}"));
            }
        }
        paths.push(format!("/gemini/v1beta/models/google/sim-fault-cut:streamGenerateContent?key={secret}"));
        paths.push(format!("/gemini/v1beta/models/google/sim-fault-bad-key:generateContent?key={secret}"));
        paths.push(format!("/gemini/v1beta/files?key={secret}"));
        paths.push(format!("/gemini/v1beta/models?pageToken=none&key={secret}"));
        for path in paths {
            for request in [
                Request::post(path.clone(), ask("[words=30] hello").to_string()),
                Request::post(path.clone(), "not json"),
                Request::get(path.clone()),
                Request::new("OPTIONS", path.clone()),
            ] {
                let response = scene.gateway.send(&request, Way::Sized).await;
                told.push((format!("the answer to {} {path}", request.method), format!("{response:?}").into_bytes()));
            }
        }
    }
    for name in ["google", "plain", "newer", "other"] {
        let requests = scene.simulator.namespace(name).requests();
        assert!(!requests.is_empty(), "{name} was asked");
        told.push((format!("what {name} received"), format!("{requests:?}").into_bytes()));
    }
    told.push(("metrics".to_owned(), scene.gateway.metrics().await.into_bytes()));
    assert!(scene.gateway.stop().await.success());
    told.push(("the log".to_owned(), scene.gateway.log().into_bytes()));
    files(scene.gateway.folder(), &mut told);
    assert!(told.iter().any(|(name, bytes)| name.ends_with("capture.jsonl") && !bytes.is_empty()), "captures are on");
    assert!(told.iter().any(|(name, bytes)| name.ends_with("access.log") && !bytes.is_empty()));
    for (name, bytes) in &told {
        for secret in [&key, wrong] {
            let found = memchr::memmem::find(bytes, secret.as_bytes());
            assert_eq!(found, None, "{secret} is in {name}: {}", String::from_utf8_lossy(bytes));
        }
    }
}
