//! What a provider's error body says, in whatever form it came.

use crate::json::{Cursor, ScanError};
use crate::neutral::{ApiError, ErrorClass};

/// A provider's error as far as its body tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderError {
    /// What went wrong, in the provider's words; at most 2,000 bytes of it.
    pub message: Option<String>,
    /// The `type` (or Google's `status`).
    pub kind: Option<String>,
    /// The code; a number as its digits.
    pub code: Option<String>,
    /// The request field at fault.
    pub param: Option<String>,
}

/// How much of a provider's message is kept.
const MAX_MESSAGE_BYTES: usize = 2_000;

impl ProviderError {
    /// The class that the words of the error stand for, whatever its status was; `None` when they say nothing known.
    #[must_use]
    pub fn class(&self) -> Option<ErrorClass> {
        if self.speaks_of_context() {
            return Some(ErrorClass::ContextOverflow);
        }
        let code = self.code.as_deref().and_then(class_of_word);
        // The generic words tell less than a number beside them.
        let kind = self.kind.as_deref().and_then(class_of_word);
        match (code, kind) {
            (Some(ErrorClass::BadRequest | ErrorClass::Upstream) | None, Some(kind)) => Some(kind),
            (code, kind) => code.or(kind),
        }
    }

    /// The error as a client is told of it, keeping the provider's words. Meant for errors that come inside of a stream
    /// or of a 200; with an error status, judge by that first.
    #[must_use]
    pub fn into_api_error(self) -> ApiError {
        let class = self.class().unwrap_or(ErrorClass::Upstream);
        let is_number = |code: &String| code.bytes().all(|byte| byte.is_ascii_digit());
        // A bare number is a status; a type that is not one of the shapes' own is what the client can branch on then.
        let code = self.code.filter(|code| !is_number(code)).or_else(|| self.kind.filter(|kind| !is_generic(kind)));
        let message = self.message.unwrap_or_else(|| "the provider reported an error without a message".to_owned());
        ApiError { class, message, param: self.param, code, retry_after: None }
    }

    /// Providers and the servers that people host say it in their own words, most of them with status 400.
    fn speaks_of_context(&self) -> bool {
        const CODES: [&str; 2] = ["context_length_exceeded", "too_many_prompt_tokens"];
        const WORDS: [&str; 8] = [
            "prompt is too long",
            "prompt too long",
            "exceed context limit",
            "input token count",
            "context length",
            "context window",
            "maximum context",
            "too many tokens",
        ];
        let named = [&self.code, &self.kind].into_iter().flatten().any(|word| CODES.contains(&word.as_str()));
        named
            || self.message.as_deref().is_some_and(|message| {
                let message = message.to_ascii_lowercase();
                // Rate limits speak of too many tokens, too, but per minute.
                WORDS.iter().any(|words| message.contains(words)) && !message.contains("per minute")
            })
    }
}

/// Reads any of the forms: `{"error":{...}}`, `{"error":"..."}`, the same in an array, `{"message":...}`, `{"detail":...}`,
/// plain text. HTML says nothing.
pub(super) fn decode(body: &[u8]) -> ProviderError {
    let mut error = ProviderError::default();
    let is_json = Cursor::new(body).and_then(|mut cursor| read(&mut cursor, &mut error)).is_ok();
    if !is_json && error == ProviderError::default() {
        let text = String::from_utf8_lossy(body.get(..MAX_MESSAGE_BYTES * 2).unwrap_or(body));
        let text = text.trim();
        if !text.is_empty() && !text.starts_with(['<', '{', '[']) {
            error.message = Some(bounded(text));
        }
    }
    error
}

/// Reads what describes an error, at whatever level it stands. What an inner level says comes
/// first, but for `details`, which fill what is missing.
fn read(cursor: &mut Cursor<'_>, error: &mut ProviderError) -> Result<(), ScanError> {
    match cursor.peek() {
        Some(b'[') => cursor.array(|cursor| read(cursor, error)),
        Some(b'"') => {
            let text = cursor.text()?;
            set(&mut error.message, text.and_then(|text| text.decode()).map(|text| bounded(&text)));
            Ok(())
        }
        Some(b'{') => read_object(cursor, error),
        _ => cursor.skip().map(drop),
    }
}

fn read_object(cursor: &mut Cursor<'_>, error: &mut ProviderError) -> Result<(), ScanError> {
    let (mut here, mut details) = (ProviderError::default(), ProviderError::default());
    cursor.object(|cursor, key| match key.raw() {
        b"error" | b"errors" | b"detail" => read(cursor, error),
        b"details" => read(cursor, &mut details),
        b"message" | b"Message" | b"msg" | b"error_description" => read(cursor, &mut here),
        b"type" | b"status" => word(cursor, &mut here.kind),
        b"code" | b"error_code" | b"status_code" => word(cursor, &mut here.code),
        b"param" => word(cursor, &mut here.param),
        _ => Ok(()),
    })?;
    for level in [here, details] {
        set(&mut error.message, level.message);
        set(&mut error.kind, level.kind);
        set(&mut error.code, level.code);
        set(&mut error.param, level.param);
    }
    Ok(())
}

/// Takes a string or a number.
fn word(cursor: &mut Cursor<'_>, field: &mut Option<String>) -> Result<(), ScanError> {
    let value = match cursor.peek() {
        Some(b'"') => cursor.text()?.and_then(|text| text.decode()).map(|text| bounded(&text)),
        _ => cursor.u64()?.map(|number| number.to_string()),
    };
    set(field, value);
    Ok(())
}

fn set(field: &mut Option<String>, value: Option<String>) {
    if field.is_none() {
        *field = value.filter(|value| !value.is_empty());
    }
}

/// At most [`MAX_MESSAGE_BYTES`] of the text, cut between characters.
fn bounded(text: &str) -> String {
    let end = (0..=MAX_MESSAGE_BYTES.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

/// Types that say no more than the class does.
fn is_generic(kind: &str) -> bool {
    const GENERIC: [&str; 23] = [
        "error",
        "invalid_request_error",
        "authentication_error",
        "permission_error",
        "not_found_error",
        "rate_limit_error",
        "api_error",
        "server_error",
        "overloaded_error",
        "service_unavailable_error",
        "timeout_error",
        "billing_error",
        "request_too_large",
        // Google's.
        "INVALID_ARGUMENT",
        "FAILED_PRECONDITION",
        "UNAUTHENTICATED",
        "PERMISSION_DENIED",
        "NOT_FOUND",
        "RESOURCE_EXHAUSTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DEADLINE_EXCEEDED",
        "UNKNOWN",
    ];
    GENERIC.contains(&kind)
}

/// The class that a type, a code or a status in digits stands for.
fn class_of_word(word: &str) -> Option<ErrorClass> {
    let class = match word.to_ascii_lowercase().as_str() {
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "ratelimitreached"
        | "requests"
        | "tokens"
        | "slow_down"
        | "resource_exhausted"
        | "too_many_requests"
        | "ramp_limit_exceeded"
        | "429" => ErrorClass::RateLimit,
        "insufficient_quota"
        | "credit_balance_exhausted"
        | "billing_error"
        | "enforced_spend_limit_reached"
        | "contract_spend_limit_reached"
        | "billing_not_active"
        | "402" => ErrorClass::OperatorBilling,
        "authentication_error"
        | "invalid_api_key"
        | "permission_error"
        | "permission_denied"
        | "unauthenticated"
        | "invalid_authentication_error"
        | "401"
        | "403" => ErrorClass::OperatorAuth,
        "not_found_error" | "model_not_found" | "not_found" | "404" => ErrorClass::OperatorModel,
        "overloaded_error"
        | "server_is_overloaded"
        | "service_unavailable_error"
        | "unavailable"
        | "engine_overloaded"
        | "503"
        | "529" => ErrorClass::Overloaded,
        "timeout_error" | "timeout" | "deadline_exceeded" | "408" | "504" => ErrorClass::Timeout,
        "request_too_large" | "413" => ErrorClass::TooLarge,
        "content_policy_violation"
        | "content_filter"
        | "responsibleaipolicyviolation"
        | "bio_policy"
        | "misalignment_policy_violation"
        | "image_content_policy_violation" => ErrorClass::ContentRefused,
        "invalid_prompt"
        | "invalid_request_error"
        | "invalid_argument"
        | "failed_precondition"
        | "badrequesterror"
        | "400"
        | "422" => ErrorClass::BadRequest,
        "api_error" | "server_error" | "internal" | "internal_error" | "internal_server_error" | "500" | "502" => {
            ErrorClass::Upstream
        }
        _ => return None,
    };
    Some(class)
}
