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
}

impl Outcome {
    /// The name used in logs and metrics: `ok`, `client_abort`, or the error's class.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Failed(class) => class.as_str(),
            Outcome::ClientAbort => "client_abort",
        }
    }

    /// The error's class, when there was an error.
    #[must_use]
    pub const fn error(self) -> Option<ErrorClass> {
        match self {
            Outcome::Failed(class) => Some(class),
            Outcome::Ok | Outcome::ClientAbort => None,
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
