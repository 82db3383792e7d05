//! Answers of the admin API, with errors as OpenAI has them (`{"error":{"message","type","param","code"}}`).

use std::fmt;
use std::io::Read;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::store::StoreError;

/// How much of a caller's own text an error repeats.
const EXCERPT_CHARS: usize = 64;

/// Seconds after which a fault of the storage may be over.
const STORAGE_RETRY: u64 = 5;

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

/// An answer that says why there is no other. Boxed: it is seldom, and travels through many results.
pub(super) type Refused = Box<AdminResponse>;

impl AdminResponse {
    pub(super) fn json(status: StatusCode, body: &impl Serialize) -> AdminResponse {
        let body = serde_json::to_vec(body).expect("answers are made of strings and numbers");
        AdminResponse::of_type("application/json", status, Body::Bytes(body))
    }

    pub(super) fn of_type(content_type: &'static str, status: StatusCode, body: Body) -> AdminResponse {
        let headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ]);
        AdminResponse { status, headers, body }
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> AdminResponse {
        self.headers.insert(name, value);
        self
    }

    pub(super) fn with_retry_after(self, seconds: u64) -> AdminResponse {
        self.with_header(RETRY_AFTER, seconds.into())
    }

    /// The bytes of a body that is whole; none of one that is not.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.body {
            Body::Bytes(bytes) => bytes,
            Body::Stream { .. } => &[],
        }
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

    /// Too much at once.
    pub(super) fn busy(message: impl Into<String>, code: &'static str) -> ErrorBody {
        ErrorBody { message: message.into(), kind: "rate_limit_error", param: None, code }
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

/// 404: nothing has that name.
pub(super) fn not_found(message: impl Into<String>) -> AdminResponse {
    ErrorBody::request(message, "not_found").into_response(StatusCode::NOT_FOUND)
}

/// 503, for the operator, who can act on the cause: it names the file and what is wrong with it.
pub(super) fn storage_fault(error: &StoreError) -> AdminResponse {
    log::error!(class = error.class(), error:% = error; "the admin API could not use the database");
    let message = format!("The database of this gateway is at fault: {error}.");
    ErrorBody::server(message, "storage_unavailable")
        .into_response(StatusCode::SERVICE_UNAVAILABLE)
        .with_retry_after(STORAGE_RETRY)
}

/// 503, for a client, whom the cause does not concern.
pub(super) fn storage_fault_for_client(error: &StoreError) -> AdminResponse {
    log::error!(class = error.class(), error:% = error; "a client could not be told about its key");
    let message = "The usage of this key cannot be read just now; try again in a few seconds.";
    ErrorBody::server(message, "storage_unavailable")
        .into_response(StatusCode::SERVICE_UNAVAILABLE)
        .with_retry_after(STORAGE_RETRY)
}

/// The beginning of a caller's text, on one line, for an error message.
pub(super) fn excerpt(text: &str) -> String {
    let mut shown: String = text.chars().take(EXCERPT_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(EXCERPT_CHARS).is_some() {
        shown.push_str("...");
    }
    shown
}
