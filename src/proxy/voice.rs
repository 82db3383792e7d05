//! How a client is spoken to: in the shape of its endpoint, and as a plain API or as a hosted router. Decided once, at intake; all that is
//! told goes by it.

use http::HeaderMap;
use ovth_filters::neutral::ApiError;
use ovth_filters::router::{self, Dialect, Speaker};
use ovth_filters::shapes::EncodedError;
use ovth_filters::{Shape, shapes};

use super::endpoints;

/// Headers that only clients of a hosted router send.
const ROUTER_HEADERS: [&str; 6] = [
    "http-referer",
    "x-title",
    "x-openrouter-title",
    "x-openrouter-categories",
    "x-openrouter-metadata",
    "x-openrouter-experimental-metadata",
];

/// What a client's answers are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Voice {
    /// The shape that it speaks.
    pub(super) shape: Shape,
    /// Whether it takes us for a router.
    pub(super) dialect: Dialect,
}

impl Voice {
    /// As a path says.
    pub(super) fn of_path(path: &str) -> Voice {
        let dialect = if endpoints::is_routers(path) { Dialect::Router } else { Dialect::Plain };
        Voice { shape: endpoints::shape(path), dialect }
    }

    /// Whether it takes us for a router.
    pub(super) const fn is_router(self) -> bool {
        self.dialect.is_router()
    }

    /// An error as a whole answer; `provider`: whose failure it is, by its name.
    pub(super) fn error(self, error: &ApiError, request_id: &str, provider: Option<&str>) -> EncodedError {
        match self.dialect {
            Dialect::Plain => shapes::encode_error(self.shape, error, request_id),
            Dialect::Router => router::encode_error(self.shape, error, request_id, provider),
        }
    }

    /// An error as the last event of a stream of which no event has gone out.
    pub(super) fn error_event(self, error: &ApiError, request_id: &str, provider: Option<&str>) -> Vec<u8> {
        match self.dialect {
            Dialect::Plain => shapes::encode_error_event(self.shape, error, request_id),
            Dialect::Router => {
                let speaker = Speaker {
                    id: generation_id(request_id),
                    provider: provider.unwrap_or_default().to_owned(),
                    ..Speaker::default()
                };
                router::encode_error_event(self.shape, error, request_id, &speaker)
            }
        }
    }

    /// What keeps a silent stream alive.
    pub(super) fn heartbeat(self) -> &'static [u8] {
        match (self.dialect, self.shape) {
            (Dialect::Router, Shape::Chat | Shape::Responses) => router::HEARTBEAT,
            _ => shapes::heartbeat(self.shape),
        }
    }
}

/// Whether a client says in its headers that it takes us for a router.
pub(super) fn asks_for_router(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| ROUTER_HEADERS.contains(&name.as_str()))
}

/// What an answer is called by clients of a router; [`request_id`] leads back to the exchange.
pub(super) fn generation_id(request_id: &str) -> String {
    format!("{GENERATION}{}", request_id.strip_prefix(REQUEST).unwrap_or(request_id))
}

/// The exchange whose answer is called so; `None` when none is.
pub(super) fn request_id(generation_id: &str) -> Option<String> {
    let rest = generation_id.strip_prefix(GENERATION)?;
    let is_ours = rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours.then(|| format!("{REQUEST}{rest}"))
}

const GENERATION: &str = "gen-";
const REQUEST: &str = "req_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_whether_a_router_is_meant() {
        let voice = |shape, dialect| Voice { shape, dialect };
        assert_eq!(Voice::of_path("/api/v1/chat/completions"), voice(Shape::Chat, Dialect::Router));
        assert_eq!(Voice::of_path("/api/v1/messages"), voice(Shape::Messages, Dialect::Router));
        assert_eq!(Voice::of_path("/v1/chat/completions"), voice(Shape::Chat, Dialect::Plain));
        assert_eq!(Voice::of_path("/apiv1/models"), voice(Shape::Chat, Dialect::Plain));
    }

    #[test]
    fn the_name_of_an_answer_leads_back_to_its_exchange() {
        let id = "req_0123456789abcdef0123456789abcdef";
        assert_eq!(generation_id(id), "gen-0123456789abcdef0123456789abcdef");
        assert_eq!(request_id(&generation_id(id)).as_deref(), Some(id));
        assert_eq!(request_id("gen-../x"), None);
        assert_eq!(request_id(id), None);
    }
}
