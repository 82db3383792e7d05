//! The life of a key by way of the admin API.

use crate::keys::AuthError;

use super::*;

const NEW: &str = r#"{"label":"cursor","quota":{"daily_tokens":100000}}"#;

impl House {
    async fn mint(&self, body: &str) -> Value {
        told(&post("/admin/keys").body(body).send(self).await, 201)
    }

    fn authenticate(&self, key: &Value) -> Result<Arc<crate::keys::Key>, AuthError> {
        self.keys.authenticate(key.as_str().unwrap().as_bytes(), SystemTime::now())
    }
}

fn path(key: &Value) -> String {
    format!("/admin/keys/{}", key["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_key_is_made_and_works() {
    let house = house();
    let response = post("/admin/keys").body(NEW).send(&house).await;
    let body = told(&response, 201);
    let key = house.authenticate(&body["key"]).unwrap();
    assert_eq!(body["id"], key.id.as_str());
    assert_eq!(body["object"], "api_key");
    assert_eq!(body["label"], "cursor");
    assert_eq!(body["quota"]["daily_tokens"], 100_000);
    assert_eq!(body["quota"]["per_end_user"]["daily_usd"], Value::Null);
    assert_eq!(body["created_at"], key.created_at);
    for absent in ["expires_at", "revoked_at", "rotated_at", "previous_key_valid_until", "routes", "models", "strict"] {
        assert_eq!(body[absent], Value::Null, "{absent}");
    }
    assert!(!format!("{response:?} {:?}", house.admin).contains("ovth_"));
}

#[tokio::test]
async fn a_wrong_body_is_explained() {
    let house = house();
    let response = post("/admin/keys").body(r#"{"lable":"a"}"#).send(&house).await;
    let error = &told(&response, 400)["error"];
    assert_eq!(error["type"], "invalid_request_error");
    assert_eq!(error["param"], "lable");
    assert_eq!(error["code"], "unknown_parameter");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("did you mean `label`?") && message.contains("`label` is missing"), "{message}");
    assert_eq!(house.keys.len(), 0);
}

#[tokio::test]
async fn a_key_is_shown_changed_and_revoked() {
    let house = house();
    let minted = house.mint(NEW).await;
    let path = path(&minted);
    let shown = told(&get(&path).send(&house).await, 200);
    assert_eq!(shown["label"], "cursor");
    assert_eq!(shown.get("key"), None, "the secret is shown once");

    let patch = r#"{"label":"zed","quota":{"daily_usd":"2.5","per_end_user":{"requests_per_minute":3}},
        "models":["gpt-*"],"expires_at":"2100-01-01","strict":true}"#;
    let response = Ask::new(Method::PATCH, &path).body(patch).send(&house).await;
    let changed = told(&response, 200);
    assert_eq!(changed["label"], "zed");
    assert_eq!(changed["quota"]["daily_tokens"], 100_000, "what is not named stays");
    assert!(String::from_utf8_lossy(response.bytes()).contains(r#""daily_usd":2.5,"#), "a number, not a text");
    assert_eq!(changed["quota"]["per_end_user"]["requests_per_minute"], 3);
    assert_eq!(changed["models"], serde_json::json!(["gpt-*"]));
    assert_eq!((changed["expires_at"].as_u64(), changed["strict"].as_bool()), (Some(4_102_444_800), Some(true)));
    assert_eq!(told(&get(&path).send(&house).await, 200), changed);

    let deleted = told(&Ask::new(Method::DELETE, &path).send(&house).await, 200);
    assert_eq!((deleted["object"].as_str(), deleted["deleted"].as_bool()), (Some("api_key.deleted"), Some(true)));
    assert_eq!(house.authenticate(&minted["key"]).unwrap_err(), AuthError::Revoked);
    assert_eq!(told(&Ask::new(Method::DELETE, &path).send(&house).await, 200), deleted, "again is the same");
    assert!(told(&get(&path).send(&house).await, 200)["revoked_at"].is_u64());
    let error = told(&Ask::new(Method::PATCH, &path).body("{}").send(&house).await, 409);
    assert_eq!(error["error"]["code"], "key_revoked");
}

#[tokio::test]
async fn a_rotated_key_has_two_secrets_for_a_while() {
    let house = house();
    let minted = house.mint(NEW).await;
    let rotate = format!("{}/rotate", path(&minted));
    let rotated = told(&post(&rotate).send(&house).await, 200);
    assert_ne!(rotated["key"], minted["key"]);
    assert_eq!(rotated["id"], minted["id"]);
    let (at, until) = (rotated["rotated_at"].as_u64().unwrap(), rotated["previous_key_valid_until"].as_u64().unwrap());
    assert_eq!(until - at, 86_400);
    assert!(house.authenticate(&rotated["key"]).is_ok() && house.authenticate(&minted["key"]).is_ok());

    let again = told(&post(&rotate).body(r#"{"grace_seconds":0}"#).send(&house).await, 200);
    assert!(house.authenticate(&again["key"]).is_ok());
    assert_eq!(house.authenticate(&rotated["key"]).unwrap_err(), AuthError::Replaced);
    told(&post(&rotate).body(r#"{"grace_seconds":2592001}"#).send(&house).await, 400);
}

#[tokio::test]
async fn unknown_keys_are_404() {
    let house = house();
    for id in ["key_0123456789abcdef", "nonsense"] {
        let path = format!("/admin/keys/{id}");
        let rotate = format!("{path}/rotate");
        for ask in [
            get(&path),
            Ask::new(Method::PATCH, &path).body("{}"),
            Ask::new(Method::DELETE, &path),
            post(&rotate),
            get("/admin/quotas?key=key_0123456789abcdef"),
        ] {
            let error = told(&ask.send(&house).await, 404);
            assert!(error["error"]["message"].as_str().unwrap().contains("GET /admin/keys"), "{error}");
        }
    }
}

#[tokio::test]
async fn keys_are_listed_page_by_page_in_the_order_of_their_creation() {
    let house = house();
    let mut ids = Vec::new();
    for number in 0..5 {
        let minted = house.mint(&format!(r#"{{"label":"key {number}"}}"#)).await;
        ids.push(minted["id"].as_str().unwrap().to_owned());
    }
    let revoked = format!("/admin/keys/{}", ids[1]);
    Ask::new(Method::DELETE, &revoked).send(&house).await;
    let (mut listed, mut target) = (Vec::new(), "/admin/keys?limit=2".to_owned());
    loop {
        let page = told(&get(&target).send(&house).await, 200);
        assert_eq!(page["object"], "list");
        listed.extend(page["data"].as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap().to_owned()));
        assert_eq!(page["has_more"].as_bool().unwrap(), page["next"].is_string());
        let Some(next) = page["next"].as_str() else { break };
        target = format!("/admin/keys?limit=2&after={next}");
    }
    let valid: Vec<String> = [0, 2, 3, 4].map(|index: usize| ids[index].clone()).into();
    assert_eq!(listed, valid);
    let all = told(&get("/admin/keys?include_revoked=true").send(&house).await, 200);
    assert_eq!(all["data"].as_array().unwrap().len(), 5);
    for query in ["limit=0", "after=key_0123456789abcdef", "after=x", "page=2", "include_revoked=yes"] {
        told(&get(&format!("/admin/keys?{query}")).send(&house).await, 400);
    }
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_answer_and_another_one_a_conflict() {
    let house = house();
    let send = |body| post("/admin/keys").body(body).header("idempotency-key", "0b5cf57a").send(&house);
    let first = send(NEW).await;
    let second = send(NEW).await;
    assert_eq!(told(&first, 201), told(&second, 201));
    assert_eq!(first.headers.get("idempotent-replayed"), None);
    assert_eq!(second.headers.get("idempotent-replayed").unwrap(), "true");
    assert!(house.authenticate(&json(&second)["key"]).is_ok());
    assert_eq!(house.keys.len(), 1);
    let conflict = told(&send(r#"{"label":"other"}"#).await, 409);
    assert_eq!(conflict["error"]["code"], "idempotency_key_reused");

    let rotate = format!("{}/rotate", path(&json(&first)));
    let send = || post(&rotate).header("idempotency-key", "rotate-1").send(&house);
    let rotated = told(&send().await, 200);
    assert_eq!(told(&send().await, 200)["key"], rotated["key"]);
    told(&post(&rotate).header("idempotency-key", "0b5cf57a").send(&house).await, 409);
}

#[tokio::test]
async fn an_idempotency_key_is_visible_ascii_and_not_too_long() {
    let house = house();
    let long = "x".repeat(256);
    for bad in ["", "a b", "\u{e9}", &long] {
        let error = told(&post("/admin/keys").body(NEW).header("idempotency-key", bad).send(&house).await, 400);
        assert_eq!(error["error"]["param"], "idempotency-key", "{bad}");
    }
    let twice = post("/admin/keys").body(NEW).header("idempotency-key", "a").header("idempotency-key", "b");
    told(&twice.send(&house).await, 400);
    assert_eq!(house.keys.len(), 0);
}
