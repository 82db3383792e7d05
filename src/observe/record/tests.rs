//! Records as a log pipeline sees them.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use ovth_filters::neutral::ErrorClass;

use super::*;

/// Keeps every field as text.
#[derive(Default)]
struct Collect(BTreeMap<String, String>);

impl<'kvs> VisitSource<'kvs> for Collect {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let twice = self.0.insert(key.to_string(), value.to_string());
        assert_eq!(twice, None, "{key} is there twice");
        Ok(())
    }
}

fn fields(source: &dyn Source) -> BTreeMap<String, String> {
    let mut collect = Collect::default();
    source.visit(&mut collect).unwrap();
    collect.0
}

fn note(provider: &str, model: &str, outcome: impl Into<Outcome>, status: Option<u16>) -> AttemptNote {
    AttemptNote { provider: provider.into(), model: model.into(), outcome: outcome.into(), status }
}

#[test]
fn a_full_record_tells_every_field() {
    let mut record = Record::new("req_1", Shape::Messages);
    record.upstream_request_id = Some("req_up".into());
    record.key_id = Some("key_7".into());
    record.operation = Some(Operation::Generate);
    record.status = Some(200);
    record.outcome = Outcome::Ok;
    record.stream = true;
    record.route = Some("auto".into());
    record.strategy = Some("ordered");
    record.provider = Some("anthropic".into());
    record.model_asked = Some("auto".into());
    record.model_served = Some("claude-opus-4-7".into());
    record.upstream_shape = Some(Shape::Messages);
    record.attempts.push(note("openai", "gpt-5", ErrorClass::RateLimit, Some(429)));
    record.attempts.push(note("anthropic", "claude-opus-4-7", Outcome::Ok, Some(200)));
    record.usage = Some(Usage {
        input: 1,
        cache_read: 2,
        cache_write: 3,
        cache_write_1h: 4,
        output: 5,
        reasoning: 2,
        ..Usage::default()
    });
    record.time_to_first_byte = Some(Duration::from_micros(12_900));
    record.duration = Duration::from_secs(3);
    record.bytes_in = 2_048;
    record.bytes_out = 4_096;
    record.heartbeats = 1;
    record.client_retry_count = Some(0);
    let expected = [
        ("request_id", "req_1"),
        ("upstream_request_id", "req_up"),
        ("key_id", "key_7"),
        ("operation", "generate"),
        ("shape", "messages"),
        ("status", "200"),
        ("outcome", "ok"),
        ("stream", "true"),
        ("route", "auto"),
        ("strategy", "ordered"),
        ("provider", "anthropic"),
        ("model_asked", "auto"),
        ("model_served", "claude-opus-4-7"),
        ("upstream_shape", "messages"),
        ("attempt_count", "2"),
        ("attempts", "openai/gpt-5:429,anthropic/claude-opus-4-7:200"),
        ("tokens_input", "1"),
        ("tokens_cache_read", "2"),
        ("tokens_cache_write", "3"),
        ("tokens_cache_write_1h", "4"),
        ("tokens_output", "5"),
        ("tokens_reasoning", "2"),
        ("usage_estimated", "false"),
        ("time_to_first_byte_ms", "12"),
        ("duration_ms", "3000"),
        ("bytes_in", "2048"),
        ("bytes_out", "4096"),
        ("heartbeats", "1"),
        ("client_retry_count", "0"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(fields(&record), expected);
}

#[test]
fn what_never_happened_is_left_out() {
    let names: Vec<String> = fields(&Record::new("req_1", Shape::Chat)).into_keys().collect();
    assert_eq!(
        names,
        ["attempt_count", "bytes_in", "bytes_out", "duration_ms", "outcome", "request_id", "shape", "stream"]
    );
}

#[test]
fn a_failed_attempt_tells_who_and_why() {
    let long = "x".repeat(1_000);
    let failed = FailedAttempt {
        request_id: "req_1",
        provider: "openai",
        model: "gpt-5",
        class: ErrorClass::Timeout,
        status: None,
        reason: &long,
        elapsed: Duration::from_secs(120),
    };
    let fields = fields(&failed);
    assert_eq!(fields.get("outcome").unwrap(), "timeout");
    assert_eq!(fields.get("elapsed_ms").unwrap(), "120000");
    assert_eq!(fields.get("reason").unwrap().len(), MAX_REASON);
    assert!(!fields.contains_key("status"));
}

const MAX_REASON: usize = 256;

#[test]
fn an_attempt_is_told_by_the_most_telling_word() {
    let cases = [
        (Outcome::Ok, Some(200), "p/m:200"),
        (ErrorClass::Overloaded.into(), Some(529), "p/m:529"),
        (ErrorClass::Overloaded.into(), Some(200), "p/m:overloaded"),
        (ErrorClass::Timeout.into(), None, "p/m:timeout"),
        (Outcome::ClientAbort, Some(200), "p/m:client_abort"),
    ];
    for (outcome, status, expected) in cases {
        assert_eq!(note("p", "m", outcome, status).to_string(), expected);
    }
    assert_eq!(note("p", "m\r\nx-evil: \u{e9}", Outcome::Ok, None).to_string(), "p/m??x-evil:??:ok");
}

#[test]
fn a_long_list_of_attempts_ends_with_how_many_more() {
    let mut attempts = Attempts::default();
    for _ in 0..20 {
        attempts.push(note("p", "m", ErrorClass::Transport, None));
    }
    assert_eq!(attempts.count(), 20);
    let text = attempts.to_string();
    assert_eq!(text.matches("p/m:transport").count(), 16);
    assert!(text.ends_with(",+4"), "{text}");
}

#[test]
fn text_from_outside_is_cut_between_characters() {
    assert_eq!(ShortText::from("short").len(), 5);
    let cut = ShortText::from("é".repeat(500).as_str());
    assert_eq!(cut.chars().count(), ShortText::MAX_CHARS);
}
