//! Why an answer ended.

/// Why an answer ended. An answer that broke off has no such reason: it is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model had said all.
    Stop,
    /// One of the request's stop texts came, this one where it is known.
    StopSequence(Option<String>),
    /// The bound on the output was reached.
    Length,
    /// The context window was full.
    ContextFull,
    /// Tools were called. They win over [`Finish::Stop`], and limits and filters win over them.
    ToolCalls,
    /// The provider filtered the answer, or the model refused.
    Filtered {
        /// Why, in the provider's words.
        explanation: Option<String>,
        /// The provider's name for the kind of refusal.
        category: Option<String>,
    },
    /// A tool that the provider runs needs another request (`pause_turn`).
    Paused,
}
