//! The answer to a prompt: an echo of the last user text, tool calls and reasoning, with counts that follow from the text alone.

use ovth_filters::neutral::Usage;
use serde_json::Value;

use super::prompt::{Directives, Format, Prompt, Reasoning, ToolChoice, ToolOffer};
use super::schema;

/// An answer in one form for all shapes.
#[derive(Debug)]
pub(super) struct Answer {
    /// The reasoning that is shown.
    pub(super) thinking: Option<String>,
    /// The text; absent when there are only calls, or no room.
    pub(super) text: Option<String>,
    /// The tool calls.
    pub(super) calls: Vec<Call>,
    /// Why it ends.
    pub(super) end: End,
    /// The tokens.
    pub(super) usage: Usage,
}

/// A tool call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// The tool's name.
    pub(super) name: String,
    /// Its arguments as JSON text.
    pub(super) arguments: String,
}

/// Why an answer ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was complete.
    Complete,
    /// There was no more room.
    Length,
    /// This stop sequence came up.
    Sequence(String),
    /// Tools are called.
    Tools,
}

impl Answer {
    /// The answer to a prompt.
    pub(super) fn to(prompt: &Prompt, directives: &Directives) -> Answer {
        let calls = calls(prompt, directives);
        let reasons = prompt.reasoning != Reasoning::Off;
        let mut thinking = if reasons { THINKING.to_owned() } else { String::new() };
        let mut text = if calls.is_empty() { text(prompt, directives) } else { String::new() };
        let mut end = if calls.is_empty() { End::Complete } else { End::Tools };

        let found = prompt.stop.iter().filter(|stop| !stop.is_empty());
        let found = found.filter_map(|stop| text.find(stop.as_str()).map(|at| (at, stop.clone())));
        if let Some((at, stop)) = found.min_by_key(|(at, _)| *at) {
            text.truncate(at);
            end = End::Sequence(stop);
        }

        let room = prompt.max_output.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
        let reasoning = keep_words(&mut thinking, room);
        let cut = words(&text).count() > room - reasoning;
        let written = keep_words(&mut text, room - reasoning);
        if cut || (reasons && reasoning == room) {
            end = End::Length;
        }
        let called: usize = calls.iter().map(|call| call.arguments.len().div_ceil(4) + CALL_TOKENS).sum();
        let output = reasoning + written + called;
        Answer {
            thinking: (prompt.reasoning == Reasoning::Shown).then_some(thinking),
            text: (!text.is_empty()).then_some(text),
            calls,
            end,
            usage: Usage {
                input: prompt.input,
                cache_read: prompt.cache_read,
                cache_write: if prompt.cache_for_an_hour { 0 } else { prompt.cache_write },
                cache_write_1h: if prompt.cache_for_an_hour { prompt.cache_write } else { 0 },
                output: output as u64,
                reasoning: reasoning as u64,
                ..Usage::default()
            },
        }
    }
}

/// The reasoning of every answer that has some.
const THINKING: &str = "The user wants an answer. I repeat what was said, so that it can be checked.";
/// The tokens of a call besides its arguments.
const CALL_TOKENS: usize = 12;
/// The most characters of the user's text that an echo repeats.
const ECHO_CHARS: usize = 400;
/// The most words, and the most bytes, of a text that directives can ask for.
const MAX_WORDS: usize = 1_000_000;
const MAX_BYTES: usize = 32 << 20;
/// What fills an answer up to the length asked for.
const FILLER: [&str; 8] = [" and", " so", " the", " stream", " goes", " on", " word", " by"];

fn text(prompt: &Prompt, directives: &Directives) -> String {
    let said = match &prompt.tool_result {
        Some(result) => format!("The tool said: {}", echo(result)),
        None => format!("You said: {}", echo(&prompt.text)),
    };
    let mut text = match &prompt.format {
        Format::Text => said,
        Format::JsonObject => Value::from_iter([("answer", said)]).to_string(),
        Format::Schema(schema) => schema::sample(schema, &said).to_string(),
    };
    if !matches!(prompt.format, Format::Text) {
        return text;
    }
    let filler = FILLER.iter().cycle();
    if let Some(wanted) = directives.words.map(|wanted| wanted.min(MAX_WORDS)) {
        let present = keep_words(&mut text, wanted);
        text.extend(filler.clone().take(wanted - present).copied());
    }
    if let Some(wanted) = directives.bytes.map(|wanted| wanted.min(MAX_BYTES)) {
        text.reserve(wanted.saturating_sub(text.len()) + 8);
        for word in filler {
            if text.len() >= wanted {
                break;
            }
            text.push_str(word);
        }
        text.truncate(char_boundary(&text, wanted));
    }
    text
}

fn echo(text: &str) -> &str {
    let text = text.trim();
    text.char_indices().nth(ECHO_CHARS).and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

/// The calls: of the tool that is forced, or that the text names; none once a tool has answered.
fn calls(prompt: &Prompt, directives: &Directives) -> Vec<Call> {
    if prompt.tool_result.is_some() || prompt.tool_choice == ToolChoice::None {
        return Vec::new();
    }
    let named = |tool: &&ToolOffer| match (&prompt.tool_choice, directives.tool.as_deref()) {
        (ToolChoice::Named(name), _) => tool.name == *name,
        (_, Some(name)) if !name.is_empty() => tool.name == name,
        _ => prompt.text.contains(tool.name.as_str()),
    };
    let mut tools: Vec<&ToolOffer> = prompt.tools.iter().filter(named).collect();
    let forced = prompt.tool_choice == ToolChoice::Any || directives.tool.as_deref() == Some("");
    if tools.is_empty() && forced {
        tools.extend(prompt.tools.first());
    }
    if !prompt.parallel {
        tools.truncate(1);
    }
    let argument = words(echo(&prompt.text)).next().unwrap_or_default();
    let call = |tool: &ToolOffer| Call {
        name: tool.name.clone(),
        arguments: (directives.arguments.clone()).unwrap_or_else(|| schema::sample(&tool.schema, argument).to_string()),
    };
    tools.into_iter().map(call).collect()
}

/// The words of a text with the white space before each: one word is one output token, and one event of a stream.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let lead = rest.len() - rest.trim_start().len();
        let word = rest.get(lead..)?;
        let end = lead + word.find(char::is_whitespace).unwrap_or(word.len());
        let (piece, tail) = rest.split_at_checked(end)?;
        rest = tail;
        (!piece.is_empty()).then_some(piece)
    })
}

/// A text in pieces of at most so many bytes, never inside a character (which may make a piece longer).
pub(super) fn pieces(text: &str, bytes: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = char_boundary(rest, bytes.max(1));
        let (piece, tail) = rest.split_at_checked(end)?;
        rest = tail;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The first end of a character at or after so many bytes.
fn char_boundary(text: &str, bytes: usize) -> usize {
    (bytes..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// Keeps at most so many words and says how many are left.
fn keep_words(text: &mut String, most: usize) -> usize {
    let (mut count, mut bytes) = (0, 0);
    for word in words(text).take(most) {
        count += 1;
        bytes += word.len();
    }
    text.truncate(bytes);
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(text: &str) -> Prompt {
        Prompt { text: text.to_owned(), parallel: true, ..Prompt::default() }
    }

    fn answer(prompt: &Prompt) -> Answer {
        Answer::to(prompt, &Directives::in_text(&prompt.text))
    }

    #[test]
    fn echoes_and_counts_words() {
        let answer = answer(&prompt("hello  there"));
        assert_eq!(answer.text.as_deref(), Some("You said: hello  there"));
        assert_eq!((answer.usage.output, answer.end), (4, End::Complete));
    }

    #[test]
    fn fills_to_the_length_asked_for() {
        let text = answer(&prompt("x [words=50]")).text.unwrap_or_default();
        assert_eq!(words(&text).count(), 50);
        assert_eq!(answer(&prompt("x [words=1]")).text.as_deref(), Some("You"));
        assert_eq!(answer(&prompt("x [bytes=70000]")).text.map(|text| text.len()), Some(70_000));
    }

    #[test]
    fn stops_at_the_bound_and_at_a_sequence() {
        let bounded = answer(&Prompt { max_output: Some(2), ..prompt("one two three") });
        assert_eq!((bounded.text.as_deref(), bounded.end), (Some("You said:"), End::Length));
        let stopped = answer(&Prompt { stop: vec!["three".into(), "two".into()], ..prompt("one two three") });
        assert_eq!(stopped.text.as_deref(), Some("You said: one "));
        assert_eq!(stopped.end, End::Sequence("two".into()));
        let thought = answer(&Prompt { max_output: Some(3), reasoning: Reasoning::Shown, ..prompt("one") });
        assert_eq!((thought.thinking.as_deref(), thought.text), (Some("The user wants"), None));
        assert_eq!(thought.end, End::Length);
    }

    #[test]
    fn calls_the_tools_that_are_named_or_forced() {
        let offer = |name: &str| ToolOffer { name: name.into(), schema: Value::Null };
        let with = |text: &str, tool_choice| Prompt {
            tools: vec![offer("alpha"), offer("beta")],
            tool_choice,
            ..prompt(text)
        };
        let names = |prompt: &Prompt| answer(prompt).calls.into_iter().map(|call| call.name).collect::<Vec<_>>();
        assert_eq!(names(&with("hi", ToolChoice::Auto)), [""; 0]);
        assert_eq!(names(&with("use beta and alpha", ToolChoice::Auto)), ["alpha", "beta"]);
        assert_eq!(names(&with("hi [tool]", ToolChoice::Auto)), ["alpha"]);
        assert_eq!(names(&with("hi [tool=beta]", ToolChoice::Auto)), ["beta"]);
        assert_eq!(names(&with("hi", ToolChoice::Any)), ["alpha"]);
        assert_eq!(names(&with("hi", ToolChoice::Named("beta".into()))), ["beta"]);
        let call = answer(&with(r#"[tool=beta] [arguments={"path":"a"}]"#, ToolChoice::Auto)).calls.remove(0);
        assert_eq!((call.name.as_str(), call.arguments.as_str()), ("beta", r#"{"path":"a"}"#));
        let answered = Prompt { tool_result: Some("42".into()), ..with("use beta", ToolChoice::Any) };
        assert_eq!(answer(&answered).text.as_deref(), Some("The tool said: 42"));
    }

    #[test]
    fn pieces_keep_characters_whole() {
        assert_eq!(pieces("aäöb", 2).collect::<Vec<_>>(), ["aä", "ö", "b"]);
        assert_eq!(words(" a b\n ").collect::<Vec<_>>(), [" a", " b", "\n "]);
    }
}
