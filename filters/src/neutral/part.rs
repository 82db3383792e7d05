//! What a turn is made of.

use std::borrow::Cow;

use super::Reasoning;
use crate::Shape;
use crate::json::Json;

/// One piece of a turn, of a client's message or of a model's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Text.
    Text(TextPart<'a>),
    /// The model's refusal, in its words.
    Refusal(Cow<'a, str>),
    /// An image.
    Image(Image<'a>),
    /// A file to be read, such as PDF, or a text with a title.
    Document(Document<'a>),
    /// Sound.
    Sound(Sound<'a>),
    /// Film.
    Video(Media<'a>),
    /// The model calls a tool.
    ToolCall(ToolCall<'a>),
    /// What a tool gave back.
    ToolResult(ToolResult<'a>),
    /// The model's reasoning.
    Reasoning(Reasoning<'a>),
    /// What only one shape has: blocks of hosted tools, compactions, kinds that came up later. It goes back to its own
    /// shape byte for byte and is reported to all others.
    Opaque(Opaque<'a>),
}

/// Where a prompt cache may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheMark {
    /// Whether the longer of the two times to live is asked for (Anthropic: 1 h, OpenAI: 12 h).
    pub long: bool,
}

/// Text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextPart<'a> {
    /// The text.
    pub text: Cow<'a, str>,
    /// A cache may be cut behind it.
    pub cache: Option<CacheMark>,
    /// What it quotes; of answers and of history.
    pub citations: Vec<Citation<'a>>,
}

impl<'a> TextPart<'a> {
    /// Text and nothing else.
    #[must_use]
    pub fn new(text: impl Into<Cow<'a, str>>) -> TextPart<'a> {
        TextPart { text: text.into(), cache: None, citations: Vec::new() }
    }
}

/// What a text quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation<'a> {
    /// Where it is from.
    pub kind: CitationKind<'a>,
    /// The shape that it came in.
    pub shape: Shape,
    /// The citation as it came, for its own shape.
    pub raw: Json<'a>,
}

/// Where a citation is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CitationKind<'a> {
    /// A page of the web. `start` and `end` count the characters (Unicode scalar values) of the whole answer's text that it
    /// belongs to, where the provider says so; Anthropic means the whole block.
    Web {
        /// Its address.
        url: Cow<'a, str>,
        /// Its title.
        title: Option<Cow<'a, str>>,
        /// From here,
        start: Option<u64>,
        /// to here, exclusive.
        end: Option<u64>,
    },
    /// A document of the request, or something else that only its own shape can say.
    Other,
}

/// Bytes of some type, or where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// Base64, without a `data:` prefix.
    Base64 {
        /// The type as the client gave it; may be empty or wrong: the data tells.
        media_type: Cow<'a, str>,
        /// The data.
        data: Cow<'a, str>,
    },
    /// An address that the provider fetches.
    Url(Cow<'a, str>),
    /// A file that was uploaded to one provider's account, which the shape tells.
    File {
        /// Whose id it is.
        shape: Shape,
        /// The id.
        id: Cow<'a, str>,
    },
    /// Plain text.
    Text(Cow<'a, str>),
}

/// Bytes with a mark for the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media<'a> {
    /// The bytes.
    pub source: Source<'a>,
    /// A cache may be cut behind it.
    pub cache: Option<CacheMark>,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    /// The image.
    pub source: Source<'a>,
    /// OpenAI's `detail`: `auto`, `low`, `high`, `original`.
    pub detail: Option<Cow<'a, str>>,
    /// A cache may be cut behind it.
    pub cache: Option<CacheMark>,
}

/// A file to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document<'a> {
    /// The file. Anthropic's `search_result` is text with a `title` and an `origin`.
    pub source: Source<'a>,
    /// Its name or title.
    pub title: Option<Cow<'a, str>>,
    /// Where it is from or what it is about, for the model.
    pub context: Option<Cow<'a, str>>,
    /// Whether the model is to cite it.
    pub citations: bool,
    /// A cache may be cut behind it.
    pub cache: Option<CacheMark>,
}

/// Sound in base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound<'a> {
    /// The data.
    pub data: Cow<'a, str>,
    /// `wav`, `mp3`, or what the client calls it.
    pub format: Cow<'a, str>,
    /// A cache may be cut behind it.
    pub cache: Option<CacheMark>,
}

/// The model calls a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall<'a> {
    /// Pairs it with its result. Never empty after decoding.
    pub id: Cow<'a, str>,
    /// The tool, as the client or the provider named it.
    pub name: Cow<'a, str>,
    /// The arguments as JSON text, exactly as they came: they may be empty, cut, or no JSON. Of a custom tool, its input.
    pub arguments: Cow<'a, str>,
    /// Whether it is a call of a custom (free text) tool.
    pub custom: bool,
    /// A cache may be cut behind it.
    pub cache: Option<CacheMark>,
    /// Opaque state of the provider's that belongs to this call (Gemini's `thoughtSignature`).
    pub state: Option<super::State<'a>>,
}

/// What a tool gave back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolResult<'a> {
    /// The call's id.
    pub call_id: Cow<'a, str>,
    /// Text, images, documents, sound; opaque kinds too. Empty: the tool gave nothing.
    pub content: Vec<Part<'a>>,
    /// Whether the tool failed.
    pub is_error: bool,
    /// A cache may be cut behind it.
    pub cache: Option<CacheMark>,
}

/// What only one shape can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opaque<'a> {
    /// Whose it is.
    pub shape: Shape,
    /// Its `type` there.
    pub kind: Cow<'a, str>,
    /// The whole as it came.
    pub raw: Json<'a>,
}
