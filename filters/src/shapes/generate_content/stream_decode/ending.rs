//! Why an answer ended, out of Google's words for it.
//!
//! Reasons: <https://ai.google.dev/api/generate-content#FinishReason>.

use super::parts::Parts;
use crate::json::View;
use crate::neutral::{ApiError, ErrorClass, Finish};

/// What an answer says of its end. The default is one that says nothing and is whole.
#[derive(Debug, Default)]
pub(super) struct Ending {
    word: String,
    message: Option<String>,
    /// The prompt was blocked: there is no answer.
    blocked: bool,
}

impl Ending {
    /// Reads the reason and the message of a candidate; `None` while nothing is said.
    pub(super) fn read(reason: Option<View<'_>>, message: Option<View<'_>>) -> Option<Ending> {
        let word = reason.and_then(View::string).filter(|word| !word.is_empty() && !word.ends_with("_UNSPECIFIED"))?;
        let message = message.and_then(View::string).filter(|message| !message.is_empty());
        Some(Ending { word: word.into_owned(), message: message.map(|message| message.into_owned()), blocked: false })
    }

    /// Reads what Google thinks of the prompt; `None` when it has nothing against it.
    pub(super) fn of_feedback(feedback: View<'_>) -> Option<Ending> {
        let [reason, message] = feedback.pick(["blockReason", "blockReasonMessage"]);
        Ending::read(reason, message).map(|ending| Ending { blocked: true, ..ending })
    }

    /// Why the answer with these parts ended, and the provider's own word for it.
    ///
    /// # Errors
    /// When it failed and said nothing.
    pub(super) fn finish(self, parts: &Parts) -> Result<(Finish, String), ApiError> {
        let done = || if parts.called() { Finish::ToolCalls } else { Finish::Stop };
        let finish = match (kind(&self.word), self.blocked) {
            (Kind::Filtered, _) | (_, true) => {
                Finish::Filtered { explanation: self.message, category: Some(self.word.clone()) }
            }
            (Kind::Limit, _) => Finish::Length,
            (Kind::Failed, _) if parts.are_empty() => {
                let told = self.message.map(|message| format!(": {message}")).unwrap_or_default();
                let message = format!("the provider ended the answer with {}{told}", self.word);
                return Err(ApiError::new(ErrorClass::Upstream, message).with_code(self.word));
            }
            (Kind::Failed | Kind::Done, _) => done(),
        };
        let native = if self.word.is_empty() { "STOP".to_owned() } else { self.word };
        Ok((finish, native))
    }
}

enum Kind {
    Done,
    Limit,
    Filtered,
    /// The model failed: what was said until then stays.
    Failed,
}

fn kind(word: &str) -> Kind {
    match word {
        // An answer that may be gone on with by a token, which nobody else has.
        "MAX_TOKENS" | "CONTINUATION" => Kind::Limit,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "LANGUAGE"
        | "MODEL_ARMOR"
        | "JAILBREAK"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "PUP_LIMITED_DISABLED" => Kind::Filtered,
        "MALFORMED_FUNCTION_CALL"
        | "MALFORMED_RESPONSE"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE"
        | "OTHER"
        | "IMAGE_OTHER"
        | "NO_IMAGE"
        | "ESCALATION" => Kind::Failed,
        _ => Kind::Done,
    }
}
