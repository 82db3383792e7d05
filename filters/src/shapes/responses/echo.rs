//! What a response repeats of its request: SDKs and Codex expect it to be there.

use std::sync::Arc;

use crate::json::View;

/// The members of a response that are the request's, and what they are where the request says nothing.
const MEMBERS: [(&str, &str); 16] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("prompt_cache_key", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("safety_identifier", "null"),
    ("temperature", "null"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", r#""auto""#),
    ("tools", "[]"),
    ("top_logprobs", "0"),
    ("top_p", "null"),
    ("truncation", r#""disabled""#),
    ("user", "null"),
];

/// So many bytes are repeated at most, three times in a stream; of larger members nothing is said.
const MAX_BYTES: usize = 256 * 1024;

/// The members, as JSON on one line, a comma behind each but the last.
pub(super) fn of(request: View<'_>) -> Arc<str> {
    let mut out = String::new();
    for (name, blank) in MEMBERS {
        let value = request.member(name).map(View::compact);
        let value = value.filter(|value| out.len().saturating_add(value.len()) <= MAX_BYTES);
        if !out.is_empty() {
            out.push(',');
        }
        out.push('"');
        out.push_str(name);
        out.push_str("\":");
        out.push_str(value.as_deref().unwrap_or(blank));
    }
    out.into()
}

/// The same for a request of which nothing is known.
pub(super) fn blank() -> Arc<str> {
    View::parse(b"{}").map(of).unwrap_or_default()
}
