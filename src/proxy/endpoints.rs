//! Paths: which operation in which shape a request asks for, and in which shape it is answered when it asks for nothing we have.

use std::sync::LazyLock;

use http::Method;
use matchit::Router;
use ovth_filters::shapes::{Framing, InPath, ModelCall};

use ovth_filters::{Operation, Shape};

use super::router_api::LookUp;

/// What a path stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// Goes to a provider.
    Exchange(Called),
    /// The list of routes and models.
    Models,
    /// One route or model, by its percent-decoded name.
    Model(String),
    /// What a client's own key may do and has used.
    Key,
    /// What a hosted router's clients look up besides.
    LookUp(LookUp),
    /// Keys in a hosted router's form, for whoever holds the master key: all of them, or one.
    Keys(Option<String>),
    /// An answer that was given before, which is not kept here.
    Stored,
    /// Whether the process lives.
    Health,
    /// Whether it can serve.
    Ready,
    /// The admin API, which does its own matching.
    Admin,
    /// A hello for people and for clients that probe the root.
    Root,
}

/// What a path asks of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Called {
    /// What is asked.
    pub(super) operation: Operation,
    /// What else the path says, in the shape that says it there.
    call: Option<ModelCall>,
}

impl Called {
    /// A path that says no more than what is asked.
    const fn plain(operation: Operation) -> Called {
        Called { operation, call: None }
    }

    /// What the path says of model and streaming.
    pub(super) fn in_path(&self) -> Option<InPath<'_>> {
        self.call.as_ref().map(|call| InPath { model: &call.model, stream: call.stream })
    }

    /// Whether the answer is to be streamed as one JSON array and not as events.
    pub(super) fn streams_array(&self) -> bool {
        self.call.as_ref().is_some_and(|call| call.stream && call.framing == Framing::Array)
    }

    /// Whether several texts are to be embedded in one call that has a name of its own.
    pub(super) fn is_batch(&self) -> bool {
        self.call.as_ref().is_some_and(|call| call.batch)
    }
}

/// The outcome of a look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The path and the method fit.
    Endpoint(Endpoint),
    /// The path exists, with these methods.
    OtherMethod {
        /// The value of the `allow` header.
        allow: &'static str,
    },
    /// No such path.
    Nothing,
}

impl Found {
    /// The name of what the gateway answers by itself, as metrics have it.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Found::Endpoint(Endpoint::Exchange(_)) => "exchange",
            Found::Endpoint(Endpoint::Key | Endpoint::LookUp(LookUp::Credits | LookUp::Generation)) => "key",
            Found::Endpoint(Endpoint::Models | Endpoint::Model(_) | Endpoint::LookUp(_)) => "models",
            Found::Endpoint(Endpoint::Stored) => "stored",
            Found::Endpoint(Endpoint::Health) => "health",
            Found::Endpoint(Endpoint::Ready) => "ready",
            Found::Endpoint(Endpoint::Admin | Endpoint::Keys(_)) => "admin",
            Found::Endpoint(Endpoint::Root) => "root",
            Found::OtherMethod { .. } => "other_method",
            Found::Nothing => "unknown",
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Exchange(Operation),
    Models,
    Model,
    /// A model in Google's form, or a call of it.
    ModelCall(&'static str),
    Key,
    /// What is looked up without a name in the path.
    LookUp(fn() -> LookUp),
    RouterModel,
    Keys,
    OneKey,
    Stored,
    Health,
    Ready,
    Root,
}

impl Kind {
    const fn allow(self) -> &'static str {
        match self {
            Kind::Exchange(_) => "POST, OPTIONS",
            Kind::Stored => "GET, HEAD, POST, DELETE, OPTIONS",
            Kind::Keys => "GET, HEAD, POST",
            Kind::OneKey => "GET, HEAD, PATCH, DELETE",
            Kind::Models
            | Kind::Model
            | Kind::ModelCall(_)
            | Kind::Key
            | Kind::LookUp(_)
            | Kind::RouterModel
            | Kind::Health
            | Kind::Ready
            | Kind::Root => "GET, HEAD, OPTIONS",
        }
    }

    fn takes(self, method: &Method) -> bool {
        match self {
            Kind::Exchange(_) => method == Method::POST,
            Kind::Stored => [Method::GET, Method::HEAD, Method::POST, Method::DELETE].contains(method),
            Kind::Keys => [Method::GET, Method::HEAD, Method::POST].contains(method),
            Kind::OneKey => [Method::GET, Method::HEAD, Method::PATCH, Method::DELETE].contains(method),
            _ => method == Method::GET || method == Method::HEAD,
        }
    }
}

/// What stands behind a model's name where its places are asked for.
const PLACES: &str = "/endpoints";

/// Every path, after `/api/v1` was made `/v1`.
const PATHS: &[(&str, Kind)] = &[
    ("/v1/chat/completions", Kind::Exchange(Operation::Generate)),
    ("/v1/responses", Kind::Exchange(Operation::Generate)),
    ("/v1/responses/input_tokens", Kind::Exchange(Operation::CountTokens)),
    ("/v1/responses/{id}", Kind::Stored),
    ("/v1/responses/{id}/cancel", Kind::Stored),
    ("/v1/responses/{id}/input_items", Kind::Stored),
    ("/v1/messages", Kind::Exchange(Operation::Generate)),
    ("/v1/messages/count_tokens", Kind::Exchange(Operation::CountTokens)),
    ("/anthropic/v1/messages", Kind::Exchange(Operation::Generate)),
    ("/anthropic/v1/messages/count_tokens", Kind::Exchange(Operation::CountTokens)),
    ("/v1/embeddings", Kind::Exchange(Operation::Embed)),
    ("/v1/models", Kind::Models),
    ("/v1/models/{*id}", Kind::Model),
    ("/anthropic/v1/models", Kind::Models),
    ("/anthropic/v1/models/{*id}", Kind::Model),
    ("/gemini/v1beta/models", Kind::Models),
    ("/gemini/v1beta/models/{*id}", Kind::ModelCall("models/")),
    ("/gemini/v1beta/tunedModels/{*id}", Kind::ModelCall("tunedModels/")),
    ("/gemini/v1/models", Kind::Models),
    ("/gemini/v1/models/{*id}", Kind::ModelCall("models/")),
    ("/gemini/v1/tunedModels/{*id}", Kind::ModelCall("tunedModels/")),
    ("/v1/key", Kind::Key),
    ("/v1/models/count", Kind::LookUp(|| LookUp::Count)),
    ("/v1/models/user", Kind::Models),
    ("/v1/model/{*id}", Kind::RouterModel),
    ("/v1/embeddings/models", Kind::LookUp(|| LookUp::EmbeddingModels)),
    ("/v1/endpoints/zdr", Kind::LookUp(|| LookUp::NothingKept)),
    ("/v1/providers", Kind::LookUp(|| LookUp::Providers)),
    ("/v1/credits", Kind::LookUp(|| LookUp::Credits)),
    ("/v1/generation", Kind::LookUp(|| LookUp::Generation)),
    ("/v1/keys", Kind::Keys),
    ("/v1/keys/{id}", Kind::OneKey),
    ("/healthz", Kind::Health),
    ("/readyz", Kind::Ready),
    ("/", Kind::Root),
    ("/anthropic", Kind::Root),
    ("/gemini", Kind::Root),
];

static ROUTER: LazyLock<Router<Kind>> = LazyLock::new(|| {
    let mut router = Router::new();
    for (path, kind) in PATHS {
        router.insert(*path, *kind).expect("the paths above do not overlap");
    }
    router
});

/// The paths that go to a provider, and what is asked on them; those under `/v1` also begin with `/api`. Google's have `{model}` where the
/// model's name stands.
pub fn exchange_paths() -> impl Iterator<Item = (String, Operation)> {
    PATHS.iter().flat_map(|(path, kind)| match kind {
        Kind::Exchange(operation) => vec![((*path).to_owned(), *operation)],
        Kind::ModelCall(_) => {
            let call = |(method, operation)| (path.replace("{*id}", &format!("{{model}}:{method}")), operation);
            ModelCall::METHODS.map(call).to_vec()
        }
        _ => Vec::new(),
    })
}

/// Looks a request up.
pub(super) fn find(method: &Method, path: &str, query: Option<&str>) -> Found {
    if is_admin(path) {
        return Found::Endpoint(Endpoint::Admin);
    }
    let Ok(matched) = ROUTER.at(without_alias(path)) else { return Found::Nothing };
    let kind = *matched.value;
    let name = matched.params.get("id").unwrap_or_default();
    if let Kind::ModelCall(collection) = kind {
        let name = format!("{collection}{}", percent_decoded(name));
        if let Some(call) = ModelCall::read(&name, query) {
            let called = Called { operation: call.operation, call: Some(call) };
            return found_call(method, called);
        }
        if method == Method::POST {
            // A method that is not known.
            return Found::Nothing;
        }
    }
    if !kind.takes(method) {
        return Found::OtherMethod { allow: kind.allow() };
    }
    Found::Endpoint(match kind {
        Kind::Exchange(operation) => Endpoint::Exchange(Called::plain(operation)),
        Kind::Models => Endpoint::Models,
        Kind::Model => match name.strip_suffix(PLACES) {
            Some(name) if !name.is_empty() => Endpoint::LookUp(LookUp::Places(percent_decoded(name))),
            _ => Endpoint::Model(percent_decoded(name)),
        },
        Kind::ModelCall(_) => Endpoint::Model(percent_decoded(name)),
        Kind::RouterModel => Endpoint::LookUp(LookUp::Model(percent_decoded(name))),
        Kind::LookUp(asked) => Endpoint::LookUp(asked()),
        Kind::Keys => Endpoint::Keys(None),
        Kind::OneKey => Endpoint::Keys(Some(percent_decoded(name))),
        Kind::Key => Endpoint::Key,
        Kind::Stored => Endpoint::Stored,
        Kind::Health => Endpoint::Health,
        Kind::Ready => Endpoint::Ready,
        Kind::Root => Endpoint::Root,
    })
}

fn found_call(method: &Method, called: Called) -> Found {
    let kind = Kind::Exchange(called.operation);
    if kind.takes(method) {
        Found::Endpoint(Endpoint::Exchange(called))
    } else {
        Found::OtherMethod { allow: kind.allow() }
    }
}

/// The shape in which a path speaks, for its errors too.
pub(super) fn shape(path: &str) -> Shape {
    let path = without_alias(path);
    if path.starts_with("/anthropic") || path.starts_with("/v1/messages") {
        Shape::Messages
    } else if path.starts_with("/gemini") {
        Shape::GenerateContent
    } else if path.starts_with("/v1/responses") {
        Shape::Responses
    } else {
        Shape::Chat
    }
}

/// Whether a path is the admin API's.
fn is_admin(path: &str) -> bool {
    path == "/admin" || path.starts_with("/admin/")
}

/// Whether a path is for whoever holds the master key, which browsers of other origins may not call.
pub(super) fn is_operators(path: &str) -> bool {
    let bare = without_alias(path);
    is_admin(path) || bare == "/v1/keys" || bare.starts_with("/v1/keys/")
}

/// Whether a path is one that clients of a hosted router call: they have its base URL from there.
pub(super) fn is_routers(path: &str) -> bool {
    path.starts_with("/api/v1/")
}

/// `/api/v1/...` is an alias of `/v1/...`.
fn without_alias(path: &str) -> &str {
    match path.strip_prefix("/api") {
        Some(rest) if rest.starts_with("/v1/") => rest,
        _ => path,
    }
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        if *first == b'%'
            && let [high, low, after @ ..] = tail
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            decoded.push(high << 4 | low);
            rest = after;
        } else {
            decoded.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: Method, path: &str) -> Found {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        find(&method, path, query)
    }

    #[test]
    fn every_path_and_its_alias_lead_to_the_same_endpoint() {
        let generate = Found::Endpoint(Endpoint::Exchange(Called::plain(Operation::Generate)));
        for path in [
            "/v1/chat/completions",
            "/api/v1/chat/completions",
            "/v1/responses",
            "/api/v1/responses",
            "/v1/messages",
            "/anthropic/v1/messages",
        ] {
            assert_eq!(found(Method::POST, path), generate, "{path}");
        }
        assert_eq!(found(Method::GET, "/api/v1/models"), Found::Endpoint(Endpoint::Models));
    }

    #[test]
    fn a_model_name_may_hold_slashes_plain_or_encoded() {
        let expected = Found::Endpoint(Endpoint::Model("anthropic/claude-sonnet-4.5".to_owned()));
        assert_eq!(found(Method::GET, "/v1/models/anthropic/claude-sonnet-4.5"), expected);
        assert_eq!(found(Method::GET, "/v1/models/anthropic%2Fclaude-sonnet-4.5"), expected);
    }

    #[test]
    fn a_path_in_google_s_form_says_model_method_and_framing() {
        let called = |path: &str| match found(Method::POST, path) {
            Found::Endpoint(Endpoint::Exchange(called)) => called,
            other => unreachable!("{path}: {other:?}"),
        };
        let whole = called("/gemini/v1beta/models/gemini-3.8-flash:generateContent");
        assert_eq!(whole.in_path(), Some(InPath { model: "gemini-3.8-flash", stream: false }));
        assert!(!whole.streams_array());
        let array = called("/gemini/v1/models/anthropic%2Fclaude-haiku-5.5%3AstreamGenerateContent?key=k");
        assert_eq!(array.in_path(), Some(InPath { model: "anthropic/claude-haiku-5.5", stream: true }));
        assert!(array.streams_array());
        assert!(!called("/gemini/v1beta/models/a/b:free:streamGenerateContent?alt=sse&key=k").streams_array());
        assert_eq!(
            called("/gemini/v1beta/tunedModels/t:countTokens").in_path(),
            Some(InPath { model: "tunedModels/t", stream: false })
        );
        assert!(called("/gemini/v1beta/models/m:batchEmbedContents").is_batch());
        assert_eq!(
            found(Method::GET, "/gemini/v1beta/models/a/b:free"),
            Found::Endpoint(Endpoint::Model("a/b:free".to_owned()))
        );
        assert_eq!(found(Method::GET, "/gemini/v1beta/models"), Found::Endpoint(Endpoint::Models));
        assert_eq!(
            found(Method::GET, "/gemini/v1beta/models/m:generateContent"),
            Found::OtherMethod { allow: "POST, OPTIONS" }
        );
        assert_eq!(found(Method::POST, "/gemini/v1beta/models/m:tuneModel"), Found::Nothing);
        assert_eq!(found(Method::POST, "/gemini/v1beta/files"), Found::Nothing);
    }

    #[test]
    fn a_known_path_with_another_method_names_the_methods_it_takes() {
        assert_eq!(found(Method::GET, "/v1/chat/completions"), Found::OtherMethod { allow: "POST, OPTIONS" });
        assert_eq!(found(Method::POST, "/v1/models"), Found::OtherMethod { allow: "GET, HEAD, OPTIONS" });
    }

    #[test]
    fn answers_that_were_given_before_have_paths_though_they_are_not_kept() {
        for (method, path) in [
            (Method::GET, "/v1/responses/resp_1"),
            (Method::DELETE, "/api/v1/responses/resp_1"),
            (Method::POST, "/v1/responses/resp_1/cancel"),
            (Method::GET, "/v1/responses/resp_1/input_items"),
            (Method::POST, "/v1/responses/compact"),
        ] {
            assert_eq!(found(method, path), Found::Endpoint(Endpoint::Stored), "{path}");
        }
        assert_eq!(found(Method::GET, "/v1/responses/input_tokens"), Found::OtherMethod { allow: "POST, OPTIONS" });
    }

    #[test]
    fn unknown_paths_are_nothing_and_keep_their_shape() {
        assert_eq!(found(Method::POST, "/v1/chat"), Found::Nothing);
        assert_eq!(found(Method::POST, "/api/healthz"), Found::Nothing);
        assert_eq!(shape("/anthropic/v1/nothing"), Shape::Messages);
        assert_eq!(shape("/api/v1/messages"), Shape::Messages);
        assert_eq!(shape("/gemini/v1beta/models"), Shape::GenerateContent);
        assert_eq!(shape("/v1/whatever"), Shape::Chat);
    }

    #[test]
    fn what_a_router_s_clients_look_up_has_paths_of_its_own() {
        let look_up = |asked| Found::Endpoint(Endpoint::LookUp(asked));
        for base in ["/v1", "/api/v1"] {
            assert_eq!(found(Method::GET, &format!("{base}/models/count")), look_up(LookUp::Count));
            let places = look_up(LookUp::Places("openai/gpt-5".to_owned()));
            assert_eq!(found(Method::GET, &format!("{base}/models/openai/gpt-5/endpoints")), places);
            assert_eq!(found(Method::GET, &format!("{base}/generation?id=gen-1")), look_up(LookUp::Generation));
            let key = Found::Endpoint(Endpoint::Keys(Some("key_1".to_owned())));
            assert_eq!(found(Method::DELETE, &format!("{base}/keys/key_1")), key);
            assert!(is_operators(&format!("{base}/keys")) && !is_operators(&format!("{base}/key")));
        }
        assert_eq!(found(Method::POST, "/v1/embeddings/models"), Found::OtherMethod { allow: "GET, HEAD, OPTIONS" });
    }

    #[test]
    fn a_stray_percent_sign_stays_as_it_is() {
        assert_eq!(percent_decoded("a%2"), "a%2");
        assert_eq!(percent_decoded("%zz%41"), "%zzA");
    }
}
