//! Why a provider refuses a request, before it takes the shape's form.

use ovth_filters::Shape;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The status.
    pub(super) status: u16,
    /// The shape's error type.
    pub(super) kind: &'static str,
    /// What is wrong, in the provider's words.
    pub(super) message: String,
    /// The field at fault (chat).
    pub(super) param: Option<String>,
    /// The code (chat).
    pub(super) code: Option<&'static str>,
}

impl Refusal {
    /// The request is wrong.
    pub(super) fn bad_request(message: impl Into<String>) -> Refusal {
        Refusal::new(400, "invalid_request_error", message)
    }

    /// A refusal without a field and a code.
    pub(super) fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { status, kind, message: message.into(), param: None, code: None }
    }

    /// The same, naming the field at fault.
    pub(super) fn at(mut self, param: impl Into<String>) -> Refusal {
        self.param = Some(param.into());
        self
    }

    /// The same, with a code.
    pub(super) fn code(mut self, code: &'static str) -> Refusal {
        self.code = Some(code);
        self
    }

    /// What a provider of that shape says with a status that was ordered.
    pub(super) fn ordered(shape: Shape, status: u16) -> Refusal {
        if shape == Shape::GenerateContent {
            return Refusal::ordered_of_google(status);
        }
        let messages = shape == Shape::Messages;
        let (kind, message) = match (messages, status) {
            (true, 400) => ("invalid_request_error", "messages: the request was refused on order"),
            (true, 401) => ("authentication_error", "invalid x-api-key"),
            (true, 402) => ("billing_error", "Your credit balance is too low to access the Anthropic API."),
            (true, 403) => ("permission_error", "Your API key does not have permission to use the specified resource."),
            (true, 404) => ("not_found_error", "Not found"),
            (true, 413) => ("request_too_large", "Request exceeds the maximum size"),
            (true, 429) => {
                ("rate_limit_error", "This request would exceed your account's rate limit. Please try again later.")
            }
            (true, 504) => ("timeout_error", "Request timed out"),
            (true, 529) => ("overloaded_error", "Overloaded"),
            (true, _) => ("api_error", "Internal server error"),
            (false, 401) => ("invalid_request_error", "Incorrect API key provided."),
            (false, 403) => ("invalid_request_error", "Country, region, or territory not supported"),
            (false, 429) => {
                ("tokens", "Rate limit reached for this model on tokens per min (TPM). Please try again in 2s.")
            }
            (false, 503 | 529) => {
                ("service_unavailable_error", "The engine is currently overloaded, please try again later")
            }
            (false, 500..) => {
                ("server_error", "The server had an error while processing your request. Sorry about that!")
            }
            (false, _) => ("invalid_request_error", "The request was refused on order."),
        };
        let refusal = Refusal::new(status, kind, message);
        match (messages, status) {
            (false, 401) => refusal.code("invalid_api_key"),
            (false, 403) => refusal.code("unsupported_country_region_territory"),
            (false, 429) => refusal.code("rate_limit_exceeded"),
            (false, 503 | 529) => refusal.code("server_is_overloaded"),
            _ => refusal,
        }
    }

    fn ordered_of_google(status: u16) -> Refusal {
        let message = match status {
            401 => "Request had invalid authentication credentials.",
            403 => "Permission denied on resource.",
            404 => "models/x is not found for API version v1beta, or is not supported for generateContent.",
            429 => "You exceeded your current quota, please check your plan and billing details.",
            503 | 529 => "The model is overloaded. Please try again later.",
            504 => "Deadline expired before operation could complete.",
            500.. => "An internal error has occurred.",
            _ => "The request was refused on order.",
        };
        Refusal::new(status, "", message)
    }
}
