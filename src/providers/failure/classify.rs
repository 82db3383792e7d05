//! From an error's facts to its class: the provider's own rules first, then those that hold for all.

use ovth_filters::neutral::ErrorClass;

use super::super::spec::Spec;
use super::facts::Facts;

/// Texts by which hosts tell that a prompt is too long; lower case.
const OVERFLOW: [&str; 13] = [
    "prompt is too long",
    "prompt too long",
    "exceed context limit",
    "input token count",
    "context length",
    "maximum context",
    "max context",
    "context window",
    "context size",
    "too many tokens",
    "exceeds the model's maximum",
    "length of all messages is too long",
    "input is too long",
];
const OVERFLOW_CODES: [&str; 4] =
    ["context_length_exceeded", "too_many_prompt_tokens", "model_context_window_exceeded", "exceed_context_size_error"];

const AUTH_CODES: [&str; 4] =
    ["invalid_api_key", "authentication_error", "account_deactivated", "invalid_authentication"];
const AUTH_TEXTS: [&str; 5] =
    ["incorrect api key", "invalid api key", "invalid x-api-key", "api key not valid", "no api key provided"];

const BILLING_CODES: [&str; 6] = [
    "insufficient_quota",
    "credit_balance_exhausted",
    "billing_hard_limit_reached",
    "billing_not_active",
    "billing_error",
    "payment_required",
];
const BILLING_TEXTS: [&str; 3] = ["insufficient balance", "insufficient credits", "insufficient funds"];

const REFUSED_CODES: [&str; 5] = [
    "content_policy_violation",
    "content_filter",
    "responsibleaipolicyviolation",
    "moderation_blocked",
    "cyber_policy",
];
const REFUSED_TEXTS: [&str; 2] = ["violating our usage policy", "content management policy"];

const MODEL_CODES: [&str; 5] =
    ["model_not_found", "model_not_available", "unknown_model", "model_decommissioned", "deploymentnotfound"];
const MODEL_TEXTS: [&str; 6] = [
    "model not exist",
    "model does not exist",
    "not a valid model",
    "invalid model",
    "unknown model",
    "model not found",
];

/// The class of an error.
pub(super) fn class(spec: &Spec, facts: &Facts<'_>) -> ErrorClass {
    (spec.classify)(facts).or_else(|| by_code(facts)).or_else(|| by_text(facts)).unwrap_or_else(|| by_status(facts))
}

/// The class of an error that a stream already gave a class: only vague ones are made finer, and what would be the
/// client's fault at the provider is the operator's here.
pub(super) fn refine(spec: &Spec, class: ErrorClass, facts: &Facts<'_>) -> ErrorClass {
    match class {
        ErrorClass::BadRequest | ErrorClass::Upstream | ErrorClass::Internal => {
            let finer = (spec.classify)(facts).or_else(|| by_code(facts)).or_else(|| by_text(facts));
            let numbered = || facts.code.and_then(|code| code.parse::<u16>().ok()).map(|_| by_status(facts));
            finer.or_else(numbered).unwrap_or(if class == ErrorClass::BadRequest {
                class
            } else {
                ErrorClass::Upstream
            })
        }
        ErrorClass::ClientAuth | ErrorClass::Permission => ErrorClass::OperatorAuth,
        ErrorClass::NoCredit => ErrorClass::OperatorBilling,
        ErrorClass::UnknownModel | ErrorClass::NotFound => ErrorClass::OperatorModel,
        ErrorClass::Quota => ErrorClass::RateLimit,
        ErrorClass::Unavailable => ErrorClass::Overloaded,
        ErrorClass::RequestTimeout => ErrorClass::Timeout,
        known => known,
    }
}

/// Codes and types are stable, so they count before the status: hosts differ in which status a fault gets.
fn by_code(facts: &Facts<'_>) -> Option<ErrorClass> {
    let rules: [(&[&str], ErrorClass); 10] = [
        (&BILLING_CODES, ErrorClass::OperatorBilling),
        (&AUTH_CODES, ErrorClass::OperatorAuth),
        (&MODEL_CODES, ErrorClass::OperatorModel),
        (&OVERFLOW_CODES, ErrorClass::ContextOverflow),
        (&REFUSED_CODES, ErrorClass::ContentRefused),
        (
            &["overloaded_error", "server_is_overloaded", "service_unavailable_error", "unavailable"],
            ErrorClass::Overloaded,
        ),
        (
            &["rate_limit_error", "rate_limit_exceeded", "slow_down", "ratelimitreached", "resource_exhausted"],
            ErrorClass::RateLimit,
        ),
        (&["timeout_error", "deadline_exceeded"], ErrorClass::Timeout),
        (&["api_error", "server_error", "internal_server_error"], ErrorClass::Upstream),
        (&["request_too_large"], ErrorClass::TooLarge),
    ];
    let class = rules.into_iter().find(|(codes, _)| facts.has_code(codes)).map(|(_, class)| class);
    // Of a vague type and a telling status the status says more.
    let is_telling = matches!(facts.status, 400..=499 | 503 | 504 | 529);
    class.filter(|class| *class != ErrorClass::Upstream || !is_telling)
}

/// What is only in the words; asked only where the status leaves it open, as texts may quote the client.
fn by_text(facts: &Facts<'_>) -> Option<ErrorClass> {
    let open = matches!(facts.status, 400 | 404 | 413 | 422);
    if facts.status == 403 && facts.flagged {
        return Some(ErrorClass::ContentRefused);
    }
    // A field that the account may not use: with its credential all is well.
    if facts.status == 403
        && let Some(param) = facts.param.filter(|param| !param.is_empty())
    {
        return Some(if param == "model" { ErrorClass::OperatorModel } else { ErrorClass::BadRequest });
    }
    if !open {
        return None;
    }
    let own = without_quotes(facts.text());
    let of_another_field = facts.param.is_some_and(|param| !param.is_empty() && param != "model");
    let names_model = facts.param == Some("model")
        || (!of_another_field
            && has_word(&own, &["model", "models"])
            && (facts.status == 404 || facts.says(&["does not exist", "not supported for"])));
    let says_model = !of_another_field && MODEL_TEXTS.iter().any(|text| has_phrase(&own, text));
    let rules: [(bool, ErrorClass); 5] = [
        (facts.says(&OVERFLOW), ErrorClass::ContextOverflow),
        (facts.says(&AUTH_TEXTS), ErrorClass::OperatorAuth),
        (facts.says(&BILLING_TEXTS), ErrorClass::OperatorBilling),
        (facts.says(&REFUSED_TEXTS), ErrorClass::ContentRefused),
        (says_model || (names_model && facts.status == 404), ErrorClass::OperatorModel),
    ];
    rules.into_iter().find(|(holds, _)| *holds).map(|(_, class)| class)
}

/// The text without what stands in quotes: names and ids are the client's.
fn without_quotes(text: &str) -> String {
    let mut own = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\'', '"', '`']) {
        let (before, quoted) = rest.split_at(at);
        own.push_str(before);
        let mark = quoted.chars().next().unwrap_or('"');
        let inside = quoted.get(1..).unwrap_or_default();
        let is_apostrophe = before.ends_with(char::is_alphanumeric);
        let end = inside.find(mark).filter(|_| !is_apostrophe);
        rest = end.and_then(|end| inside.get(end..)?.get(1..)).unwrap_or(inside);
    }
    own.push_str(rest);
    own
}

/// Whether one of these words is in the text by itself, and not as a part of a name.
fn has_word(text: &str, words: &[&str]) -> bool {
    text.split(|c| !is_of_word(c)).any(|word| words.contains(&word))
}

/// The same for several words, which begin one.
fn has_phrase(text: &str, phrase: &str) -> bool {
    let mut begins = text.match_indices(phrase).map(|(at, _)| text.get(..at).unwrap_or_default());
    begins.any(|before| !before.ends_with(is_of_word))
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

fn by_status(facts: &Facts<'_>) -> ErrorClass {
    match facts.status {
        401 | 403 | 407 => ErrorClass::OperatorAuth,
        402 => ErrorClass::OperatorBilling,
        // A 404 that is no provider's error is a wrong base URL.
        404 | 405 if !facts.understood => ErrorClass::Upstream,
        405 => ErrorClass::Upstream,
        408 | 504 | 522 | 524 => ErrorClass::Timeout,
        // Conflicts pass, and the official SDKs retry them.
        409 | 499 => ErrorClass::Upstream,
        410 => ErrorClass::OperatorModel,
        413 => ErrorClass::TooLarge,
        425 | 429 => ErrorClass::RateLimit,
        400..=499 => ErrorClass::BadRequest,
        503 | 529 => ErrorClass::Overloaded,
        _ => ErrorClass::Upstream,
    }
}
