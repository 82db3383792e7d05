//! OpenRouter, a reseller of other authors' models: <https://openrouter.ai/docs/api-reference/overview>.

use http::HeaderName;
use ovth_filters::Shape;
use ovth_filters::neutral::{ErrorClass, HostRules};

use super::failure::Facts;
use super::spec::{Auth, PLAIN_HOST, Spec};
use crate::config::Builtin;

static REQUEST_HEADERS: [HeaderName; 6] = [
    HeaderName::from_static("http-referer"),
    HeaderName::from_static("x-title"),
    HeaderName::from_static("x-openrouter-title"),
    HeaderName::from_static("x-openrouter-categories"),
    HeaderName::from_static("x-openrouter-metadata"),
    HeaderName::from_static("x-openrouter-experimental-metadata"),
];

static RESPONSE_HEADERS: [HeaderName; 1] = [HeaderName::from_static("x-generation-id")];

/// What its clients name where they leave the choice of a model to it: here to the route of that name.
pub(super) const AUTO: (&str, &str) = ("openrouter/auto", "auto");

pub(super) static SPEC: Spec = Spec {
    builtin: Some(Builtin {
        id: "openrouter",
        key_env: "OPENROUTER_API_KEY",
        base_url_env: Some("OPENROUTER_BASE_URL"),
        base_url: "https://openrouter.ai/api/v1",
        shapes: &[Shape::Chat, Shape::Responses, Shape::Messages],
        last: true,
    }),
    name: "OpenRouter",
    slugs: &[],
    auth: |_| Auth::Bearer,
    request_headers: &REQUEST_HEADERS,
    query: &[],
    response_headers: &RESPONSE_HEADERS,
    claims: &[],
    reseller: true,
    host: HostRules { router_fields: true, ..PLAIN_HOST },
    refuses_forced_tools: &[],
    keeps_state: false,
    counters: &[],
    // <https://openrouter.ai/docs/api-reference/api-keys/get-current-api-key>
    key_check: Some("/key"),
    unmet: &UNMET,
    classify,
};

/// What it says where the request's `provider`, its tools or its other fields leave nobody who serves the model:
/// <https://openrouter.ai/docs/features/provider-routing>.
const UNMET: [&str; 3] = ["no endpoints found", "no allowed providers", "all providers have been ignored"];

/// `error.metadata.error_type` is the same in all of its formats: <https://openrouter.ai/docs/api-reference/errors>.
fn classify(facts: &Facts<'_>) -> Option<ErrorClass> {
    const TYPES: [(&str, ErrorClass); 19] = [
        ("context_length_exceeded", ErrorClass::ContextOverflow),
        ("token_limit_exceeded", ErrorClass::ContextOverflow),
        ("authentication", ErrorClass::OperatorAuth),
        ("payment_required", ErrorClass::OperatorBilling),
        ("rate_limit_exceeded", ErrorClass::RateLimit),
        ("provider_overloaded", ErrorClass::Overloaded),
        ("provider_unavailable", ErrorClass::Upstream),
        ("server", ErrorClass::Upstream),
        ("unmapped", ErrorClass::Upstream),
        ("timeout", ErrorClass::Timeout),
        ("payload_too_large", ErrorClass::TooLarge),
        ("content_policy_violation", ErrorClass::ContentRefused),
        ("refusal", ErrorClass::ContentRefused),
        ("invalid_request", ErrorClass::BadRequest),
        ("invalid_prompt", ErrorClass::BadRequest),
        ("max_tokens_exceeded", ErrorClass::BadRequest),
        ("string_too_long", ErrorClass::BadRequest),
        ("unprocessable", ErrorClass::BadRequest),
        ("image_download_failed", ErrorClass::BadRequest),
    ];
    if facts.status == 403 && facts.flagged {
        return Some(ErrorClass::ContentRefused);
    }
    if facts.says(&["is not a valid model id"]) || facts.says(&UNMET) {
        return Some(ErrorClass::OperatorModel);
    }
    TYPES.into_iter().find(|(name, _)| facts.has_code(&[name])).map(|(_, class)| class)
}
