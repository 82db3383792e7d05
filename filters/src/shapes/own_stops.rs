//! Stop texts that a provider cannot be told, which the gateway looks for itself.

/// So many at most, and the bytes that each may have: all are looked for in every piece of an answer.
const MAX_STOPS: usize = 64;
const MAX_STOP_BYTES: usize = 1024;

/// These, if they are few and short enough; else what there is too much of.
pub(super) fn bounded(stops: &[&str]) -> Result<Vec<String>, String> {
    if stops.len() > MAX_STOPS || stops.iter().any(|stop| stop.len() > MAX_STOP_BYTES) {
        return Err(format!("more than {MAX_STOPS} stop texts, or one of more than {MAX_STOP_BYTES} bytes,"));
    }
    Ok(stops.iter().map(|stop| (*stop).to_owned()).collect())
}
