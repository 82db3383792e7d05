//! Token counts of answers, read through the reader that the tap has, and written.

use std::borrow::Cow;

use serde::Serialize;

use super::super::super::observed::Observed;
use super::super::usage;
use crate::json::{Cursor, View};
use crate::neutral::Usage;

/// Reads a usage object over what was seen before: the last value of each counter that is a number counts.
pub(in super::super) fn read_usage(from: View<'_>, seen: &mut Observed) {
    if let Ok(mut cursor) = Cursor::new(from.raw().as_bytes()) {
        // The value is valid JSON, and a counter that is no number is passed over.
        let _ = usage::read(&mut cursor, seen);
    }
}

/// The service class in the provider's own word, where a usage object tells it.
pub(in super::super) fn service_class(usage: View<'_>) -> Option<String> {
    let tier = usage.member("service_tier").and_then(View::string);
    tier.filter(|tier| !tier.is_empty()).map(Cow::into_owned)
}

/// What Messages calls a service class, where it has a word for it.
fn service_tier(class: &str) -> Option<&'static str> {
    match class {
        "standard" | "default" => Some("standard"),
        "priority" => Some("priority"),
        "batch" => Some("batch"),
        _ => None,
    }
}

/// The counts of an answer that is whole.
#[derive(Debug, Serialize)]
pub(in super::super) struct Counts {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation: Option<CacheCreation>,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_tool_use: Option<ServerToolUse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
}

/// What stands at the start of a stream, where nothing was counted yet: the real counts come at its end.
#[derive(Debug, Default, Serialize)]
pub(in super::super) struct FirstCounts {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
}

impl FirstCounts {
    /// The wire form.
    pub(in super::super) fn new(service_class: Option<&str>) -> FirstCounts {
        FirstCounts { service_tier: service_class.and_then(service_tier), ..FirstCounts::default() }
    }
}

/// Cache writes by time to live.
#[derive(Debug, Serialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Debug, Serialize)]
struct OutputDetails {
    thinking_tokens: u64,
}

#[derive(Debug, Serialize)]
struct ServerToolUse {
    web_search_requests: u64,
    web_fetch_requests: u64,
}

impl Counts {
    /// The wire form. The split of cache writes is told where it is known, which is when some live for an hour.
    pub(in super::super) fn new(usage: &Usage, service_class: Option<&str>) -> Counts {
        Counts {
            input_tokens: usage.input,
            cache_creation_input_tokens: usage.cache_write.saturating_add(usage.cache_write_1h),
            cache_read_input_tokens: usage.cache_read,
            cache_creation: (usage.cache_write_1h > 0).then_some(CacheCreation {
                ephemeral_5m_input_tokens: usage.cache_write,
                ephemeral_1h_input_tokens: usage.cache_write_1h,
            }),
            output_tokens: usage.output,
            output_tokens_details: OutputDetails { thinking_tokens: usage.reasoning },
            server_tool_use: (usage.web_searches > 0)
                .then_some(ServerToolUse { web_search_requests: usage.web_searches, web_fetch_requests: 0 }),
            service_tier: service_class.and_then(service_tier),
        }
    }
}
