//! Why a prompt cache was not read: told in the entry and counted by a metric, over conversations as clients lead them.

use serde_json::{Value, json};

use crate::support::{Answer, Gateway, Shape, Upstream, Way, provider};

/// Tokens that the provider reads from its cache and writes to it, turn by turn.
type Cached = (u64, u64);

/// An upstream that tells these counts, in the shape and the manner that it is asked in.
async fn upstream(turns: Vec<Cached>) -> Upstream {
    Upstream::new(move |seen| {
        let (read, written) = turns[seen.index.min(turns.len() - 1)];
        let streamed = seen.json()["stream"] == true;
        match (seen.shape(), streamed) {
            (Shape::GenerateContent, _) => unreachable!("its clients have tests of their own"),
            (Shape::Messages, false) => {
                let mut body: Value = serde_json::from_str(&Shape::Messages.plain("served")).expect("JSON");
                body["usage"] = usage(read, written);
                Answer::json(200, body.to_string())
            }
            (Shape::Messages, true) => {
                let message = json!({
                    "id": "msg_test", "type": "message", "role": "assistant", "model": "served-model", "content": [],
                    "stop_reason": null, "stop_sequence": null, "usage": usage(read, written),
                });
                let start = json!({"type": "message_start", "message": message});
                let block = json!({
                    "type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""},
                });
                Answer::stream()
                    .event(format!("event: message_start\ndata: {start}\n\n"))
                    .event(format!("event: content_block_start\ndata: {block}\n\n"))
                    .event(Shape::Messages.content("served"))
                    .event(Shape::Messages.closing())
                    .finished()
            }
            (Shape::Chat | Shape::Responses, _) => {
                let mut body: Value = serde_json::from_str(&Shape::Chat.plain("served")).expect("JSON");
                body["usage"] = json!({
                    "prompt_tokens": 20_000, "completion_tokens": 7, "total_tokens": 20_007,
                    "prompt_tokens_details": {"cached_tokens": read},
                });
                Answer::json(200, body.to_string())
            }
        }
    })
    .await
}

fn usage(read: u64, written: u64) -> Value {
    json!({
        "input_tokens": 3, "output_tokens": 7, "cache_read_input_tokens": read, "cache_creation_input_tokens": written,
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
    })
}

/// A gateway with one upstream that serves two models.
async fn gateway(turns: Vec<Cached>) -> (Gateway, Upstream) {
    let upstream = upstream(turns).await;
    let models = ["alpha".to_owned(), "beta".to_owned()];
    let mut config = "providers:\n".to_owned() + &provider("first", &upstream.base_url(), &models);
    config += "routes:\n  one: {providers: [first], models: [alpha]}\n  two: {providers: [first], models: [beta]}\n";
    (Gateway::start(&config).await, upstream)
}

/// A conversation as an agent leads it.
struct Agent<'a> {
    gateway: &'a Gateway,
    shape: Shape,
    body: Value,
    session: Option<&'static str>,
}

impl<'a> Agent<'a> {
    fn new(gateway: &'a Gateway, shape: Shape, opening: &str) -> Agent<'a> {
        let mut body = json!({
            "model": "one", "max_tokens": 64, "messages": [{"role": "user", "content": opening}],
            "tools": [{"name": "Read", "input_schema": {"type": "object"}}],
        });
        match shape {
            Shape::Messages => body["system"] = json!([{"type": "text", "text": "You are an agent."}]),
            Shape::Chat | Shape::Responses | Shape::GenerateContent => {
                body["messages"].as_array_mut().unwrap().insert(0, json!({"role": "system", "content": "Be brief."}));
                body["tools"] = json!([{"type": "function", "function": {"name": "Read"}}]);
            }
        }
        Agent { gateway, shape, body, session: None }
    }

    /// Sends what there is, takes the answer into the history and says something more; what the entry says of the cache.
    async fn turn(&mut self) -> Value {
        let mut request = self.gateway.request(self.shape, self.body.to_string());
        if let Some(session) = self.session {
            request = request.header("x-claude-code-session-id", session);
        }
        let response = self.gateway.send(&request, Way::Sized).await;
        assert_eq!(response.status, 200, "{response:?}");
        let messages = self.body["messages"].as_array_mut().unwrap();
        let turn = messages.len();
        messages.push(json!({"role": "assistant", "content": format!("answer {turn}")}));
        messages.push(json!({"role": "user", "content": format!("go on {turn}")}));
        let entry = self.gateway.entry(response.request_id()).await;
        assert_eq!(entry["usage_source"], "provider", "{entry}");
        entry["cache_break"].clone()
    }
}

async fn count(gateway: &Gateway, reason: &str) -> u64 {
    let series = format!("ovth_cache_breaks_total{{reason=\"{reason}\"}} ");
    let metrics = gateway.metrics().await;
    let value = metrics.lines().find_map(|line| line.strip_prefix(&series));
    value.unwrap_or_else(|| panic!("no {series} in\n{metrics}")).parse().expect("a number")
}

#[tokio::test]
async fn each_reason_is_told_in_the_entry_and_counted() {
    let turns = vec![
        (0, 18_432),
        (18_432, 500),
        (0, 19_100),
        (0, 19_200),
        (0, 19_300),
        (2_000, 17_500),
        (1_000, 19_000),
        (0, 20_500),
        (20_500, 100),
    ];
    let (gateway, _upstream) = gateway(turns).await;
    let mut agent = Agent::new(&gateway, Shape::Messages, "fix the bug");
    assert_eq!(agent.turn().await, Value::Null, "there is nothing before the first turn");
    assert_eq!(agent.turn().await, Value::Null, "the cache was read");
    agent.body["tools"][0]["description"] = json!("Reads a file");
    assert_eq!(agent.turn().await, "tools_changed (expected 18,932 cached tokens, read 0)");
    agent.body["model"] = json!("two");
    assert_eq!(agent.turn().await, "target_changed (expected 19,100 cached tokens, read 0)");
    agent.body["system"][0]["text"] = json!("Today is Tuesday.");
    assert_eq!(agent.turn().await, "system_changed (expected 19,200 cached tokens, read 0)");
    agent.body["thinking"] = json!({"type": "disabled"});
    assert_eq!(agent.turn().await, "settings_changed (expected 19,300 cached tokens, read 2,000)");
    agent.body["messages"][2]["content"] = json!("[cleared]");
    let diverged = "prefix_diverged at message 3 (expected 19,500 cached tokens, read 1,000)";
    assert_eq!(agent.turn().await, diverged);
    assert_eq!(agent.turn().await, "provider (expected 20,000 cached tokens, read 0)");
    assert_eq!(agent.turn().await, Value::Null, "a break is told once");
    for reason in
        ["tools_changed", "target_changed", "system_changed", "settings_changed", "prefix_diverged", "provider"]
    {
        assert_eq!(count(&gateway, reason).await, 1, "{reason}");
    }
    assert_eq!(count(&gateway, "expired").await, 0);
}

#[tokio::test]
async fn streams_and_chat_requests_are_looked_at_too() {
    let (gateway, _upstream) = gateway(vec![(0, 18_432), (0, 18_500)]).await;
    let mut agent = Agent::new(&gateway, Shape::Messages, "fix the bug");
    agent.body["stream"] = json!(true);
    assert_eq!(agent.turn().await, Value::Null);
    agent.body["tools"] = json!([]);
    assert_eq!(agent.turn().await, "tools_changed (expected 18,432 cached tokens, read 0)");

    let (gateway, _upstream) = self::gateway(vec![(0, 0), (19_456, 0), (19_456, 0), (0, 0)]).await;
    let mut agent = Agent::new(&gateway, Shape::Chat, "fix the bug");
    assert_eq!(agent.turn().await, Value::Null);
    assert_eq!(agent.turn().await, Value::Null);
    assert_eq!(agent.turn().await, Value::Null);
    agent.body["messages"][3]["content"] = json!("[cleared]");
    assert_eq!(agent.turn().await, "prefix_diverged at message 4 (expected 19,456 cached tokens, read 0)");
}

#[tokio::test]
async fn conversations_in_parallel_do_not_mix() {
    // Each first turn writes, each other turn reads what was written.
    let upstream = Upstream::new(|seen| {
        let is_first = seen.json()["messages"].as_array().map(Vec::len) == Some(1);
        let (read, written) = if is_first { (0, 18_000) } else { (18_000, 10) };
        let mut body: Value = serde_json::from_str(&Shape::Messages.plain("served")).expect("JSON");
        body["usage"] = usage(read, written);
        Answer::json(200, body.to_string())
    })
    .await;
    let mut config = "providers:\n".to_owned() + &provider("first", &upstream.base_url(), &["alpha".to_owned()]);
    config += "routes:\n  one: {providers: [first], models: [alpha]}\n";
    let gateway = Gateway::start(&config).await;
    let mut agents: Vec<Agent<'_>> =
        (0..5).map(|index| Agent::new(&gateway, Shape::Messages, &format!("task {index}"))).collect();
    for round in 0..3 {
        for agent in &mut agents {
            assert_eq!(agent.turn().await, Value::Null, "round {round}");
        }
    }
    // A large body, whose hashes are made elsewhere than on the worker's thread, says the same.
    let mut large = Agent::new(&gateway, Shape::Messages, &"x".repeat(600 * 1_024));
    assert_eq!(large.turn().await, Value::Null);
    assert_eq!(large.turn().await, Value::Null);
}

#[tokio::test]
async fn a_session_that_the_client_names_keeps_its_conversations_apart() {
    let (gateway, _upstream) = gateway(vec![(0, 18_000)]).await;
    let mut first = Agent::new(&gateway, Shape::Messages, "fix the bug");
    first.session = Some("11111111-2222-3333-4444-555555555555");
    assert_eq!(first.turn().await, Value::Null);
    let mut second = Agent::new(&gateway, Shape::Messages, "fix the bug");
    second.session = Some("99999999-2222-3333-4444-555555555555");
    assert_eq!(second.turn().await, Value::Null, "another session's cache is not missed");
    assert_eq!(second.turn().await, "provider (expected 18,000 cached tokens, read 0)");
}

#[tokio::test]
async fn what_failed_or_was_refused_changes_nothing() {
    let answers = Upstream::new(|seen| match seen.index {
        1 => Answer::error(Shape::Messages, 400),
        index => {
            let mut body: Value = serde_json::from_str(&Shape::Messages.plain("served")).expect("JSON");
            body["usage"] = if index == 0 { usage(0, 18_000) } else { usage(18_000, 10) };
            Answer::json(200, body.to_string())
        }
    })
    .await;
    let mut config = "providers:\n".to_owned() + &provider("first", &answers.base_url(), &["alpha".to_owned()]);
    config += "routes:\n  one: {providers: [first], models: [alpha]}\n";
    let gateway = Gateway::start(&config).await;
    let mut agent = Agent::new(&gateway, Shape::Messages, "fix the bug");
    assert_eq!(agent.turn().await, Value::Null);
    let response = gateway.post(Shape::Messages, agent.body.to_string()).await;
    assert_eq!(response.status, 400, "{response:?}");
    let entry = gateway.entry(response.request_id()).await;
    assert_eq!(entry["cache_break"], Value::Null, "{entry}");
    assert_eq!(agent.turn().await, Value::Null);
    let listed = gateway.admin_json("/admin/exchanges?limit=10").await;
    let told = listed["data"].as_array().expect("a list").iter().filter(|entry| !entry["cache_break"].is_null());
    assert_eq!(told.count(), 0, "{listed}");
}
