//! The blocks of a streamed answer, from their start over their deltas to their stop.

use std::borrow::Cow;

use super::super::response::{call, citation, citations, input_text, native};
use super::broken;
use super::opaque::OpaqueBlock;
use crate::json::View;
use crate::neutral::{ApiError, Event, Opening, State, StateFormat};
use crate::shapes::tool_names::UniqueIds;

/// Blocks that may be open at once. Anthropic opens one after the other.
const MAX_OPEN: usize = 64;

/// How much of the blocks that are open may be held, in bytes, all together.
const MAX_HELD_BYTES: usize = 8 * 1024 * 1024;

/// The blocks that are open, and the parts that they become.
#[derive(Debug)]
pub(super) struct Blocks {
    seed: String,
    open: Vec<Block>,
    /// The number of the next part.
    next: u32,
    calls: bool,
    /// The ids of the calls, each once.
    ids: UniqueIds,
}

/// A block that is open.
#[derive(Debug)]
struct Block {
    index: Option<u64>,
    what: What,
}

/// What it is.
#[derive(Debug)]
enum What {
    /// Text; its part opens with the first piece.
    Text { part: Option<u32> },
    /// Reasoning, likewise; the signature comes last.
    Thinking { part: Option<u32>, signature: String },
    /// The call of a tool. `input`: what stood in its start, which counts when no pieces come.
    Call { part: u32, input: String },
    /// One that only this shape can say; it is told when it is whole.
    Opaque(OpaqueBlock),
}

impl What {
    /// What is held of it, in bytes.
    const fn held(&self) -> usize {
        match self {
            What::Text { .. } => 0,
            What::Thinking { signature, .. } => signature.len(),
            What::Call { input, .. } => input.len(),
            What::Opaque(block) => block.held(),
        }
    }

    /// Whether others may open beside it.
    const fn is_call(&self) -> bool {
        matches!(self, What::Call { .. })
    }
}

impl Blocks {
    /// Before the first block.
    pub(super) fn new(seed: &str) -> Blocks {
        Blocks { seed: seed.to_owned(), open: Vec::new(), next: 0, calls: false, ids: UniqueIds::default() }
    }

    /// Whether tools of the client were called.
    pub(super) const fn has_calls(&self) -> bool {
        self.calls
    }

    /// A block starts. One that is no call ends with that, also where the host did not say so, and one of the same index too.
    ///
    /// # Errors
    /// `Upstream` for a call without a name, and when too many blocks are open.
    pub(super) fn start(&mut self, index: Option<u64>, block: View<'_>, out: &mut Vec<Event>) -> Result<(), ApiError> {
        self.close_where(|open| !open.what.is_call() || open.index == index, out);
        let text = |name| text_of(block, name);
        match text("type").as_deref().unwrap_or_default() {
            "text" => {
                let at = self.push(index, What::Text { part: None })?;
                self.text(at, text("text"), out);
                for citation in citations(block) {
                    let part = self.part(at, out);
                    out.push(Event::Cite { part, citation });
                }
            }
            "thinking" => {
                let signature = text("signature").unwrap_or_default().into_owned();
                let at = self.push(index, What::Thinking { part: None, signature })?;
                self.text(at, text("thinking"), out);
            }
            "redacted_thinking" => {
                let part = self.open_part(Opening::Reasoning { summary: false }, out);
                let data = text("data").unwrap_or_default().into_owned();
                out.push(Event::State { part, state: native(StateFormat::AnthropicRedacted, data) });
                out.push(Event::Close { part });
            }
            "tool_use" => {
                let number = usize::try_from(self.next).unwrap_or(usize::MAX);
                let (id, name) = call(block, number, &self.seed)?;
                let id = self.ids.numbered(&id).unwrap_or(id);
                let part = self.open_part(Opening::ToolCall { id, name, custom: false, state: None }, out);
                self.calls = true;
                let input = block.member("input").map_or_else(String::new, input_text);
                let input = if input == "{}" { String::new() } else { input };
                self.push(index, What::Call { part, input })?;
            }
            kind => {
                self.push(index, What::Opaque(OpaqueBlock::new(kind, block)))?;
            }
        }
        Ok(())
    }

    /// More of a block.
    ///
    /// # Errors
    /// `Upstream` for arguments of no call, and when the blocks that must be held grow too large.
    pub(super) fn delta(&mut self, index: Option<u64>, delta: View<'_>, out: &mut Vec<Event>) -> Result<(), ApiError> {
        let text = |name| text_of(delta, name);
        let kind = text("type").unwrap_or_default();
        let Some(at) = self.block_for(index, &kind, delta, out)? else { return Ok(()) };
        let Some(block) = self.open.get_mut(at) else { return Ok(()) };
        match (&mut block.what, kind.as_ref()) {
            (What::Opaque(opaque), _) => opaque.delta(delta),
            (What::Call { part, input }, "input_json_delta") => {
                if let Some(json) = text("partial_json").filter(|json| !json.is_empty()) {
                    input.clear();
                    out.push(Event::Arguments { part: *part, json: json.into_owned() });
                }
            }
            (What::Text { .. }, "text_delta") => self.text(at, text("text"), out),
            (What::Thinking { .. }, "thinking_delta") => self.text(at, text("thinking"), out),
            (What::Thinking { signature, .. }, "signature_delta") => {
                if let Some(whole) = text("signature").filter(|whole| !whole.is_empty()) {
                    *signature = whole.into_owned();
                }
            }
            (What::Text { .. }, "citations_delta") => {
                if let Some(citation) = delta.member("citation").map(citation) {
                    let part = self.part(at, out);
                    out.push(Event::Cite { part, citation });
                }
            }
            // A kind that came up later, or one that is not of this block.
            _ => {}
        }
        self.check()
    }

    /// Makes sure that not too much is held.
    fn check(&self) -> Result<(), ApiError> {
        let held = self.open.iter().fold(0_usize, |held, block| held.saturating_add(block.what.held()));
        if held > MAX_HELD_BYTES {
            return Err(broken(format!("the provider's answer has more than {MAX_HELD_BYTES} bytes in open blocks")));
        }
        Ok(())
    }

    /// A block stops.
    pub(super) fn stop(&mut self, index: Option<u64>, out: &mut Vec<Event>) {
        if let Some(at) = self.position(index) {
            let block = self.open.remove(at);
            self.close(block.what, out);
        }
    }

    /// All that is open stops.
    pub(super) fn close_all(&mut self, out: &mut Vec<Event>) {
        self.close_where(|_| true, out);
    }

    /// The block that a delta of that kind is for. A host that forgets to start text or reasoning is understood nevertheless.
    fn block_for(
        &mut self,
        index: Option<u64>,
        kind: &str,
        delta: View<'_>,
        out: &mut Vec<Event>,
    ) -> Result<Option<usize>, ApiError> {
        let found = self.position(index);
        let fits = |block: &Block| match kind {
            "text_delta" => matches!(block.what, What::Text { .. } | What::Opaque(_)),
            "thinking_delta" => matches!(block.what, What::Thinking { .. } | What::Opaque(_)),
            "input_json_delta" => matches!(block.what, What::Call { .. } | What::Opaque(_)),
            _ => true,
        };
        if found.and_then(|at| self.open.get(at)).is_some_and(fits) {
            return Ok(found);
        }
        let is_empty = |name| text_of(delta, name).is_none_or(|text| text.is_empty());
        let what = match kind {
            "text_delta" if !is_empty("text") => What::Text { part: None },
            "thinking_delta" if !is_empty("thinking") => What::Thinking { part: None, signature: String::new() },
            "input_json_delta" if !is_empty("partial_json") => {
                return Err(broken("the provider sent arguments of a tool that it did not call"));
            }
            _ => return Ok(None),
        };
        self.close_where(|open| !open.what.is_call() || open.index == index, out);
        self.push(index, what).map(Some)
    }

    /// Where the open block of that index stands; without an index the latest.
    fn position(&self, index: Option<u64>) -> Option<usize> {
        match index {
            Some(_) => self.open.iter().rposition(|block| block.index == index),
            None => self.open.len().checked_sub(1),
        }
    }

    /// Keeps a block that is open; where it stands.
    fn push(&mut self, index: Option<u64>, what: What) -> Result<usize, ApiError> {
        if self.open.len() >= MAX_OPEN {
            return Err(broken(format!("the provider's answer has more than {MAX_OPEN} blocks open at once")));
        }
        self.open.push(Block { index, what });
        self.check()?;
        Ok(self.open.len() - 1)
    }

    /// Opens a part.
    fn open_part(&mut self, what: Opening, out: &mut Vec<Event>) -> u32 {
        let part = self.next;
        self.next = part.saturating_add(1);
        out.push(Event::Open { part, what });
        part
    }

    /// The part of the text or reasoning there, which opens with its first piece.
    fn part(&mut self, at: usize, out: &mut Vec<Event>) -> u32 {
        let (known, what) = match self.open.get(at).map(|block| &block.what) {
            Some(What::Text { part }) => (*part, Opening::Text),
            Some(What::Thinking { part, .. }) => (*part, Opening::Reasoning { summary: false }),
            Some(What::Call { part, .. }) => (Some(*part), Opening::Text),
            Some(What::Opaque(_)) | None => (None, Opening::Text),
        };
        let part = known.unwrap_or_else(|| self.open_part(what, out));
        if let Some(What::Text { part: held } | What::Thinking { part: held, .. }) =
            self.open.get_mut(at).map(|block| &mut block.what)
        {
            *held = Some(part);
        }
        part
    }

    /// A piece of the text or reasoning there.
    fn text(&mut self, at: usize, text: Option<Cow<'_, str>>, out: &mut Vec<Event>) {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        let is_text = self.open.get(at).is_some_and(|block| matches!(block.what, What::Text { .. }));
        let (part, text) = (self.part(at, out), text.into_owned());
        out.push(if is_text { Event::Text { part, text } } else { Event::Reasoning { part, text } });
    }

    fn close_where(&mut self, closes: impl Fn(&Block) -> bool, out: &mut Vec<Event>) {
        while let Some(at) = self.open.iter().position(&closes) {
            let block = self.open.remove(at);
            self.close(block.what, out);
        }
    }

    fn close(&mut self, what: What, out: &mut Vec<Event>) {
        let part = match what {
            What::Text { part } => part,
            What::Thinking { part, signature } if signature.is_empty() => part,
            What::Thinking { part, signature } => {
                let part = part.unwrap_or_else(|| self.open_part(Opening::Reasoning { summary: false }, out));
                let state: State<'static> = native(StateFormat::AnthropicSignature, signature);
                out.push(Event::State { part, state });
                Some(part)
            }
            What::Call { part, input } => {
                if !input.is_empty() {
                    out.push(Event::Arguments { part, json: input });
                }
                Some(part)
            }
            What::Opaque(block) => Some(self.open_part(Opening::Opaque(block.whole()), out)),
        };
        out.extend(part.map(|part| Event::Close { part }));
    }
}

/// The text of a member.
fn text_of<'v>(view: View<'v>, name: &str) -> Option<Cow<'v, str>> {
    view.member(name).and_then(View::string)
}
