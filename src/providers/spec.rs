//! What differs between providers, as data; the code that reads it is the same for all.

use http::HeaderName;
use ovth_filters::Shape;
use ovth_filters::neutral::{ErrorClass, HostRules, SystemRole};

use super::failure::Facts;
use crate::config::Builtin;

/// How a credential is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Auth {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// `x-api-key: KEY`.
    XApiKey,
    /// `x-goog-api-key: KEY`; never as a query parameter, which logs would show.
    XGoogApiKey,
}

/// One provider as data.
#[derive(Debug)]
pub struct Spec {
    /// What the configuration is told; absent for hosts that only a file names.
    pub builtin: Option<Builtin>,
    /// Its name for people; empty for hosts that only a file names, whose id it is.
    pub(super) name: &'static str,
    /// What hosted routers call it besides its id.
    pub(super) slugs: &'static [&'static str],
    /// How the credential is sent with a shape.
    pub(super) auth: fn(Shape) -> Auth,
    /// Request headers of the client that are passed on.
    pub(super) request_headers: &'static [HeaderName],
    /// Query parameters of the client that are passed on.
    pub(super) query: &'static [&'static str],
    /// Response headers that are passed on to the client, besides those of every provider.
    pub(super) response_headers: &'static [HeaderName],
    /// Model ids that begin so are this provider's, also when the catalogue does not know them yet.
    pub(super) claims: &'static [&'static str],
    /// Whether it serves other authors' models, under `author/name`.
    pub(super) reseller: bool,
    /// What its hosts take beyond or less than their shapes say. The bound on the output, the role of instructions and what
    /// goes back of reasoning are told by the model.
    pub(super) host: HostRules,
    /// Models whose ids begin so answer 400 to a forced tool call.
    pub(super) refuses_forced_tools: &'static [&'static str],
    /// Whether it keeps answers and conversations that later requests may point to.
    pub(super) keeps_state: bool,
    /// The shapes in which its hosts may have a counter of prompt tokens. In others nobody is asked.
    pub(super) counters: &'static [Shape],
    /// What to ask, below the base URL, to learn whether a key is taken, where anybody may read the list of models.
    pub(super) key_check: Option<&'static str>,
    /// Words of errors by which it tells that nobody behind it takes what the request asks for, in lower case: of the model they say nothing, and
    /// others may have it.
    pub(super) unmet: &'static [&'static str],
    /// What only this provider's errors mean; asked before the rules for all.
    pub(super) classify: fn(&Facts<'_>) -> Option<ErrorClass>,
}

impl Spec {
    /// Whether a model id looks like one of this provider's.
    #[must_use]
    pub fn claims(&self, model: &str) -> bool {
        self.claims.iter().any(|prefix| starts_with_ignoring_case(model, prefix))
            || (self.reseller
                && model.split_once('/').is_some_and(|(author, name)| !author.is_empty() && !name.is_empty()))
    }

    /// Whether a model is known to refuse a forced tool call.
    #[must_use]
    pub fn refuses_forced_tools(&self, model: &str) -> bool {
        self.refuses_forced_tools.iter().any(|prefix| starts_with_ignoring_case(model, prefix))
    }
}

/// A host of which only its shapes are known.
pub(super) const PLAIN_HOST: HostRules = HostRules {
    system_role: SystemRole::System,
    max_completion_tokens: false,
    openai_fields: false,
    router_fields: false,
    wants_reasoning_content: false,
    thinking_toggle: false,
    stream_options: true,
    cache_breakpoints: false,
    newest_claude: false,
    no_call_ids: false,
};

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
