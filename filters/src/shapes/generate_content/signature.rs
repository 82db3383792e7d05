//! Thought signatures: opaque bytes in base64 that may stand on any part, Google's own and, towards clients, state of others.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use super::super::envelope;
use crate::neutral::{Answering, State, StateFormat};

/// What Google takes in place of a signature for calls that its models did not make:
/// <https://ai.google.dev/gemini-api/docs/thought-signatures>.
pub(super) const SKIP: &str = "skip_thought_signature_validator";

/// All values that it takes so.
const DUMMIES: [&str; 2] = [SKIP, "context_engineering_is_the_way_to_go"];

/// The id of the state of a signature that stood on an empty text: it belongs to no other part.
pub(super) const EMPTY_TEXT: &str = "empty_text";

/// What an envelope begins with in base64.
const SEALED: &str = "Z3cxL";

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// SDKs write bytes in either alphabet.
const ALPHABETS: [GeneralPurpose; 2] =
    [GeneralPurpose::new(&alphabet::STANDARD, LENIENT), GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT)];

fn decoded(signature: &str) -> Option<String> {
    let bytes = ALPHABETS.iter().find_map(|engine| engine.decode(signature).ok())?;
    String::from_utf8(bytes).ok()
}

/// Whether it is an envelope of this gateway's.
pub(super) fn is_sealed(signature: &str) -> bool {
    signature.starts_with(SEALED) && decoded(signature).is_some_and(|text| envelope::is_sealed(&text))
}

/// Whether it says only that there is none.
pub(super) fn is_dummy(signature: &str) -> bool {
    const LONGEST: usize = 64;
    DUMMIES.contains(&signature)
        || (signature.len() <= LONGEST && decoded(signature).is_some_and(|text| DUMMIES.contains(&text.as_str())))
}

/// The state in a signature; nothing when it holds none, or an envelope that cannot be read.
pub(crate) fn state(signature: Cow<'_, str>) -> Option<State<'_>> {
    if signature.is_empty() || is_dummy(&signature) {
        return None;
    }
    if is_sealed(&signature) {
        return envelope::open(&decoded(&signature)?);
    }
    Some(native(signature))
}

/// A signature of Google's own.
pub(super) fn native(signature: Cow<'_, str>) -> State<'_> {
    State { format: StateFormat::GoogleSignature, data: signature, id: None, origin: None, extra: None }
}

/// State as a client of this shape is told it: in an envelope, also Google's own signatures, for they came by another way than
/// Google's own API, which would refuse them.
pub(super) fn sealed(state: &State<'_>, answering: &Answering) -> String {
    STANDARD.encode(envelope::seal(state, &answering.origin))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::neutral::Origin;

    #[test]
    fn state_of_another_provider_travels_in_a_signature_that_any_sdk_may_print_anew() {
        let origin = Origin { provider: "anthropic".into(), family: "claude".into(), account: "a".into() };
        let answering = Answering { origin: origin.clone(), ..Answering::default() };
        let own = State { format: StateFormat::AnthropicSignature, data: "Eq\u{fc}?>~".into(), ..native("".into()) };
        let sent = sealed(&own, &answering);
        assert!(is_sealed(&sent) && sent.starts_with(SEALED));
        let safe = sent.replace('+', "-").replace('/', "_");
        for signature in [sent.as_str(), &safe, safe.trim_end_matches('=')] {
            let read = state(signature.into()).unwrap();
            assert_eq!((read.format, &*read.data, read.origin), (own.format, &*own.data, Some(origin.clone())));
        }
        assert!(is_sealed(&sealed(&native("AbC=".into()), &answering)), "it is of another way than Google's own");
    }

    #[test]
    fn pitfall_65_values_that_stand_for_no_signature_are_none() {
        for none in [
            SKIP,
            "context_engineering_is_the_way_to_go",
            "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=",
            "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I",
            "",
            "Z3cxLi4u",
        ] {
            assert_eq!(state(none.into()), None, "{none}");
        }
        assert_eq!(state("EhIKEA==".into()), Some(native("EhIKEA==".into())));
    }
}
