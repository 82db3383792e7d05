//! What can be read in a provider's error, whatever its shape: the neutral parts, and the details some providers add.

use std::time::Duration;

use ovth_filters::Shape;
use ovth_filters::neutral::ApiError;
use ovth_filters::shapes::{ProviderError, decode_error};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::cooldown::spelled;

/// An error body, read.
#[derive(Debug)]
pub(super) struct Read {
    error: ProviderError,
    more: More,
    lower: String,
    is_json: bool,
}

/// An error's facts, as the rules ask for them.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    /// The HTTP status; of a success that holds an error: the status that the error names.
    pub(crate) status: u16,
    /// Whether it came inside an answer that had begun well: nobody sent that status.
    pub(crate) inside_answer: bool,
    /// Whether the body was an error that could be read; HTML, plain text and empty bodies are not.
    pub(crate) understood: bool,
    /// The provider's words, as they came.
    pub(crate) message: Option<&'a str>,
    /// The request field at fault.
    pub(crate) param: Option<&'a str>,
    /// The provider's code.
    pub(crate) code: Option<&'a str>,
    /// Whether a moderation flagged the input.
    pub(crate) flagged: bool,
    /// The delay that the body asks for.
    pub(crate) retry_delay: Option<Duration>,
    kind: Option<&'a str>,
    more: &'a [String],
    lower: String,
}

impl Facts<'_> {
    /// Whether the type, the code or a detail's code is one of these; case does not count.
    pub(crate) fn has_code(&self, codes: &[&str]) -> bool {
        let own = [self.kind, self.code].into_iter().flatten();
        own.chain(self.more.iter().map(String::as_str))
            .any(|found| codes.iter().any(|code| found.eq_ignore_ascii_case(code)))
    }

    /// Whether the message holds one of these lower-case texts.
    pub(crate) fn says(&self, texts: &[&str]) -> bool {
        texts.iter().any(|text| self.lower.contains(text))
    }

    /// Whether that is the error's type.
    pub(crate) fn kind_is(&self, kind: &str) -> bool {
        self.kind == Some(kind)
    }

    /// The message in lower case; empty when there is none.
    pub(crate) fn text(&self) -> &str {
        &self.lower
    }
}

impl Read {
    /// The facts of an answer with that status.
    pub(super) fn facts(&self, status: u16) -> Facts<'_> {
        let error = &self.error;
        let named = error.code.as_deref().and_then(http_error);
        Facts {
            inside_answer: false,
            status: if (400..=599).contains(&status) { status } else { named.unwrap_or(status) },
            understood: self.is_json && (error.message.is_some() || error.kind.is_some() || error.code.is_some()),
            message: error.message.as_deref(),
            param: error.param.as_deref(),
            code: error.code.as_deref(),
            kind: error.kind.as_deref(),
            flagged: self.more.flagged,
            retry_delay: self.more.retry_delay,
            more: &self.more.codes,
            lower: self.lower.clone(),
        }
    }
}

/// Reads an error body.
pub(super) fn read(shape: Shape, body: &[u8]) -> Read {
    let error = decode_error(shape, body);
    let lower = error.message.as_deref().unwrap_or_default().to_lowercase();
    let is_json = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    Read { more: More::read(body), lower, is_json, error }
}

/// The facts of an error that came inside a stream; its status is what its code says, else that of a bad request,
/// so that its words are asked.
pub(super) fn of_error(error: &ApiError) -> Facts<'_> {
    Facts {
        inside_answer: true,
        status: error.code.as_deref().and_then(http_error).unwrap_or(400),
        understood: true,
        message: Some(&error.message),
        param: error.param.as_deref(),
        code: error.code.as_deref(),
        kind: None,
        flagged: false,
        retry_delay: error.retry_after.map(Duration::from_secs),
        more: &[],
        lower: error.message.to_lowercase(),
    }
}

/// Some hosts write the HTTP status as the code.
fn http_error(code: &str) -> Option<u16> {
    code.parse().ok().filter(|status| (400..=599).contains(status))
}

/// Details beyond the neutral parts.
#[derive(Debug, Default)]
struct More {
    codes: Vec<String>,
    flagged: bool,
    retry_delay: Option<Duration>,
}

impl More {
    fn read(body: &[u8]) -> More {
        let Ok(
            One::Plain(Envelope { error: Wire::Object(wire) }) | One::Wrapped([Envelope { error: Wire::Object(wire) }]),
        ) = serde_json::from_slice(body)
        else {
            return More::default();
        };
        let details = match wire.details {
            Details::List(list) => list,
            Details::One(detail) => vec![detail],
            Details::Other(_) => Vec::new(),
        };
        let mut more = More::default();
        more.codes.extend(wire.status);
        for detail in details {
            more.retry_delay = more.retry_delay.or_else(|| spelled(&detail.retry_delay?));
            more.codes.extend(detail.reason.into_iter().chain(detail.error_code));
        }
        if let Some(metadata) = wire.metadata {
            more.flagged = metadata.flagged_input.is_some() || metadata.reasons.is_some();
            more.codes.extend(metadata.error_type);
        }
        more
    }
}

/// Google wraps errors of streams in an array.
#[derive(Deserialize)]
#[serde(untagged)]
enum One {
    Plain(Envelope),
    Wrapped([Envelope; 1]),
}

#[derive(Deserialize)]
struct Envelope {
    error: Wire,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Wire {
    Object(Box<WireError>),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct WireError {
    /// Google's canonical code, such as `RESOURCE_EXHAUSTED`.
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    details: Details,
    #[serde(default)]
    metadata: Option<Metadata>,
}

/// Google lists details, Anthropic has one object, Azure a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Details {
    List(Vec<Detail>),
    One(Detail),
    Other(IgnoredAny),
}

impl Default for Details {
    fn default() -> Details {
        Details::Other(IgnoredAny)
    }
}

#[derive(Deserialize)]
struct Detail {
    /// Google's `ErrorInfo`: <https://google.aip.dev/193>.
    #[serde(default)]
    reason: Option<String>,
    /// Google's `RetryInfo`.
    #[serde(default, rename = "retryDelay")]
    retry_delay: Option<String>,
    /// Anthropic's finer code.
    #[serde(default)]
    error_code: Option<String>,
}

/// OpenRouter's additions.
#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    error_type: Option<String>,
    #[serde(default)]
    flagged_input: Option<IgnoredAny>,
    #[serde(default)]
    reasons: Option<IgnoredAny>,
}
