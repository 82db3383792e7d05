//! How opaque state travels through a shape that has no field for it: in an envelope that says whose it is.
//!
//! `gw1.<provider>.<model family>.<account>.<payload>`, each part in base64url without padding but the first; the payload is
//! JSON: what [`State`] holds but its origin, and of its `extra` the name of the format, the text that it is of where that is not shown, and whether that is a
//! summary. Nothing in it is secret: a client could have had all of it in the provider's own
//! shape.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::json::{Json, View};
use crate::neutral::{Origin, State, StateFormat};

/// What every envelope begins with.
pub(crate) const PREFIX: &str = "gw1.";

/// A payload is read up to this size; providers' own state has been seen to reach some hundred kilobytes.
const MAX_BYTES: usize = 4 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Payload<'a> {
    #[serde(rename = "f")]
    format: Format,
    #[serde(rename = "d", borrow)]
    data: Cow<'a, str>,
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none", borrow)]
    id: Option<Cow<'a, str>>,
    /// The provider's own name of a format that is not known here.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none", borrow)]
    name: Option<Cow<'a, str>>,
    /// The text that it is of, where that does not stand beside it.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none", borrow)]
    text: Option<Cow<'a, str>>,
    /// Whether the text beside it is a summary, where its format does not tell.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    summary: Option<bool>,
}

/// What [`State::extra`] holds of an envelope.
#[derive(Serialize)]
struct Extra<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

/// The formats by the names that stand in envelopes; they may not change.
#[derive(Clone, Copy, Serialize, Deserialize)]
enum Format {
    #[serde(rename = "as")]
    AnthropicSignature,
    #[serde(rename = "ar")]
    AnthropicRedacted,
    #[serde(rename = "oe")]
    OpenAiEncrypted,
    #[serde(rename = "gs")]
    GoogleSignature,
    #[serde(rename = "p")]
    Plain,
    #[serde(other, rename = "u")]
    Unknown,
}

/// Puts state in an envelope. The same state and origin give the same bytes.
pub(crate) fn seal(state: &State<'_>, origin: &Origin<'_>) -> String {
    let format = match state.format {
        StateFormat::AnthropicSignature => Format::AnthropicSignature,
        StateFormat::AnthropicRedacted => Format::AnthropicRedacted,
        StateFormat::OpenAiEncrypted => Format::OpenAiEncrypted,
        StateFormat::GoogleSignature => Format::GoogleSignature,
        StateFormat::Plain => Format::Plain,
        StateFormat::Unknown => Format::Unknown,
    };
    let extra = |name: &str| state.extra.as_ref()?.view().member(name);
    let payload = Payload {
        format,
        data: Cow::Borrowed(&state.data),
        id: state.id.as_deref().map(Cow::Borrowed),
        name: extra("format").and_then(View::string),
        text: extra("text").and_then(View::string),
        summary: extra("summary").and_then(View::bool),
    };
    let payload = serde_json::to_vec(&payload).expect("strings always have a JSON form");
    let origin = state.origin.as_ref().unwrap_or(origin);
    let parts = [origin.provider.as_bytes(), origin.family.as_bytes(), origin.account.as_bytes(), &payload];
    let parts: Vec<String> = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
    format!("{PREFIX}{}", parts.join("."))
}

/// The state in an envelope, with its origin; `None` when the text is none.
pub(crate) fn open(text: &str) -> Option<State<'static>> {
    let rest = text.strip_prefix(PREFIX).filter(|rest| rest.len() <= MAX_BYTES)?;
    let mut parts = rest.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let mut text = || String::from_utf8(parts.next()??).ok();
    let origin = Origin { provider: text()?.into(), family: text()?.into(), account: text()?.into() };
    let payload = text()?;
    if parts.next().is_some() {
        return None;
    }
    let payload: Payload<'_> = serde_json::from_str(&payload).ok()?;
    let format = match payload.format {
        Format::AnthropicSignature => StateFormat::AnthropicSignature,
        Format::AnthropicRedacted => StateFormat::AnthropicRedacted,
        Format::OpenAiEncrypted => StateFormat::OpenAiEncrypted,
        Format::GoogleSignature => StateFormat::GoogleSignature,
        Format::Plain => StateFormat::Plain,
        Format::Unknown => StateFormat::Unknown,
    };
    let extra = Extra { format: payload.name.as_deref(), summary: payload.summary, text: payload.text.as_deref() };
    let has_extra = extra.format.is_some() || extra.summary.is_some() || extra.text.is_some();
    let extra = has_extra.then(|| Json::of(&extra));
    Some(State {
        format,
        data: payload.data.into_owned().into(),
        id: payload.id.map(|id| id.into_owned().into()),
        origin: Some(origin),
        extra,
    })
}

/// Whether a text is an envelope of this gateway's.
pub(crate) fn is_sealed(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// Whether state may go to that target: what is known of its origin is the target's.
pub(crate) fn belongs(state: &State<'_>, target: &Origin<'_>) -> bool {
    state.origin.as_ref().is_none_or(|origin| origin == target)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn state(data: &str, id: Option<&str>) -> State<'static> {
        State {
            format: StateFormat::GoogleSignature,
            data: data.to_owned().into(),
            id: id.map(|id| id.to_owned().into()),
            origin: None,
            extra: None,
        }
    }

    fn origin() -> Origin<'static> {
        Origin { provider: "google".into(), family: "gemini.3".into(), account: "a1".into() }
    }

    proptest! {
        #[test]
        fn state_comes_out_of_its_envelope_as_it_went_in(data in "\\PC{0,200}", id in proptest::option::of("\\PC{1,20}")) {
            let state = state(&data, id.as_deref());
            let sealed = seal(&state, &origin());
            prop_assert!(is_sealed(&sealed) && sealed.is_ascii());
            prop_assert_eq!(&sealed, &seal(&state, &origin()));
            prop_assert_eq!(open(&sealed).unwrap(), State { origin: Some(origin()), ..state });
        }

        #[test]
        fn anything_else_is_no_envelope(text in "(gw1\\.)?[A-Za-z0-9_.=+-]{0,60}") {
            let _ = open(&text);
        }
    }

    #[test]
    fn state_of_another_account_or_model_family_belongs_to_nobody_else() {
        let opened = open(&seal(&state("x", None), &origin())).unwrap();
        assert!(belongs(&opened, &origin()));
        assert!(!belongs(&opened, &Origin { account: "a2".into(), ..origin() }));
        assert!(!belongs(&opened, &Origin { family: "gemini.4".into(), ..origin() }));
        assert!(belongs(&state("x", None), &origin()), "nothing is known of it");
    }
}
