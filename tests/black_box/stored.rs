//! State that a provider keeps: whose it is, which credential finds it, what it is reckoned at, and what cannot be asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::responses::ask;
use crate::support::{Answer, Connection, Gateway, Request, Response, Shape, Upstream, Way};

/// Answers that providers keep: by their id, the credential that finds them.
type Kept = Arc<Mutex<HashMap<String, String>>>;

/// OpenAI with two accounts, each of which finds its own answers only. Each answer has a prompt of so many tokens.
async fn openai(kept: &Kept, prompt_tokens: u64) -> Upstream {
    let kept = Arc::clone(kept);
    Upstream::new(move |seen| {
        let account = seen.head.header("authorization").expect("a credential").to_owned();
        let body = seen.json();
        let mut kept = kept.lock().unwrap();
        if let Some(id) = body["previous_response_id"].as_str()
            && kept.get(id) != Some(&account)
        {
            let error = json!({
                "message": format!("Previous response with id '{id}' not found."), "type": "invalid_request_error",
                "param": "previous_response_id", "code": "previous_response_not_found",
            });
            return Answer::json(400, json!({"error": error}).to_string());
        }
        let id = format!("resp_{}", seen.index);
        kept.insert(id.clone(), account);
        if body["stream"] == true {
            let begun = Shape::Responses.opening().replace("resp_test", &id);
            return Answer::stream().event(begun).event(Shape::Responses.content("one two three")).hold();
        }
        let mut answer: Value = serde_json::from_str(&Shape::Responses.plain("kept")).unwrap();
        answer["id"] = json!(id);
        answer["usage"]["input_tokens"] = json!(prompt_tokens);
        answer["usage"]["total_tokens"] = json!(prompt_tokens + 7);
        Answer::json(200, answer.to_string())
    })
    .await
}

struct Scene {
    gateway: Gateway,
    upstream: Upstream,
    kept: Kept,
}

impl Scene {
    async fn start(prompt_tokens: u64) -> Scene {
        let kept = Kept::default();
        let upstream = openai(&kept, prompt_tokens).await;
        let config = format!(
            "providers:\n  openai: {{base_url: '{}', api_keys: [sk-first-0123456789, sk-second-0123456789]}}\n",
            upstream.base_url()
        );
        Scene { gateway: Gateway::start(&config).await, upstream, kept }
    }

    async fn ask(&self, key: &str, fields: Value) -> Response {
        let body = ask("gpt-6-luna", fields).to_string();
        self.gateway.send(&Request::post("/v1/responses", body).bearer(key), Way::Sized).await
    }
}

fn id(response: &Response) -> String {
    assert_eq!(response.status, 200, "{response:?}");
    response.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_follows_an_answer_goes_to_the_account_that_keeps_it() {
    let scene = Scene::start(11).await;
    let key = scene.gateway.key();
    let mut accounts = std::collections::HashSet::new();
    for turn in 0..12 {
        let first = scene.ask(key, json!({"input": format!("conversation {turn}")})).await;
        let mut last = id(&first);
        for word in ["one", "two"] {
            let follow = json!({"previous_response_id": last, "input": word});
            let next = scene.ask(key, follow).await;
            assert_eq!(next.attempts(), 1, "{turn} {word}");
            last = id(&next);
        }
        accounts.insert(scene.kept.lock().unwrap()[&last].clone());
    }
    assert_eq!(accounts.len(), 2, "both are used");
}

#[tokio::test]
async fn what_the_gateway_did_not_see_is_looked_for_at_each_account() {
    let scene = Scene::start(11).await;
    let key = scene.gateway.key();
    for account in ["Bearer sk-first-0123456789", "Bearer sk-second-0123456789"] {
        for turn in 0..4 {
            let old = format!("resp_old_{turn}");
            scene.kept.lock().unwrap().insert(old.clone(), account.to_owned());
            let follow = json!({"previous_response_id": old, "input": format!("{account} {turn}")});
            assert!(scene.ask(key, follow).await.status == 200, "{account} {turn}");
        }
    }
    let nowhere = scene.ask(key, json!({"previous_response_id": "resp_nowhere"})).await;
    assert_eq!(nowhere.json()["error"]["code"], "previous_response_not_found", "{nowhere:?}");
    assert_eq!((nowhere.status, nowhere.attempts()), (400, 2), "{nowhere:?}");
}

#[tokio::test]
async fn what_another_key_was_answered_is_not_found() {
    let scene = Scene::start(11).await;
    let other = scene.gateway.mint("other", None).await;
    let first = id(&scene.ask(scene.gateway.key(), json!({})).await);
    let asked = scene.upstream.requests().len();
    for field in [json!({"previous_response_id": first}), json!({"previous_response_id": first, "stream": true})] {
        let refused = scene.ask(&other, field).await;
        let error = &refused.json()["error"];
        assert_eq!((refused.status, &error["code"]), (400, &"previous_response_not_found".into()), "{refused:?}");
        assert_eq!(
            (&error["param"], &error["type"]),
            (&"previous_response_id".into(), &"invalid_request_error".into()),
            "{refused:?}"
        );
    }
    assert_eq!(scene.upstream.requests().len(), asked, "nobody was asked");
    assert_eq!(scene.ask(scene.gateway.key(), json!({"previous_response_id": first})).await.status, 200);
}

#[tokio::test]
async fn a_history_that_the_provider_keeps_is_set_aside_and_charged_though_the_body_is_small() {
    let scene = Scene::start(5_000).await;
    let small = scene.gateway.mint("small", Some(20_000)).await;
    // How long it is nobody knows, so that it may be as long as the model reads.
    for field in [
        json!({"previous_response_id": "resp_unseen"}),
        json!({"conversation": "conv_1"}),
        json!({"prompt": {"id": "pmpt_1"}}),
    ] {
        let refused = scene.ask(&small, field).await;
        assert_eq!(refused.status, 429, "{refused:?}");
    }
    assert_eq!(scene.upstream.requests().len(), 0);
    let first = id(&scene.ask(&small, json!({})).await);
    // Of an answer that was seen it is known: 5,007 of the 20,000 are spent, and so many are set aside.
    let second = scene.ask(&small, json!({"previous_response_id": first})).await;
    let second = id(&second);

    let body = ask("gpt-6-luna", json!({"previous_response_id": second, "stream": true})).to_string();
    let mut connection = Connection::open(scene.gateway.address()).await;
    connection.send(&Request::post("/v1/responses", body).bearer(&small), Way::Sized).await;
    assert_eq!(connection.head().await.status(), 200);
    connection.peek(20).await;
    drop(connection);
    let record = scene.gateway.record_where(|record| record.outcome == "client_abort").await;
    let entry = scene.gateway.entry(&record.request_id).await;
    let input = entry["tokens"]["input"].as_u64().unwrap();
    assert!((5_007..6_000).contains(&input), "{entry}");
}

#[tokio::test]
async fn an_answer_in_the_background_cannot_be_had() {
    let scene = Scene::start(11).await;
    for fields in [
        json!({"background": true}),
        json!({"background": true, "stream": true}),
        json!({"background": true, "previous_response_id": "resp_1"}),
        json!({"previous_response_id": "resp_1", "background": true}),
    ] {
        let refused = scene.ask(scene.gateway.key(), fields).await;
        let error = &refused.json()["error"];
        assert_eq!((refused.status, &error["param"]), (400, &"background".into()), "{refused:?}");
        assert!(error["message"].as_str().unwrap().contains("Leave it out"), "{refused:?}");
    }
    assert_eq!(scene.upstream.requests().len(), 0);
    assert_eq!(scene.ask(scene.gateway.key(), json!({"background": false})).await.status, 200);
}
