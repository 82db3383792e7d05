//! Stop texts that a provider could not be told: the gateway looks for them in the answer's text and ends it there.

use crate::neutral::{Event, Response};

/// Looks for stop texts in a streamed answer, holding back what may be the beginning of one.
pub(crate) struct StopScanner {
    #[expect(dead_code, reason = "written next")]
    stops: Vec<String>,
}

impl StopScanner {
    /// A scanner, if there is anything to look for.
    pub(crate) fn new(stops: &[String]) -> Option<StopScanner> {
        (!stops.is_empty()).then(|| StopScanner { stops: stops.to_vec() })
    }

    /// Changes the events so that the answer ends before the first stop text.
    pub(crate) fn filter(&mut self, _events: &mut Vec<Event>) {}
}

/// The same for a whole answer.
pub(crate) fn cut(_response: &mut Response, _stops: &[String]) {}
