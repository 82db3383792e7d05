//! One configured provider, ready for use: where it is, how it is asked, and how its answers are judged.

use std::sync::Arc;

use http::HeaderMap;
use ovth_filters::neutral::{ApiError, HostRules};
use ovth_filters::{Operation, Shape};

use super::failure::{Failure, from_response, from_stream};
use super::head::{RequestHead, base_headers, query, request_headers, response_headers};
use super::paths::path;
use super::spec::Spec;
use crate::config::{Provider, Secret, Timeouts};

/// One call to a provider.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The shape that is spoken.
    pub shape: Shape,
    /// What is asked.
    pub operation: Operation,
    /// Whether several texts are embedded at once, where that is a call of its own.
    pub batch: bool,
    /// The model's id as the provider knows it.
    pub model: &'a str,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// The key; absent for hosts that want none.
    pub credential: Option<&'a Secret>,
    /// The shape that the client speaks: what its headers say of one API is not for another.
    pub client_shape: Shape,
    /// The client's request headers, of which only a few are passed on.
    pub client: &'a HeaderMap,
    /// The client's query, of which little is passed on.
    pub query: Option<&'a str>,
}

/// Hosts of Vertex AI, which refuse ids of calls.
const VERTEX: &str = "aiplatform.googleapis.com";

/// A provider of one configuration.
#[derive(Debug)]
pub struct Upstream {
    provider: Arc<Provider>,
    spec: &'static Spec,
    base_headers: HeaderMap,
}

impl Upstream {
    /// Joins what the configuration and the registry know of a provider.
    #[must_use]
    pub fn new(provider: Arc<Provider>) -> Upstream {
        let spec = super::spec(&provider.id);
        let base_headers = base_headers(&provider);
        Upstream { provider, spec, base_headers }
    }

    /// The name that routes and logs use.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        &self.provider.id
    }

    /// Its name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.spec.name.is_empty() { &self.provider.id } else { self.spec.name }
    }

    /// Whether a client of a hosted router means it by that name, in lower case: its id, another name that routers have for it, or one
    /// of these with an endpoint of it behind a slash.
    #[must_use]
    pub fn is_called(&self, slug: &str) -> bool {
        let is = |slug: &str| {
            self.provider.id.eq_ignore_ascii_case(slug)
                || self.spec.name.eq_ignore_ascii_case(slug)
                || self.spec.slugs.contains(&slug)
        };
        is(slug) || slug.split_once('/').is_some_and(|(base, _)| is(base))
    }

    /// Its host: a name or an address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.provider.base_url.host
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.provider.base_url.port
    }

    /// Whether it is spoken to over TLS.
    #[must_use]
    pub fn tls(&self) -> bool {
        self.provider.base_url.tls
    }

    /// Its bounds on time.
    #[must_use]
    pub fn timeouts(&self) -> &Timeouts {
        &self.provider.timeouts
    }

    /// Whether it speaks a shape.
    #[must_use]
    pub fn serves(&self, shape: Shape) -> bool {
        self.provider.shapes.contains(&shape)
    }

    /// The shapes it speaks, best first.
    #[must_use]
    pub fn shapes(&self) -> &[Shape] {
        &self.provider.shapes
    }

    /// The configuration it was made of.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Whether it sells other authors' models, under `author/name`.
    #[must_use]
    pub fn is_reseller(&self) -> bool {
        self.spec.reseller
    }

    /// Whether its `models:` list names a model, whole or by `prefix*`.
    #[must_use]
    pub fn lists(&self, model: &str) -> bool {
        self.provider.models.iter().any(|listed| match listed.strip_suffix('*') {
            Some(prefix) => model.starts_with(prefix),
            None => model == listed,
        })
    }

    /// Whether it takes a model that the catalogue does not know, by its `models:` list or by the look of the id.
    #[must_use]
    pub fn claims(&self, model: &str) -> bool {
        self.lists(model) || self.spec.claims(model)
    }

    /// Whether a model is known to refuse a forced tool call.
    #[must_use]
    pub fn refuses_forced_tools(&self, model: &str) -> bool {
        self.spec.refuses_forced_tools(model)
    }

    /// What its hosts take beyond or less than their shapes say.
    #[must_use]
    pub fn host_rules(&self) -> HostRules {
        HostRules {
            stream_options: self.provider.stream_options,
            no_call_ids: self.provider.base_url.host.ends_with(VERTEX),
            ..self.spec.host
        }
    }

    /// Whether it keeps answers and conversations that later requests may point to.
    #[must_use]
    pub fn keeps_state(&self) -> bool {
        self.spec.keeps_state
    }

    /// Whether its hosts may have a counter of prompt tokens in that shape.
    #[must_use]
    pub fn may_count(&self, shape: Shape) -> bool {
        self.spec.counters.contains(&shape)
    }

    /// The path that tells whether a key is taken, where the list of models does not.
    #[must_use]
    pub fn key_check_path(&self) -> Option<String> {
        self.spec.key_check.map(|path| format!("{}{path}", self.provider.base_url.path))
    }

    /// The head of an upstream request: allow-listed headers of the client, the operator's credential and headers.
    #[must_use]
    pub fn request(&self, call: &Call<'_>) -> RequestHead {
        let base = &self.provider.base_url.path;
        let mut path_and_query = path(base, call);
        let query = query(self.spec, call.query);
        if !query.is_empty() {
            path_and_query.push(if path_and_query.contains('?') { '&' } else { '?' });
            path_and_query.push_str(&query);
        }
        RequestHead { path_and_query, headers: request_headers(self.spec, &self.provider, &self.base_headers, call) }
    }

    /// What of the provider's response headers the client is told; framing, cookies and account facts stay behind.
    #[must_use]
    pub fn response_headers(&self, _shape: Shape, upstream: &HeaderMap) -> HeaderMap {
        response_headers(self.spec, upstream)
    }

    /// What an answer that is not a success means: to the client, and for the attempts that follow. `body` is the
    /// whole error body, or its beginning.
    #[must_use]
    pub fn failure(&self, shape: Shape, status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
        from_response(self, shape, (status, headers, body))
    }

    /// What an error inside a stream, or inside a 200, means.
    #[must_use]
    pub fn stream_failure(&self, _shape: Shape, error: ApiError) -> Failure {
        from_stream(self, &error)
    }

    pub(super) fn spec(&self) -> &'static Spec {
        self.spec
    }
}

#[cfg(test)]
pub(super) mod tests;
