//! What `/healthz` and `/readyz` answer: whether the process lives, and whether it should be sent requests.

use http::StatusCode;
use serde::{Serialize, Serializer};

use crate::store::StoreError;

use super::{AdminResponse, config};
use crate::reload::Condition;

/// What readiness depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Checks {
    /// The database.
    pub store: StoreCheck,
    /// Whether the gateway takes new requests.
    pub drain: Drain,
    /// How the configuration on disk stands to the one in force. Requests are served well either way.
    #[serde(serialize_with = "as_word")]
    pub config: Condition,
}

fn as_word<S: Serializer>(condition: &Condition, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(config::word(*condition))
}

/// The state of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreCheck {
    /// The last write reached the disk.
    Ok,
    /// It did not: no keys can be made, and counters are in memory only.
    Failed,
}

/// Whether the gateway takes new requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Drain {
    /// It does.
    Serving,
    /// It finishes what it has and then ends.
    Draining,
}

impl Checks {
    /// The checks as they are now; `storage`: the health of what is written.
    #[must_use]
    pub fn now(storage: &Result<(), StoreError>, drain: Drain, config: Condition) -> Checks {
        let store = if storage.is_ok() { StoreCheck::Ok } else { StoreCheck::Failed };
        Checks { store, drain, config }
    }

    /// What somebody should look after although requests are served. It tells nothing that is not for everybody.
    const fn warning(self) -> Option<&'static str> {
        match self.config {
            Condition::Ok => None,
            Condition::Rejected => Some(
                "The configuration on disk has errors, and the one before it is in force; GET /admin/config tells what is wrong.",
            ),
            Condition::NeedsRestart => Some(
                "The configuration on disk changes what only a restart can change, and the one before it is in force; GET /admin/config tells what.",
            ),
            Condition::Pinned => Some(
                "The configuration is mounted as a single file, so that one which an editor puts in its place is not seen; mount its folder.",
            ),
        }
    }

    /// Whether requests should be sent here. With a failed store known keys still work, but another gateway does better.
    const fn is_ready(self) -> bool {
        matches!(self, Checks { store: StoreCheck::Ok, drain: Drain::Serving, .. })
    }
}

/// `/healthz`: the process answers, and that is all it says.
#[must_use]
pub fn healthz() -> AdminResponse {
    #[derive(Serialize)]
    struct Body {
        status: &'static str,
    }
    AdminResponse::json(StatusCode::OK, &Body { status: "ok" })
}

/// `/readyz`: 200 when every check is good, else 503; each check by name.
#[must_use]
pub fn readyz(checks: Checks) -> AdminResponse {
    #[derive(Serialize)]
    struct Body {
        status: &'static str,
        checks: Checks,
        warnings: Vec<&'static str>,
    }
    let (status, word) =
        if checks.is_ready() { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not_ready") };
    AdminResponse::json(status, &Body { status: word, checks, warnings: checks.warning().into_iter().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(response: &AdminResponse) -> &str {
        std::str::from_utf8(response.bytes()).unwrap_or_default()
    }

    #[test]
    fn health_says_ok() {
        assert_eq!(healthz().status, StatusCode::OK);
        assert_eq!(text(&healthz()), r#"{"status":"ok"}"#);
    }

    #[test]
    fn readiness_names_what_is_not_ready() {
        let checks = |store, drain| readyz(Checks { store, drain, config: Condition::Ok });
        let ready = checks(StoreCheck::Ok, Drain::Serving);
        assert_eq!(ready.status, StatusCode::OK);
        assert_eq!(
            text(&ready),
            r#"{"status":"ready","checks":{"store":"ok","drain":"serving","config":"ok"},"warnings":[]}"#
        );
        let failed = checks(StoreCheck::Failed, Drain::Serving);
        assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(text(&failed).starts_with(r#"{"status":"not_ready","checks":{"store":"failed","drain":"serving","#));
        let draining = checks(StoreCheck::Ok, Drain::Draining);
        assert_eq!(draining.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(text(&draining).starts_with(r#"{"status":"not_ready","checks":{"store":"ok","drain":"draining","#));
    }
}
