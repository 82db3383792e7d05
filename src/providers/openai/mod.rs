//! OpenAI's own API: <https://platform.openai.com/docs/api-reference>.

use http::HeaderName;
use ovth_filters::Shape;
use ovth_filters::neutral::HostRules;

use super::spec::{Auth, PLAIN_HOST, Spec};
use crate::config::Builtin;

static REQUEST_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("openai-beta"),
    HeaderName::from_static("x-client-request-id"),
    HeaderName::from_static("idempotency-key"),
];

static RESPONSE_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("openai-processing-ms"), HeaderName::from_static("openai-version")];

pub(super) static SPEC: Spec = Spec {
    builtin: Some(Builtin {
        id: "openai",
        key_env: "OPENAI_API_KEY",
        base_url_env: Some("OPENAI_BASE_URL"),
        base_url: "https://api.openai.com/v1",
        shapes: &[Shape::Chat, Shape::Responses],
        last: false,
    }),
    name: "OpenAI",
    slugs: &[],
    auth: |_| Auth::Bearer,
    request_headers: &REQUEST_HEADERS,
    query: &[],
    response_headers: &RESPONSE_HEADERS,
    claims: &[
        "gpt-",
        "chatgpt-",
        "chat-latest",
        "o1",
        "o3",
        "o4",
        "codex-",
        "computer-use-",
        "ft:gpt-",
        "daybreak-",
        "text-embedding-",
        "omni-moderation-",
    ],
    reseller: false,
    host: HostRules { openai_fields: true, ..PLAIN_HOST },
    refuses_forced_tools: &[],
    // <https://platform.openai.com/docs/guides/conversation-state>
    keeps_state: true,
    key_check: None,
    classify: |_| None,
};
