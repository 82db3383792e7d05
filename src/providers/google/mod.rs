//! Google's Gemini API: <https://ai.google.dev/api>.

use ovth_filters::Shape;
use ovth_filters::neutral::ErrorClass;

use super::failure::Facts;
use super::spec::{Auth, PLAIN_HOST, Spec};
use crate::config::Builtin;

pub(super) static SPEC: Spec = Spec {
    builtin: Some(Builtin {
        id: "google",
        key_env: "GOOGLE_API_KEY",
        base_url_env: Some("GOOGLE_BASE_URL"),
        base_url: "https://generativelanguage.googleapis.com",
        shapes: &[Shape::GenerateContent],
        last: false,
    }),
    name: "Google AI Studio",
    slugs: &["google-ai-studio", "google-vertex"],
    // Google's OpenAI-compatible endpoint (`.../v1beta/openai`) takes the same key as a bearer token:
    // <https://ai.google.dev/gemini-api/docs/openai>.
    auth: |shape| if matches!(shape, Shape::GenerateContent) { Auth::XGoogApiKey } else { Auth::Bearer },
    request_headers: &[],
    query: &[],
    response_headers: &[],
    claims: &["gemini-", "gemma-", "models/gemini-", "learnlm-"],
    reseller: false,
    host: PLAIN_HOST,
    refuses_forced_tools: &[],
    keeps_state: false,
    counters: &[Shape::GenerateContent],
    key_check: None,
    unmet: &[],
    classify,
};

/// <https://ai.google.dev/gemini-api/docs/troubleshooting>: a bad key is a 400 with a reason in its details.
fn classify(facts: &Facts<'_>) -> Option<ErrorClass> {
    if facts.has_code(&["API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED", "API_KEY_IP_ADDRESS_BLOCKED", "SERVICE_DISABLED"])
        || facts.says(&["api key not valid", "api key expired"])
    {
        return Some(ErrorClass::OperatorAuth);
    }
    // A cache, a file or a tuned model that the request names: whether it is another account's or nobody's is told in the same words.
    if facts.status == 403 && facts.says(&["cachedcontent", "cached content", "access the file", "tuned model"]) {
        return Some(ErrorClass::BadRequest);
    }
    if facts.has_code(&["BILLING_DISABLED"]) {
        return Some(ErrorClass::OperatorBilling);
    }
    // "User location is not supported for the API use" and the free tier's limits are the operator's affair.
    if facts.status == 400 && facts.says(&["user location is not supported", "enable billing"]) {
        return Some(ErrorClass::OperatorBilling);
    }
    None
}
