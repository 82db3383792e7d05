//! Providers: for each its host, auth, headers, paths and quirks as data, and what its failures mean.
//!
//! A new provider is one folder here and one line in `REGISTRY`; a new OpenAI-compatible host is configuration only.

mod civil;
mod failure;
mod head;
mod paths;
mod spec;
mod upstream;

mod anthropic;
mod compatible;
mod google;
mod openai;
mod openrouter;

use std::sync::LazyLock;

pub use failure::{Failure, Next, Scope};
pub use head::RequestHead;
pub use spec::Spec;
pub use upstream::{Call, Upstream};

use crate::config::Builtin;

/// Every provider that is known by name, in order of preference; any other id is [`compatible`].
static REGISTRY: [&Spec; 4] = [&anthropic::SPEC, &openai::SPEC, &google::SPEC, &openrouter::SPEC];

/// What the configuration needs to know of the built-in providers.
#[must_use]
pub fn builtins() -> &'static [Builtin] {
    static BUILTINS: LazyLock<Vec<Builtin>> =
        LazyLock::new(|| REGISTRY.iter().filter_map(|spec| spec.builtin).collect());
    &BUILTINS
}

/// What is known of the provider with that id; a host that is not in the registry is OpenAI-compatible.
#[must_use]
pub fn spec(id: &str) -> &'static Spec {
    REGISTRY.into_iter().find(|spec| spec.builtin.is_some_and(|builtin| builtin.id == id)).unwrap_or(&compatible::SPEC)
}

/// The name for people of the provider with that id.
#[must_use]
pub fn name_of(id: &str) -> &str {
    let name = spec(id).name;
    if name.is_empty() { id } else { name }
}

/// The route that a client of a hosted router means by a name that leaves the choice of a model to it.
#[must_use]
pub fn route_of_router(name: &str) -> Option<&'static str> {
    let (asked, route) = openrouter::AUTO;
    name.eq_ignore_ascii_case(asked).then_some(route)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_providers_are_listed_in_order_and_the_reseller_is_last() {
        let ids: Vec<_> = builtins().iter().map(|builtin| builtin.id).collect();
        assert_eq!(ids, ["anthropic", "openai", "google", "openrouter"]);
        assert_eq!(builtins().iter().filter(|builtin| builtin.last).map(|b| b.id).collect::<Vec<_>>(), ["openrouter"]);
        for builtin in builtins() {
            assert!(!builtin.shapes.is_empty() && builtin.base_url.starts_with("https://"), "{}", builtin.id);
        }
    }

    #[test]
    fn an_unknown_id_is_a_compatible_host() {
        assert!(spec("local-vllm").builtin.is_none());
        assert!(spec("openai").builtin.is_some());
    }
}
