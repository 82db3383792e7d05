//! Reasoning in the assistant's earlier turns, in the forms in which chat clients send back what they were given.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

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
            let mut reader = Details::new(calls);
            details.elements().for_each(|entry| reader.entry(entry));
            (for_calls, found) = (reader.for_calls, reader.found);
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
    found: Vec<Reasoning<'a>>,
    calls: &'c mut [ToolCall<'a>],
    for_calls: bool,
    /// Where thoughts stand that more may be added to.
    thoughts: Vec<usize>,
    /// The latest thought, and the latest summary, of each index.
    thought_at: HashMap<u64, usize>,
    summary_at: HashMap<u64, usize>,
    /// State that was found: its data, and its format and id.
    data: HashSet<Cow<'a, str>>,
    ids: HashSet<(StateFormat, Cow<'a, str>)>,
    /// The first call of each id.
    call_at: HashMap<Cow<'a, str>, usize>,
}

impl<'c, 'a> Details<'c, 'a> {
    fn new(calls: &'c mut [ToolCall<'a>]) -> Details<'c, 'a> {
        let mut call_at = HashMap::new();
        for (at, call) in calls.iter().enumerate() {
            call_at.entry(call.id.clone()).or_insert(at);
        }
        Details {
            found: Vec::new(),
            calls,
            for_calls: false,
            thoughts: Vec::new(),
            thought_at: HashMap::new(),
            summary_at: HashMap::new(),
            data: HashSet::new(),
            ids: HashSet::new(),
            call_at,
        }
    }

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
            // A stream tells the two apart; clients that join what has one index, as the OpenAI SDK does, send one entry with both.
            "reasoning.summary" | "reasoning.encrypted" => {
                if let Some(text) = member("summary") {
                    self.summary(index, text);
                }
                let Some(data) = member("data") else { return };
                if let Some(state) = known(view, format.as_deref(), data, false) {
                    self.encrypted(state);
                }
            }
            _ => {}
        }
    }

    /// Takes a piece of thought. Clients keep the fragments of a stream: those of one index belong together, and a signature
    /// without text belongs to what came before.
    fn text(&mut self, index: Option<u64>, text: Cow<'a, str>, state: Option<State<'a>>) {
        let before = match index {
            Some(index) => self.thought_at.get(&index).copied().filter(|at| self.is_open(*at)),
            None if text.is_empty() => self.last_thought(),
            None => None,
        };
        if let Some(state) = &state {
            self.saw(state);
        }
        match before.and_then(|at| self.found.get_mut(at)) {
            Some(before) => {
                before.text.to_mut().push_str(&text);
                before.state = state;
            }
            None if text.is_empty() && state.is_none() => {}
            None => {
                let at = self.found.len();
                self.thoughts.push(at);
                self.thought_at.extend(index.map(|index| (index, at)));
                self.found.push(Reasoning { text, summary: false, state });
            }
        }
    }

    fn summary(&mut self, index: Option<u64>, text: Cow<'a, str>) {
        let before = index.and_then(|index| self.summary_at.get(&index)).copied().filter(|at| self.is_open(*at));
        match before.and_then(|at| self.found.get_mut(at)) {
            Some(before) => before.text.to_mut().push_str(&text),
            None => {
                self.summary_at.extend(index.map(|index| (index, self.found.len())));
                self.found.push(Reasoning { text, summary: true, state: None });
            }
        }
    }

    /// Takes state without text: of a call, of the summary before it, or by itself. The same comes twice when a client joins
    /// what it was told with what it had stored.
    fn encrypted(&mut self, state: State<'a>) {
        let is_known_id = |id: &Cow<'a, str>| self.ids.contains(&(state.format, id.clone()));
        if self.data.contains(&state.data) || state.id.as_ref().is_some_and(is_known_id) {
            return;
        }
        if state.format == StateFormat::GoogleSignature
            && let Some(call) = state.id.as_ref().and_then(|id| self.call_at.get(id))
            && let Some(call) = self.calls.get_mut(*call)
        {
            self.for_calls = true;
            call.state.get_or_insert(state);
            return;
        }
        self.saw(&state);
        match self.found.last_mut() {
            Some(before)
                if state.format == StateFormat::OpenAiEncrypted && before.summary && before.state.is_none() =>
            {
                before.state = Some(state);
            }
            _ => self.found.push(Reasoning { state: Some(state), ..Reasoning::default() }),
        }
    }

    fn saw(&mut self, state: &State<'a>) {
        self.data.insert(state.data.clone());
        self.ids.extend(state.id.clone().map(|id| (state.format, id)));
    }

    /// Whether what stands there has no state yet: nothing is added behind it.
    fn is_open(&self, at: usize) -> bool {
        self.found.get(at).is_some_and(|reasoning| reasoning.state.is_none())
    }

    /// The last thought that has no state yet.
    fn last_thought(&mut self) -> Option<usize> {
        while let Some(at) = self.thoughts.last().copied() {
            if self.is_open(at) {
                return Some(at);
            }
            self.thoughts.pop();
        }
        None
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
    let mut seen = HashSet::new();
    let is_first: Vec<bool> =
        found.iter().map(|reasoning| reasoning.state.as_ref().is_none_or(|state| seen.insert(&*state.data))).collect();
    let mut is_first = is_first.into_iter();
    found.retain(|_| is_first.next().unwrap_or(true));
}
