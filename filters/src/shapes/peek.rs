//! What the gateway has to know of a request before it can route it, and the edits that make it the provider's.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use super::Parameters;
use super::attachments::Attachments;
use super::output_bound::OutputBound;
use crate::Shape;
use crate::json::{Cursor, Edit, ScanError, Text, bool_at, is_array_at, is_null_at, is_string_at, quoted, string_at};
use crate::neutral::{ApiError, ErrorClass};
use crate::router::{Extensions, Member, Noted, ReasoningFields};

/// What a model must be able to do to serve a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Needs {
    /// Tools are declared.
    pub tools: bool,
    /// The model is made to call a tool.
    pub forced_tool: bool,
    /// The client says that several tools may be called at once, and so counts on it.
    pub parallel_tools: bool,
    /// There are images in the messages.
    pub images: bool,
    /// There are files in the messages, such as PDF.
    pub documents: bool,
    /// There is sound in the messages.
    pub audio: bool,
    /// The answer has to be JSON, or to follow a schema.
    pub structured_output: bool,
    /// Reasoning is asked for.
    pub reasoning: bool,
    /// It is asked that there be none: the reasoning effort is `none`.
    pub no_reasoning: bool,
    /// Parts of the prompt are marked for the provider's cache.
    pub caching: bool,
    /// The answer is to be streamed.
    pub streaming: bool,
    /// The fields that are set and that some models refuse.
    pub parameters: Parameters,
}

/// How a body is to be changed for a provider.
#[derive(Clone, Copy, Debug)]
pub struct Edits<'a> {
    /// The provider's id of the model.
    pub model: &'a str,
    /// Whether streams are asked for token counts.
    pub ask_usage: bool,
    /// Whether `max_tokens` is refused there and `max_completion_tokens` taken in its place.
    pub completion_tokens_field: bool,
    /// The most tokens that the answer may have, at least 1: put in where the client sets more, or nothing. It never
    /// raises what the client set.
    pub max_output: Option<u64>,
}

/// What the path of a request says, in shapes whose bodies do not: the model, and whether the answer is to be streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InPath<'a> {
    /// The model as the client calls it.
    pub model: &'a str,
    /// Whether the answer is to be streamed.
    pub stream: bool,
}

/// What was found in a request. Holds offsets into the body that it was read from, and fits no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peek {
    /// The model as the client calls it; never empty, at most [`Peek::MAX_MODEL_BYTES`].
    pub model: String,
    /// The shape that the request is in, where that is another one than its endpoint's.
    pub is_in: Option<Shape>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether there is at least one message.
    pub has_messages: bool,
    /// The field that points to something that one provider keeps, such as `previous_response_id`: only that provider can serve the
    /// request, and only as it is.
    pub stored_state: Option<&'static str>,
    /// The id in `previous_response_id`, which is then what the provider keeps: at most 128 bytes.
    pub previous_response: Option<String>,
    /// Whether an answer is asked for that is fetched later (`background`).
    pub background: bool,
    /// Whether the provider is to keep the answer, where it keeps any: `store` is not false.
    pub keeps_answer: bool,
    /// The bound that the client sets on the output of one answer, in tokens.
    pub max_output: Option<u64>,
    /// The bound that the client sets on reasoning, in tokens. Providers refuse a bound on the output that is not above it.
    pub thinking_budget: Option<u64>,
    /// How many answers the client asks for; 1 where it says nothing.
    pub choices: u64,
    /// What the client calls its own user: at most 128 bytes, without control characters, never empty. One person is one
    /// name, also where the client names a session besides.
    pub end_user: Option<String>,
    /// How the client names its conversation, for caches or for routing (`prompt_cache_key`, `session_id`): at most 256 bytes, never empty.
    pub session: Option<String>,
    /// What the model must be able to do.
    pub needs: Needs,
    /// Bytes of the body that are not attachments: text, tools, and the JSON around them.
    pub text_bytes: u64,
    /// Estimated tokens of the attachments: 1,600 an image; 2,000 for each 75,000 base64 bytes of a document (a page,
    /// about); 100 and one more for each 600 bytes of sound or film.
    pub attachment_tokens: u64,
    /// What is said in a hosted router's words; absent where nothing is.
    pub router: Option<Box<Extensions>>,
    /// In the order of the body.
    model_places: Vec<Place>,
    /// Where the model goes in a body that does not name it.
    model_insertion: Option<usize>,
    ask_usage: Option<Edit>,
    rests: Vec<Edit>,
    bound: OutputBound,
}

impl Peek {
    /// The longest name of a model that is taken.
    pub const MAX_MODEL_BYTES: usize = 512;

    /// What the prompt will cost, roughly: a token for each four bytes of text, rounded up, and the attachments' estimates.
    #[must_use]
    pub fn estimated_input_tokens(&self) -> u64 {
        self.text_bytes.div_ceil(4).saturating_add(self.attachment_tokens)
    }

    /// The edits that make the body the one for the provider: its id of the model; with `ask_usage` a request for
    /// token counts in the stream, where the shape needs one and the client has made none; with
    /// `completion_tokens_field` the newer name of `max_tokens`; and with `max_output` that bound in every field that sets
    /// a higher one, or in a new field where there is none. All other bytes stay.
    #[must_use]
    pub fn edits(&self, wanted: &Edits<'_>) -> Vec<Edit> {
        let places = self.model_places.iter().filter(|_| wanted.model != self.model);
        let models = places.map(|place| place.holding(wanted.model));
        let usage = self.ask_usage.clone().filter(|_| wanted.ask_usage);
        let bound = self.bound.edits(wanted.completion_tokens_field, wanted.max_output);
        let missing = self.model_insertion.map(|at| {
            let name = String::from_utf8_lossy(&quoted(wanted.model)).into_owned();
            Edit { range: at..at, with: format!("\"model\":{name},").into() }
        });
        missing.into_iter().chain(models).chain(usage).chain(bound).collect()
    }

    /// Whether [`Edits::completion_tokens_field`] changes anything: the client sets `max_tokens` and only that.
    #[must_use]
    pub fn renames_max_tokens(&self) -> bool {
        self.bound.can_rename()
    }

    /// The edits that ask the model not to reason, `reasoning_effort: none`, in the shape that has that field; else there are none.
    #[must_use]
    pub fn rest_edits(&self) -> &[Edit] {
        &self.rests
    }

    /// Whether the client did not ask for the event with token counts: it is taken out again when the gateway has.
    #[must_use]
    pub fn hides_usage(&self) -> bool {
        self.ask_usage.is_some()
    }
}

/// A longer name of a conversation is taken for none.
const MAX_SESSION_BYTES: usize = 256;

/// Whether parts of a body are marked for a prompt cache. Within a text of it the quotes would be escaped.
fn is_marked(body: &[u8]) -> bool {
    memchr::memmem::find(body, b"\"cache_control\"").is_some()
}

/// Where a body names its model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The string, quotes included.
    pub(super) range: Range<usize>,
    /// What stands before the name in it.
    pub(super) before: &'static str,
}

impl Place {
    fn holding(&self, model: &str) -> Edit {
        let name = if self.before.is_empty() { quoted(model) } else { quoted(&format!("{}{model}", self.before)) };
        Edit { range: self.range.clone(), with: Bytes::from(name) }
    }
}

/// The fields that every shape has, as they are found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Names of fields that were seen, each once; two parsers may disagree on which of two counts.
    seen: Vec<&'static str>,
    twice: Option<&'static str>,
    pub(super) model: Option<Range<usize>>,
    pub(super) stream: Option<Range<usize>>,
    pub(super) messages: Option<Range<usize>>,
    pub(super) message_count: u64,
    /// There is no conversation in messages: it is in `input` and may be kept at the provider, or texts are to be embedded.
    pub(super) has_input: bool,
    pub(super) stored_state: Option<&'static str>,
    pub(super) previous_response: Option<String>,
    pub(super) background: bool,
    pub(super) keeps_answer: bool,
    pub(super) bound: OutputBound,
    pub(super) thinking_budget: Option<u64>,
    pub(super) end_user: Option<String>,
    /// Whether the last message is the assistant's.
    pub(super) ends_with_answer: bool,
    pub(super) choices: Option<u64>,
    /// The edits that ask the model not to reason.
    pub(super) rests: Vec<Edit>,
    pub(super) session: Option<String>,
    pub(super) needs: Needs,
    pub(super) attachments: Attachments,
    /// Fields of a hosted router, each once.
    noted: Vec<Noted>,
    pub(super) reasoning: ReasoningFields,
}

impl Found {
    /// Notes that a field that counts was seen.
    pub(super) fn once(&mut self, name: &'static str) {
        if self.seen.contains(&name) {
            self.twice.get_or_insert(name);
        } else {
            self.seen.push(name);
        }
    }

    /// Reads the messages.
    pub(super) fn messages(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        let start = cursor.clone();
        cursor.array_or_skip(|cursor| {
            self.message_count += 1;
            self.ends_with_answer = false;
            cursor.object_or_skip(|cursor, key| {
                match key.raw() {
                    b"content" => self.attachments.content(cursor)?,
                    b"role" => self.ends_with_answer = cursor.text()?.is_some_and(|role| role.raw() == b"assistant"),
                    _ => {}
                }
                Ok(())
            })
        })?;
        self.messages = Some(cursor.range_from(&start));
        Ok(())
    }

    /// Notes a field that is none of the shape's own, if it is a hosted router's.
    pub(super) fn other(&mut self, key: Text<'_>, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        if let Some(noted) = Noted::read(key, cursor)? {
            self.note(noted);
        }
        Ok(())
    }

    /// Keeps a field of a hosted router. A second one of that name makes the request a wrong one, and is not kept.
    fn note(&mut self, noted: Noted) {
        self.once(noted.name());
        if self.twice.is_none() {
            self.noted.push(noted);
        }
    }

    /// Notes the name that a hosted router's client gives its conversation.
    pub(super) fn router_session(&mut self, key: Text<'_>, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        let start = cursor.clone();
        self.session(cursor)?;
        self.note(Noted::session(Member { start: key.range().start, value: cursor.range_from(&start) }));
        Ok(())
    }

    /// Notes how the client names its conversation; the first name counts.
    pub(super) fn session(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        let name = cursor.text()?;
        if self.session.is_none()
            && let Some(name) = name.map(|name| name.bytes())
            && (1..=MAX_SESSION_BYTES).contains(&name.len())
        {
            self.session = Some(String::from_utf8_lossy(&name).into_owned());
        }
        Ok(())
    }

    /// What was found, when it is what a request must be.
    pub(super) fn into_peek(mut self, body: &[u8], ask_usage: Option<Edit>) -> Result<Peek, ApiError> {
        if let Some(name) = self.twice {
            return Err(bad(name, format!("`{name}` is there twice: send it once")));
        }
        let mut router = Extensions::read(body, std::mem::take(&mut self.noted), std::mem::take(&mut self.reasoning))?;
        let (model, places, insertion) = match &self.model {
            Some(range) => (model_at(body, range)?, vec![Place { range: range.clone(), before: "" }], None),
            None => {
                let first = router.as_mut().and_then(|router| router.take_model());
                let first = first.ok_or_else(|| {
                    bad("model", "`model` is missing: name a route or a model; GET /v1/models lists them".to_owned())
                })?;
                (first, Vec::new(), body.iter().position(|byte| *byte == b'{').map(|brace| brace + 1))
            }
        };
        if !self.has_input {
            let messages = self
                .messages
                .as_ref()
                .ok_or_else(|| bad("messages", "`messages` is missing: send an array of messages".to_owned()))?;
            if !is_array_at(body, messages) {
                return Err(bad("messages", "`messages` must be an array of messages".to_owned()));
            }
        }
        let stream = match &self.stream {
            None => false,
            Some(range) if is_null_at(body, range) => false,
            Some(range) => bool_at(body, range)
                .ok_or_else(|| bad("stream", "`stream` must be true or false, without quotes".to_owned()))?,
        };
        let ask_usage = ask_usage.filter(|_| stream);
        let mut peek = self.found(body, (model, places), stream, ask_usage);
        (peek.router, peek.model_insertion) = (router, insertion);
        Ok(peek)
    }

    /// The same for a body whose path names the model.
    pub(super) fn into_named_peek(self, body: &[u8], path: InPath<'_>, places: Vec<Place>) -> Result<Peek, ApiError> {
        if let Some(name) = self.twice {
            return Err(bad(name, format!("`{name}` is there twice: send it once")));
        }
        let model = checked(Cow::Borrowed(path.model.strip_prefix("models/").unwrap_or(path.model)))?;
        if !self.has_input {
            let contents = self.messages.as_ref().ok_or_else(super::generate_content::no_contents)?;
            if !is_array_at(body, contents) {
                return Err(bad("contents", "`contents` must be an array of contents".to_owned()));
            }
        }
        Ok(self.found(body, (model, places), path.stream, None))
    }

    fn found(self, body: &[u8], model: (String, Vec<Place>), stream: bool, ask_usage: Option<Edit>) -> Peek {
        let Attachments { images, documents, audio, bytes, tokens } = self.attachments;
        let (model, model_places) = model;
        Peek {
            model,
            is_in: None,
            stream,
            has_messages: self.message_count > 0,
            stored_state: self.stored_state,
            previous_response: self.previous_response,
            background: self.background,
            keeps_answer: self.keeps_answer,
            max_output: self.bound.tokens(),
            thinking_budget: self.thinking_budget,
            choices: self.choices.unwrap_or(1).max(1),
            end_user: self.end_user,
            session: self.session,
            needs: Needs { images, documents, audio, caching: is_marked(body), streaming: stream, ..self.needs },
            text_bytes: (body.len() as u64).saturating_sub(bytes),
            attachment_tokens: tokens,
            router: None,
            model_places,
            model_insertion: None,
            ask_usage,
            rests: self.rests,
            bound: self.bound,
        }
    }
}

/// Walks over the members of the body's one object, which is all that it may be.
pub(super) fn walk<'a, F>(body: &'a [u8], visit: F) -> Result<(), ApiError>
where
    F: FnMut(&mut Cursor<'a>, Text<'a>) -> Result<(), ScanError>,
{
    const OBJECT: &str = "the request body must be a JSON object";
    let mut cursor = Cursor::new(body).map_err(invalid)?;
    match cursor.peek() {
        None => return Err(ApiError::new(ErrorClass::BadRequest, format!("{OBJECT}, and it is empty"))),
        Some(b'{') => {}
        Some(_) => {
            // Whatever it is, it is named rightly: as JSON of another type, or as no JSON.
            cursor.skip().and_then(|_| cursor.finish()).map_err(invalid)?;
            return Err(ApiError::new(ErrorClass::BadRequest, format!("{OBJECT}, and it is another JSON value")));
        }
    }
    cursor.object(visit).and_then(|()| cursor.finish()).map_err(invalid)
}

/// Where a member can be added: before the brace that closes the body.
pub(super) fn end_of(body: &[u8]) -> Option<usize> {
    body.trim_ascii_end().len().checked_sub(1)
}

/// Whether the array that comes next has an element; other values have none.
pub(super) fn any_element(cursor: &mut Cursor<'_>) -> Result<bool, ScanError> {
    let mut any = false;
    cursor.array_or_skip(|_| {
        any = true;
        Ok(())
    })?;
    Ok(any)
}

/// A request that is wrong in that field.
pub(super) fn bad(param: &'static str, message: String) -> ApiError {
    ApiError::new(ErrorClass::BadRequest, message).with_param(param)
}

fn invalid(error: ScanError) -> ApiError {
    ApiError::new(ErrorClass::BadRequest, format!("the request body is not valid JSON: {error}"))
}

fn model_at(body: &[u8], range: &Range<usize>) -> Result<String, ApiError> {
    if !is_string_at(body, range) {
        return Err(bad("model", format!("`model` must be a string: {CURE}")));
    }
    let model = string_at(body, range).ok_or_else(|| bad("model", format!("`model` is not valid text: {CURE}")))?;
    checked(model)
}

const CURE: &str = "send the name of a route or a model; GET /v1/models lists them";

fn checked(model: Cow<'_, str>) -> Result<String, ApiError> {
    if model.trim().is_empty() {
        return Err(bad("model", format!("`model` is empty: {CURE}")));
    }
    if model.len() > Peek::MAX_MODEL_BYTES {
        let (length, most) = (model.len(), Peek::MAX_MODEL_BYTES);
        return Err(bad("model", format!("`model` is {length} bytes long and {most} are the most: {CURE}")));
    }
    Ok(model.into_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn fields_that_are_repeated_take_no_memory() {
        for name in ["route", "top_k", "models", "m\\u006fdels"] {
            let body = format!(r#"{{{}"model":"m"}}"#, format!(r#""{name}":0,"#).repeat(1_000));
            let mut found = Found::default();
            walk(body.as_bytes(), |cursor, key| found.other(key, cursor)).unwrap();
            assert_eq!((found.noted.len(), found.seen.len()), (1, 1), "{name}");
            assert!(found.twice.is_some());
        }
        let mut found = Found::default();
        (0..1_000).for_each(|_| found.once("model"));
        assert_eq!((found.seen.len(), found.twice), (1, Some("model")));
    }
}
