//! Anthropic's own API: <https://platform.claude.com/docs/en/api/overview>.

use http::HeaderName;
use ovth_filters::Shape;
use ovth_filters::neutral::{ErrorClass, HostRules};

use super::failure::Facts;
use super::spec::{Auth, PLAIN_HOST, Spec};
use crate::config::Builtin;

/// `anthropic-version` is set for the messages shape itself, whoever serves it; see the head.
static REQUEST_HEADERS: [HeaderName; 1] = [HeaderName::from_static("anthropic-beta")];

pub(super) static SPEC: Spec = Spec {
    builtin: Some(Builtin {
        id: "anthropic",
        key_env: "ANTHROPIC_API_KEY",
        base_url_env: Some("ANTHROPIC_BASE_URL"),
        base_url: "https://api.anthropic.com",
        shapes: &[Shape::Messages],
        last: false,
    }),
    name: "Anthropic",
    slugs: &[],
    auth: |_| Auth::XApiKey,
    request_headers: &REQUEST_HEADERS,
    // Claude Code calls `/v1/messages?beta=true`.
    query: &["beta"],
    response_headers: &[],
    claims: &["claude-"],
    reseller: false,
    host: HostRules { newest_claude: true, ..PLAIN_HOST },
    // <https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview>: models whose thinking is always on
    // answer 400 to `tool_choice` `any` and `tool`.
    refuses_forced_tools: &[
        "claude-opus-5-5",
        "claude-sonnet-5-5",
        "claude-fable-5-1",
        "claude-fable-5-2",
        "claude-mythos-5-1",
        "claude-mythos-5-2",
    ],
    keeps_state: false,
    counters: &[Shape::Messages],
    key_check: None,
    unmet: &[],
    classify,
};

/// <https://platform.claude.com/docs/en/api/errors>: billing faults come as 400 and as 429 too.
fn classify(facts: &Facts<'_>) -> Option<ErrorClass> {
    const SPENT: [&str; 3] = ["enforced_spend_limit_reached", "contract_spend_limit_reached", "organization_on_hold"];
    if facts.has_code(&SPENT)
        || facts.says(&["credit balance is too low", "you have reached your specified api usage limits"])
    {
        return Some(ErrorClass::OperatorBilling);
    }
    if facts.says(&["output blocked by content filtering policy"]) {
        return Some(ErrorClass::ContentRefused);
    }
    // A missing file or container is also a `not_found_error`; a missing model is told as `model: ID`.
    if facts.status == 404 && facts.kind_is("not_found_error") && facts.text().starts_with("model:") {
        return Some(ErrorClass::OperatorModel);
    }
    None
}
