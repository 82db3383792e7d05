//! Reasoning in the assistant's earlier turns, in the forms in which chat clients send back what they were given.

use std::borrow::Cow;

use super::super::super::envelope;
use crate::json::View;
use crate::neutral::{Reasoning, State, StateFormat, ToolCall};

/// Where it may stand in a message.
#[derive(Clone, Copy, Default)]
pub(super) struct Fields<'a> {
    /// OpenRouter's, which has all.
    pub(super) details: Option<View<'a>>,
    /// LiteLLM's.
    pub(super) blocks: Option<View<'a>>,
    /// `reasoning_content` (DeepSeek, vLLM) or `reasoning` (OpenRouter): text without state.
    pub(super) text: Option<View<'a>>,
}

impl<'a> Fields<'a> {
    /// Reads the best of them; state that belongs to a call goes there.
    pub(super) fn read(&self, calls: &mut [ToolCall<'a>]) -> Vec<Reasoning<'a>> {
        let mut found = Vec::new();
        let mut for_calls = false;
        if let Some(details) = self.details {
            let mut reader = Details { found: Vec::new(), calls, for_calls: false };
            details.elements().for_each(|entry| reader.entry(entry));
            for_calls = reader.for_calls;
            found = reader.found.into_iter().map(|(_, reasoning)| reasoning).collect();
        }
        if found.is_empty()
            && let Some(blocks) = self.blocks
        {
            found = blocks.elements().filter_map(block).collect();
        }
        let has_text = |found: &[Reasoning<'_>]| found.iter().any(|reasoning| !reasoning.text.is_empty());
        // Gemini's details may hold state only, next to the text.
        if found.is_empty() || (for_calls && !has_text(&found)) {
            let text = self.text.and_then(View::string).filter(|text| !text.is_empty());
            found.extend(text.map(|text| Reasoning { text, ..Reasoning::default() }));
        }
        dedupe(&mut found);
        found
    }
}

/// A state of that format; what it was sealed in is taken off. An envelope that cannot be read is nobody's.
pub(super) fn state<'a>(format: StateFormat, data: Cow<'a, str>) -> Option<State<'a>> {
    if envelope::is_sealed(&data) {
        return envelope::open(&data);
    }
    Some(State { format, data, id: None, origin: None, extra: None })
}

/// Reads one of LiteLLM's `thinking_blocks`, which are Anthropic's.
fn block(view: View<'_>) -> Option<Reasoning<'_>> {
    let member = |name: &str| view.member(name).and_then(View::string).filter(|text| !text.is_empty());
    let (text, state) = match &*member("type")? {
        "thinking" => {
            (member("thinking"), member("signature").and_then(|it| state(StateFormat::AnthropicSignature, it)))
        }
        "redacted_thinking" => (None, state(StateFormat::AnthropicRedacted, member("data")?)),
        _ => return None,
    };
    let text = text.unwrap_or_default();
    (!text.is_empty() || state.is_some()).then_some(Reasoning { text, summary: false, state })
}

struct Details<'c, 'a> {
    found: Vec<(Option<u64>, Reasoning<'a>)>,
    calls: &'c mut [ToolCall<'a>],
    for_calls: bool,
}

impl<'a> Details<'_, 'a> {
    fn entry(&mut self, view: View<'a>) {
        let member = |name: &str| view.member(name).and_then(View::string).filter(|text| !text.is_empty());
        let Some(kind) = member("type") else { return };
        let index = view.member("index").and_then(View::u64);
        let format = member("format");
        match &*kind {
            "reasoning.text" => {
                let state = member("signature").and_then(|it| known(view, format.as_deref(), it, true));
                self.text(index, member("text").unwrap_or_default(), state);
            }
            "reasoning.summary" => {
                if let Some(text) = member("summary") {
                    self.summary(index, text);
                }
            }
            "reasoning.encrypted" => {
                let Some(data) = member("data") else { return };
                if let Some(state) = known(view, format.as_deref(), data, false) {
                    self.encrypted(index, state);
                }
            }
            _ => {}
        }
    }

    /// Takes a piece of thought. Clients keep the fragments of a stream: those of one index belong together, and a signature
    /// without text belongs to what came before.
    fn text(&mut self, index: Option<u64>, text: Cow<'a, str>, state: Option<State<'a>>) {
        let is_open = |(at, before): &(Option<u64>, Reasoning<'a>)| {
            let belongs = if index.is_some() { *at == index } else { text.is_empty() };
            belongs && !before.summary && before.state.is_none()
        };
        match self.found.iter_mut().rfind(|before| is_open(before)) {
            Some((_, before)) => {
                before.text.to_mut().push_str(&text);
                before.state = state;
            }
            None if text.is_empty() && state.is_none() => {}
            None => self.found.push((index, Reasoning { text, summary: false, state })),
        }
    }

    fn summary(&mut self, index: Option<u64>, text: Cow<'a, str>) {
        let is_open = |(at, before): &(Option<u64>, Reasoning<'a>)| {
            index.is_some() && *at == index && before.summary && before.state.is_none()
        };
        match self.found.iter_mut().rfind(|before| is_open(before)) {
            Some((_, before)) => before.text.to_mut().push_str(&text),
            None => self.found.push((index, Reasoning { text, summary: true, state: None })),
        }
    }

    /// Takes state without text: of a call, of the summary before it, or by itself. The same comes twice when a client joins
    /// what it was told with what it had stored.
    fn encrypted(&mut self, index: Option<u64>, state: State<'a>) {
        let is_same = |known: &State<'a>| {
            known.data == state.data || (known.id.is_some() && known.id == state.id && known.format == state.format)
        };
        if self.found.iter().any(|(_, before)| before.state.as_ref().is_some_and(is_same)) {
            return;
        }
        if state.format == StateFormat::GoogleSignature
            && let Some(call) = self.calls.iter_mut().find(|call| state.id.as_ref() == Some(&call.id))
        {
            self.for_calls = true;
            call.state.get_or_insert(state);
            return;
        }
        match self.found.last_mut() {
            Some((_, before))
                if state.format == StateFormat::OpenAiEncrypted && before.summary && before.state.is_none() =>
            {
                before.state = Some(state);
            }
            _ => self.found.push((index, Reasoning { state: Some(state), ..Reasoning::default() })),
        }
    }
}

/// The state of an entry of that format. What has none is Anthropic's, as in OpenRouter's own SDK.
fn known<'a>(view: View<'a>, format: Option<&str>, data: Cow<'a, str>, signs_text: bool) -> Option<State<'a>> {
    let format = match format {
        None | Some("anthropic-claude-v1") if signs_text => StateFormat::AnthropicSignature,
        None | Some("anthropic-claude-v1") => StateFormat::AnthropicRedacted,
        Some("openai-responses-v1") => StateFormat::OpenAiEncrypted,
        Some("google-gemini-v1") => StateFormat::GoogleSignature,
        Some(_) => StateFormat::Unknown,
    };
    let mut state = state(format, data)?;
    if state.origin.is_none() {
        state.id = view.member("id").and_then(View::string);
        state.extra = (format == StateFormat::Unknown).then(|| view.json());
    }
    Some(state)
}

/// Takes out what comes a second time with the same state.
fn dedupe(found: &mut Vec<Reasoning<'_>>) {
    let mut at = 0;
    while let Some(reasoning) = found.get(at) {
        let before = found.get(..at).unwrap_or_default();
        let data = |reasoning: &Reasoning<'_>| reasoning.state.as_ref().map(|state| state.data.clone().into_owned());
        let is_again = reasoning.state.is_some() && before.iter().any(|other| data(other) == data(reasoning));
        if is_again {
            found.remove(at);
        } else {
            at += 1;
        }
    }
}
