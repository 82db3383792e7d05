//! The gateway's own account of an exchange, read from its log.

use serde::Deserialize;

/// One access record: the fields that tests look at.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Record {
    pub(crate) request_id: String,
    /// Absent when the client left before one was sent.
    pub(crate) status: Option<u16>,
    /// `ok`, `client_abort`, or the class of the error.
    pub(crate) outcome: String,
    pub(crate) route: Option<String>,
    pub(crate) client: Option<String>,
    pub(crate) provider: Option<String>,
    pub(crate) attempt_count: usize,
    #[serde(default)]
    pub(crate) usage_estimated: bool,
    #[serde(flatten)]
    pub(crate) tokens: Tokens,
}

/// Tokens by kind, each in one bucket only; those that are zero may be absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Tokens {
    #[serde(rename = "tokens_input")]
    pub(crate) input: u64,
    #[serde(rename = "tokens_cache_read")]
    pub(crate) cache_read: u64,
    #[serde(rename = "tokens_cache_write")]
    pub(crate) cache_write: u64,
    #[serde(rename = "tokens_cache_write_1h")]
    pub(crate) cache_write_1h: u64,
    #[serde(rename = "tokens_output")]
    pub(crate) output: u64,
    #[serde(rename = "tokens_reasoning")]
    pub(crate) reasoning: u64,
}

impl Record {
    /// Whether the client left before the end.
    pub(crate) fn is_abort(&self) -> bool {
        self.outcome == "client_abort"
    }

    /// The record in a log line, if that is one.
    pub(crate) fn parse(line: &str) -> Option<Record> {
        #[derive(Deserialize)]
        struct Line {
            target: String,
        }
        let is_record = serde_json::from_str::<Line>(line).is_ok_and(|line| line.target == "ovth::access");
        is_record.then(|| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}")))
    }
}
