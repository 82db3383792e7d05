//! Fields of requests in the shapes of OpenAI: values of the right type, and what a client is told of one that is wrong.

use std::borrow::Cow;

use crate::json::{ValueKind, View};
use crate::neutral::{ApiError, CacheMark, ErrorClass, Tier};

/// True or false.
pub(super) fn flag(name: &str, value: View<'_>) -> Result<bool, ApiError> {
    value.bool().ok_or_else(|| wrong(name, "true or false"))
}

/// A number.
pub(super) fn number(name: &str, value: View<'_>) -> Result<f64, ApiError> {
    value.f64().ok_or_else(|| wrong(name, "a number"))
}

/// A whole number from 0 on.
pub(super) fn whole(name: &str, value: View<'_>) -> Result<u64, ApiError> {
    value.u64().ok_or_else(|| wrong(name, "a whole number that is not negative"))
}

/// A bound on the output, in tokens.
pub(super) fn bound_at(name: &str, value: View<'_>) -> Result<u64, ApiError> {
    match whole(name, value)? {
        0 => Err(wrong(name, "at least 1")),
        bound => Ok(bound),
    }
}

/// A string.
pub(super) fn text<'a>(name: &str, value: View<'a>) -> Result<Cow<'a, str>, ApiError> {
    value.string().ok_or_else(|| wrong(name, "a string"))
}

/// What is paid for speed.
pub(super) fn tier(word: Cow<'_, str>) -> Tier<'_> {
    match &*word {
        "auto" => Tier::Auto,
        "default" | "standard" => Tier::Standard,
        "flex" => Tier::Flex,
        "priority" | "fast" => Tier::Priority,
        _ => Tier::Other(word),
    }
}

/// Where a cache may be cut, as `cache_control` (Anthropic, OpenRouter) or `prompt_cache_breakpoint` (OpenAI) says it.
pub(super) fn mark(value: View<'_>) -> Option<CacheMark> {
    if value.kind() != ValueKind::Object {
        return None;
    }
    let ttl = value.member("ttl").and_then(View::string);
    Some(CacheMark { long: matches!(ttl.as_deref(), Some("1h" | "12h")) })
}

/// What a client is told of a field that is not as it must be.
pub(super) fn wrong(field: &str, must_be: &str) -> ApiError {
    refused(field, format!("`{field}` must be {must_be}"))
}

/// What a client is told of a field that cannot be served.
pub(super) fn refused(field: &str, message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorClass::BadRequest, message).with_param(field)
}
