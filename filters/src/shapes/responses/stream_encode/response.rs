//! The response object that the first and the last events of a stream hold, and that a whole answer is.

use serde::Serialize;

use super::super::echo;
use super::super::error::Failure;
use super::wire::UsageWire;
use crate::neutral::{Answering, Usage};

/// Whose it is and how far it is.
pub(super) struct Head<'a> {
    pub(super) id: &'a str,
    pub(super) model: &'a str,
    pub(super) status: &'static str,
    pub(super) error: Option<Failure<'a>>,
    /// Why it is not complete.
    pub(super) reason: Option<&'static str>,
    pub(super) service_class: Option<&'a str>,
    pub(super) usage: Option<&'a Usage>,
}

#[derive(Serialize)]
struct Begin<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    status: &'a str,
    background: bool,
    error: Option<&'a Failure<'a>>,
    incomplete_details: Option<Details<'a>>,
    model: &'a str,
}

#[derive(Serialize)]
struct Details<'a> {
    reason: &'a str,
}

#[derive(Serialize)]
struct End<'a> {
    previous_response_id: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    store: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_usage: Option<ToolUsage>,
    usage: Option<UsageWire>,
}

#[derive(Serialize)]
struct ToolUsage {
    web_search: Searches,
}

#[derive(Serialize)]
struct Searches {
    num_requests: u64,
}

/// The response with those items, each as JSON.
pub(super) fn response(head: &Head<'_>, items: &[Vec<u8>], answering: &Answering) -> Vec<u8> {
    let begin = Begin {
        id: head.id,
        object: "response",
        created_at: answering.created,
        status: head.status,
        background: false,
        error: head.error.as_ref(),
        incomplete_details: head.reason.map(|reason| Details { reason }),
        model: head.model,
    };
    let searches = head.usage.map_or(0, |usage| usage.web_searches);
    let end = End {
        previous_response_id: None,
        service_tier: head.service_class.and_then(tier),
        store: false,
        tool_usage: (searches > 0).then_some(ToolUsage { web_search: Searches { num_requests: searches } }),
        usage: head.usage.map(UsageWire::new),
    };
    let echo = if answering.echo.is_empty() { &echo::blank() } else { &answering.echo };
    let mut out = Vec::with_capacity(1024 + echo.len() + items.iter().map(|item| item.len() + 1).sum::<usize>());
    open(&begin, &mut out);
    out.extend_from_slice(b",\"output\":[");
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(item);
    }
    out.extend_from_slice(b"],");
    out.extend_from_slice(echo.as_bytes());
    out.push(b',');
    let mut last = Vec::new();
    open(&end, &mut last);
    out.extend(last.into_iter().skip(1));
    out.push(b'}');
    out
}

/// An object without the brace that closes it.
fn open<T: Serialize>(object: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, object).expect("it holds text and numbers, and memory takes all");
    out.pop();
}

/// `service_tier`: what others call `standard` is `default` here; where it served stays out.
fn tier(class: &str) -> Option<&str> {
    let tier = class.split('+').next().filter(|tier| !tier.is_empty())?;
    Some(match tier {
        "standard" => "default",
        "fast" => "priority",
        tier => tier,
    })
}
