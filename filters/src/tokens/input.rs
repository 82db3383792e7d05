//! How many tokens a request has, by its text, its tools and its attachments, where no provider lived to say so.

use serde_json::Value;

use super::bpe::{BYTES_PER_TOKEN, Counter};
use super::family::{Family, Rates, ToolForm};
use super::types;
use crate::Shape;
use crate::json::{Cursor, ScanError, Text};

/// Definitions of tools are read up to so many bytes each and in all, and counted as they stand above that.
const MAX_TOOL_BYTES: usize = 64 * 1024;
const MAX_TOOLS_BYTES: usize = 1024 * 1024;

/// Base64 bytes that a page of a document takes, about.
const PAGE_BYTES: u64 = 75_000;

/// Sound and film: bytes of base64 for a token (compressed sound: 32 tokens a second).
const CLIP_BYTES_PER_TOKEN: u64 = 600;

/// About how many tokens a provider counts for the prompt of that request: text, tools, calls and their results, pictures,
/// documents and sound, and what the models of that family find around them. The body may be any bytes; those that are no
/// request count as a token for each four bytes.
///
/// It takes some 80 us for each KiB of text up to 512 KiB, and a twentieth of that behind them; the first call 100 ms more,
/// to read the tables. Call it where that may take its time.
///
/// ```
/// use ovth_filters::Shape;
/// use ovth_filters::tokens::{Family, estimate_input};
/// let body = br#"{"model":"gpt-5","messages":[{"role":"user","content":"Hello, world!"}]}"#;
/// assert_eq!(estimate_input(Shape::Chat, body, Family::of(Shape::Chat, "gpt-5")), 11);
/// ```
#[must_use]
pub fn estimate_input(shape: Shape, body: &[u8], family: Family) -> u64 {
    let mut reader = Reader {
        body,
        shape,
        rates: family.rates(),
        text: Counter::default(),
        thoughts: Counter::default(),
        definitions: Counter::default(),
        tools_bytes: 0,
        no_tools: false,
        thinks: false,
        messages: 0,
        tools: 0,
        server_tools: 0,
        calls: 0,
        attachments: 0,
    };
    match reader.read() {
        Ok(()) => reader.tokens(),
        Err(_) => (body.len() as u64).div_ceil(BYTES_PER_TOKEN),
    }
}

/// What was found of a request so far.
struct Reader<'a> {
    body: &'a [u8],
    shape: Shape,
    rates: &'static Rates,
    text: Counter,
    /// What the model thought since the user last spoke; of older thoughts providers keep none in the prompt.
    thoughts: Counter,
    definitions: Counter,
    tools_bytes: usize,
    /// The model may call none of the tools: most hosts leave them out of the prompt then.
    no_tools: bool,
    thinks: bool,
    messages: u64,
    tools: u64,
    server_tools: u64,
    calls: u64,
    attachments: u64,
}

impl<'a> Reader<'a> {
    fn read(&mut self) -> Result<(), ScanError> {
        let mut cursor = Cursor::new(self.body)?;
        cursor.object(|cursor, key| self.member(cursor, key.raw()))?;
        cursor.finish()
    }

    fn tokens(&self) -> u64 {
        let rates = self.rates;
        let (definitions, tools) = match self.no_tools && !rates.keeps_tools {
            true => (0, 0),
            false => (self.definitions.tokens(), self.tools),
        };
        let words = [self.text.tokens(), self.thoughts.tokens(), definitions].into_iter().fold(0, u64::saturating_add);
        let times = [
            (self.messages, rates.message),
            (tools, rates.tool),
            (u64::from(tools > 0), rates.tool_preamble),
            (self.server_tools, rates.server_tool),
            (self.calls, rates.call),
            (u64::from(self.thinks), rates.thinking),
        ];
        let hidden = times.into_iter().map(|(count, each)| count.saturating_mul(each)).fold(0, u64::saturating_add);
        words
            .saturating_mul(rates.text)
            .div_ceil(100)
            .saturating_add(rates.request)
            .saturating_add(hidden)
            .saturating_add(self.attachments)
    }

    /// A member of the body itself. The names of the shapes do not collide, and hosts mix them.
    fn member(&mut self, cursor: &mut Cursor<'a>, key: &[u8]) -> Result<(), ScanError> {
        match key {
            b"messages" | b"contents" => cursor.array_or_skip(|cursor| self.message(cursor)),
            b"input" if self.shape == Shape::Responses => match cursor.peek() {
                Some(b'[') => cursor.array(|cursor| self.message(cursor)),
                _ => self.whole_message(cursor),
            },
            b"system" | b"instructions" | b"systemInstruction" | b"system_instruction" => self.whole_message(cursor),
            // What Google counts the tokens of.
            b"generateContentRequest" | b"generate_content_request" => {
                cursor.object_or_skip(|cursor, key| self.member(cursor, key.raw()))
            }
            b"toolConfig" | b"tool_config" => cursor.object_or_skip(|cursor, key| match key.raw() {
                b"functionCallingConfig" | b"function_calling_config" => cursor.object_or_skip(|cursor, key| {
                    if key.raw() == b"mode" {
                        let mode = cursor.text()?;
                        self.no_tools = mode.is_some_and(|mode| mode.raw().eq_ignore_ascii_case(b"NONE"));
                    }
                    Ok(())
                }),
                _ => Ok(()),
            }),
            b"tools" | b"functions" => cursor.array_or_skip(|cursor| self.tool(cursor)),
            b"response_format" | b"output_format" | b"output_config" | b"generationConfig" | b"generation_config" => {
                self.format(cursor)
            }
            b"thinking" | b"reasoning" => cursor.object_or_skip(|cursor, key| {
                if key.raw() == b"type" {
                    self.thinks = cursor.text()?.is_some_and(|kind| kind.raw() != b"disabled");
                }
                self.thinks |= matches!(key.raw(), b"effort" | b"max_tokens");
                Ok(())
            }),
            b"tool_choice" => {
                self.no_tools = cursor.text()?.is_some_and(|choice| choice.raw() == b"none");
                Ok(())
            }
            // That of the Responses API has its format in there.
            b"text" => cursor.object_or_skip(|cursor, key| match key.raw() {
                b"format" => self.format(cursor),
                _ => Ok(()),
            }),
            _ => Ok(()),
        }
    }

    /// A value that is content and a message by itself.
    fn whole_message(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ScanError> {
        if !matches!(cursor.peek(), Some(b'"' | b'[' | b'{')) {
            return Ok(());
        }
        self.messages = self.messages.saturating_add(1);
        self.content(cursor)
    }

    fn message(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ScanError> {
        self.messages = self.messages.saturating_add(1);
        if self.is_from_user(cursor.clone()) {
            self.thoughts.forget();
        }
        match self.shape {
            Shape::Responses => self.item(cursor),
            _ => self.part(cursor),
        }
    }

    /// Whether a message is something that the user says, and not what a tool gave back.
    fn is_from_user(&self, mut cursor: Cursor<'a>) -> bool {
        let (mut user, mut says) = (false, false);
        let read = cursor.object_or_skip(|cursor, key| {
            match key.raw() {
                b"role" => user = cursor.text()?.is_some_and(|role| role.raw() == b"user"),
                b"content" if cursor.peek() == Some(b'"') => says = true,
                b"parts" => cursor.array_or_skip(|cursor| {
                    cursor.object_or_skip(|_, key| {
                        says |= key.raw() == b"text";
                        Ok(())
                    })
                })?,
                b"content" => cursor.array_or_skip(|cursor| {
                    cursor.object_or_skip(|cursor, key| {
                        says |= key.raw() == b"type"
                            && cursor.text()?.is_some_and(|kind| matches!(kind.raw(), b"text" | b"input_text"));
                        Ok(())
                    })
                })?,
                _ => {}
            }
            Ok(())
        });
        read.is_ok() && user && says
    }

    /// An item of Responses: a message, or what has a type of its own.
    fn item(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ScanError> {
        let mut kind = None;
        cursor.clone().object_or_skip(|cursor, key| {
            if key.raw() == b"type" {
                kind = cursor.text()?.map(|kind| kind.raw());
            }
            Ok(())
        })?;
        match kind {
            Some(b"function_call") => self.call(cursor),
            Some(b"reasoning") => self.thought(cursor),
            // Tools that come in the middle of a conversation.
            Some(b"additional_tools") => cursor.object_or_skip(|cursor, key| match key.raw() {
                b"tools" => cursor.array_or_skip(|cursor| self.tool(cursor)),
                _ => Ok(()),
            }),
            _ => self.part(cursor),
        }
    }

    /// The texts of an item of reasoning.
    fn thought(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ScanError> {
        cursor.object_or_skip(|cursor, key| match key.raw() {
            b"summary" | b"content" => cursor.array_or_skip(|cursor| {
                cursor.object_or_skip(|cursor, key| {
                    if key.raw() == b"text"
                        && let Some(text) = cursor.text()?
                    {
                        push(text, &mut self.thoughts);
                    }
                    Ok(())
                })
            }),
            _ => Ok(()),
        })
    }

    /// A string, parts, or one part.
    fn content(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ScanError> {
        match cursor.peek() {
            Some(b'"') => self.string(cursor),
            Some(b'[') => cursor.array(|cursor| self.content(cursor)),
            Some(b'{') => self.part(cursor),
            _ => Ok(()),
        }
    }

    /// A message, an item, or a part of a content: all have their text in members of the same few names.
    fn part(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ScanError> {
        let is_thought = self.shape == Shape::GenerateContent && is_thought(cursor.clone());
        cursor.object_or_skip(|cursor, key| match key.raw() {
            b"text" if is_thought => {
                if let Some(text) = cursor.text()? {
                    push(text, &mut self.thoughts);
                }
                Ok(())
            }
            b"content" | b"parts" | b"text" | b"refusal" | b"output" | b"summary" | b"title" | b"context" => {
                self.content(cursor)
            }
            b"name" => self.string(cursor),
            // Of calls: in a string, or as they are.
            b"arguments" | b"args" | b"response" | b"code" => self.value(cursor),
            b"input" => {
                self.calls = self.calls.saturating_add(1);
                self.value(cursor)
            }
            b"tool_calls" => cursor.array_or_skip(|cursor| self.call(cursor)),
            b"function_call" | b"functionCall" | b"functionResponse" | b"function_response" => self.call(cursor),
            b"function" | b"custom" => self.part(cursor),
            b"thinking" | b"reasoning_content" => {
                if let Some(text) = cursor.text()? {
                    push(text, &mut self.thoughts);
                }
                Ok(())
            }
            b"image_url" | b"inlineData" | b"inline_data" | b"input_audio" | b"file" | b"video_url" | b"audio_url"
            | b"file_data" | b"fileData" => self.media(cursor, key.raw()),
            b"source" => self.source(cursor),
            _ => Ok(()),
        })
    }

    fn call(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ScanError> {
        self.calls = self.calls.saturating_add(1);
        self.part(cursor)
    }

    /// A string counts as what it says, anything else as it stands.
    fn value(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ScanError> {
        if cursor.peek() == Some(b'"') {
            return self.string(cursor);
        }
        let range = cursor.skip()?;
        self.text.text(self.body.get(range).unwrap_or_default());
        Ok(())
    }

    fn string(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ScanError> {
        if let Some(text) = cursor.text()? {
            push(text, &mut self.text);
        }
        Ok(())
    }

    /// A schema that the answer has to follow stands in the prompt.
    fn format(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ScanError> {
        cursor.object_or_skip(|cursor, key| match key.raw() {
            b"json_schema" | b"format" => self.format(cursor),
            b"schema" | b"responseSchema" | b"response_schema" | b"responseJsonSchema" | b"response_json_schema" => {
                self.value(cursor)
            }
            _ => Ok(()),
        })
    }

    fn tool(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ScanError> {
        let range = cursor.skip()?;
        let raw = self.body.get(range).unwrap_or_default();
        self.tools_bytes = self.tools_bytes.saturating_add(raw.len());
        let is_small = raw.len() <= MAX_TOOL_BYTES && self.tools_bytes <= MAX_TOOLS_BYTES;
        let parsed = if is_small { serde_json::from_slice(raw).ok() } else { None };
        let Some(tool) = parsed else {
            self.tools = self.tools.saturating_add(1);
            self.definitions.text(raw);
            return Ok(());
        };
        self.definition(&tool);
        Ok(())
    }

    fn definition(&mut self, tool: &Value) {
        // Gemini keeps all functions in one tool.
        for name in ["functionDeclarations", "function_declarations"] {
            for function in tool.get(name).and_then(Value::as_array).into_iter().flatten() {
                self.definition(function);
            }
        }
        // Responses groups functions under a name.
        if tool.get("type").is_some_and(|kind| kind == "namespace") {
            for function in tool.get("tools").and_then(Value::as_array).into_iter().flatten() {
                self.definition(function);
            }
            return;
        }
        let function = tool.get("function").unwrap_or(tool);
        let schema = ["parameters", "input_schema", "parametersJsonSchema"].iter().find_map(|name| function.get(name));
        let text = |name: &str| function.get(name).and_then(Value::as_str);
        let Some(name) =
            text("name").filter(|_| schema.is_some() || tool.get("type").is_none_or(|kind| kind == "function"))
        else {
            self.server_tools = self.server_tools.saturating_add(u64::from(tool.get("type").is_some()));
            return;
        };
        self.tools = self.tools.saturating_add(1);
        let mut out = String::new();
        match self.rates.tools {
            ToolForm::Types => types::function(&mut out, name, text("description"), schema),
            ToolForm::Json => out = json_form(name, text("description"), schema),
        }
        self.definitions.text(out.as_bytes());
    }

    fn media(&mut self, cursor: &mut Cursor<'a>, key: &[u8]) -> Result<(), ScanError> {
        let look = cursor.clone();
        let bytes = cursor.skip()?.len() as u64;
        let tokens = match key {
            b"inlineData" | b"inline_data" | b"file_data" | b"fileData" if self.shape == Shape::GenerateContent => {
                match media_type(look).as_deref() {
                    Some(kind) if kind.starts_with(b"image/") => self.rates.image,
                    Some(kind) if kind.starts_with(b"audio/") || kind.starts_with(b"video/") => {
                        bytes / CLIP_BYTES_PER_TOKEN
                    }
                    _ => self.pages(bytes),
                }
            }
            b"image_url" | b"inlineData" | b"inline_data" => self.rates.image,
            b"file" | b"file_data" | b"fileData" => self.pages(bytes),
            _ => bytes / CLIP_BYTES_PER_TOKEN,
        };
        self.attachments = self.attachments.saturating_add(tokens);
        Ok(())
    }

    /// Where an image or a document of Anthropic's comes from.
    fn source(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ScanError> {
        let start = cursor.clone();
        let (mut is_text, mut is_image) = (false, true);
        let mut look = cursor.clone();
        look.object_or_skip(|cursor, key| {
            match key.raw() {
                b"type" => is_text = cursor.text()?.is_some_and(|kind| matches!(kind.raw(), b"text" | b"content")),
                b"media_type" => is_image = cursor.text()?.is_some_and(|kind| kind.raw().starts_with(b"image/")),
                _ => {}
            }
            Ok(())
        })?;
        if is_text {
            return cursor.object_or_skip(|cursor, key| match key.raw() {
                b"data" => self.string(cursor),
                b"content" => self.content(cursor),
                _ => Ok(()),
            });
        }
        cursor.skip()?;
        let bytes = cursor.range_from(&start).len() as u64;
        let tokens = if is_image { self.rates.image } else { self.pages(bytes) };
        self.attachments = self.attachments.saturating_add(tokens);
        Ok(())
    }

    fn pages(&self, bytes: u64) -> u64 {
        bytes.div_ceil(PAGE_BYTES).saturating_mul(self.rates.page)
    }
}

/// Whether a part of Gemini's is a thought.
fn is_thought(mut cursor: Cursor<'_>) -> bool {
    let mut thought = false;
    let read = cursor.object_or_skip(|cursor, key| {
        thought |= key.raw() == b"thought" && cursor.peek() == Some(b't');
        Ok(())
    });
    read.is_ok() && thought
}

/// The type of Gemini's media.
fn media_type(mut cursor: Cursor<'_>) -> Option<Vec<u8>> {
    let mut found = None;
    let read = cursor.object_or_skip(|cursor, key| {
        if matches!(key.raw(), b"mimeType" | b"mime_type") {
            found = cursor.text()?.map(|kind| kind.bytes().into_owned());
        }
        Ok(())
    });
    read.ok().and(found)
}

fn push(text: Text<'_>, counter: &mut Counter) {
    text.pieces(|piece| counter.push(piece));
    counter.end_text();
}

fn json_form(name: &str, description: Option<&str>, schema: Option<&Value>) -> String {
    let schema = schema.map_or_else(String::new, Value::to_string);
    format!("{{\"name\":\"{name}\",\"description\":\"{}\",\"parameters\":{schema}}}", description.unwrap_or_default())
}
