//! What clients are told that are turned away before the proxy sees them.

use bytes::Bytes;
use http::StatusCode;
use ovth_filters::neutral::{ApiError, ErrorClass};
use ovth_filters::{Shape, shapes};
use pingora::http::RequestHeader;

use super::door::Full;
use crate::config::Clients;
use crate::observe::ConnectionCut;

/// Seconds after which one who was turned away may come again.
const RETRY_AFTER: u64 = 1;

/// A request that is not served, whatever it asks for.
#[derive(Debug)]
pub(in crate::proxy) struct Unfit {
    /// What is told.
    pub(in crate::proxy) error: ApiError,
    /// With this status, where it is not the one of the error's class.
    pub(in crate::proxy) status: Option<u16>,
    /// The client counts as cut.
    pub(in crate::proxy) cut: Option<ConnectionCut>,
    /// Its connection ends with the answer, where that is possible.
    pub(in crate::proxy) closes: bool,
}

impl Unfit {
    pub(super) const fn new(error: ApiError) -> Unfit {
        Unfit { error, status: None, cut: None, closes: false }
    }
}

/// Whether a head is over its bounds: on HTTP/2, and where it came right behind another request.
pub(in crate::proxy) fn unfit(head: &RequestHeader, clients: &Clients) -> Option<Unfit> {
    // A line has a colon, a space and a line end besides name and value.
    let lines: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let bytes = lines + head.raw_path().len();
    let is_fit = head.headers.len() <= clients.header_count && bytes <= clients.header_bytes;
    (!is_fit).then(|| Unfit {
        status: Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.as_u16()),
        cut: Some(ConnectionCut::LargeHead),
        ..Unfit::new(head_too_large(clients))
    })
}

/// A request on a place that is kept for probes and the operator.
pub(super) fn reserved() -> Unfit {
    let message = "clients have every connection that they may have, and the rest is for probes \
                   (the operator sets clients.connections and clients.connections_per_address)";
    let error = ApiError::new(ErrorClass::Unavailable, message).with_retry_after(RETRY_AFTER);
    Unfit { closes: true, ..Unfit::new(error) }
}

/// A client with too many requests under way.
pub(in crate::proxy) fn too_many_requests(clients: &Clients) -> ApiError {
    let message = format!(
        "your address has {} requests under way, which is all that it may have; wait until one ends \
         (the operator sets clients.requests_per_address)",
        clients.requests_per_address
    );
    ApiError::new(ErrorClass::RateLimit, message).with_code("too_many_requests").with_retry_after(RETRY_AFTER)
}

fn head_too_large(clients: &Clients) -> ApiError {
    let message = format!(
        "the head of the request is over the limit of {} bytes or {} headers; send less \
         (the operator sets clients.header_bytes and clients.header_count)",
        clients.header_bytes, clients.header_count
    );
    ApiError::new(ErrorClass::TooLarge, message).with_code("request_header_fields_too_large")
}

/// The answer to a head over its bounds, as it goes over the wire.
pub(super) fn to_large_head(shape: Shape, clients: &Clients) -> Bytes {
    answer(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, shape, &head_too_large(clients))
}

/// The answer to a head that did not come in time.
pub(super) fn to_slow_head(shape: Shape) -> Bytes {
    let message = "the head of the request did not come in time; send the request again";
    answer(StatusCode::REQUEST_TIMEOUT, shape, &ApiError::new(ErrorClass::RequestTimeout, message))
}

/// The answer to a connection that is not let in. Nobody knows which shape it would have spoken; SDKs of all of them find the message.
#[must_use]
pub fn turned_away(full: Full) -> Bytes {
    let (status, class, message) = match full {
        Full::All => (
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorClass::Unavailable,
            "the gateway has as many connections as it may have (the operator sets clients.connections)",
        ),
        Full::Own => (
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorClass::Unavailable,
            "this listener has as many connections as it may have",
        ),
        Full::Address => (
            StatusCode::TOO_MANY_REQUESTS,
            ErrorClass::RateLimit,
            "your address has as many connections as it may have; use fewer, or HTTP/2 \
             (the operator sets clients.connections_per_address)",
        ),
    };
    answer(status, Shape::Messages, &ApiError::new(class, message).with_retry_after(RETRY_AFTER))
}

fn answer(status: StatusCode, shape: Shape, error: &ApiError) -> Bytes {
    let body = shapes::encode_error(shape, error, "").body;
    let retry = error.retry_after.map_or_else(String::new, |seconds| format!("retry-after: {seconds}\r\n"));
    let mut wire = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{retry}connection: close\r\n\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        body.len()
    )
    .into_bytes();
    wire.extend_from_slice(body.as_ref());
    wire.into()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn answers_are_whole_and_close_the_connection() {
        for (bytes, status) in [
            (turned_away(Full::All), "HTTP/1.1 503 Service Unavailable\r\n"),
            (turned_away(Full::Own), "HTTP/1.1 503 Service Unavailable\r\n"),
            (turned_away(Full::Address), "HTTP/1.1 429 Too Many Requests\r\n"),
            (to_slow_head(Shape::Chat), "HTTP/1.1 408 Request Timeout\r\n"),
            (to_large_head(Shape::Messages, &Clients::default()), "HTTP/1.1 431 Request Header Fields Too Large\r\n"),
        ] {
            let text = std::str::from_utf8(&bytes).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(status) && head.contains("connection: close"), "{head}");
            assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
            let json: serde_json::Value = serde_json::from_str(body).unwrap();
            assert!(json.pointer("/error/message").is_some(), "{body}");
        }
    }

    #[test]
    fn a_head_over_its_bounds_is_unfit() {
        let clients = Clients { header_bytes: 1_024, header_count: 10, ..Clients::default() };
        let mut head = RequestHeader::build("GET", b"/", None).unwrap();
        for n in 0..10 {
            head.insert_header(format!("x-{n}"), "v").unwrap();
        }
        assert!(unfit(&head, &clients).is_none());
        head.insert_header("x-10", "v").unwrap();
        assert_eq!(unfit(&head, &clients).unwrap().status, Some(431));
        let mut long = RequestHeader::build("GET", b"/", None).unwrap();
        long.insert_header("x", "v".repeat(1_024)).unwrap();
        assert!(unfit(&long, &clients).is_some());
    }
}
