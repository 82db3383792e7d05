//! Answers of the admin API, with errors as OpenAI has them (`{"error":{"message","type","param","code"}}`).

use std::fmt;
use std::io::Read;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

/// How much of a caller's own text an error repeats.
const EXCERPT_CHARS: usize = 64;

/// A whole answer. The proxy adds what belongs to the connection (length, request id).
pub struct AdminResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers; `cache-control: no-store` is always among them.
    pub headers: HeaderMap,
    /// What is said. It may hold a new key's secret: never log it.
    pub body: Body,
}

/// The body of an answer.
pub enum Body {
    /// All of it.
    Bytes(Vec<u8>),
    /// What is too large for memory.
    Stream {
        /// Gives the bytes; blocks on the disk.
        reader: Box<dyn Read + Send>,
        /// How many there are.
        length: u64,
    },
}

impl AdminResponse {
    pub(super) fn json(status: StatusCode, body: &impl Serialize) -> AdminResponse {
        let headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ]);
        let body = serde_json::to_vec(body).expect("answers are made of strings and numbers");
        AdminResponse { status, headers, body: Body::Bytes(body) }
    }

    /// The bytes of a body that is whole; none of one that is not.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.body {
            Body::Bytes(bytes) => bytes,
            Body::Stream { .. } => &[],
        }
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> AdminResponse {
        self.headers.insert(name, value);
        self
    }
}

impl fmt::Debug for AdminResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminResponse").field("status", &self.status).finish_non_exhaustive()
    }
}

/// An error on its way to the caller. <https://platform.openai.com/docs/guides/error-codes>
#[derive(Debug, Serialize)]
pub(super) struct ErrorBody {
    message: String,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<String>,
    code: &'static str,
}

impl ErrorBody {
    /// The caller's fault.
    pub(super) fn request(message: impl Into<String>, code: &'static str) -> ErrorBody {
        ErrorBody { message: message.into(), kind: "invalid_request_error", param: None, code }
    }

    /// The gateway's fault.
    pub(super) fn server(message: impl Into<String>, code: &'static str) -> ErrorBody {
        ErrorBody { message: message.into(), kind: "server_error", param: None, code }
    }

    pub(super) fn with_param(mut self, param: Option<String>) -> ErrorBody {
        self.param = param;
        self
    }

    pub(super) fn into_response(self, status: StatusCode) -> AdminResponse {
        #[derive(Serialize)]
        struct Envelope {
            error: ErrorBody,
        }
        AdminResponse::json(status, &Envelope { error: self })
    }
}

/// The beginning of a caller's text, on one line, for an error message.
pub(super) fn excerpt(text: &str) -> String {
    let mut shown: String = text.chars().take(EXCERPT_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(EXCERPT_CHARS).is_some() {
        shown.push_str("...");
    }
    shown
}
