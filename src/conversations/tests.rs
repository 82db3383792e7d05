//! Conversations turn by turn: what breaks a cache, what does not, and what is remembered.
#![expect(clippy::indexing_slicing, clippy::panic, clippy::print_stderr, reason = "tests")]

use ovth_filters::Shape;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::observe::Metrics;

mod recordings;

const TOOLS: u64 = 1;
const MINUTE: Duration = Duration::from_secs(60);

/// A conversation of a client that speaks the messages shape, as it stands before its next turn.
#[derive(Clone)]
struct Client {
    body: Value,
    key: &'static str,
    session: Option<&'static str>,
    provider: &'static str,
    at: Instant,
}

impl Client {
    fn new(opening: &str) -> Client {
        let body = json!({
            "model": "claude-opus-5",
            "system": [{"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral"}}],
            "tools": [{"name": "Read", "input_schema": {"version": TOOLS}}],
            "messages": [{"role": "user", "content": opening}],
        });
        Client { body, key: "key_a", session: None, provider: "anthropic", at: Instant::now() }
    }

    /// The model answers, the user goes on.
    fn say(&mut self, answer: &str, next: &str) {
        let messages = self.body["messages"].as_array_mut().expect("messages");
        messages.push(json!({"role": "assistant", "content": [{"type": "text", "text": answer}]}));
        messages.push(json!({"role": "user", "content": next}));
    }

    /// Sends what there is ten seconds after the last time; the provider tells this usage.
    fn send(&mut self, conversations: &Conversations, usage: Usage) -> Option<CacheBreak> {
        self.at += Duration::from_secs(10);
        self.resend(conversations, usage)
    }

    fn resend(&self, conversations: &Conversations, usage: Usage) -> Option<CacheBreak> {
        conversations.turn(Turn {
            key: self.key,
            session: self.session,
            prefix: Prefix::of(Shape::Messages, self.body.to_string().as_bytes()).expect("a request"),
            provider: self.provider,
            model: self.body["model"].as_str().expect("a model"),
            usage: &usage,
            began: self.at,
            answered: self.at + Duration::from_secs(5),
        })
    }
}

/// Tokens read from the cache, and written to it.
fn cached(read: u64, written: u64) -> Usage {
    Usage { input: 3, cache_read: read, cache_write: written, output: 50, ..Usage::default() }
}

/// A conversation whose first turn wrote 18,432 tokens, with the second one about to be sent.
fn begun(conversations: &Conversations) -> Client {
    let mut client = Client::new("fix the bug");
    assert_eq!(client.send(conversations, cached(0, 18_432)), None, "there is nothing before the first turn");
    client.say("I looked at it.", "go on");
    client
}

#[track_caller]
fn assert_broken(found: Option<CacheBreak>, text: &str) {
    assert_eq!(found.map(|found| found.to_string()).as_deref(), Some(text));
}

#[test]
fn a_cache_that_is_read_is_not_broken() {
    let conversations = Conversations::new();
    let mut client = begun(&conversations);
    assert_eq!(client.send(&conversations, cached(18_432, 900)), None);
    client.say("Done.", "thanks");
    // A little less is no collapse.
    assert_eq!(client.send(&conversations, cached(9_666, 9_000)), None);
    assert_eq!(conversations.len(), 1);
}

#[test]
fn other_tools_are_told() {
    let conversations = Conversations::new();
    let mut client = begun(&conversations);
    client.body["tools"][0]["description"] = json!("Reads a file");
    assert_broken(
        client.send(&conversations, cached(0, 19_000)),
        "tools_changed (expected 18,432 cached tokens, read 0)",
    );
    client.say("a", "b");
    assert_eq!(client.send(&conversations, cached(19_000, 100)), None, "a break is told once");
}

#[test]
fn another_model_or_provider_is_told() {
    let conversations = Conversations::new();
    let mut client = begun(&conversations);
    client.body["model"] = json!("claude-haiku-4-5");
    assert_broken(
        client.send(&conversations, cached(0, 18_900)),
        "target_changed (expected 18,432 cached tokens, read 0)",
    );
    client.say("a", "b");
    client.provider = "bedrock";
    assert_broken(
        client.send(&conversations, cached(0, 18_950)),
        "target_changed (expected 18,900 cached tokens, read 0)",
    );
}

#[test]
fn another_system_prompt_is_told_but_not_another_billing_header() {
    let conversations = Conversations::new();
    let mut client = Client::new("fix the bug");
    let billing =
        |cch: &str| json!({"type": "text", "text": format!("x-anthropic-billing-header: cc_version=2; cch={cch};")});
    client.body["system"].as_array_mut().expect("blocks").insert(0, billing("a1"));
    client.send(&conversations, cached(0, 18_432));
    client.say("a", "b");
    client.body["system"][0] = billing("b2");
    assert_broken(client.send(&conversations, cached(0, 18_500)), "provider (expected 18,432 cached tokens, read 0)");
    client.say("c", "d");
    client.body["system"][1]["text"] = json!("Today is Tuesday.");
    assert_broken(
        client.send(&conversations, cached(2_000, 16_000)),
        "system_changed (expected 18,500 cached tokens, read 2,000)",
    );
}

#[test]
fn other_settings_are_told() {
    let conversations = Conversations::new();
    let mut client = begun(&conversations);
    client.body["thinking"] = json!({"type": "adaptive"});
    assert_broken(
        client.send(&conversations, cached(3_000, 16_000)),
        "settings_changed (expected 18,432 cached tokens, read 3,000)",
    );
}

#[test]
fn history_that_was_edited_is_told_with_its_place() {
    let conversations = Conversations::new();
    let mut client = begun(&conversations);
    for turn in 0..5 {
        client.say(&format!("answer {turn}"), &format!("question {turn}"));
    }
    client.send(&conversations, cached(18_432, 4_000));
    client.say("more", "and more");
    client.body["messages"][6]["content"] = json!("[old result cleared]");
    assert_broken(
        client.send(&conversations, cached(5_000, 15_000)),
        "prefix_diverged at message 7 (expected 22,432 cached tokens, read 5,000)",
    );
    client.say("a", "b");
    assert_eq!(client.send(&conversations, cached(20_000, 100)), None);
    assert_eq!(conversations.len(), 1, "it is the same conversation all the time");
}

#[test]
fn a_first_message_that_was_rewritten_is_found_by_the_first_answer() {
    let conversations = Conversations::new();
    let mut client = begun(&conversations);
    client.send(&conversations, cached(18_432, 300));
    client.say("a", "b");
    client.body["messages"][0]["content"] = json!("fix the bug. The date is tomorrow.");
    assert_broken(
        client.send(&conversations, cached(2_000, 17_000)),
        "prefix_diverged at message 1 (expected 18,732 cached tokens, read 2,000)",
    );
    assert_eq!(conversations.len(), 1);
}

#[test]
fn history_that_was_made_shorter_is_told_where_a_session_or_what_is_left_says_that_it_is_the_same() {
    for session in [None, Some("session_1")] {
        let conversations = Conversations::new();
        let mut client = begun(&conversations);
        client.session = session;
        for turn in 0..5 {
            client.say(&format!("answer {turn}"), &format!("question {turn}"));
        }
        client.send(&conversations, cached(18_432, 30_000));
        client.say("x", "y");
        let messages = client.body["messages"].as_array_mut().expect("messages");
        messages.drain(1..5);
        assert_broken(
            client.send(&conversations, cached(12_000, 9_000)),
            "prefix_diverged at message 2 (expected 48,432 cached tokens, read 12,000)",
        );
    }
    let conversations = Conversations::new();
    let mut client = begun(&conversations);
    client.session = Some("session_2");
    client.send(&conversations, cached(18_432, 30_000));
    client.body["messages"].as_array_mut().expect("messages").truncate(1);
    client.say("a summary of all", "go on then");
    assert_broken(
        client.send(&conversations, cached(12_000, 9_000)),
        "prefix_diverged at message 2 (expected 48,432 cached tokens, read 12,000)",
    );
}

#[test]
fn time_that_passed_is_told_by_what_was_written_and_asked_for() {
    // What was written for an hour, what the next turn waits for, and what is told.
    let hour = |written| Usage { cache_write_1h: written, ..cached(0, 0) };
    let cases = [
        (cached(0, 18_000), 4 * MINUTE, Reason::Provider),
        (cached(0, 18_000), 6 * MINUTE, Reason::Expired),
        (hour(18_000), 50 * MINUTE, Reason::Provider),
        (hour(18_000), 61 * MINUTE, Reason::Expired),
        (Usage { cache_write: 9_000, ..hour(9_000) }, 6 * MINUTE, Reason::Expired),
    ];
    for (first, wait, reason) in cases {
        let conversations = Conversations::new();
        let mut client = Client::new("fix the bug");
        client.send(&conversations, first);
        client.say("a", "b");
        client.at += wait - Duration::from_secs(10);
        let found = client.send(&conversations, cached(0, 18_100));
        assert_eq!(found.map(|found| found.reason), Some(reason), "{first:?} after {wait:?}");
    }
}

#[test]
fn what_lives_for_an_hour_still_does_when_later_turns_write_nothing() {
    let conversations = Conversations::new();
    let mut client = Client::new("fix the bug");
    client.send(&conversations, Usage { cache_write_1h: 18_000, ..cached(0, 0) });
    client.say("a", "b");
    client.send(&conversations, cached(18_000, 0));
    client.say("c", "d");
    client.at += 30 * MINUTE;
    assert_broken(client.send(&conversations, cached(0, 100)), "provider (expected 18,000 cached tokens, read 0)");
}

#[test]
fn a_change_near_the_end_is_not_blamed_when_all_is_gone_after_a_long_while() {
    let conversations = Conversations::new();
    let mut client = begun(&conversations);
    for turn in 0..5 {
        client.say(&format!("answer {turn}"), &format!("question {turn}"));
    }
    client.send(&conversations, cached(18_432, 4_000));
    let last = client.body["messages"].as_array().expect("messages").len() - 1;
    client.body["messages"][last]["content"] = json!("the same without a reminder");
    client.say("x", "y");
    client.at += 30 * MINUTE;
    assert_broken(client.send(&conversations, cached(0, 23_000)), "expired (expected 22,432 cached tokens, read 0)");
    let mut client = begun(&conversations);
    client.session = Some("s");
    client.send(&conversations, cached(18_432, 4_000));
    client.say("x", "y");
    client.send(&conversations, cached(22_432, 100));
    client.body["messages"][4]["content"] = json!("y without a reminder");
    client.say("z", "!");
    client.at += 30 * MINUTE;
    assert_broken(client.send(&conversations, cached(0, 23_000)), "expired (expected 22,532 cached tokens, read 0)");
}

#[test]
fn hosts_that_cache_unasked_are_held_to_what_they_were_seen_to_read() {
    let conversations = Conversations::new();
    let automatic = |read| Usage { input: 20_000 - read, cache_read: read, output: 5, ..Usage::default() };
    let mut client = Client::new("hello");
    for (read, told) in [(0, false), (0, false), (19_456, false), (14_000, false), (0, true), (0, false)] {
        let found = client.send(&conversations, automatic(read));
        assert_eq!(found.is_some(), told, "after {read} read");
        client.say("a", "b");
    }
}

#[test]
fn little_prompts_are_not_looked_at() {
    let conversations = Conversations::new();
    let mut client = Client::new("hello");
    client.send(&conversations, cached(0, 1_023));
    client.say("a", "b");
    assert_eq!(client.send(&conversations, cached(0, 0)), None);
}

#[test]
fn conversations_in_parallel_that_begin_alike_are_told_apart() {
    let conversations = Conversations::new();
    let mut first = begun(&conversations);
    first.send(&conversations, cached(18_432, 500));
    for turn in 0..10 {
        first.say(&format!("first {turn}"), "go on");
        first.send(&conversations, cached(18_900 + turn * 1_000, 1_000));
    }
    // The same prompt again: what both begin with is read, and what only the first one has is not missed.
    let mut second = Client::new("fix the bug");
    second.at = first.at;
    assert_eq!(second.send(&conversations, cached(9_000, 9_432)), None);
    second.say("Another answer.", "go on");
    assert_eq!(second.send(&conversations, cached(18_432, 50)), None);
    first.say("first again", "go on");
    assert_eq!(first.send(&conversations, cached(29_000, 10)), None);
    // And each is held to its own.
    second.say("second", "go on");
    assert_broken(second.send(&conversations, cached(0, 10)), "provider (expected 18,482 cached tokens, read 0)");
    first.say("first", "go on");
    assert_broken(first.send(&conversations, cached(0, 10)), "provider (expected 29,010 cached tokens, read 0)");
}

#[test]
fn two_hundred_runs_of_one_prompt_give_no_false_alarm() {
    let conversations = Conversations::new();
    let mut clients: Vec<Client> = (0..200).map(|_| Client::new("evaluate this")).collect();
    let mut alarms = 0;
    for round in 0..6_u64 {
        for (index, client) in clients.iter_mut().enumerate() {
            let read = if round == 0 && index == 0 { 0 } else { 5_000 };
            // What this run has beyond the common beginning is read back, too.
            let own = round.saturating_sub(1) * 4_000;
            alarms += usize::from(client.send(&conversations, cached(read + own, 4_000)).is_some());
            client.say(&format!("answer {round} of {index}"), "go on");
        }
    }
    assert_eq!(alarms, 0);
}

#[test]
fn a_short_request_aside_is_a_conversation_by_itself() {
    let conversations = Conversations::new();
    let mut client = begun(&conversations);
    let mut title = Client::new("fix the bug");
    title.at = client.at;
    title.body["model"] = json!("claude-haiku-4-5");
    title.body["system"] = json!("Write a title.");
    title.body["tools"] = json!([]);
    assert_eq!(title.send(&conversations, cached(0, 0)), None);
    assert_eq!(client.send(&conversations, cached(18_432, 100)), None);
    client.say("a", "b");
    assert_broken(client.send(&conversations, cached(0, 100)), "provider (expected 18,532 cached tokens, read 0)");
    assert_eq!(conversations.len(), 2);
}

#[test]
fn agents_of_one_session_do_not_mix() {
    let conversations = Conversations::new();
    let mut main = begun(&conversations);
    let mut helpers: Vec<Client> = (0..3).map(|index| Client::new(&format!("search for {index}"))).collect();
    main.session = Some("session_1");
    main.send(&conversations, cached(18_432, 100));
    for helper in &mut helpers {
        helper.session = Some("session_1");
        assert_eq!(helper.send(&conversations, cached(3_000, 2_000)), None);
        helper.say("found", "go on");
    }
    main.say("a", "b");
    assert_eq!(main.send(&conversations, cached(18_532, 100)), None);
    for helper in &mut helpers {
        assert_eq!(helper.send(&conversations, cached(5_000, 200)), None);
    }
}

#[test]
fn keys_and_sessions_do_not_see_each_other() {
    let conversations = Conversations::new();
    let client = begun(&conversations);
    let mut other_key = client.clone();
    other_key.key = "key_b";
    other_key.body["tools"] = json!([]);
    assert_eq!(other_key.send(&conversations, cached(0, 18_000)), None);
    let mut other_session = client.clone();
    other_session.session = Some("session_2");
    other_session.body["tools"] = json!([]);
    assert_eq!(other_session.send(&conversations, cached(0, 18_000)), None);
    assert_eq!(conversations.len(), 3);
}

#[test]
fn requests_at_the_same_time_expect_nothing_of_each_other() {
    let conversations = Conversations::new();
    let mut client = Client::new("fix the bug");
    client.send(&conversations, cached(0, 18_000));
    client.at += Duration::from_secs(4);
    assert_eq!(client.resend(&conversations, cached(0, 18_000)), None);
    client.at += Duration::from_secs(20);
    assert_broken(client.resend(&conversations, cached(0, 1)), "provider (expected 18,000 cached tokens, read 0)");
}

#[test]
fn going_back_expects_no_more_than_what_is_asked() {
    let conversations = Conversations::new();
    let mut client = begun(&conversations);
    for turn in 0..4 {
        client.say(&format!("answer {turn}"), "go on");
    }
    client.send(&conversations, cached(18_432, 90_000));
    client.body["messages"].as_array_mut().expect("messages").truncate(3);
    assert_eq!(client.send(&conversations, cached(18_432, 100)), None);
}

#[test]
fn the_oldest_conversations_are_forgotten() {
    let conversations = Conversations::new();
    let mut first = Client::new("number 0");
    first.send(&conversations, cached(0, 18_000));
    // One key without sessions has one part of the memory.
    for index in 1..=memory::MAX_THREADS {
        Client::new(&format!("number {index}")).send(&conversations, cached(0, 18_000));
        // What goes on is not old.
        if index == 10 {
            first.say("a", "b");
            assert_eq!(first.send(&conversations, cached(18_000, 1)), None);
        }
    }
    assert_eq!(conversations.len(), memory::MAX_THREADS);
    first.say("c", "d");
    assert_broken(first.send(&conversations, cached(0, 1)), "provider (expected 18,001 cached tokens, read 0)");
    let mut second = Client::new("number 1");
    second.say("a", "b");
    assert_eq!(second.send(&conversations, cached(0, 1)), None, "it was forgotten");
}

#[test]
fn long_conversations_have_a_bound_of_their_own() {
    let conversations = Conversations::new();
    for index in 0..400 {
        let mut client = Client::new(&format!("number {index}"));
        for turn in 0..260 {
            client.say(&format!("answer {turn} of {index}"), "go on");
        }
        client.send(&conversations, cached(0, 18_000));
    }
    let marks = Prefix::EXACT + (521 - Prefix::EXACT) / Prefix::STRIDE;
    assert_eq!(conversations.len(), memory::MAX_MARKS / marks);
    let shards = conversations.shards.iter().map(|shard| shard.lock().expect("no panic"));
    for memory in shards {
        memory.assert_sound();
    }
}

#[test]
fn every_reason_is_one_that_the_metric_knows() {
    let metrics = Metrics::new();
    for reason in Reason::ALL {
        metrics.cache_break(reason.as_str());
    }
    let rendered = metrics.render();
    let counted = rendered.lines().filter(|line| line.starts_with("ovth_cache_breaks_total{")).count();
    assert_eq!(counted, Reason::ALL.len());
    assert_eq!(rendered.lines().filter(|line| line.ends_with("} 1") && line.contains("cache_breaks")).count(), counted);
}

#[test]
fn numbers_have_commas() {
    let text = |expected| CacheBreak { reason: Reason::Expired, message: None, expected, read: 5 }.to_string();
    assert_eq!(text(1_024), "expired (expected 1,024 cached tokens, read 5)");
    assert_eq!(text(1_000_007), "expired (expected 1,000,007 cached tokens, read 5)");
}

proptest! {
    /// Conversations that only grow, in any order and at any pace within the time to live, and whose caches are read, are never told as broken; memory
    /// keeps its books.
    #[test]
    fn what_only_grows_and_is_read_is_never_broken(
        turns in prop::collection::vec((0_usize..6, 0_u64..60, 0_u64..5_000, any::<bool>()), 1..80),
    ) {
        let conversations = Conversations::new();
        let mut clients: Vec<Client> = (0..6).map(|index| Client::new(&format!("prompt {}", index % 3))).collect();
        let mut caches = [None; 6];
        let mut beginnings = [None; 3];
        let mut now = Instant::now();
        for (turn, (index, pause, written, dawdles)) in turns.into_iter().enumerate() {
            now += Duration::from_secs(pause);
            let client = &mut clients[index];
            client.at = now;
            // The first turn is read by whoever began alike.
            let (read, written) = match (caches[index], beginnings[index % 3]) {
                (Some(own), _) => (own, written),
                (None, Some(beginning)) => (beginning, 0),
                (None, None) => (0, written),
            };
            prop_assert_eq!(client.resend(&conversations, cached(read, written)), None);
            caches[index] = Some(read + written);
            beginnings[index % 3].get_or_insert(read + written);
            now += Duration::from_secs(if dawdles { 20 } else { 6 });
            client.say(&format!("answer {turn}"), "go on");
            prop_assert!(conversations.len() <= 6);
        }
        for shard in &conversations.shards {
            shard.lock().expect("no panic").assert_sound();
        }
    }
}

/// Measures; run it with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "measures, for whoever looks at the figures"]
fn time_and_memory_when_full() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").expect("a Linux system");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a resident size").to_owned();
        line.split_whitespace().nth(1).and_then(|size| size.parse::<u64>().ok()).expect("a number")
    };
    let long = |index: u32| {
        let mut client = Client::new(&format!("number {index}"));
        for turn in 0..70 {
            client.say(&format!("answer {turn} of {index}"), "go on");
        }
        Prefix::of(Shape::Messages, client.body.to_string().as_bytes()).expect("a request")
    };
    let conversations = Conversations::new();
    let usage = cached(18_000, 100);
    // What making requests leaves behind is not counted.
    (0..1_000).for_each(|index| drop(long(index)));
    let before = resident();
    let mut spent = Duration::ZERO;
    let turns = 20_000_u32;
    let at = Instant::now();
    for index in 0..turns {
        let prefix = long(index);
        let begin = Instant::now();
        let key = format!("key_{}", index % 64);
        let (began, answered) = (at, at + Duration::from_secs(1));
        let turn = Turn { key: &key, session: None, prefix, provider: "p", model: "m", usage: &usage, began, answered };
        conversations.turn(turn);
        spent += begin.elapsed();
    }
    eprintln!("{:?} a turn; {} conversations take {} KiB", spent / turns, conversations.len(), resident() - before);
}
