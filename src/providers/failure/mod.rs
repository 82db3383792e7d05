//! What a provider's failure means: to the client, for the next attempt, and for the target's health.

mod classify;
mod cooldown;
mod facts;
mod words;

use std::time::Duration;

use http::HeaderMap;
use ovth_filters::Shape;
use ovth_filters::neutral::{ApiError, ErrorClass};

use super::upstream::Upstream;

pub(super) use facts::Facts;

/// No fault cools a target for longer, whatever the provider asks for.
pub(super) const LONGEST_COOL: Duration = Duration::from_secs(600);

/// What OpenAI says where it does not find what a request points to.
const LOST_STATE: [&str; 3] = ["previous_response_not_found", "conversation_not_found", "prompt_not_found"];

/// The fields that point to what a provider keeps.
const STATE_FIELDS: [&str; 4] = ["previous_response_id", "conversation", "prompt", "input"];

/// What to try after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Any other target.
    NextTarget,
    /// Any target but those of the same model at the same provider in the same shape: the request cannot be told to it, and it was not asked.
    OtherTranslation,
    /// Only the same model with another credential: what the request points to, or asks for, is an account's.
    OtherAccount,
    /// Only a target with a larger context window.
    LargerWindow,
    /// Nothing: no target would take this request.
    Stop,
}

/// How far a failure reaches: other targets inside its scope would fail in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// This model with this credential.
    Target,
    /// Every model behind this credential.
    Credential,
    /// Everything at this host.
    Host,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 3] = [Scope::Target, Scope::Credential, Scope::Host];

    /// The name used in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::Target => "target",
            Scope::Credential => "credential",
            Scope::Host => "host",
        }
    }
}

/// The meaning of one failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the client is told, should no other attempt succeed.
    pub error: ApiError,
    /// What to try next.
    pub next: Next,
    /// How far it reaches.
    pub scope: Scope,
    /// How long to avoid what is in scope; absent when it is healthy. At most ten minutes.
    pub cool: Option<Duration>,
    /// The provider's own status and body go to the client as they are: same shape, its fault, and nothing of the operator in it.
    pub client_body: bool,
    /// The provider refused opaque state that came back to it with the history: signatures of reasoning, or blocks that are not what
    /// they were. The same request without that state may be taken.
    pub refuses_state: bool,
    /// The provider does not find what the request points to, among what it keeps; with another account it may.
    pub lacks_state: bool,
}

impl Failure {
    /// A failure with what its class implies; for faults that have no answer, such as broken connections and timeouts.
    #[must_use]
    pub fn new(error: ApiError) -> Failure {
        let (next, scope, cool) = policy(error.class);
        Failure { error, next, scope, cool, client_body: false, refuses_state: false, lacks_state: false }
    }
}

impl Failure {
    /// This request cannot be told to that target, though others may take it.
    #[must_use]
    pub fn untranslatable(error: ApiError) -> Failure {
        Failure {
            error,
            next: Next::OtherTranslation,
            scope: Scope::Target,
            cool: None,
            client_body: false,
            refuses_state: false,
            lacks_state: false,
        }
    }
}

/// What a class implies for the attempts that follow.
const fn policy(class: ErrorClass) -> (Next, Scope, Option<Duration>) {
    const fn seconds(count: u64) -> Option<Duration> {
        Some(Duration::from_secs(count))
    }
    match class {
        ErrorClass::OperatorAuth | ErrorClass::OperatorBilling => {
            (Next::NextTarget, Scope::Credential, Some(LONGEST_COOL))
        }
        ErrorClass::OperatorModel => (Next::NextTarget, Scope::Target, Some(LONGEST_COOL)),
        ErrorClass::RateLimit | ErrorClass::Overloaded | ErrorClass::Upstream => {
            (Next::NextTarget, Scope::Target, seconds(5))
        }
        ErrorClass::Timeout => (Next::NextTarget, Scope::Target, seconds(10)),
        ErrorClass::Transport => (Next::NextTarget, Scope::Host, seconds(5)),
        ErrorClass::ContextOverflow => (Next::LargerWindow, Scope::Target, None),
        ErrorClass::BadRequest
        | ErrorClass::ClientAuth
        | ErrorClass::Permission
        | ErrorClass::NoCredit
        | ErrorClass::NotFound
        | ErrorClass::MethodNotAllowed
        | ErrorClass::UnknownModel
        | ErrorClass::TooLarge
        | ErrorClass::RequestTimeout
        | ErrorClass::Quota
        | ErrorClass::ContentRefused
        | ErrorClass::Unavailable
        | ErrorClass::Internal => (Next::Stop, Scope::Target, None),
    }
}

/// Judges an answer that is not a success: status, headers, body.
pub(super) fn from_response(upstream: &Upstream, shape: Shape, answer: (u16, &HeaderMap, &[u8])) -> Failure {
    let (status, headers, body) = answer;
    let read = facts::read(shape, body);
    let facts = read.facts(status);
    let class = classify::class(upstream.spec(), &facts);
    let mut failure = Failure::new(words::error(upstream.id(), class, &facts));
    if is_unmet(upstream, class, &facts) {
        failure.cool = None;
    }

    if matches!(class, ErrorClass::RateLimit | ErrorClass::Overloaded | ErrorClass::Upstream)
        && let Some(wait) = cooldown::asked(headers, facts.retry_delay)
    {
        failure.cool = Some(wait.min(LONGEST_COOL));
        // Whole seconds, rounded up: a client that comes back a moment early is refused once more.
        failure.error.retry_after = Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
    }
    // Anthropic: "Invalid `signature` in `thinking` block", "`thinking` blocks ... cannot be modified". Gemini:
    // <https://ai.google.dev/gemini-api/docs/thought-signatures>. OpenAI: "The encrypted content ... could not be verified", for what
    // another organisation was given: <https://github.com/openai/codex/issues/8145>.
    let of_thinking = facts.says(&["signature", "cannot be modified"]) && facts.says(&["thinking", "thought"]);
    let of_encrypted = facts.says(&["encrypted content"]) && facts.says(&["not be verified", "not be decrypted"]);
    failure.refuses_state = status == 400 && (of_thinking || of_encrypted);
    failure.lacks_state = matches!(status, 400 | 404)
        && (facts.has_code(&LOST_STATE)
            || facts.param.is_some_and(|param| STATE_FIELDS.contains(&param) && status == 404));
    if class == ErrorClass::BadRequest && (failure.lacks_state || status == 403) {
        failure.next = Next::OtherAccount;
    }
    failure.client_body = matches!(status, 400..=499)
        && facts.understood
        && match class {
            ErrorClass::BadRequest | ErrorClass::ContentRefused => true,
            ErrorClass::ContextOverflow => words::client_sees_overflow(shape, &facts),
            _ => false,
        }
        && !words::holds_secret(&String::from_utf8_lossy(body));
    failure
}

/// Judges an error that came inside a stream or a 200: the tap's class, made finer by what the provider says.
pub(super) fn from_stream(upstream: &Upstream, error: &ApiError) -> Failure {
    let facts = facts::of_error(error);
    let class = classify::refine(upstream.spec(), error.class, &facts);
    let mut told = words::error(upstream.id(), class, &facts);
    told.retry_after = error.retry_after;
    let mut failure = Failure::new(told);
    if is_unmet(upstream, class, &facts) {
        failure.cool = None;
    }
    if let (Some(seconds), Some(_)) = (error.retry_after, failure.cool) {
        failure.cool = Some(Duration::from_secs(seconds).clamp(Duration::from_secs(1), LONGEST_COOL));
    }
    failure
}

/// Whether nobody behind the provider takes what this request asks for: what one client wishes must not take the target from others.
fn is_unmet(upstream: &Upstream, class: ErrorClass, facts: &Facts<'_>) -> bool {
    class == ErrorClass::OperatorModel && facts.says(upstream.spec().unmet)
}

#[cfg(test)]
mod tests;
