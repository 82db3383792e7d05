//! What a router's clients look up: models and their places, their key, what an answer came to, and keys for whoever holds the master key.

use serde_json::{Value, json};

use super::{ask, gateway};
use crate::support::{Answer, Gateway, Request, Response, Upstream, Way, within};

async fn serving() -> Upstream {
    Upstream::new(move |seen| Answer::plain(seen.shape(), "hello")).await
}

async fn get(gateway: &Gateway, path: &str, key: &str) -> Response {
    gateway.send(&Request::get(path).bearer(key), Way::Sized).await
}

fn data(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{response:?}");
    response.json()["data"].clone()
}

#[tokio::test]
async fn models_are_listed_with_prices_and_places() {
    let (first, second) = (serving().await, serving().await);
    let gateway = gateway(&first, &second).await;
    for path in ["/v1/models", "/api/v1/models"] {
        let list = data(&get(&gateway, path, "").await);
        let of = |id: &str| list.as_array().unwrap().iter().find(|model| model["id"] == id).unwrap().clone();
        assert_eq!(list[0]["id"], "auto");
        assert_eq!(of("two")["pricing"]["prompt"], "0.000001");
        assert_eq!(of("one")["pricing"]["prompt"], "-1", "nobody tells its price");
        let count = data(&get(&gateway, &format!("{path}/count"), "").await);
        assert_eq!(count["count"].as_u64(), Some(list.as_array().unwrap().len() as u64));
        let picked = data(&get(&gateway, &format!("{path}?q=two"), "").await);
        assert_eq!(picked.as_array().unwrap().len(), 1);
    }
    let response = ask(&gateway, json!({"model": "first/shared"})).await;
    assert_eq!(response.status, 200);
    // What is measured of an answer is known when it is over.
    gateway.record(response.request_id()).await;
    let places = data(&get(&gateway, "/api/v1/models/shared/endpoints", "").await)["endpoints"].clone();
    let tags: Vec<&str> = places.as_array().unwrap().iter().map(|place| place["tag"].as_str().unwrap()).collect();
    assert_eq!(tags, ["first", "second"]);
    assert_eq!((places[0]["uptime_last_5m"].as_f64(), &places[1]["uptime_last_5m"]), (Some(100.0), &Value::Null));
    assert_eq!(data(&get(&gateway, "/api/v1/model/shared", "").await)["id"], "shared");
    let providers = data(&get(&gateway, "/api/v1/providers", "").await);
    assert_eq!((providers[0]["slug"].as_str(), providers[1]["name"].as_str()), (Some("first"), Some("second")));
    assert_eq!(get(&gateway, "/api/v1/models/none/such/endpoints", "").await.status, 404);
}

/// Asks until the ledger has the exchange.
async fn generation(gateway: &Gateway, id: &str, key: &str) -> Value {
    let found = async {
        loop {
            let response = get(gateway, &format!("/api/v1/generation?id={id}"), key).await;
            if response.status != 404 {
                return data(&response);
            }
        }
    };
    within("the ledger to have the exchange", found).await
}

#[tokio::test]
async fn an_answer_can_be_looked_up_by_the_key_that_it_was_made_for_and_by_no_other() {
    let (first, second) = (serving().await, serving().await);
    let gateway = gateway(&first, &second).await;
    let answer = ask(&gateway, json!({"model": "shared", "user": "somebody"})).await;
    let told = answer.json();
    let id = told["id"].as_str().unwrap();
    let found = generation(&gateway, id, gateway.key()).await;
    assert_eq!((found["id"].as_str(), found["request_id"].as_str()), (Some(id), Some(answer.request_id())));
    assert_eq!((found["provider_name"].as_str(), found["model"].as_str()), (Some("first"), Some("shared")));
    assert_eq!(
        (&found["total_cost"], &found["tokens_prompt"]),
        (&told["usage"]["cost"], &told["usage"]["prompt_tokens"])
    );
    assert_eq!(
        (found["external_user"].as_str(), found["native_finish_reason"].as_str()),
        (Some("somebody"), Some("stop"))
    );
    let other = gateway.mint("other", None).await;
    for (id, key, status) in [
        (id, other.as_str(), 404),
        ("gen-00000000000000000000000000000000", gateway.key(), 404),
        (answer.request_id(), gateway.key(), 404),
        (id, "ovth_live_wrong", 401),
    ] {
        let refused = get(&gateway, &format!("/api/v1/generation?id={id}"), key).await;
        assert_eq!(
            (refused.status, refused.json()["error"]["code"].as_u64()),
            (status, Some(u64::from(status))),
            "{refused:?}"
        );
    }
    assert_eq!(get(&gateway, "/api/v1/generation", gateway.key()).await.status, 400);
}

#[tokio::test]
async fn keys_are_kept_in_a_router_s_form_by_whoever_holds_the_master_key() {
    let (first, second) = (serving().await, serving().await);
    let gateway = gateway(&first, &second).await;
    let master = gateway.master_key();
    let send = |method: &'static str, path: &str, body: Value| {
        let request = Request { body: body.to_string().into(), ..Request::new(method, path) };
        request.bearer(master)
    };
    let made = gateway
        .send(&send("POST", "/api/v1/keys", json!({"name": "made", "limit": 2.5, "limit_reset": "daily"})), Way::Sized)
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let key = made.json()["key"].as_str().unwrap().to_owned();
    let hash = made.json()["data"]["hash"].as_str().unwrap().to_owned();
    let credits = data(&get(&gateway, "/api/v1/credits", &key).await);
    assert_eq!((credits["total_credits"].as_f64(), credits["total_usage"].as_f64()), (Some(2.5), Some(0.0)));
    let own = data(&get(&gateway, "/api/v1/key", &key).await);
    assert_eq!(
        (own["label"].as_str(), own["limit"].as_f64(), own["limit_reset"].as_str()),
        (Some("made"), Some(2.5), Some("daily"))
    );
    let one = format!("/api/v1/keys/{hash}");
    let changed = gateway
        .send(&send("PATCH", &one, json!({"name": "renamed", "limit": 9, "limit_reset": "monthly"})), Way::Sized)
        .await;
    let data_of_it = data(&changed);
    assert_eq!((data_of_it["name"].as_str(), data_of_it["limit_reset"].as_str()), (Some("renamed"), Some("monthly")));
    let listed = data(&get(&gateway, "/v1/keys", master).await);
    assert!(listed.as_array().unwrap().iter().any(|key| key["hash"] == hash.as_str()), "{listed}");
    for wrong in [json!({"limit": 1, "limit_reset": "weekly"}), json!({"disabled": true}), json!([])] {
        let refused = gateway.send(&send("PATCH", &one, wrong.clone()), Way::Sized).await;
        assert_eq!(
            (refused.status, refused.json()["error"]["code"].as_u64()),
            (400, Some(400)),
            "{wrong}: {refused:?}"
        );
    }
    let ended = gateway.send(&send("DELETE", &one, json!({})), Way::Sized).await;
    assert_eq!((ended.status, ended.json()["deleted"].as_bool()), (200, Some(true)));
    assert_eq!(get(&gateway, "/api/v1/key", &key).await.status, 401);
    for path in ["/api/v1/keys", one.as_str()] {
        let stranger = get(&gateway, path, gateway.key()).await;
        assert_eq!((stranger.status, stranger.json()["error"]["code"].as_u64()), (401, Some(401)), "{path}");
        assert_eq!(stranger.header("access-control-allow-origin"), None, "no page of another origin may ask");
    }
}
