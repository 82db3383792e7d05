//! Which namespace and which call a request's path means.

/// What is called.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Endpoint<'a> {
    /// `/chat/completions`.
    ChatCompletions,
    /// `/responses`.
    Responses,
    /// `/responses/input_tokens`.
    InputTokens,
    /// `/embeddings`.
    Embeddings,
    /// `/v1beta/models/{model}:{method}`.
    Google {
        /// The model.
        model: &'a str,
        /// What is asked of it.
        method: &'a str,
    },
    /// `/v1beta/models`.
    GoogleModels,
    /// `/v1beta/models/{id}`.
    GoogleModel(&'a str),
    /// `/messages`.
    Messages,
    /// `/messages/count_tokens`.
    CountTokens,
    /// `/models`.
    Models,
    /// `/models/{id}`.
    Model(&'a str),
    /// The control API: the rest of the path after the namespace.
    Control(&'a str),
    /// Nothing a provider has.
    Unknown,
}

/// The namespace of paths that name none.
pub(super) const DEFAULT: &str = "default";

/// The namespace and the call of a path (without its query).
pub(super) fn locate(path: &str) -> (&str, Endpoint<'_>) {
    if let Some(rest) = path.strip_prefix("/_sim/") {
        let (name, call) = rest.split_once('/').unwrap_or((rest, ""));
        return (name, Endpoint::Control(call));
    }
    let path = path.trim_end_matches('/');
    let (prefix, endpoint) = if let Some(prefix) = path.strip_suffix("/chat/completions") {
        (prefix, Endpoint::ChatCompletions)
    } else if let Some(prefix) = path.strip_suffix("/messages/count_tokens") {
        (prefix, Endpoint::CountTokens)
    } else if let Some(prefix) = path.strip_suffix("/messages") {
        (prefix, Endpoint::Messages)
    } else if let Some(prefix) = path.strip_suffix("/responses/input_tokens") {
        (prefix, Endpoint::InputTokens)
    } else if let Some(prefix) = path.strip_suffix("/responses") {
        (prefix, Endpoint::Responses)
    } else if let Some(prefix) = path.strip_suffix("/embeddings") {
        (prefix, Endpoint::Embeddings)
    } else if let Some(prefix) = path.strip_suffix("/v1beta/models") {
        (prefix, Endpoint::GoogleModels)
    } else if let Some((prefix, rest)) = path.rsplit_once("/v1beta/models/") {
        // Ids may hold colons; the method is behind the last.
        (
            prefix,
            match rest.rsplit_once(':') {
                Some((model, method)) => Endpoint::Google { model, method },
                None => Endpoint::GoogleModel(rest),
            },
        )
    } else if let Some(prefix) = path.strip_suffix("/models") {
        (prefix, Endpoint::Models)
    } else if let Some((prefix, id)) = path.rsplit_once("/v1/models/") {
        (prefix, Endpoint::Model(id))
    } else {
        (path, Endpoint::Unknown)
    };
    let first = prefix.split('/').find(|segment| !segment.is_empty());
    (first.filter(|first| *first != "v1").unwrap_or(DEFAULT), endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_namespace_behind_any_prefix() {
        for (path, expected) in [
            ("/v1/chat/completions", ("default", Endpoint::ChatCompletions)),
            ("/chat/completions", ("default", Endpoint::ChatCompletions)),
            ("/a/v1/chat/completions", ("a", Endpoint::ChatCompletions)),
            ("/groq/openai/v1/chat/completions/", ("groq", Endpoint::ChatCompletions)),
            ("/b/v1/messages", ("b", Endpoint::Messages)),
            ("/v1/messages/count_tokens", ("default", Endpoint::CountTokens)),
            ("/a/v1/models", ("a", Endpoint::Models)),
            ("/a/v1/models/org/name", ("a", Endpoint::Model("org/name"))),
            ("/", ("default", Endpoint::Unknown)),
            ("/v1/embeddings", ("default", Endpoint::Embeddings)),
            ("/a/v1/responses", ("a", Endpoint::Responses)),
            ("/v1/responses/input_tokens", ("default", Endpoint::InputTokens)),
            ("/v1beta/models", ("default", Endpoint::GoogleModels)),
            ("/a/v1beta/models/gemini-x", ("a", Endpoint::GoogleModel("gemini-x"))),
            (
                "/a/v1beta/models/gemini-x:generateContent",
                ("a", Endpoint::Google { model: "gemini-x", method: "generateContent" }),
            ),
            ("/a/v1/files", ("a", Endpoint::Unknown)),
            ("/_sim/a/script", ("a", Endpoint::Control("script"))),
            ("/_sim/a/requests/0/body", ("a", Endpoint::Control("requests/0/body"))),
            ("/_sim/a", ("a", Endpoint::Control(""))),
        ] {
            assert_eq!(locate(path), expected, "{path}");
        }
    }
}
