//! Errors in the neutral form: a closed class that decides retries, statuses and metrics, and the facts a client needs.

use std::fmt;

/// What went wrong, as a closed set: decides whether another target is tried, the status in each shape, and the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The request itself is wrong; no target would take it.
    BadRequest,
    /// The prompt does not fit into the model's context window.
    ContextOverflow,
    /// The client's own key is missing or wrong.
    ClientAuth,
    /// The client's key may not do this.
    Permission,
    /// The client has spent its money.
    NoCredit,
    /// No such path.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// No such model.
    UnknownModel,
    /// The request body is over its limit.
    TooLarge,
    /// The client took too long to send its request.
    RequestTimeout,
    /// The client's own quota is spent.
    Quota,
    /// The provider limits the rate.
    RateLimit,
    /// The provider refuses the operator's key.
    OperatorAuth,
    /// The operator's account has no credit or no access.
    OperatorBilling,
    /// The provider does not know the model that the operator configured.
    OperatorModel,
    /// The provider is overloaded.
    Overloaded,
    /// The provider did not answer in time.
    Timeout,
    /// The provider could not be reached, or the connection broke.
    Transport,
    /// The provider failed (5xx), or its answer could not be understood.
    Upstream,
    /// The provider refused the content with an error.
    ContentRefused,
    /// The gateway is out of a resource (memory budget, storage).
    Unavailable,
    /// The gateway itself failed.
    Internal,
}

impl ErrorClass {
    /// The name used in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorClass::BadRequest => "bad_request",
            ErrorClass::ContextOverflow => "context_overflow",
            ErrorClass::ClientAuth => "client_auth",
            ErrorClass::Permission => "permission",
            ErrorClass::NoCredit => "no_credit",
            ErrorClass::NotFound => "not_found",
            ErrorClass::MethodNotAllowed => "method_not_allowed",
            ErrorClass::UnknownModel => "unknown_model",
            ErrorClass::TooLarge => "too_large",
            ErrorClass::RequestTimeout => "request_timeout",
            ErrorClass::Quota => "quota",
            ErrorClass::RateLimit => "rate_limit",
            ErrorClass::OperatorAuth => "operator_auth",
            ErrorClass::OperatorBilling => "operator_billing",
            ErrorClass::OperatorModel => "operator_model",
            ErrorClass::Overloaded => "overloaded",
            ErrorClass::Timeout => "timeout",
            ErrorClass::Transport => "transport",
            ErrorClass::Upstream => "upstream",
            ErrorClass::ContentRefused => "content_refused",
            ErrorClass::Unavailable => "unavailable",
            ErrorClass::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error as a client is told of it, before it takes the client's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// Decides the status and the type in each shape.
    pub class: ErrorClass,
    /// What is wrong and what cures it. Never a secret, never a prompt.
    pub message: String,
    /// The request field that is at fault, where there is one.
    pub param: Option<String>,
    /// A stable code that clients branch on; the shape's usual code for the class when absent.
    pub code: Option<String>,
    /// Whole seconds after which a new try makes sense.
    pub retry_after: Option<u64>,
}

impl ApiError {
    /// An error of that class with only a message.
    #[must_use]
    pub fn new(class: ErrorClass, message: impl Into<String>) -> ApiError {
        ApiError { class, message: message.into(), param: None, code: None, retry_after: None }
    }

    /// The same error, naming the request field at fault.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> ApiError {
        self.param = Some(param.into());
        self
    }

    /// The same error, with the code that clients branch on.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> ApiError {
        self.code = Some(code.into());
        self
    }

    /// The same error, with the seconds after which a new try makes sense.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u64) -> ApiError {
        self.retry_after = Some(seconds);
        self
    }
}
