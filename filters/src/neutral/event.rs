//! A streamed answer, piece by piece.

use super::{ApiError, Citation, Finish, Opaque, State, Usage};

/// One step of an answer. Decoders keep this order, and encoders may rely on it:
///
/// `Start`, then for each part `Open`, its pieces and `Close`; then `Finish`; `Usage` anywhere after `Start` (each one has all
/// counters so far and replaces the one before); last `End`. Parts are numbered from 0 in the order in which they open. Several
/// may be open at once (calls of tools in chat); text and reasoning are closed before the next part opens. `Error` ends everything
/// at any point, and nothing follows it.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The answer begins.
    Start {
        /// The provider's id; may be empty.
        id: String,
        /// The model as the provider calls it; may be empty.
        model: String,
        /// The service class, where it is told at once.
        service_class: Option<String>,
    },
    /// A part begins.
    Open {
        /// Its number.
        part: u32,
        /// What it is.
        what: Opening,
    },
    /// More of a text or a refusal; never empty.
    Text {
        /// The part's number.
        part: u32,
        /// The piece.
        text: String,
    },
    /// More of the text of reasoning; never empty.
    Reasoning {
        /// The part's number.
        part: u32,
        /// The piece.
        text: String,
    },
    /// The state that belongs to a part of reasoning, whole; at most once a part, before it closes.
    State {
        /// The part's number.
        part: u32,
        /// The state.
        state: State<'static>,
    },
    /// More of the arguments of a call, as JSON text, or of the input of a custom tool; never empty.
    Arguments {
        /// The part's number.
        part: u32,
        /// The piece.
        json: String,
    },
    /// What a text quotes.
    Cite {
        /// The part's number.
        part: u32,
        /// The citation.
        citation: Citation<'static>,
    },
    /// A part is over.
    Close {
        /// Its number.
        part: u32,
    },
    /// The model is done, for this reason; exactly once in an answer that is whole.
    Finish {
        /// Why.
        finish: Finish,
        /// The same in the provider's own word.
        native: String,
    },
    /// Token counts so far.
    Usage(Usage),
    /// The service class that the provider says it serves at.
    ServiceClass(String),
    /// The provider says that it is still there.
    Heartbeat,
    /// The end of the stream as the shape marks it, or the end of its bytes after `Finish`.
    End,
    /// The answer broke.
    Error(Box<ApiError>),
}

/// What a part is that begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Opening {
    /// Text for the user.
    Text,
    /// A refusal.
    Refusal,
    /// Reasoning.
    Reasoning {
        /// Whether it is a summary.
        summary: bool,
    },
    /// The call of a tool.
    ToolCall {
        /// Its id; never empty: a decoder mints one where the provider gave none.
        id: String,
        /// The tool; never empty.
        name: String,
        /// Whether it is a custom (free text) tool.
        custom: bool,
        /// State that came with the call (Gemini).
        state: Option<State<'static>>,
    },
    /// Something that only its own shape can say; it is whole, no pieces follow.
    Opaque(Opaque<'static>),
}
