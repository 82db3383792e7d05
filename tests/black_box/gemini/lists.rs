//! The lists of models in Google's form, and paths that are none.

use serde_json::{Value, json};

use super::Scene;
use crate::support::{Request, Way};

async fn get(scene: &Scene, path: &str) -> (u16, Value) {
    let request = Request::get(path).header("x-goog-api-key", scene.gateway.key());
    let response = scene.gateway.send(&request, Way::Sized).await;
    (response.status, response.json())
}

#[tokio::test]
async fn all_models_are_listed_page_by_page_and_each_by_itself() {
    let scene = Scene::start().await;
    let (status, whole) = get(&scene, "/gemini/v1beta/models?pageSize=1000").await;
    assert_eq!(status, 200);
    let all = whole["models"].as_array().unwrap().clone();
    for name in ["models/auto", "models/anthropic/claude-any", "models/gemini-3.8-flash", "models/small"] {
        assert!(all.iter().any(|model| model["name"] == name), "{name} is not in {whole}");
    }
    let mut paged = Vec::new();
    let mut token = String::new();
    loop {
        let (status, page) = get(&scene, &format!("/gemini/v1/models?pageSize=7{token}")).await;
        assert_eq!(status, 200, "{page}");
        paged.extend(page["models"].as_array().unwrap().iter().cloned());
        match page["nextPageToken"].as_str() {
            Some(next) => token = format!("&pageToken={}", next.replace('/', "%2F")),
            None => break,
        }
    }
    assert_eq!(paged, all);
    for name in ["gemini-3.8-flash", "anthropic/claude-any", "anthropic%2Fclaude-any"] {
        let (status, one) = get(&scene, &format!("/gemini/v1beta/models/{name}")).await;
        let plain = name.replace("%2F", "/");
        assert_eq!((status, &one["name"]), (200, &json!(format!("models/{plain}"))));
        assert!(all.contains(&one), "{one}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_in_google_s_form() {
    let scene = Scene::start().await;
    for (path, status, word) in [
        ("/gemini/v1beta/models/no-such-model-at-all", 404, "NOT_FOUND"),
        ("/gemini/v1beta/models?pageSize=many", 400, "INVALID_ARGUMENT"),
        ("/gemini/v1beta/models?pageToken=none", 400, "INVALID_ARGUMENT"),
        ("/gemini/v1beta/cachedContents", 404, "NOT_FOUND"),
        ("/gemini/v1beta/models/auto:generateContent", 405, "INVALID_ARGUMENT"),
    ] {
        let (found, body) = get(&scene, path).await;
        assert_eq!((found, &body["error"]["code"], &body["error"]["status"]), (status, &json!(status), &json!(word)));
    }
    let unknown = scene.call("auto:tuneModel", &json!({})).await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.json()["error"]["message"].as_str().unwrap().contains(":countTokens"), "{unknown:?}");
}
