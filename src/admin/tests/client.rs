//! What a client is told about its own key.

use super::ledger::PLAIN;
use super::*;
use crate::config::{Allowance, Cap};
use crate::ledger::Payer;
use crate::ledger::tests::within_one_day;

async fn info(house: &House, key: &crate::keys::Key) -> AdminResponse {
    let payer = Payer::of(key, &house.admin.settings().quota, None);
    let response = key_info(&house.admin, key, payer).await;
    openapi::hold(&Method::GET, "/v1/key", "", &response);
    response
}

#[tokio::test]
async fn a_key_learns_what_it_may_spend_and_has_spent() {
    within_one_day(learn_what_was_spent).await;
}

async fn learn_what_was_spent() {
    let house = house_with(Quota { expires_at: Some(4_102_444_800), ..Quota::default() });
    let limits = Allowance {
        daily_tokens: Some(Cap::At(1000)),
        daily_usd: Some(Cap::At(2_000_000_000_000)),
        monthly_usd: Some(Cap::At(1_000_000_000_000)),
        requests_per_minute: Some(Cap::At(60)),
        ..Allowance::default()
    };
    let key = house.key("cursor", limits).await;
    let other = house.key("other", limits).await;
    house.exchange(&key, PLAIN);
    house.exchange(&other, PLAIN);
    let response = info(&house, &key).await;
    let body = told(&response, 200);
    let data = &body["data"];
    assert_eq!((data["id"].as_str(), data["label"].as_str()), (Some(key.id.as_str()), Some("cursor")));
    assert_eq!(
        (data["limit"].as_f64(), data["limit_remaining"].as_f64(), data["limit_reset"].as_str()),
        (Some(1.0), Some(0.75), Some("monthly")),
        "the limit in money that has the least left"
    );
    for usage in ["usage", "usage_daily", "usage_weekly", "usage_monthly"] {
        assert_eq!(data[usage], 0.25, "{usage}");
    }
    assert_eq!((data["tokens"]["today"].as_u64(), data["tokens"]["this_month"].as_u64()), (Some(18), Some(18)));
    assert_eq!(data["rate_limit"]["requests"], 60);
    assert_eq!(data["expires_at"], "2100-01-01T00:00:00Z");
    let names: Vec<&str> =
        data["limits"].as_array().unwrap().iter().map(|limit| limit["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["daily_tokens", "daily_usd", "monthly_usd", "requests_per_minute"]);
    assert_eq!(data["limits"][0]["left"], 982);
}

#[tokio::test]
async fn a_key_without_limits_is_told_that_there_are_none() {
    let house = house();
    let key = house.key("free", Allowance::default()).await;
    let body = told(&info(&house, &key).await, 200);
    let data = &body["data"];
    for absent in ["limit", "limit_remaining", "limit_reset", "expires_at"] {
        assert_eq!(data[absent], Value::Null, "{absent}");
    }
    assert_eq!((data["rate_limit"]["requests"].as_i64(), data["usage"].as_u64()), (Some(-1), Some(0)));
    assert_eq!(data["limits"], serde_json::json!([]));
}

#[tokio::test]
async fn a_fault_of_the_database_is_503_and_tells_a_client_no_cause() {
    let house = house();
    let key = house.key("one", Allowance::default()).await;
    house.store.shutdown().unwrap();
    let body = told(&info(&house, &key).await, 503);
    let message = body["error"]["message"].as_str().unwrap();
    assert!(!message.contains("closed") && message.contains("try again"), "{message}");
}
