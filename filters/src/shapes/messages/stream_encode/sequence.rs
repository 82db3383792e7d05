//! Keeps one block open at a time, whatever is open upstream.

use std::collections::VecDeque;

use bytes::BytesMut;

use super::blocks::Writer;
use crate::neutral::{Answering, ApiError, ErrorClass, Event, Opening};

/// How much may wait for its turn, in bytes.
const MAX_HELD_BYTES: usize = 8 * 1024 * 1024;

/// How many parts may wait.
const MAX_HELD_PARTS: usize = 128;

/// The part that is written as it comes, and those that wait until it is closed.
#[derive(Default)]
pub(super) struct Sequence {
    writer: Writer,
    live: Option<u32>,
    held: VecDeque<Held>,
    held_bytes: usize,
}

/// A part that waits.
struct Held {
    part: u32,
    what: Opening,
    pieces: Vec<Event>,
    closed: bool,
}

impl Sequence {
    /// Whether tools of the client were called.
    pub(super) fn has_calls(&self) -> bool {
        self.writer.has_calls()
    }

    /// The words of a refusal, if there was one.
    pub(super) fn refusal(&self) -> Option<&str> {
        self.writer.refusal()
    }

    /// Takes an event of a part.
    ///
    /// # Errors
    /// `Upstream` when too much waits, or the input of a custom tool is too large.
    pub(super) fn event(&mut self, event: &Event, answering: &Answering, out: &mut BytesMut) -> Result<(), ApiError> {
        match event {
            Event::Open { part, what } if self.live.is_none() => {
                self.live = Some(*part);
                self.writer.open(what, answering, out);
            }
            Event::Open { part, what } => {
                self.hold(size_of(what))?;
                self.held.push_back(Held { part: *part, what: what.clone(), pieces: Vec::new(), closed: false });
            }
            Event::Close { part } if self.live == Some(*part) => {
                self.writer.close(answering, out);
                self.live = None;
                self.promote(answering, out);
            }
            Event::Close { part } => {
                if let Some(held) = self.held.iter_mut().find(|held| held.part == *part) {
                    held.closed = true;
                }
            }
            piece => match part_of(piece) {
                Some(part) if self.live == Some(part) => self.writer.piece(piece, answering, out),
                Some(part) => self.hold_piece(part, piece)?,
                None => {}
            },
        }
        if self.writer.has_overflowed() {
            return Err(ApiError::new(
                ErrorClass::Upstream,
                "the provider's answer calls a tool with too large an input",
            ));
        }
        Ok(())
    }

    /// Everything that is open is closed, and what waits is written.
    pub(super) fn close_all(&mut self, answering: &Answering, out: &mut BytesMut) {
        for held in &mut self.held {
            held.closed = true;
        }
        if self.live.take().is_some() {
            self.writer.close(answering, out);
        }
        self.promote(answering, out);
    }

    /// Writes what waits, up to the first part that is still open: that one is written as it comes from now on.
    fn promote(&mut self, answering: &Answering, out: &mut BytesMut) {
        while let Some(held) = self.held.pop_front() {
            self.writer.open(&held.what, answering, out);
            for piece in &held.pieces {
                self.writer.piece(piece, answering, out);
            }
            if !held.closed {
                self.live = Some(held.part);
                return;
            }
            self.writer.close(answering, out);
        }
        self.held_bytes = 0;
    }

    fn hold_piece(&mut self, part: u32, piece: &Event) -> Result<(), ApiError> {
        let Some(at) = self.held.iter().position(|held| held.part == part) else { return Ok(()) };
        self.hold(text_of(piece).map_or(0, str::len))?;
        let Some(held) = self.held.get_mut(at) else { return Ok(()) };
        match (held.pieces.last_mut(), piece) {
            (Some(Event::Arguments { json, .. }), Event::Arguments { json: more, .. }) => json.push_str(more),
            (Some(Event::Text { text, .. }), Event::Text { text: more, .. })
            | (Some(Event::Reasoning { text, .. }), Event::Reasoning { text: more, .. }) => text.push_str(more),
            _ => held.pieces.push(piece.clone()),
        }
        Ok(())
    }

    /// Makes sure that so many bytes more may wait.
    fn hold(&mut self, bytes: usize) -> Result<(), ApiError> {
        /// What a piece costs beside its text.
        const OVERHEAD: usize = 64;
        self.held_bytes = self.held_bytes.saturating_add(bytes).saturating_add(OVERHEAD);
        if self.held_bytes > MAX_HELD_BYTES || self.held.len() >= MAX_HELD_PARTS {
            return Err(ApiError::new(
                ErrorClass::Upstream,
                format!(
                    "the provider's answer has too much open at once: over {MAX_HELD_BYTES} bytes or {MAX_HELD_PARTS} calls wait behind the first"
                ),
            ));
        }
        Ok(())
    }
}

/// The part that a piece belongs to.
const fn part_of(event: &Event) -> Option<u32> {
    match event {
        Event::Text { part, .. }
        | Event::Reasoning { part, .. }
        | Event::State { part, .. }
        | Event::Arguments { part, .. }
        | Event::Cite { part, .. } => Some(*part),
        _ => None,
    }
}

/// The text of a piece.
fn text_of(event: &Event) -> Option<&str> {
    match event {
        Event::Text { text, .. } | Event::Reasoning { text, .. } | Event::Arguments { json: text, .. } => Some(text),
        Event::State { state, .. } => Some(&state.data),
        Event::Cite { citation, .. } => Some(citation.raw.raw()),
        _ => None,
    }
}

/// About how many bytes the beginning of a part takes.
fn size_of(what: &Opening) -> usize {
    match what {
        Opening::ToolCall { id, name, state, .. } => {
            id.len() + name.len() + state.as_ref().map_or(0, |state| state.data.len())
        }
        Opening::Opaque(opaque) => opaque.raw.raw().len(),
        Opening::Text | Opening::Refusal | Opening::Reasoning { .. } => 0,
    }
}
