//! The control API under `/_sim/`: sets scripts, tells what was received, and forgets it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pingora_core::protocols::http::ServerSession;
use serde::Serialize;

use super::behaviour::Behaviour;
use super::delivery::Then;
use super::heads;
use super::namespace::Namespace;
use super::recording::ReplayError;
use super::server::Shared;

/// A control call.
pub(super) struct Order<'a> {
    /// The method.
    pub(super) method: &'a str,
    /// The namespace.
    pub(super) name: &'a str,
    /// The path behind the namespace.
    pub(super) call: &'a str,
    /// The query.
    pub(super) query: &'a str,
    /// The body.
    pub(super) body: Bytes,
}

/// The most behaviours of a script.
const MAX_SCRIPT: usize = 100_000;
/// How long a call waits for requests to come or to end.
const WAIT: Duration = Duration::from_secs(10);

/// Why a control call fails.
#[derive(Debug, thiserror::Error)]
enum ControlError {
    #[error("no such call: PUT script, GET requests, GET requests/{{index}}/body, DELETE (the namespace)")]
    NoSuchCall,
    #[error("no request of that index is remembered")]
    NoSuchRequest,
    #[error("the script is no list of behaviours: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("the script has {0} behaviours, at most {MAX_SCRIPT} are taken")]
    TooLong(usize),
    #[error("behaviour {index}: {source}")]
    Replay { index: usize, source: ReplayError },
    #[error("the script could not be loaded")]
    Interrupted,
    #[error("it did not come about within {} s", WAIT.as_secs())]
    TimedOut,
}

impl ControlError {
    const fn status(&self) -> u16 {
        match self {
            ControlError::NoSuchCall | ControlError::NoSuchRequest => 404,
            ControlError::Malformed(_) | ControlError::TooLong(_) | ControlError::Replay { .. } => 400,
            ControlError::Interrupted => 500,
            ControlError::TimedOut => 408,
        }
    }
}

#[derive(Serialize)]
struct Problem {
    error: String,
}

/// Carries a call out and answers it.
pub(super) async fn run(session: &mut ServerSession, shared: &Shared, order: Order<'_>) -> Then {
    let namespace = shared.world.namespace(order.name);
    let (status, body, content_type) = match carry_out(&namespace, shared, order).await {
        Ok(Answer::Done) => (200, Bytes::from_static(b"{}"), "application/json"),
        Ok(Answer::Json(body)) => (200, body.into(), "application/json"),
        Ok(Answer::Bytes(body)) => (200, body, "application/octet-stream"),
        Err(error) => {
            let problem = Problem { error: error.to_string() };
            (error.status(), serde_json::to_vec(&problem).unwrap_or_default().into(), "application/json")
        }
    };
    let mut head = heads::bare(status);
    // Constant names and a number: neither can fail.
    let _ = head.insert_header("content-type", content_type);
    let _ = head.set_content_length(body.len());
    let written = session.write_response_header(Box::new(head)).await;
    match written {
        Ok(()) if session.write_response_body(body, false).await.is_ok() => Then::Finish,
        _ => Then::Close,
    }
}

enum Answer {
    Done,
    Json(Vec<u8>),
    Bytes(Bytes),
}

async fn carry_out(namespace: &Arc<Namespace>, shared: &Shared, order: Order<'_>) -> Result<Answer, ControlError> {
    match (order.method, order.call) {
        ("PUT" | "POST", "script") => {
            let folder = shared.recordings.clone();
            let load = move || load_script(&order.body, folder.as_deref());
            let script = tokio::task::spawn_blocking(load).await.map_err(|_| ControlError::Interrupted)??;
            namespace.script(script);
            Ok(Answer::Done)
        }
        ("GET", "requests") => {
            let number = |name: &str| {
                let pairs = url::form_urlencoded::parse(order.query.as_bytes());
                pairs.into_iter().find(|(key, _)| key == name).and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
            };
            let wanted = namespace.until(number("received"), number("finished"));
            tokio::time::timeout(WAIT, wanted).await.map_err(|_| ControlError::TimedOut)?;
            Ok(Answer::Json(serde_json::to_vec(&namespace.requests())?))
        }
        ("GET", call) => {
            let index = call.strip_prefix("requests/").and_then(|call| call.strip_suffix("/body"));
            let index = index.and_then(|index| index.parse().ok()).ok_or(ControlError::NoSuchCall)?;
            namespace.body(index).map(Answer::Bytes).ok_or(ControlError::NoSuchRequest)
        }
        ("DELETE", "") => {
            namespace.reset();
            Ok(Answer::Done)
        }
        _ => Err(ControlError::NoSuchCall),
    }
}

/// Reads a script and loads the recordings it names.
fn load_script(body: &[u8], folder: Option<&std::path::Path>) -> Result<Vec<Behaviour>, ControlError> {
    let one = body.trim_ascii_start().starts_with(b"{");
    let mut script: Vec<Behaviour> =
        if one { vec![serde_json::from_slice(body)?] } else { serde_json::from_slice(body)? };
    if script.len() > MAX_SCRIPT {
        return Err(ControlError::TooLong(script.len()));
    }
    for (index, behaviour) in script.iter_mut().enumerate() {
        if let Some(replay) = &mut behaviour.replay {
            replay.load(folder).map_err(|source| ControlError::Replay { index, source })?;
        }
    }
    Ok(script)
}
