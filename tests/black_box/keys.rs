//! Keys and the first quota: mint, use, refuse, and keep over a restart.

use crate::support::{Answer, Bed, Request, Shape, Upstream, Way};

async fn bed() -> Bed {
    let first = Upstream::new(|seen| Answer::plain(seen.shape(), "served")).await;
    Bed::start_with("quota: {daily_tokens: 1000, per_user: true}\n", first, Upstream::silent().await).await
}

#[tokio::test]
async fn pitfall_113_a_minted_key_works_in_both_headers_on_all_shapes() {
    let bed = bed().await;
    let minted = bed.gateway.admin(r#"{"label":"cursor","quota":{"daily_tokens":100000}}"#).await;
    assert_eq!(minted.status, 201, "{minted:?}");
    let minted = minted.json();
    assert_eq!(minted["label"], "cursor");
    assert!(minted["id"].is_string());
    let key = minted["key"].as_str().unwrap();
    assert!(key.starts_with("ovth_live_"), "the prefix that secret scanners look for");
    let route = bed.sole();
    for shape in Shape::ALL {
        let own = if shape == Shape::GenerateContent { "x-goog-api-key" } else { "x-api-key" };
        for (name, value) in [("authorization", format!("Bearer {key}")), (own, key.to_owned())] {
            let request = shape.post(shape.ask(&route, "hello")).header(name, value);
            let response = bed.gateway.send(&request, Way::Sized).await;
            assert_eq!(response.status, 200, "{name}: {response:?}");
        }
    }
    assert!(!bed.gateway.log().contains(key), "a key is never logged");
}

#[tokio::test]
async fn a_missing_or_wrong_key_is_a_401_in_the_shape() {
    let bed = bed().await;
    let good = bed.gateway.key().to_owned();
    let mut tampered = good.clone();
    let last = tampered.pop().unwrap();
    tampered.push(if last == 'a' { 'b' } else { 'a' });
    let cases = [
        None,
        Some(("authorization", String::new())),
        Some(("authorization", "Bearer ".to_owned())),
        Some(("authorization", format!("Basic {good}"))),
        Some(("authorization", "Bearer sk-not-ours".to_owned())),
        Some(("authorization", format!("Bearer {tampered}"))),
        Some(("x-api-key", tampered.clone())),
        Some(("x-goog-api-key", tampered.clone())),
    ];
    for shape in Shape::ALL {
        for case in &cases {
            let mut request = shape.post(shape.ask(&bed.sole(), "hello"));
            if let Some((name, value)) = case {
                request = request.header(name, value);
            }
            let response = bed.gateway.send(&request, Way::Sized).await;
            assert_eq!(response.status, 401, "{case:?}: {response:?}");
            let kind = shape.error_type(&response.json());
            let expected = match shape {
                Shape::Messages => "authentication_error",
                Shape::GenerateContent => "UNAUTHENTICATED",
                _ => "invalid_request_error",
            };
            assert_eq!(kind, expected, "{case:?}");
        }
    }
    assert!(bed.first.requests().is_empty());
}

#[tokio::test]
async fn only_the_master_key_mints() {
    let bed = bed().await;
    let body = r#"{"label":"x"}"#;
    for request in [Request::post("/admin/keys", body), Request::post("/admin/keys", body).bearer(bed.gateway.key())] {
        let response = bed.gateway.send(&request, Way::Sized).await;
        assert_eq!(response.status, 401, "{response:?}");
    }
    for bad in [
        "",
        "[]",
        "{}",
        r#"{"label":""}"#,
        r#"{"label":"x","quota":{"daily_tokens":0}}"#,
        r#"{"label":"x","qouta":{}}"#,
    ] {
        let response = bed.gateway.admin(bad).await;
        assert!(matches!(response.status, 400 | 422), "{bad}: {response:?}");
        response.json();
    }
}

#[tokio::test]
async fn a_spent_quota_is_a_429_with_its_reset_time() {
    let bed = bed().await;
    let key = bed.gateway.mint("small", Some(70)).await;
    let route = bed.sole();
    for shape in Shape::ALL {
        let request = shape.post(shape.ask(&route, "hello")).bearer(&key);
        let mut statuses = Vec::new();
        // Each answer reports 18 tokens.
        let refused = loop {
            let response = bed.gateway.send(&request, Way::Sized).await;
            statuses.push(response.status);
            assert!(statuses.len() < 5, "{statuses:?}");
            if response.status != 200 {
                break response;
            }
            bed.gateway.record(response.request_id()).await;
        };
        let expected: &[u16] = if shape == Shape::Chat { &[200, 200, 429] } else { &[429] };
        assert_eq!(statuses, expected);
        shape.error_type(&refused.json());
        let retry_after: u64 = refused.header("retry-after").expect("the reset time").parse().unwrap();
        assert!((1..=86_400).contains(&retry_after), "{retry_after}");
        assert_eq!(refused.header("x-should-retry"), Some("false"));
    }
    let other = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&route, "hello")).await;
    assert_eq!(other.status, 200, "each key has a quota of its own");
}

#[tokio::test]
async fn keys_and_counters_survive_a_restart() {
    let mut bed = bed().await;
    let key = bed.gateway.mint("small", Some(60)).await;
    let route = bed.sole();
    let request = Request::post(Shape::Chat.path(), Shape::Chat.ask(&route, "hello")).bearer(&key);
    let response = bed.gateway.send(&request, Way::Sized).await;
    assert_eq!(response.status, 200, "{response:?}");
    bed.gateway.record(response.request_id()).await;
    bed.gateway.restart().await;
    let response = bed.gateway.send(&request, Way::Sized).await;
    assert_eq!(response.status, 429, "the spent tokens are known: {response:?}");
    let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&route, "hello")).await;
    assert_eq!(response.status, 200, "the other key still works: {response:?}");
}

#[tokio::test]
async fn an_orderly_stop_is_quick_and_clean() {
    let mut bed = bed().await;
    let status = bed.gateway.stop().await;
    assert!(status.success(), "{status}");
}
