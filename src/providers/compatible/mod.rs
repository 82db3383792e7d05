//! Any other host that speaks a known shape: named in the configuration, without a line of code.

use http::HeaderName;
use ovth_filters::Shape;

use super::spec::{Auth, PLAIN_HOST, Spec};

static REQUEST_HEADERS: [HeaderName; 1] = [HeaderName::from_static("idempotency-key")];

pub(super) static SPEC: Spec = Spec {
    builtin: None,
    name: "",
    slugs: &[],
    auth: |shape| match shape {
        Shape::Messages => Auth::XApiKey,
        Shape::GenerateContent => Auth::XGoogApiKey,
        Shape::Chat | Shape::Responses => Auth::Bearer,
    },
    request_headers: &REQUEST_HEADERS,
    query: &[],
    response_headers: &[],
    claims: &[],
    reseller: false,
    host: PLAIN_HOST,
    refuses_forced_tools: &[],
    keeps_state: false,
    // Some that speak these shapes have one; who has none says so.
    counters: &[Shape::Messages, Shape::GenerateContent],
    key_check: None,
    unmet: &[],
    classify: |_| None,
};
