//! What the client is told of a provider's failure: enough to act on, nothing of the operator's account.

use std::borrow::Cow;

use ovth_filters::Shape;
use ovth_filters::neutral::{ApiError, ErrorClass};

use super::facts::Facts;

/// No more than this of a provider's words is passed on, in bytes.
const LONGEST_TEXT: usize = 2_048;

/// Beginnings of credentials and account ids.
const SECRET_PREFIXES: [&str; 13] =
    ["sk-", "sk_", "pk-", "rk-", "org-", "org_", "proj_", "proj-", "AIza", "gsk_", "xai-", "pplx-", "ovth_"];

/// The error of that class. What clients of a shape look for in it is its encoder's to add.
pub(super) fn error(provider: &str, class: ErrorClass, facts: &Facts<'_>) -> ApiError {
    let status = facts.status;
    let place = if facts.inside_answer { "inside its answer".to_owned() } else { format!("status {status}") };
    let said = facts.message.map(clean).filter(|text| !text.trim().is_empty());
    let words = || said.as_deref().unwrap_or("no reason given");
    let message = match class {
        // Of these the provider's words are kept back: they quote parts of the key, or name the account.
        ErrorClass::OperatorAuth => format!(
            "{provider} refused the gateway's own credential ({place}). Your key is fine: the operator has to check the key that is configured for {provider}."
        ),
        ErrorClass::OperatorBilling => format!(
            "{provider} reports that the gateway's own account there has no credit or quota left. The operator has to look after the account."
        ),
        ErrorClass::RateLimit => format!("{provider} limits the rate of the gateway's requests. Try again later."),
        ErrorClass::Overloaded => format!("{provider} is overloaded. Try again later."),
        ErrorClass::OperatorModel => format!("{provider} does not serve this model: {}", words()),
        ErrorClass::Timeout => format!("{provider} gave up on the request ({place})."),
        ErrorClass::Upstream if (300..400).contains(&status) => format!(
            "{provider} answered with a redirect ({place}), which is not followed. The operator has to check its base_url."
        ),
        ErrorClass::Upstream if matches!(status, 404 | 405) => format!(
            "{provider} has nothing at the address that was asked ({place}). The operator has to check its base_url."
        ),
        ErrorClass::Upstream if said.is_none() => {
            format!("{provider} failed ({place}) and gave no error that could be read.")
        }
        ErrorClass::Upstream => format!("{provider} failed ({place}): {}", words()),
        _ if said.is_none() => {
            format!("{provider} refused the request ({place}) and gave no reason that could be read.")
        }
        _ => words().to_owned(),
    };
    let mut error = ApiError::new(class, message);
    match class {
        ErrorClass::BadRequest => {
            error.param = facts.param.map(str::to_owned);
            error.code = facts.code.filter(|code| !code.bytes().all(|byte| byte.is_ascii_digit())).map(str::to_owned);
        }
        ErrorClass::OperatorModel => error.param = Some("model".to_owned()),
        _ => {}
    }
    error
}

/// Whether a client of that shape would know the provider's own body for an overflow: coding agents compact the
/// conversation on these words and codes. Otherwise the shape's encoder adds them.
pub(super) fn client_sees_overflow(shape: Shape, facts: &Facts<'_>) -> bool {
    match shape {
        Shape::Messages => facts.text().starts_with("prompt is too long"),
        Shape::Chat | Shape::Responses => facts.has_code(&["context_length_exceeded"]),
        Shape::GenerateContent => facts.says(&["input token count"]),
    }
}

/// The text, bounded, with everything that looks like a credential or an account id taken out.
fn clean(text: &str) -> Cow<'_, str> {
    let end = (0..=LONGEST_TEXT.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let text = text.get(..end).unwrap_or_default();
    if !holds_secret(text) {
        return Cow::Borrowed(text);
    }
    let words = text.split_inclusive(is_separator).map(|word| {
        let bare = word.trim_end_matches(is_separator);
        if is_secret(bare) { word.replacen(bare, "[redacted]", 1) } else { word.to_owned() }
    });
    Cow::Owned(words.collect())
}

/// Whether a word of the text looks like a credential or an account id.
pub(super) fn holds_secret(text: &str) -> bool {
    text.split(is_separator).any(is_secret)
}

fn is_separator(c: char) -> bool {
    !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*'))
}

fn is_secret(word: &str) -> bool {
    let masked = word.contains("**");
    let prefixed = SECRET_PREFIXES.iter().any(|prefix| word.starts_with(prefix));
    masked || (prefixed && word.len() >= 8 && word.bytes().any(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_credential_is_taken_out() {
        let cases = [
            ("Incorrect API key provided: sk-proj-Ab1cd****xyz9.", "Incorrect API key provided: [redacted]."),
            ("Rate limit in organization org-a1B2c3d4 on tokens", "Rate limit in organization [redacted] on tokens"),
            ("Project `proj_9fGh21` has no access", "Project `[redacted]` has no access"),
            ("bad key ****-key", "bad key [redacted]"),
            ("use org-mode, the skiing sk-learn", "use org-mode, the skiing sk-learn"),
            ("messages.1.content: é is wrong", "messages.1.content: é is wrong"),
        ];
        for (text, expected) in cases {
            assert_eq!(clean(text), expected);
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = format!("{}é", "x".repeat(LONGEST_TEXT - 1));
        assert_eq!(clean(&long).len(), LONGEST_TEXT - 1);
    }
}
