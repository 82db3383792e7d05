//! From the record of an exchange to its entry in the ledger.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;

use crate::ledger::{App, AttemptEntry, Entry};
use crate::observe::Record;

/// The most characters of a header that an entry keeps.
const MAX_CHARS: usize = 200;

/// What the record of an exchange says, as an entry; who pays and what it cost is the caller's to add.
pub(super) fn of(record: &Record, began: SystemTime) -> Entry {
    let attempts = record.attempts.iter().map(|note| AttemptEntry {
        provider: (&*note.provider).into(),
        model: (&*note.model).into(),
        outcome: note.outcome.as_str().into(),
        status: note.status,
    });
    Entry {
        request_id: (&*record.request_id).into(),
        upstream_request_id: record.upstream_request_id.as_deref().map(Into::into),
        started_at_ms: millis(began.duration_since(UNIX_EPOCH).unwrap_or_default()),
        operation: record.operation.map_or("", |operation| operation.as_str()).into(),
        shape: record.shape.as_str().into(),
        upstream_shape: record.upstream_shape.map(|shape| shape.as_str().into()),
        stream: record.stream,
        route: record.route.as_deref().map(Into::into),
        provider: record.provider.as_deref().map(Into::into),
        model_asked: record.model_asked.as_deref().map(Into::into),
        model: record.model_served.as_deref().map(Into::into),
        attempts: attempts.collect(),
        status: record.status,
        outcome: record.outcome.as_str().into(),
        time_to_first_token_ms: record.time_to_first_byte.map(millis),
        duration_ms: millis(record.duration),
        bytes_in: record.bytes_in,
        bytes_out: record.bytes_out,
        ..Entry::default()
    }
}

/// What called, as its headers say. OpenRouter's newer name of a title comes before the older one.
pub(super) fn app(headers: &HeaderMap) -> App {
    let first = |names: &[&str]| names.iter().find_map(|name| text(headers, name));
    App {
        referer: first(&["http-referer", "referer"]),
        title: first(&["x-openrouter-title", "x-title"]),
        user_agent: first(&["user-agent"]),
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<Box<str>> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    let text: String = text.chars().filter(|c| !c.is_control()).take(MAX_CHARS).collect();
    (!text.is_empty()).then(|| text.into())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn an_app_is_what_its_headers_say_cut_to_what_a_list_can_bear() {
        let mut headers = HeaderMap::new();
        headers.insert("http-referer", HeaderValue::from_static("https://app.example"));
        headers.insert("x-title", HeaderValue::from_static("old"));
        headers.insert("x-openrouter-title", HeaderValue::from_static("new"));
        headers.insert("user-agent", HeaderValue::from_str(&"a".repeat(500)).expect("a header"));
        let app = app(&headers);
        assert_eq!(app.referer.as_deref(), Some("https://app.example"));
        assert_eq!(app.title.as_deref(), Some("new"));
        assert_eq!(app.user_agent.map(|agent| agent.len()), Some(MAX_CHARS));
        assert_eq!(super::app(&HeaderMap::new()), App::default());
    }
}
