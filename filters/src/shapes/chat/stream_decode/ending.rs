//! Why an answer ended, out of the words that hosts have for it.

use super::parts::Parts;
use crate::neutral::{ApiError, ErrorClass, Finish};

/// What a choice says of its end.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// `finish_reason`; empty while nothing is said.
    pub(super) word: String,
    /// `native_finish_reason`, where a router says what its provider said.
    pub(super) native: String,
    /// The stop text that ended the answer, where a host says that.
    pub(super) stop: Option<String>,
}

impl Ending {
    /// Takes a later word. Some hosts say it twice, and some say `stop` beside every piece: what says more counts.
    pub(super) fn amend(&mut self, later: Ending) {
        if kind(&self.word) == Finish::Stop {
            *self = later;
        }
    }

    /// The error that the word stands for, if it stands for one.
    pub(super) fn error(&self) -> Option<ApiError> {
        let (class, message) = match self.word.as_str() {
            "error" | "network_error" | "abort" => {
                (ErrorClass::Upstream, "the provider ended the answer with an error")
            }
            "insufficient_system_resource" => {
                (ErrorClass::Overloaded, "the provider ran out of resources in the answer")
            }
            _ => return None,
        };
        Some(ApiError::new(class, message))
    }

    /// Why the answer with these parts ended, and the provider's own word for it.
    pub(super) fn finish(self, parts: &Parts) -> (Finish, String) {
        let said = match (kind(&self.word), self.native.as_str()) {
            (Finish::Stop, "pause_turn") => Finish::Paused,
            (Finish::Stop, "stop_sequence") => Finish::StopSequence(self.stop),
            (Finish::Stop, _) if self.stop.is_some() => Finish::StopSequence(self.stop),
            (Finish::Length, "model_context_window_exceeded") => Finish::ContextFull,
            (said, _) => said,
        };
        let finish = match said {
            said @ (Finish::Length | Finish::ContextFull | Finish::Filtered { .. }) => said,
            _ if parts.called() => Finish::ToolCalls,
            Finish::Stop | Finish::ToolCalls if parts.refused() => {
                Finish::Filtered { explanation: None, category: None }
            }
            Finish::ToolCalls => Finish::Stop,
            said => said,
        };
        let native = match (self.native.is_empty(), self.word.is_empty()) {
            (false, _) => self.native,
            (true, false) => self.word,
            // Nothing was said: what is plain to see.
            (true, true) => if finish == Finish::ToolCalls { "tool_calls" } else { "stop" }.to_owned(),
        };
        (finish, native)
    }
}

/// What a word means; those that are not known are some way to be done.
fn kind(word: &str) -> Finish {
    match word.to_ascii_lowercase().as_str() {
        "length" | "max_tokens" | "max_output_tokens" => Finish::Length,
        // Mistral's
        "model_length" | "model_context_window_exceeded" => Finish::ContextFull,
        "tool_calls" | "tool_call" | "tool_use" | "function_call" => Finish::ToolCalls,
        // `sensitive` is GLM's.
        "content_filter" | "safety" | "refusal" | "sensitive" => Finish::Filtered { explanation: None, category: None },
        _ => Finish::Stop,
    }
}
