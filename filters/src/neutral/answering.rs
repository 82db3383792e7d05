//! What the way back has to know of the way there: how an answer is to be told to the client that asked.

use std::sync::Arc;

use super::{Grouped, Origin};

/// How an answer is to be told. The encoder of the request makes it, the encoder of the answer reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answering {
    /// Names of tools as the provider was told them, and as the client knows them; only those that differ.
    pub tool_names: Vec<(String, String)>,
    /// Custom (free text) tools, by the client's name, that the provider was told are functions taking `{"input": string}`.
    pub custom_tools: Vec<String>,
    /// Tools that a client of responses knows by a name within a group.
    pub groups: Vec<Grouped>,
    /// What the client's shape repeats of a request in its answers: members of an object as JSON, a comma behind each but the last.
    pub echo: Arc<str>,
    /// Reasoning that is no summary is the model's thoughts as they are: the host shows all and signs nothing.
    pub raw_thoughts: bool,
    /// The model may call several tools by one call of `parallel`, which is none of the client's.
    pub splits_parallel: bool,
    /// A chat client knows tools only as `functions`: it is told the first call as `function_call` and no other.
    pub deprecated_functions: bool,
    /// A chat client wants token counts in its stream.
    pub include_usage: bool,
    /// The client does not want to see reasoning; state is sent nevertheless.
    pub hide_reasoning: bool,
    /// Who answers: the tag of state that goes out in an envelope.
    pub origin: Origin<'static>,
    /// Seconds since 1970, for shapes whose answers say when they were made.
    pub created: u64,
    /// What ids are made of that the provider did not give: unlike any other exchange's.
    pub seed: String,
    /// The model to name when the provider names none.
    pub model: String,
    /// Stop texts that the provider could not be told: the gateway looks for them itself.
    pub stops: Vec<String>,
}

impl Answering {
    /// The client's name of a tool that the provider calls so.
    #[must_use]
    pub fn client_name<'n>(&'n self, name: &'n str) -> &'n str {
        self.tool_names.iter().find(|(sent, _)| sent == name).map_or(name, |(_, own)| own)
    }

    /// An id of its own for the thing with that number: the same each time it is asked for.
    #[must_use]
    pub fn minted(&self, prefix: &str, number: usize) -> String {
        minted(&self.seed, prefix, number)
    }
}

/// `prefix` and 22 letters and digits that follow from the seed and the number.
pub(crate) fn minted(seed: &str, prefix: &str, number: usize) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let half = |which: u8| {
        let parts = [seed.as_bytes(), &[0, which], prefix.as_bytes(), &number.to_le_bytes()];
        u128::from(rapidhash::v3::rapidhash_v3(&parts.concat()))
    };
    let mut rest = half(0) << 64 | half(1);
    let mut id = prefix.to_owned();
    for _ in 0..22 {
        let digit = usize::try_from(rest % 62).ok().and_then(|at| DIGITS.get(at)).copied().unwrap_or(b'0');
        id.push(char::from(digit));
        rest /= 62;
    }
    id
}
