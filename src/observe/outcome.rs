//! How an exchange or an attempt ended, as the closed set that metrics use as a label and logs as a field.

use std::fmt;

use ovth_filters::neutral::ErrorClass;

/// How an exchange or one attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The whole answer was produced.
    Ok,
    /// It failed, before or after the first byte of the answer.
    Failed(ErrorClass),
    /// The client left before the end.
    ClientAbort,
    /// Of an attempt: another one that was begun because this one was silent, or the one it was begun beside, had content sooner.
    Overtaken,
}

impl Outcome {
    /// The name used in logs and metrics: `ok`, `client_abort`, `overtaken`, or the error's class.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Failed(class) => class.as_str(),
            Outcome::ClientAbort => "client_abort",
            Outcome::Overtaken => "overtaken",
        }
    }

    /// The error's class, when there was an error.
    #[must_use]
    pub const fn error(self) -> Option<ErrorClass> {
        match self {
            Outcome::Failed(class) => Some(class),
            Outcome::Ok | Outcome::ClientAbort | Outcome::Overtaken => None,
        }
    }
}

impl From<ErrorClass> for Outcome {
    fn from(class: ErrorClass) -> Outcome {
        Outcome::Failed(class)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a target ended that was asked for a stream beside one that was silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HedgeOutcome {
    /// It had content first.
    Won,
    /// The other one had.
    Lost,
    /// It failed.
    Failed,
}

impl HedgeOutcome {
    /// Every outcome.
    pub const ALL: [HedgeOutcome; 3] = [HedgeOutcome::Won, HedgeOutcome::Lost, HedgeOutcome::Failed];

    /// The name used in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            HedgeOutcome::Won => "won",
            HedgeOutcome::Lost => "lost",
            HedgeOutcome::Failed => "failed",
        }
    }
}
