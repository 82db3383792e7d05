//! Whatever reaches a provider is metered: every path that goes to one has an entry, and refused ones have theirs.

use ovth_filters::Operation;
use ovth_gateway::proxy::exchange_paths;
use serde_json::json;

use crate::support::{Answer, Bed, Request, Shape, Upstream, Way};

async fn bed() -> Bed {
    let first = Upstream::new(|seen| match seen.head.path() {
        path if path.ends_with("embeddings") => Answer::json(
            200,
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"model":"m","usage":{"prompt_tokens":5,"total_tokens":5}}"#,
        ),
        path if path.ends_with("batchEmbedContents") => {
            Answer::json(200, r#"{"embeddings":[{"values":[0.5]}],"usageMetadata":{"promptTokenCount":5}}"#)
        }
        path if path.ends_with("embedContent") => {
            Answer::json(200, r#"{"embedding":{"values":[0.5]},"usageMetadata":{"promptTokenCount":5}}"#)
        }
        path if path.ends_with("countTokens") => Answer::json(200, r#"{"totalTokens":9}"#),
        path if path.ends_with("tokens") => Answer::json(200, r#"{"input_tokens":9}"#),
        _ if seen.streams() => Answer::streamed(seen.shape(), &["served"]),
        _ => Answer::plain(seen.shape(), "served"),
    })
    .await;
    Bed::start(first, Upstream::silent().await).await
}

/// The request on that path for that route.
fn ask(path: &str, route: &str) -> Request {
    let to = path.replace("{model}", route);
    let body = match path {
        _ if path.ends_with("batchEmbedContents") => {
            let content = json!({"parts": [{"text": "hello"}]});
            json!({"requests": [{"model": format!("models/{route}"), "content": content}]}).to_string()
        }
        _ if path.ends_with("embedContent") => json!({"content": {"parts": [{"text": "hello"}]}}).to_string(),
        _ if path.contains("embeddings") => json!({"model": route, "input": "hello"}).to_string(),
        _ if path.contains("/gemini/") => {
            return Request { path: to, ..Shape::GenerateContent.post(Shape::GenerateContent.ask(route, "hello")) };
        }
        _ if path.contains("messages") => Shape::Messages.ask(route, "hello"),
        _ if path.contains("responses") => Shape::Responses.ask(route, "hello"),
        _ => Shape::Chat.ask(route, "hello"),
    };
    Request::post(to, body)
}

#[tokio::test]
async fn every_path_that_goes_to_a_provider_leaves_one_entry_with_what_it_cost() {
    let bed = bed().await;
    let (mut paths, mut asked) = (0, 0);
    for (path, operation) in exchange_paths() {
        for prefix in ["", "/api"] {
            if !prefix.is_empty() && !path.starts_with("/v1/") {
                continue;
            }
            // A tuned model's name begins with what stands before it in the path.
            if path.contains("tunedModels") {
                continue;
            }
            let full = format!("{prefix}{path}");
            let response = bed.gateway.send(&ask(&full, &bed.sole()).bearer(bed.gateway.key()), Way::Sized).await;
            assert_eq!(response.status, 200, "{full}: {response:?}");
            let entry = bed.gateway.entry(response.request_id()).await;
            assert_eq!(entry["operation"], operation.as_str(), "{full}");
            assert_eq!(entry["outcome"], "ok", "{full}");
            // Nobody but OpenAI has a counter there.
            let attempts = usize::from(!path.ends_with("/input_tokens"));
            assert_eq!(entry["attempts"].as_array().map(Vec::len), Some(attempts), "{full}");
            let expected = match operation {
                Operation::Generate => 18,
                Operation::Embed => 5,
                Operation::CountTokens | Operation::ListModels => 0,
            };
            assert_eq!(entry["charged_tokens"], json!(expected), "{full}: {entry}");
            paths += 1;
            asked += attempts;
        }
    }
    assert!(paths >= 22, "{paths} paths");
    assert_eq!(bed.first.requests().len(), asked, "nothing else reached the provider");
    assert_eq!(bed.gateway.entries().await.len(), paths);
}

#[tokio::test]
async fn a_path_is_limited_by_requests_and_by_concurrency_whatever_it_asks() {
    let bed = bed().await;
    let minted = bed.gateway.admin(r#"{"label":"one a minute","quota":{"requests_per_minute":1}}"#).await.json();
    let key = minted["key"].as_str().unwrap();
    let mut statuses = Vec::new();
    for (path, _) in exchange_paths().filter(|(path, _)| !path.contains("tunedModels")) {
        let response = bed.gateway.send(&ask(&path, &bed.sole()).bearer(key), Way::Sized).await;
        statuses.push(response.status);
    }
    assert_eq!(statuses.first(), Some(&200));
    assert!(statuses.iter().skip(1).all(|status| *status == 429), "{statuses:?}");
}

#[tokio::test]
async fn a_refused_request_of_a_known_key_has_an_entry_and_one_without_a_key_has_none() {
    let bed = bed().await;
    let body = Shape::Chat.ask("no-such-model", "hello");
    let unknown = bed.gateway.post(Shape::Chat, body.clone()).await;
    assert_eq!(unknown.status, 404, "{unknown:?}");
    let entry = bed.gateway.entry(unknown.request_id()).await;
    assert_eq!(entry["outcome"], "unknown_model");
    assert_eq!(entry["status"], json!(404));
    assert_eq!(entry["charged_tokens"], json!(0));
    let stranger = Request::post(Shape::Chat.path(), body).bearer("ovth_live_stranger");
    assert_eq!(bed.gateway.send(&stranger, Way::Sized).await.status, 401);
    assert_eq!(bed.gateway.entries().await.len(), 1);
}
