//! Usage, exchanges, live counters and the care of the database, over real exchanges.

use std::io::Read;
use std::time::UNIX_EPOCH;

use ovth_filters::money::PicoDollars;
use ovth_filters::neutral::Usage;

use super::*;
use crate::config::{Allowance, Cap};
use crate::keys::{Key, KeySettings, Label, NewKey};
use crate::ledger::tests::within_one_day;
use crate::ledger::{Amount, Demand, Entry, Facts, Payer, Reservation, UsageSource};

/// An exchange that a test makes.
#[derive(Clone, Copy)]
pub(super) struct Made<'a> {
    pub(super) request: &'a str,
    pub(super) end_user: Option<&'a str>,
    pub(super) model: &'a str,
    pub(super) usage: Option<Usage>,
    pub(super) cost: Option<u64>,
    pub(super) outcome: &'a str,
}

/// 18 tokens for 0.25 dollars.
pub(super) const PLAIN: Made<'static> = Made {
    request: "req_1",
    end_user: None,
    model: "gpt-5",
    usage: Some(Usage {
        input: 10,
        cache_read: 0,
        cache_write: 0,
        cache_write_1h: 0,
        output: 8,
        reasoning: 3,
        audio_input: 0,
        audio_output: 0,
        image_output: 0,
        web_searches: 0,
    }),
    cost: Some(250_000_000_000),
    outcome: "ok",
};

impl House {
    pub(super) async fn key(&self, label: &str, limits: Allowance) -> Arc<Key> {
        let settings = KeySettings { limits, per_end_user: limits, ..KeySettings::default() };
        self.keys.mint(NewKey { label: Label::parse(label).unwrap(), settings }).await.unwrap().record
    }

    fn reserve(&self, key: &Key, made: Made<'_>) -> Reservation {
        let payer = Payer::of(key, &self.admin.settings().quota, made.end_user);
        let demand = Demand {
            payer: &payer,
            input: Amount { tokens: 100, cost: PicoDollars(1_000_000) },
            output_tokens: 0,
            output_weight: 1000,
            output_price: PicoDollars(0),
            can_cap: false,
            facts: Facts { request_id: made.request.into(), ..Facts::default() },
        };
        self.admin.ledger.reserve(demand, SystemTime::now()).unwrap()
    }

    /// Makes an exchange; its end is settled.
    pub(super) fn exchange(&self, key: &Key, made: Made<'_>) {
        let entry = Entry {
            request_id: made.request.into(),
            started_at_ms: u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap(),
            key_id: key.id.as_str().into(),
            end_user: made.end_user.map(Into::into),
            operation: "generate".into(),
            shape: "chat".into(),
            provider: Some("openai".into()),
            model: Some(made.model.into()),
            status: Some(if made.outcome == "ok" { 200 } else { 502 }),
            outcome: made.outcome.into(),
            usage: made.usage,
            usage_source: if made.usage.is_some() { UsageSource::Provider } else { UsageSource::None },
            charged_tokens: made.usage.map_or(0, |usage| usage.total()),
            cost: made.cost.map(PicoDollars),
            duration_ms: 5,
            ..Entry::default()
        };
        let spent = Amount { tokens: entry.charged_tokens, cost: PicoDollars(made.cost.unwrap_or_default()) };
        self.reserve(key, made).settle(spent, entry);
    }

    async fn told(&self, target: &str) -> Value {
        told(&get(target).send(self).await, 200)
    }
}

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|entry| entry["request_id"].as_str().unwrap()).collect()
}

/// The text of a number, which no float may have touched.
async fn text(house: &House, target: &str) -> String {
    String::from_utf8(get(target).send(house).await.bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn usage_sums_up_by_what_is_asked_for() {
    let house = house();
    let (one, two) = (house.key("one", Allowance::default()).await, house.key("two", Allowance::default()).await);
    house.exchange(&one, PLAIN);
    house.exchange(&one, Made { model: "claude", cost: None, ..PLAIN });
    house.exchange(&two, Made { end_user: Some("ada"), cost: Some(1), ..PLAIN });
    house.exchange(&two, Made { usage: None, cost: None, outcome: "provider_error", ..PLAIN });

    let all = house.told("/admin/usage").await;
    assert_eq!((all["since"].clone(), all["until"].clone()), (Value::Null, Value::Null));
    assert_eq!(all["data"].as_array().unwrap().len(), 1);
    let total = &all["total"];
    assert_eq!((total["requests"].as_u64(), total["unpriced_requests"].as_u64()), (Some(4), Some(1)));
    assert_eq!(total["tokens"]["input"], 30);
    assert_eq!(total["charged_tokens"], 54);
    assert!(text(&house, "/admin/usage").await.contains(r#""cost_usd":0.250000000001,"#));
    assert!(
        text(&house, "/admin/usage")
            .await
            .contains(r#""hosted_router":{"fee_percent":5.5,"cost_usd":0.263750000001,"saved_usd":0.01375}"#)
    );

    let grouped = house.told("/admin/usage?group_by=key,model&since=7d").await;
    let names: Vec<(&str, &str)> = grouped["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["key"].as_str().unwrap(), row["model"].as_str().unwrap()))
        .collect();
    let mut expected = [(one.id.as_str(), "claude"), (one.id.as_str(), "gpt-5"), (two.id.as_str(), "gpt-5")];
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert!(grouped["data"][0].get("day").is_none() && grouped["since"].is_string());

    let ada = house.told("/admin/usage?group_by=day,end_user,route&end_user=ada").await;
    assert_eq!((ada["data"][0]["end_user"].as_str(), ada["data"][0]["route"].clone()), (Some("ada"), Value::Null));
    assert_eq!(ada["data"][0]["day"].as_str().unwrap().len(), 10);
    let of_two = house.told(&format!("/admin/usage?key={}", two.id)).await;
    assert_eq!(of_two["total"]["requests"], 2);
    assert_eq!(house.told("/admin/usage?until=2020-01-01").await["total"]["requests"], 0);
    for query in ["group_by=week", "since=x", "until=2020-01-01&since=2020-01-02", "key=x", "by=model"] {
        told(&get(&format!("/admin/usage?{query}")).send(&house).await, 400);
    }
}

#[tokio::test]
async fn exchanges_are_listed_page_by_page_and_filtered() {
    let house = house();
    let key = house.key("one", Allowance::default()).await;
    for request in ["req_a", "req_b", "req_c"] {
        house.exchange(&key, Made { request, ..PLAIN });
    }
    house.exchange(&key, Made { request: "req_d", usage: None, cost: None, outcome: "provider_error", ..PLAIN });
    assert_eq!(ids(&house.told("/admin/exchanges").await), ["req_d", "req_c", "req_b", "req_a"]);
    for (order, expected) in
        [("desc", ["req_d", "req_c", "req_b", "req_a"]), ("asc", ["req_a", "req_b", "req_c", "req_d"])]
    {
        let mut target = format!("/admin/exchanges?limit=3&order={order}");
        let mut listed = Vec::new();
        loop {
            let page = house.told(&target).await;
            listed.extend(ids(&page).into_iter().map(str::to_owned));
            assert_eq!(page["has_more"].as_bool().unwrap(), page["next"].is_string());
            let Some(next) = page["next"].as_str() else { break };
            target = format!("/admin/exchanges?limit=3&order={order}&cursor={next}");
        }
        assert_eq!(listed, expected);
    }
    for (query, count) in [
        ("outcome=error", 1),
        ("outcome=ok", 3),
        ("model=gpt-5&provider=openai", 4),
        ("model=other", 0),
        ("since=1h", 4),
        ("until=1h", 0),
        ("until=2100-01-01", 4),
        ("route=", 4),
    ] {
        let list = house.told(&format!("/admin/exchanges?{query}")).await;
        assert_eq!(list["data"].as_array().unwrap().len(), count, "{query}");
    }
    assert_eq!(ids(&house.told(&format!("/admin/exchanges?key={}", key.id)).await).len(), 4);
    for query in ["cursor=x", "order=up", "limit=1001", "page=2"] {
        told(&get(&format!("/admin/exchanges?{query}")).send(&house).await, 400);
    }
}

#[tokio::test]
async fn an_exchange_is_found_by_its_number_and_by_its_request() {
    let house = house();
    let key = house.key("one", Allowance::default()).await;
    house.exchange(&key, PLAIN);
    let entry = house.told("/admin/exchanges/req_1").await;
    assert_eq!(house.told(&format!("/admin/exchanges/{}", entry["id"])).await, entry);
    assert_eq!(entry["key_id"], key.id.as_str());
    assert_eq!((entry["tokens"]["output"].as_u64(), entry["usage_source"].as_str()), (Some(8), Some("provider")));
    assert_eq!((entry["cost_usd"].as_f64(), entry["cost_known"].as_bool()), (Some(0.25), Some(true)));
    assert!(entry["started_at"].as_str().unwrap().ends_with('Z'));
    for id in ["req_2", "99", &"x".repeat(300)] {
        told(&get(&format!("/admin/exchanges/{id}")).send(&house).await, 404);
    }
}

#[tokio::test]
async fn an_unknown_price_is_no_zero_and_nothing_spent_is() {
    let house = house();
    let key = house.key("one", Allowance::default()).await;
    house.exchange(&key, Made { request: "unpriced", cost: None, ..PLAIN });
    house.exchange(&key, Made { request: "unspent", usage: None, cost: None, outcome: "provider_error", ..PLAIN });
    let unpriced = house.told("/admin/exchanges/unpriced").await;
    assert_eq!((&unpriced["cost_usd"], unpriced["cost_known"].as_bool()), (&Value::Null, Some(false)));
    let unspent = house.told("/admin/exchanges/unspent").await;
    assert_eq!((unspent["cost_usd"].as_u64(), unspent["cost_known"].as_bool()), (Some(0), Some(true)));
    assert_eq!(unspent["tokens"], Value::Null);
}

#[tokio::test]
async fn live_counters_show_what_is_under_way_and_what_is_left() {
    within_one_day(show_live_counters).await;
}

async fn show_live_counters() {
    let quota = Quota {
        limits: Allowance { monthly_usd: Some(Cap::At(10_000_000_000_000)), ..Allowance::default() },
        per_user: false,
        ..Quota::default()
    };
    let house = house_with(quota);
    let limits = Allowance { daily_tokens: Some(Cap::At(1000)), ..Allowance::default() };
    let (busy, idle) = (house.key("busy", limits).await, house.key("idle", limits).await);
    house.exchange(&busy, Made { end_user: Some("ada"), ..PLAIN });
    let open = house.reserve(&busy, Made { request: "req_2", ..PLAIN });

    let all = house.told("/admin/quotas").await;
    let rows = all["data"].as_array().unwrap();
    let row = |key: Option<&str>, end_user: Option<&str>| {
        rows.iter().find(|row| row["key"].as_str() == key && row["end_user"].as_str() == end_user).unwrap()
    };
    let gateway = row(None, None);
    assert_eq!(gateway["limits"][0]["name"], "monthly_usd");
    assert_eq!(gateway["limits"][0]["scope"], "gateway");
    assert!(text(&house, "/admin/quotas").await.contains(r#""limit":10,"used":0.250001,"left":9.749999,"#));
    let of_key = row(Some(busy.id.as_str()), None);
    assert_eq!((of_key["open"].as_u64(), of_key["reserved"]["tokens"].as_u64()), (Some(1), Some(100)));
    assert_eq!((of_key["today"]["tokens"].as_u64(), of_key["today"]["requests"].as_u64()), (Some(18), Some(1)));
    let limit = &of_key["limits"][0];
    assert_eq!((limit["used"].as_u64(), limit["left"].as_u64()), (Some(118), Some(882)));
    assert!(limit["resets_at"].as_u64().unwrap() % 86_400 == 0);
    assert_eq!(row(Some(busy.id.as_str()), Some("ada"))["limits"][0]["scope"], "end_user");

    let one = house.told(&format!("/admin/quotas?key={}", busy.id)).await;
    assert_eq!(one["data"].as_array().unwrap().len(), 2, "the key and its end user");
    let unused = house.told(&format!("/admin/quotas?key={}", idle.id)).await;
    let limit = &unused["data"][0]["limits"][0];
    assert_eq!((limit["used"].as_u64(), limit["limit"].as_u64()), (Some(0), Some(1000)));
    drop(open);

    let (mut paged, mut target) = (Vec::new(), "/admin/quotas?limit=1".to_owned());
    loop {
        let page = house.told(&target).await;
        paged.extend(page["data"].as_array().unwrap().iter().map(|row| (row["key"].clone(), row["end_user"].clone())));
        let Some(next) = page["next"].as_str() else { break };
        target = format!("/admin/quotas?limit=1&cursor={next}");
    }
    let whole: Vec<_> = rows.iter().map(|row| (row["key"].clone(), row["end_user"].clone())).collect();
    assert_eq!(paged, whole, "the gateway, the key, its end user");
}

#[tokio::test]
async fn the_database_is_checked_and_compacted() {
    let house = house();
    let key = house.key("one", Allowance::default()).await;
    house.exchange(&key, PLAIN);
    let report = told(&post("/admin/ledger/check").send(&house).await, 200);
    assert_eq!((report["ok"].as_bool(), report["entries"].as_u64()), (Some(true), Some(1)), "{report}");
    let report = told(&post("/admin/ledger/compact").send(&house).await, 200);
    assert!(report["bytes_after"].as_u64().unwrap() <= report["bytes_before"].as_u64().unwrap());
    assert_eq!(ids(&house.told("/admin/exchanges").await), ["req_1"]);
}

#[tokio::test]
async fn a_copy_is_a_database_of_its_own_and_leaves_nothing_behind() {
    let house = house();
    let key = house.key("one", Allowance::default()).await;
    house.exchange(&key, PLAIN);
    let response = get("/admin/ledger/backup").send(&house).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.headers.get("content-type").unwrap(), "application/octet-stream");
    let disposition = response.headers.get("content-disposition").unwrap().to_str().unwrap();
    assert!(disposition.starts_with("attachment; filename=\"ovth-20"), "{disposition}");
    let names: Vec<_> =
        std::fs::read_dir(house.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().ends_with(".tmp")), "{names:?}");
    let Body::Stream { mut reader, length } = response.body else { panic!("a copy is streamed") };
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, length);

    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("ovth.redb"), bytes).unwrap();
    let copy = Arc::new(Store::open(folder.path()).unwrap());
    assert_eq!(Keys::open(Arc::clone(&copy)).unwrap().get(&key.id).unwrap().label.as_str(), "one");
    let ledger = Ledger::open(copy, Default::default()).unwrap();
    assert_eq!(&*ledger.entry("req_1").unwrap().unwrap().request_id, "req_1");
}

#[tokio::test]
async fn a_copy_takes_its_place_until_it_is_sent() {
    let house = house();
    let held = [get("/admin/ledger/backup").send(&house).await, get("/admin/ledger/backup").send(&house).await];
    for ask in [get("/admin/ledger/backup"), post("/admin/ledger/check"), post("/admin/ledger/compact")] {
        let response = ask.send(&house).await;
        assert_eq!(told(&response, 429)["error"]["code"], "upkeep_busy");
        assert!(response.headers.contains_key("retry-after"));
    }
    drop(held);
    assert_eq!(get("/admin/ledger/backup").send(&house).await.status, 200);
}

#[tokio::test]
async fn without_its_database_the_ledger_answers_503() {
    let house = house();
    house.store.shutdown().unwrap();
    for ask in [
        get("/admin/usage"),
        get("/admin/exchanges"),
        get("/admin/exchanges/1"),
        post("/admin/ledger/check"),
        post("/admin/ledger/compact"),
        get("/admin/ledger/backup"),
    ] {
        let target = ask.target.to_owned();
        let response = ask.send(&house).await;
        assert_eq!(told(&response, 503)["error"]["code"], "storage_unavailable", "{target}");
    }
    told(&get("/admin/quotas").send(&house).await, 200);
    told(&get("/admin/keys").send(&house).await, 200);
}
