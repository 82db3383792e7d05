//! Paths and methods of the admin API: what a request asks for, and what there is when it asks for something else.

use std::fmt::Write;
use std::sync::LazyLock;

use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode};
use matchit::Router;

use super::response::{AdminResponse, ErrorBody, excerpt};

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Overview,
    OpenApi,
    ListKeys,
    CreateKey,
    ShowKey,
    ChangeKey,
    RevokeKey,
    RotateKey,
    Usage,
    ListExchanges,
    ShowExchange,
    Quotas,
    ShowLog,
    ChangeLog,
    CheckLedger,
    CompactLedger,
    BackUpLedger,
    ShowConfig,
    Reload,
}

impl Call {
    /// Whether it is answered without the master key.
    pub(super) const fn is_open(self) -> bool {
        matches!(self, Call::OpenApi)
    }

    /// Whether it cannot be answered without the body of the request.
    pub(super) const fn wants_body(self) -> bool {
        matches!(self, Call::CreateKey | Call::ChangeKey | Call::RotateKey | Call::ChangeLog)
    }
}

/// One thing that the admin API does.
pub(super) struct Endpoint {
    pub(super) method: Method,
    pub(super) call: Call,
    /// What it does, in a few words.
    pub(super) does: &'static str,
}

/// A path with all that can be done there.
pub(super) struct Place {
    pub(super) path: &'static str,
    pub(super) endpoints: &'static [Endpoint],
}

macro_rules! places {
    ($($path:literal: $($method:ident $call:ident $does:literal),+;)+) => {
        &[$(Place {
            path: $path,
            endpoints: &[$(Endpoint { method: Method::$method, call: Call::$call, does: $does }),+],
        }),+]
    };
}

/// All of the admin API.
pub(super) static PLACES: &[Place] = places! {
    "/admin": GET Overview "this list";
    "/admin/openapi.json": GET OpenApi "this API as an OpenAPI 3.1 document; needs no key";
    "/admin/keys":
        GET ListKeys "the keys, page by page",
        POST CreateKey "makes a key, and shows its secret once";
    "/admin/keys/{id}":
        GET ShowKey "one key",
        PATCH ChangeKey "changes its label, limits, routes, models, end",
        DELETE RevokeKey "revokes it for good";
    "/admin/keys/{id}/rotate": POST RotateKey "gives it a new secret; the old one works on for a while";
    "/admin/usage": GET Usage "requests, tokens and money by day, key, model, provider, route, end user";
    "/admin/exchanges": GET ListExchanges "single exchanges, newest first";
    "/admin/exchanges/{id}": GET ShowExchange "one exchange, by its number or request id";
    "/admin/quotas": GET Quotas "live counters, and what is left of each limit";
    "/admin/log":
        GET ShowLog "log levels, and whether they were changed",
        PUT ChangeLog "other log levels, for a while or until the next start";
    "/admin/ledger/check": POST CheckLedger "reads the whole database and names what is wrong";
    "/admin/ledger/compact": POST CompactLedger "makes the file as small as it can be";
    "/admin/ledger/backup": GET BackUpLedger "a consistent copy of the database";
    "/admin/config": GET ShowConfig "the configuration in force, its files, and what is wrong with the one on disk";
    "/admin/reload": POST Reload "loads the configuration anew";
};

static ROUTER: LazyLock<Router<&'static Place>> = LazyLock::new(|| {
    let mut router = Router::new();
    for place in PLACES {
        router.insert(place.path, place).expect("the paths above do not overlap");
    }
    router
});

/// A request that fits an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) call: Call,
    /// The part of the path that names one key or exchange; empty where there is none.
    pub(super) id: &'a str,
}

/// Looks a request up. HEAD is answered like GET, but for the copy of the database, which would be made for nothing.
///
/// # Errors
/// The answer, when there is no such path, or it takes other methods.
pub(super) fn find<'a>(method: &Method, path: &'a str) -> Result<Found<'a>, Box<AdminResponse>> {
    let sought = if path == "/admin/" { "/admin" } else { path };
    let Ok(matched) = ROUTER.at(sought) else { return Err(Box::new(no_such_path(method, path))) };
    let endpoints = matched.value.endpoints;
    let get = Method::GET;
    let wanted = if method == Method::HEAD { &get } else { method };
    let endpoint = endpoints.iter().find(|endpoint| endpoint.method == wanted);
    match endpoint {
        Some(endpoint) if !(method == Method::HEAD && endpoint.call == Call::BackUpLedger) => {
            Ok(Found { call: endpoint.call, id: matched.params.get("id").unwrap_or_default() })
        }
        _ => Err(Box::new(method_not_allowed(method, path, endpoints))),
    }
}

fn method_not_allowed(method: &Method, path: &str, endpoints: &[Endpoint]) -> AdminResponse {
    let mut allow = String::new();
    for Endpoint { method, call, .. } in endpoints {
        let separator = if allow.is_empty() { "" } else { ", " };
        let head = if method == Method::GET && *call != Call::BackUpLedger { ", HEAD" } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(allow, "{separator}{method}{head}");
    }
    let message = format!("{} takes {allow}, not {method}.", excerpt(path));
    let allow = HeaderValue::from_str(&allow).expect("methods are made of letters");
    ErrorBody::request(message, "method_not_allowed")
        .into_response(StatusCode::METHOD_NOT_ALLOWED)
        .with_header(ALLOW, allow)
}

fn no_such_path(method: &Method, path: &str) -> AdminResponse {
    let shown = excerpt(path);
    let bare = path.trim_end_matches('/');
    let cure = if bare.len() < path.len() && ROUTER.at(bare).is_ok() {
        format!("Without the slash at the end, {} is there.", excerpt(bare))
    } else {
        let mut list = String::from("It has");
        for (index, place) in PLACES.iter().enumerate() {
            list.push_str(if index > 0 { ", " } else { " " });
            for endpoint in place.endpoints {
                // Writing to a string cannot fail.
                let _ = write!(list, "{} ", endpoint.method);
            }
            list.push_str(place.path);
        }
        list + "."
    };
    let message = format!("There is no {method} {shown} in the admin API. {cure}");
    ErrorBody::request(message, "unknown_url").into_response(StatusCode::NOT_FOUND)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn refused(method: &Method, path: &str) -> (u16, String, String) {
        let response = find(method, path).unwrap_err();
        let allow = response.headers.get(ALLOW).map_or("", |value| value.to_str().unwrap()).to_owned();
        (response.status.as_u16(), allow, String::from_utf8(response.bytes().to_vec()).unwrap())
    }

    #[test]
    fn paths_lead_to_their_calls_with_the_id_in_them() {
        for (method, path, call, id) in [
            (Method::GET, "/admin", Call::Overview, ""),
            (Method::GET, "/admin/", Call::Overview, ""),
            (Method::POST, "/admin/keys", Call::CreateKey, ""),
            (Method::HEAD, "/admin/keys", Call::ListKeys, ""),
            (Method::DELETE, "/admin/keys/key_1", Call::RevokeKey, "key_1"),
            (Method::POST, "/admin/keys/key_1/rotate", Call::RotateKey, "key_1"),
            (Method::GET, "/admin/exchanges/req_1", Call::ShowExchange, "req_1"),
        ] {
            assert_eq!(find(&method, path).unwrap(), Found { call, id }, "{method} {path}");
        }
    }

    #[test]
    fn other_methods_are_told_which_there_are() {
        for (method, path, expected) in [
            (Method::PUT, "/admin/keys", "GET, HEAD, POST"),
            (Method::POST, "/admin/keys/key_1", "GET, HEAD, PATCH, DELETE"),
            (Method::GET, "/admin/ledger/check", "POST"),
            (Method::HEAD, "/admin/ledger/backup", "GET"),
            (Method::OPTIONS, "/admin", "GET, HEAD"),
        ] {
            let (status, allow, body) = refused(&method, path);
            assert_eq!((status, allow.as_str()), (405, expected), "{method} {path}");
            assert!(body.contains(&format!("{path} takes {expected}, not {method}.")), "{body}");
        }
    }

    #[test]
    fn unknown_paths_are_told_what_there_is_or_that_a_slash_is_too_many() {
        for path in ["/admin/users", "/admin/keys/a/b/c", "/admin//keys"] {
            let (status, _, body) = refused(&Method::GET, path);
            assert_eq!(status, 404, "{path}");
            for place in PLACES {
                assert!(body.contains(place.path), "{body}");
            }
        }
        let (status, _, body) = refused(&Method::POST, "/admin/keys/");
        assert_eq!(status, 404);
        assert!(body.contains("Without the slash at the end, /admin/keys is there."), "{body}");
    }
}
