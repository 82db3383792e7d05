//! Names that look like one that is unknown, for error messages.

use std::cmp::Reverse;
use std::sync::Arc;

use super::names::{self, MAX_NAME_BYTES};
use super::{Model, Status};

/// Below this likeness (1 is equal) a name is no help.
const FLOOR: f64 = 0.6;

/// The likeness of a name that holds the asked one, such as `sonnet` in `claude-sonnet-4-5`.
const PART: f64 = 0.75;

/// Shorter parts are in too many names.
const PART_BYTES: usize = 4;

/// The ids of the models that look most like `name`: best first, each once, equals by status and then the newest first.
pub(super) fn nearest<'m>(models: impl Iterator<Item = &'m Arc<Model>>, name: &str, count: usize) -> Vec<Arc<str>> {
    if name.len() > MAX_NAME_BYTES {
        return Vec::new();
    }
    let asked = comparable(name);
    let mut scored: Vec<(f64, &Arc<Model>)> = models
        .filter(|model| model.status != Status::Retired)
        .map(|model| (model.names().map(|known| likeness(&asked, &comparable(known))).fold(0.0, f64::max), model))
        .filter(|(score, _)| *score >= FLOOR)
        .collect();
    scored.sort_by(|(left, a), (right, b)| {
        right.total_cmp(left).then_with(|| key(a).cmp(&key(b))).then_with(|| a.id.cmp(&b.id))
    });
    let mut ids: Vec<Arc<str>> = Vec::with_capacity(count);
    for (_, model) in scored {
        if ids.len() == count {
            break;
        }
        if !ids.contains(&model.id) {
            ids.push(Arc::clone(&model.id));
        }
    }
    ids
}

fn key(model: &Model) -> (bool, Reverse<Option<super::Date>>) {
    (model.status != Status::Current, Reverse(model.released))
}

/// What of a name is compared: no author or folder in front, no case, no dots in versions.
fn comparable(name: &str) -> String {
    let tail = name.rsplit('/').next().unwrap_or(name);
    names::folded(&names::lower(tail)).into_owned()
}

fn likeness(asked: &str, known: &str) -> f64 {
    // The distance is at least the difference in length: most names need no closer look.
    let (short, long) = (asked.len().min(known.len()), asked.len().max(known.len()));
    let part = if asked.len() >= PART_BYTES && known.contains(asked) { PART } else { 0.0 };
    if short * 10 < long * 6 {
        return part;
    }
    strsim::normalized_levenshtein(asked, known).max(part)
}
