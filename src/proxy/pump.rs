//! The state of an answer on its way to the client: what waits to be written, what it has come to, and until when the next byte is waited for.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ovth_filters::neutral::ApiError;
use tokio::time::Instant;

use crate::observe::metrics::Gaps;
use crate::routing::Target;

/// Structural events are held for so long while content is awaited.
const HOLD_TIME: Duration = Duration::from_secs(2);

/// The state of an answer on its way to the client.
pub(super) struct Pump {
    pub(super) pending: BytesMut,
    pub(super) declared: Option<usize>,
    /// Something of the answer has gone out: there is no second attempt.
    pub(super) committed: bool,
    pub(super) content: bool,
    /// The frame of an answer has come, which is held for a while.
    pub(super) structural: bool,
    /// Nothing more is wanted from the provider.
    pub(super) stopped: bool,
    hold_until: Option<Instant>,
    /// When the first content must be there, as another target could be tried then: until then nothing is let go.
    pub(super) first_until: Option<Instant>,
    pub(super) last: Instant,
    pub(super) error: Option<ApiError>,
    /// Events have come since this was looked at last.
    came: bool,
    /// The answer is remembered, if it is to be.
    pub(super) noted: bool,
    /// Measures the time between events, where the answer has any.
    pub(super) gaps: Option<Gaps>,
}

impl Pump {
    /// An answer of which nothing has come; `declared`: the length that its head tells.
    pub(super) fn new(declared: Option<usize>) -> Pump {
        Pump {
            pending: BytesMut::new(),
            declared,
            committed: false,
            content: false,
            structural: false,
            stopped: false,
            hold_until: None,
            first_until: None,
            last: Instant::now(),
            error: None,
            came: false,
            noted: false,
            gaps: None,
        }
    }

    /// Measures the gap before what has come, from the first content on: what is before that is the time to the first token.
    pub(super) fn measure(&mut self, arrived: Instant) {
        if self.committed
            && std::mem::take(&mut self.came)
            && let Some(gaps) = &mut self.gaps
        {
            gaps.arrived(arrived.into_std());
        }
    }

    /// Takes what is to be written.
    pub(super) fn push(&mut self, bytes: Bytes) {
        self.came = true;
        if self.pending.is_empty() {
            // The filter made these bytes for us: usually they are taken over without a copy.
            self.pending = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        } else {
            self.pending.extend_from_slice(&bytes);
        }
    }

    /// When the next byte must have come, or the hold ends; there is none while another target is asked as well.
    pub(super) fn deadline(&mut self, target: &Target, is_hedged: bool) -> Instant {
        let idle = self.last + target.upstream.timeouts().idle;
        if is_hedged && self.first_until.is_none() {
            // Another target may have content sooner: until then nothing is let go.
            self.hold_until = None;
            return idle;
        }
        if let Some(first) = self.first_until.filter(|_| !self.committed) {
            return idle.min(first);
        }
        if self.committed || !self.structural {
            return idle;
        }
        idle.min(*self.hold_until.get_or_insert(self.last + HOLD_TIME))
    }

    /// Whether what is held is to go out, content or not.
    pub(super) fn hold_expired(&self) -> bool {
        !self.committed && self.hold_until.is_some_and(|until| until <= Instant::now())
    }
}
