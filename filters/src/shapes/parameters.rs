//! Request fields that some models refuse, as a set: what a request sets is held against what a model takes.

use std::fmt;
use std::ops::{BitAnd, BitOr};

use super::peek::Found;
use crate::json::{Cursor, ScanError};

/// A set of request fields that not every model accepts.
///
/// ```
/// use ovth_filters::shapes::Parameters;
/// let refused = Parameters::TEMPERATURE | Parameters::TOP_P;
/// assert!(refused.intersects(Parameters::TOP_P) && !refused.intersects(Parameters::SEED));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Parameters(u32);

impl Parameters {
    /// The empty set.
    pub const NONE: Parameters = Parameters(0);
    /// `max_tokens` of a chat request.
    pub const MAX_TOKENS: Parameters = Parameters(1);
    /// `max_completion_tokens` of a chat request.
    pub const MAX_COMPLETION_TOKENS: Parameters = Parameters(1 << 1);
    /// A `temperature` other than 1, which every model takes.
    pub const TEMPERATURE: Parameters = Parameters(1 << 2);
    /// A `top_p`; in a chat request one other than 1.
    pub const TOP_P: Parameters = Parameters(1 << 3);
    /// `top_k` of a messages request.
    pub const TOP_K: Parameters = Parameters(1 << 4);
    /// `logprobs: true` of a chat request.
    pub const LOGPROBS: Parameters = Parameters(1 << 5);
    /// `top_logprobs` of a chat request.
    pub const TOP_LOGPROBS: Parameters = Parameters(1 << 6);
    /// `stop` of a chat request.
    pub const STOP: Parameters = Parameters(1 << 7);
    /// A `presence_penalty` other than 0.
    pub const PRESENCE_PENALTY: Parameters = Parameters(1 << 8);
    /// A `frequency_penalty` other than 0.
    pub const FREQUENCY_PENALTY: Parameters = Parameters(1 << 9);
    /// A `logit_bias` that is not empty.
    pub const LOGIT_BIAS: Parameters = Parameters(1 << 10);
    /// `seed` of a chat request.
    pub const SEED: Parameters = Parameters(1 << 11);
    /// An `n` above 1.
    pub const N: Parameters = Parameters(1 << 12);
    /// `thinking` of a messages request with a budget: `{"type": "enabled", "budget_tokens": ...}`.
    pub const THINKING_BUDGET: Parameters = Parameters(1 << 13);
    /// A messages request that ends with the beginning of the answer: its last message is the assistant's.
    pub const PREFILL: Parameters = Parameters(1 << 14);

    /// `reasoning_effort` of a chat request.
    pub const REASONING_EFFORT: Parameters = Parameters(1 << 15);
    /// `parallel_tool_calls` of a chat request.
    pub const PARALLEL_TOOL_CALLS: Parameters = Parameters(1 << 16);
    /// `tool_choice: "required"` of a chat request.
    pub const TOOL_CHOICE_REQUIRED: Parameters = Parameters(1 << 17);
    /// `strict` of a function of a chat request.
    pub const TOOLS_STRICT: Parameters = Parameters(1 << 18);

    const NAMES: [(&'static str, Parameters); 19] = [
        ("max_tokens", Parameters::MAX_TOKENS),
        ("max_completion_tokens", Parameters::MAX_COMPLETION_TOKENS),
        ("temperature", Parameters::TEMPERATURE),
        ("top_p", Parameters::TOP_P),
        ("top_k", Parameters::TOP_K),
        ("logprobs", Parameters::LOGPROBS),
        ("top_logprobs", Parameters::TOP_LOGPROBS),
        ("stop", Parameters::STOP),
        ("presence_penalty", Parameters::PRESENCE_PENALTY),
        ("frequency_penalty", Parameters::FREQUENCY_PENALTY),
        ("logit_bias", Parameters::LOGIT_BIAS),
        ("seed", Parameters::SEED),
        ("n", Parameters::N),
        ("thinking.type=enabled with budget_tokens", Parameters::THINKING_BUDGET),
        ("assistant prefill", Parameters::PREFILL),
        ("reasoning_effort", Parameters::REASONING_EFFORT),
        ("parallel_tool_calls", Parameters::PARALLEL_TOOL_CALLS),
        ("tool_choice=required", Parameters::TOOL_CHOICE_REQUIRED),
        ("tools[].function.strict", Parameters::TOOLS_STRICT),
    ];

    /// The field of that name, as the catalogue calls it; `None` for fields that are not told apart.
    #[must_use]
    pub fn named(name: &str) -> Option<Parameters> {
        Parameters::NAMES.iter().find(|(known, _)| *known == name).map(|(_, parameter)| *parameter)
    }

    /// The names of its fields, as the catalogue calls them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Parameters::NAMES.iter().filter(move |(_, parameter)| self.intersects(*parameter)).map(|(name, _)| *name)
    }

    /// Whether the two have a field in common.
    #[must_use]
    pub const fn intersects(self, other: Parameters) -> bool {
        self.0 & other.0 != 0
    }

    /// This set without the fields of the other.
    #[must_use]
    pub const fn without(self, other: Parameters) -> Parameters {
        Parameters(self.0 & !other.0)
    }
}

impl BitOr for Parameters {
    type Output = Parameters;

    fn bitor(self, other: Parameters) -> Parameters {
        Parameters(self.0 | other.0)
    }
}

impl BitAnd for Parameters {
    type Output = Parameters;

    fn bitand(self, other: Parameters) -> Parameters {
        Parameters(self.0 & other.0)
    }
}

impl FromIterator<Parameters> for Parameters {
    fn from_iter<I: IntoIterator<Item = Parameters>>(parameters: I) -> Parameters {
        parameters.into_iter().fold(Parameters::NONE, Parameters::bitor)
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// Notes which of them a request sets. `null` is what a request that leaves a field out means.
impl Found {
    /// Notes a field, if that holds.
    pub(super) fn set_if(&mut self, parameter: Parameters, holds: bool) {
        if holds {
            self.needs.parameters = self.needs.parameters | parameter;
        }
    }

    /// Takes the value; any but `null` sets the field.
    pub(super) fn set(&mut self, parameter: Parameters, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        self.set_if(parameter, cursor.peek() != Some(b'n'));
        cursor.skip().map(drop)
    }

    /// Takes the value; any but `null` and that number, which is what providers take for one left out, sets the field.
    pub(super) fn set_unless(
        &mut self,
        parameter: Parameters,
        cursor: &mut Cursor<'_>,
        number: f64,
    ) -> Result<(), ScanError> {
        let is_null = cursor.peek() == Some(b'n');
        let is_usual = cursor.number()? == Some(number);
        self.set_if(parameter, !is_null && !is_usual);
        Ok(())
    }
}
