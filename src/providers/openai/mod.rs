//! OpenAI's own API: <https://platform.openai.com/docs/api-reference>.

use http::HeaderName;
use ovth_filters::Shape;
use ovth_filters::neutral::{ErrorClass, HostRules};

use super::failure::Facts;
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
    counters: &[Shape::Responses],
    key_check: None,
    unmet: &[],
    classify,
};

/// <https://platform.openai.com/docs/guides/error-codes>: a bad key is a 401; a 403 is of a country, a project's model, rights that a key
/// lacks, or of a feature that the request asks for, such as `access_programs`.
fn classify(facts: &Facts<'_>) -> Option<ErrorClass> {
    if facts.status != 403 {
        return None;
    }
    // A key of restricted rights is told which it lacks, in a text only.
    if facts.has_code(&["unsupported_country_region_territory"])
        || facts.says(&["missing scopes", "insufficient permissions"])
    {
        return Some(ErrorClass::OperatorAuth);
    }
    // "You are not allowed to sample from this model."
    if facts.says(&["sample from"]) {
        return Some(ErrorClass::OperatorModel);
    }
    let of_request = facts.code.is_none() && facts.kind_is("invalid_request_error");
    (of_request || facts.says(&["access program", "access_program"])).then_some(ErrorClass::BadRequest)
}
