//! One pass over a request that hashes what a prompt cache is keyed by.

use std::time::Duration;

use rapidhash::v3::rapidhash_v3;

use super::Prefix;
use crate::Shape;
use crate::json::{Cursor, ScanError, Text};

/// What the block of text that Claude Code puts first begins with.
const BILLING: &[u8] = b"x-anthropic-billing-header";

/// The parts that hashes are of, so that equal bytes in different places are not equal.
mod part {
    pub(super) const TEXT: u64 = 1;
    pub(super) const MARKED: u64 = 2;
}

/// Reads the request; `None` where it is none.
pub(super) fn scan(shape: Shape, body: &[u8]) -> Option<Prefix> {
    let mut reader = Reader { body, marked: false };
    let leads = matches!(shape, Shape::Chat | Shape::Responses);
    let spoken: &[u8] = if shape == Shape::GenerateContent { b"contents" } else { b"messages" };
    let mut parts = Parts { has_input: shape == Shape::Responses, spoken, leads, ..Parts::default() };
    let mut cursor = Cursor::new(body).ok()?;
    cursor.object(|cursor, key| parts.member(&mut reader, cursor, key)).ok()?;
    cursor.finish().ok()?;
    parts.into_prefix(reader.marked)
}

/// What was found so far.
#[derive(Debug, Default)]
struct Parts {
    tools: u64,
    system: u64,
    settings: u64,
    lifetime: Option<Duration>,
    /// Whether the conversation is in `input`.
    has_input: bool,
    /// What the messages are called.
    spoken: &'static [u8],
    /// Whether a system message would still be one that comes first.
    leads: bool,
    leading: u32,
    first: Option<u64>,
    opening: Option<u64>,
    answer: Option<u64>,
    messages: u32,
    marks: Vec<u32>,
    /// The hash of the messages behind the last mark, of those that share one.
    stretch: u64,
}

impl Parts {
    fn member<'a>(&mut self, reader: &mut Reader<'a>, cursor: &mut Cursor<'a>, key: Text<'a>) -> Result<(), ScanError> {
        if cursor.peek() == Some(b'n') {
            // `null` says what a request that leaves the field out says.
            return Ok(());
        }
        match key.raw() {
            name if name == self.spoken && !self.has_input => cursor.array_or_skip(|cursor| {
                let message = reader.message(cursor)?;
                self.message(&message);
                Ok(())
            }),
            b"input" if self.has_input && cursor.peek() == Some(b'"') => {
                let said = reader.content(cursor)?;
                let all = mix(mix(hash(b"user"), said.all), 0);
                self.message(&Message { role: Role::User, all, gist: said.gist });
                Ok(())
            }
            b"input" if self.has_input => cursor.array_or_skip(|cursor| {
                let message = reader.message(cursor)?;
                self.message(&message);
                Ok(())
            }),
            b"system" | b"instructions" => {
                self.system = mix(self.system, reader.system(cursor)?);
                Ok(())
            }
            b"systemInstruction" | b"system_instruction" => {
                self.system = mix(self.system, reader.value(cursor)?);
                Ok(())
            }
            b"generationConfig" | b"generation_config" => cursor.object_or_skip(|cursor, key| {
                let is_setting = matches!(
                    key.raw(),
                    b"thinkingConfig"
                        | b"thinking_config"
                        | b"responseMimeType"
                        | b"response_mime_type"
                        | b"responseSchema"
                        | b"response_schema"
                        | b"responseJsonSchema"
                        | b"response_json_schema"
                        | b"mediaResolution"
                        | b"media_resolution"
                );
                if is_setting && cursor.peek() != Some(b'n') {
                    let setting = reader.value(cursor)?;
                    self.set(key, setting);
                }
                Ok(())
            }),
            b"tools" | b"functions" | b"mcp_servers" => {
                let tools = reader.content(cursor)?.all;
                self.tools = self.tools.wrapping_add(mix(hash(key.raw()), tools));
                Ok(())
            }
            b"tool_choice"
            | b"function_call"
            | b"parallel_tool_calls"
            | b"thinking"
            | b"reasoning"
            | b"reasoning_effort"
            | b"response_format"
            | b"output_format"
            | b"verbosity"
            | b"text"
            | b"speed"
            | b"toolConfig"
            | b"tool_config"
            | b"cachedContent"
            | b"cached_content"
            | b"prompt_cache_key" => {
                let setting = reader.value(cursor)?;
                self.set(key, setting);
                Ok(())
            }
            // Its other members, such as what is left of a budget, may change with every turn.
            b"output_config" => cursor.object_or_skip(|cursor, key| {
                if matches!(key.raw(), b"effort" | b"format") && cursor.peek() != Some(b'n') {
                    let setting = reader.value(cursor)?;
                    self.set(key, setting);
                }
                Ok(())
            }),
            b"cache_control" => {
                reader.marked = true;
                Ok(())
            }
            b"prompt_cache_retention" => {
                self.lifetime = lifetime(cursor)?.or(self.lifetime);
                Ok(())
            }
            b"prompt_cache_options" => cursor.object_or_skip(|cursor, key| {
                if key.raw() == b"ttl" {
                    self.lifetime = lifetime(cursor)?.or(self.lifetime);
                }
                Ok(())
            }),
            _ => Ok(()),
        }
    }

    /// Adds a setting; their order does not matter.
    fn set(&mut self, key: Text<'_>, value: u64) {
        self.settings = self.settings.wrapping_add(mix(hash(key.raw()), value));
    }

    fn message(&mut self, message: &Message) {
        if self.leads && message.role == Role::System {
            self.leading = self.leading.saturating_add(1);
            self.system = mix(self.system, message.all);
            return;
        }
        self.leads = false;
        self.first.get_or_insert(message.all);
        match message.role {
            Role::User => {
                self.opening.get_or_insert(message.all);
            }
            Role::Assistant if message.gist != 0 => {
                self.answer.get_or_insert(message.gist);
            }
            Role::Assistant | Role::System | Role::Other => {}
        }
        let place = self.messages as usize;
        self.messages = self.messages.saturating_add(1);
        if place < Prefix::EXACT {
            self.marks.push(low(message.all));
            return;
        }
        self.stretch = mix(self.stretch, message.all);
        let is_full = (place - Prefix::EXACT + 1).is_multiple_of(Prefix::STRIDE);
        if is_full && self.marks.len() < Prefix::MAX_MARKS {
            self.marks.push(low(self.stretch));
            self.stretch = 0;
        }
    }

    fn into_prefix(self, marked: bool) -> Option<Prefix> {
        let first = self.first?;
        Some(Prefix {
            tools: self.tools,
            system: self.system,
            settings: self.settings.wrapping_add(if marked { part::MARKED } else { 0 }),
            opening: self.opening.unwrap_or(first),
            answer: self.answer,
            lifetime: self.lifetime,
            leading: self.leading,
            messages: self.messages,
            marks: self.marks.into_boxed_slice(),
        })
    }
}

/// Who says a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Role {
    System,
    User,
    Assistant,
    #[default]
    Other,
}

/// One message.
#[derive(Debug, Default)]
struct Message {
    role: Role,
    /// All of it.
    all: u64,
    /// What was said in it and which tools were called, without the thinking before that; 0 when that is nothing.
    gist: u64,
}

/// The content of a message.
#[derive(Clone, Copy, Debug, Default)]
struct Content {
    all: u64,
    gist: u64,
}

/// One block of a content.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    hash: u64,
    is_thinking: bool,
    is_billing: bool,
}

struct Reader<'a> {
    body: &'a [u8],
    /// Whether something is marked for caching.
    marked: bool,
}

impl<'a> Reader<'a> {
    fn message(&mut self, cursor: &mut Cursor<'a>) -> Result<Message, ScanError> {
        if cursor.peek() != Some(b'{') {
            let all = self.value(cursor)?;
            return Ok(Message { role: Role::Other, all, gist: all });
        }
        let mut message = Message::default();
        let mut content = Content::default();
        let mut name = 0;
        let mut rest = 0_u64;
        let (mut has_type, mut is_thinking, mut call) = (false, false, 0);
        cursor.object(|cursor, key| {
            if cursor.peek() == Some(b'n') {
                return Ok(());
            }
            match key.raw() {
                b"role" => {
                    if let Some(role) = cursor.text()? {
                        name = hash(role.raw());
                        message.role = Role::named(role.raw());
                    }
                }
                b"content" | b"parts" => content = self.content(cursor)?,
                b"cache_control" => self.marked = true,
                b"type" if !has_type => {
                    has_type = true;
                    let Some(kind) = cursor.text()? else { return Ok(()) };
                    // An item of responses says so of whom it is; that it is a message need not be said.
                    if message.role == Role::Other {
                        message.role = Role::of_item(kind.raw());
                    }
                    is_thinking = kind.raw() == b"reasoning";
                    if kind.raw() != b"message" {
                        rest = rest.wrapping_add(mix(hash(b"type"), hash(kind.raw())));
                    }
                }
                other => {
                    let member = mix(hash(other), self.value(cursor)?);
                    rest = rest.wrapping_add(member);
                    match other {
                        b"tool_calls" => message.gist = member,
                        b"call_id" => call = member,
                        _ => {}
                    }
                }
            }
            Ok(())
        })?;
        message.all = mix(mix(name, content.all), rest);
        if message.role == Role::Assistant && message.gist == 0 {
            message.gist = call;
        }
        if is_thinking {
            message.gist = 0;
        } else if (content.gist, message.gist) != (0, 0) {
            message.gist = mix(content.gist, message.gist);
        }
        Ok(message)
    }

    /// A string, which counts as the one block of text that it is, or blocks.
    fn content(&mut self, cursor: &mut Cursor<'a>) -> Result<Content, ScanError> {
        let mut content = Content::default();
        match cursor.peek() {
            Some(b'"') => {
                let text = cursor.text()?.map_or(0, |text| hash(text.raw()));
                let all = mix(0, mix(part::TEXT, text));
                content = Content { all, gist: all };
            }
            Some(b'[') => cursor.array(|cursor| {
                let block = self.block(cursor)?;
                content.all = mix(content.all, block.hash);
                if !block.is_thinking {
                    content.gist = mix(content.gist, block.hash);
                }
                Ok(())
            })?,
            _ => {
                let all = self.value(cursor)?;
                content = Content { all, gist: all };
            }
        }
        Ok(content)
    }

    /// A system prompt: content, but for the block that Claude Code puts first.
    fn system(&mut self, cursor: &mut Cursor<'a>) -> Result<u64, ScanError> {
        if cursor.peek() != Some(b'[') {
            return Ok(self.content(cursor)?.all);
        }
        let mut all = 0;
        let mut is_first = true;
        cursor.array(|cursor| {
            let block = self.block(cursor)?;
            if !(is_first && block.is_billing) {
                all = mix(all, block.hash);
            }
            is_first = false;
            Ok(())
        })?;
        Ok(all)
    }

    /// A block of a content, or a tool, without marks. What a tool gave back holds content of its own.
    fn block(&mut self, cursor: &mut Cursor<'a>) -> Result<Block, ScanError> {
        if cursor.peek() != Some(b'{') {
            return Ok(Block { hash: self.value(cursor)?, ..Block::default() });
        }
        let mut block = Block::default();
        let mut is_text = false;
        let mut kind = 0;
        let mut text = 0;
        let mut rest = 0_u64;
        cursor.object(|cursor, key| {
            if cursor.peek() == Some(b'n') {
                return Ok(());
            }
            match key.raw() {
                b"type" => {
                    if let Some(name) = cursor.text()? {
                        kind = hash(name.raw());
                        is_text = name.raw() == b"text";
                        block.is_thinking = matches!(name.raw(), b"thinking" | b"redacted_thinking");
                    }
                }
                b"text" => {
                    if let Some(said) = cursor.text()? {
                        text = hash(said.raw());
                        block.is_billing = said.raw().starts_with(BILLING);
                    }
                }
                b"cache_control" | b"prompt_cache_breakpoint" => self.marked = true,
                // Gemini's.
                b"thought" => {
                    block.is_thinking = cursor.peek() == Some(b't');
                    rest = rest.wrapping_add(mix(hash(b"thought"), self.value(cursor)?));
                }
                b"content" => rest = rest.wrapping_add(mix(hash(b"content"), self.content(cursor)?.all)),
                other => rest = rest.wrapping_add(mix(hash(other), self.value(cursor)?)),
            }
            Ok(())
        })?;
        block.hash = if is_text && rest == 0 { mix(part::TEXT, text) } else { mix(mix(kind, text), rest) };
        Ok(block)
    }

    /// Any value, as it stands in the body.
    fn value(&self, cursor: &mut Cursor<'a>) -> Result<u64, ScanError> {
        let range = cursor.skip()?;
        Ok(hash(self.body.get(range).unwrap_or_default()))
    }
}

impl Role {
    fn named(name: &[u8]) -> Role {
        match name {
            b"system" | b"developer" => Role::System,
            b"user" => Role::User,
            b"assistant" | b"model" => Role::Assistant,
            _ => Role::Other,
        }
    }

    /// Whose an item is that has no role.
    fn of_item(kind: &[u8]) -> Role {
        if kind == b"reasoning" || kind.ends_with(b"_call") { Role::Assistant } else { Role::Other }
    }
}

/// A time to live as OpenAI writes it: `30m`, `12h`, `24h`; `None` for other words.
fn lifetime(cursor: &mut Cursor<'_>) -> Result<Option<Duration>, ScanError> {
    let Some(text) = cursor.text()? else { return Ok(None) };
    let Some((unit, number)) = text.raw().split_last() else { return Ok(None) };
    let number = std::str::from_utf8(number).ok().and_then(|number| number.parse::<u32>().ok());
    let seconds = match unit {
        b'm' => 60,
        b'h' => 3_600,
        _ => return Ok(None),
    };
    Ok(number.map(|number| Duration::from_secs(u64::from(number) * seconds)))
}

fn hash(bytes: &[u8]) -> u64 {
    rapidhash_v3(bytes)
}

/// The hash of what `hash` stands for with `next` behind it: both are hashes already, so that one multiplication is enough
/// to mix them.
fn mix(hash: u64, next: u64) -> u64 {
    const ODD: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03];
    let [first, second] = ODD;
    let product = u128::from(hash.wrapping_add(first)) * u128::from(next.rotate_left(32) ^ second);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Half of a hash: enough to tell the messages of one conversation apart.
fn low(hash: u64) -> u32 {
    (hash & u64::from(u32::MAX)) as u32
}
