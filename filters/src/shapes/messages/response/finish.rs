//! Why an answer ended, in the words of Messages, both ways.
//!
//! Stop reasons: <https://docs.claude.com/en/build-with-claude/handling-stop-reasons>.

use std::borrow::Cow;

use serde::Serialize;

use crate::json::View;
use crate::neutral::Finish;

/// Why a provider says that its answer ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct StopReason {
    /// The word; empty when none was said.
    word: String,
    sequence: Option<String>,
    explanation: Option<String>,
    category: Option<String>,
}

impl StopReason {
    /// Reads `stop_reason` and what belongs to it from a message or the delta of one; `None` when nothing is said.
    pub(in super::super) fn read(from: View<'_>) -> Option<StopReason> {
        let text = |from: View<'_>, name| {
            from.member(name).and_then(View::string).filter(|text| !text.is_empty()).map(Cow::into_owned)
        };
        let word = text(from, "stop_reason")?;
        let details = from.member("stop_details");
        Some(StopReason {
            word,
            sequence: from.member("stop_sequence").and_then(View::string).map(Cow::into_owned),
            explanation: details.and_then(|details| text(details, "explanation")),
            category: details.and_then(|details| text(details, "category")),
        })
    }

    /// The same in the neutral form, and the provider's word. `calls`: whether the answer calls tools of the client, which
    /// counts for more than a word that says nothing of it.
    pub(in super::super) fn finish(self, calls: bool) -> (Finish, String) {
        let finish = match self.word.as_str() {
            "max_tokens" => Finish::Length,
            "model_context_window_exceeded" => Finish::ContextFull,
            "refusal" => Finish::Filtered { explanation: self.explanation, category: self.category },
            "pause_turn" => Finish::Paused,
            "stop_sequence" => Finish::StopSequence(self.sequence),
            "tool_use" => Finish::ToolCalls,
            _ if calls => Finish::ToolCalls,
            _ => Finish::Stop,
        };
        (finish, self.word)
    }
}

/// Why an answer ended, as a client is told. The default is an answer that has not ended yet.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(in super::super) struct Told<'a> {
    stop_reason: Option<&'static str>,
    stop_sequence: Option<&'a str>,
    stop_details: Option<StopDetails<'a>>,
}

/// What is told of a refusal.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct StopDetails<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    category: Option<&'a str>,
    explanation: Option<&'a str>,
}

impl<'a> Told<'a> {
    /// How a client is told of the end of an answer that calls tools or does not, and that refuses in these words or does
    /// not. Calls and refusals win over a plain end: clients look at the reason to know what to do next. An answer that is
    /// said to call tools and calls none has just ended: clients would wait for the results of nothing.
    pub(in super::super) fn new(finish: &'a Finish, calls: bool, refusal: Option<&'a str>) -> Told<'a> {
        let refused = |category, explanation| Told {
            stop_reason: Some("refusal"),
            stop_sequence: None,
            stop_details: Some(StopDetails { kind: "refusal", category, explanation }),
        };
        let reason = match finish {
            Finish::Filtered { explanation, category } => {
                return refused(category.as_deref(), explanation.as_deref().or(refusal));
            }
            Finish::Length => "max_tokens",
            Finish::ContextFull => "model_context_window_exceeded",
            Finish::Paused => "pause_turn",
            Finish::StopSequence(sequence) => {
                return Told {
                    stop_reason: Some("stop_sequence"),
                    stop_sequence: sequence.as_deref(),
                    stop_details: None,
                };
            }
            Finish::Stop | Finish::ToolCalls => match (calls, refusal) {
                (true, _) => "tool_use",
                (false, Some(refusal)) => return refused(None, Some(refusal)),
                (false, None) => "end_turn",
            },
        };
        Told { stop_reason: Some(reason), ..Told::default() }
    }
}
