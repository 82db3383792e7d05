//! The fields that a hosted router adds to requests: noted while a body is looked through, and read only where there are any.

use std::borrow::Cow;

use bytes::Bytes;

use super::members::{Member, removals};
use super::wishes::{self, Wishes};
use super::{Dialect, plugins};
use crate::json::{Cursor, Edit, ScanError, Text, ValueKind, View, splice};
use crate::neutral::{ApiError, ErrorClass, Losses, Profile, ReasoningAsk};
use crate::shapes::chat;

/// A request may go on with so many other models.
const MAX_MODELS: usize = 16;

/// More of what is ignored is not told.
const MAX_IGNORED: usize = 16;

/// The longest name of a field that is told.
const MAX_FIELD: usize = 64;

/// What becomes of a field on its way to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It is heeded here, and goes on to nobody: others could undo what was decided.
    Own,
    /// It goes on to routers only.
    Router,
    /// Sampling that OpenAI's own host refuses, and that routers leave out where it is not taken.
    Sampling,
}

/// A field that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Noted {
    name: &'static str,
    way: Way,
    member: Member,
}

impl Noted {
    /// Takes the value of a field, if it is one of a router's.
    pub(crate) fn read(key: Text<'_>, cursor: &mut Cursor<'_>) -> Result<Option<Noted>, ScanError> {
        // With escapes undone, as whoever reads the body after us undoes them.
        let (name, way) = match &*key.bytes() {
            b"models" => ("models", Way::Own),
            b"route" => ("route", Way::Own),
            b"preset" => ("preset", Way::Own),
            b"provider" => ("provider", Way::Router),
            b"plugins" => ("plugins", Way::Router),
            b"transforms" => ("transforms", Way::Router),
            b"trace" => ("trace", Way::Router),
            b"debug" => ("debug", Way::Router),
            b"usage" => ("usage", Way::Router),
            b"top_k" => ("top_k", Way::Sampling),
            b"min_p" => ("min_p", Way::Sampling),
            b"top_a" => ("top_a", Way::Sampling),
            b"repetition_penalty" => ("repetition_penalty", Way::Sampling),
            _ => return Ok(None),
        };
        let member = Member { start: key.range().start, value: cursor.skip()? };
        Ok(Some(Noted { name, way, member }))
    }

    /// What it is called.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// `session_id`, which is read for its own sake.
    pub(crate) const fn session(member: Member) -> Noted {
        Noted { name: "session_id", way: Way::Router, member }
    }
}

/// The fields by which a chat client says how much to reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReasoningFields {
    pub(crate) reasoning: Option<Member>,
    pub(crate) include: Option<Member>,
    pub(crate) effort: Option<Member>,
    pub(crate) thinking: Option<Member>,
}

impl ReasoningFields {
    /// Whether one of them is a router's own.
    const fn is_routers(&self) -> bool {
        self.reasoning.is_some() || self.include.is_some()
    }

    fn all(&self) -> impl Iterator<Item = &Member> {
        [&self.reasoning, &self.include, &self.effort, &self.thinking].into_iter().flatten()
    }
}

/// What a request says in a router's words. Holds offsets into the body that it was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// Models to go on with when the one before fails, without the one that `model` names.
    pub models: Vec<String>,
    /// What is wished of providers.
    pub wishes: Wishes,
    /// The field that asks for a search of the web.
    pub searches: Option<&'static str>,
    /// Fields that change nothing here, by their paths: to be told.
    pub ignored: Vec<String>,
    /// Whether the request has a field that only a router knows.
    is_asked: bool,
    /// Whether the first of `models` stands for `model`, which is not there.
    stands_for_model: bool,
    noted: Vec<Noted>,
    reasoning: Option<(ReasoningAsk, ReasoningFields)>,
}

impl Extensions {
    /// Reads what was noted, each field once; `None` where nothing was.
    ///
    /// # Errors
    /// `BadRequest` with the field that has a value that no router takes.
    pub(crate) fn read(
        body: &[u8],
        noted: Vec<Noted>,
        reasoning: ReasoningFields,
    ) -> Result<Option<Box<Extensions>>, ApiError> {
        if noted.is_empty() && !reasoning.is_routers() {
            return Ok(None);
        }
        let mut found = Box::<Extensions>::default();
        for Noted { name, member, .. } in noted.iter().filter(|noted| noted.way != Way::Sampling) {
            let value = view(body, member)?;
            if !value.is_null() {
                found.is_asked = true;
                found.field(name, value)?;
            }
        }
        found.noted = noted;
        if reasoning.is_routers() {
            let views = |member: &Option<Member>| member.as_ref().map(|member| view(body, member)).transpose();
            let said = [&reasoning.reasoning, &reasoning.effort, &reasoning.include, &reasoning.thinking];
            let [own, effort, include, thinking] = said.map(views);
            let ask = chat::reasoning_ask([own?, effort?, include?, thinking?])?;
            found.is_asked = true;
            found.reasoning = Some((ask, reasoning));
        }
        Ok(Some(found))
    }

    fn field(&mut self, name: &'static str, value: View<'_>) -> Result<(), ApiError> {
        match name {
            "models" => self.models = models(value)?,
            "provider" => wishes::read(value, self)?,
            "plugins" => plugins::read(value, self)?,
            "preset" => return Err(no_presets()),
            "route" => drop(value.string().ok_or_else(|| wrong("route", "`fallback`"))?),
            "transforms" => {
                let is_text = |one: View<'_>| one.string().is_some();
                if value.kind() != ValueKind::Array || !value.elements().all(is_text) {
                    return Err(wrong("transforms", "an array of strings"));
                }
                if value.elements().next().is_some() {
                    self.ignore("transforms");
                }
            }
            "usage" => {
                object("usage", value)?;
                if let Some(include) = value.member("include") {
                    include.bool().ok_or_else(|| wrong("usage.include", "true or false"))?;
                }
            }
            // Read where the conversation is named; what is no name for it is none.
            "session_id" => {}
            name => {
                object(name, value)?;
                self.ignore(name);
            }
        }
        Ok(())
    }

    /// Notes a field that changes nothing. Its name may be the client's, and ends in a header.
    pub(super) fn ignore(&mut self, field: &str) {
        let field: String = field.chars().filter(|c| c.is_ascii_graphic() && *c != ',').take(MAX_FIELD).collect();
        if self.ignored.len() < MAX_IGNORED && !self.ignored.contains(&field) {
            self.ignored.push(field);
        }
    }

    /// Takes the first of `models` for the one that `model` would name.
    pub(crate) fn take_model(&mut self) -> Option<String> {
        if self.models.is_empty() {
            return None;
        }
        self.stands_for_model = true;
        Some(self.models.remove(0))
    }

    /// Where the request names a model: the first one, or one of those that it goes on with.
    #[must_use]
    pub fn place_of(&self, at: usize) -> String {
        match (at, self.stands_for_model) {
            (0, false) => "model".to_owned(),
            (at, true) => format!("models[{at}]"),
            (at, false) => format!("models[{}]", at - 1),
        }
    }

    /// Whether the request has a field that only a router knows.
    #[must_use]
    pub const fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// Whether the client does not want to see the model's reasoning.
    #[must_use]
    pub fn hides_reasoning(&self) -> bool {
        self.reasoning.as_ref().is_some_and(|(ask, _)| ask.show == Some(false))
    }

    /// The edits of a request that goes on in its own shape: what its target does not know is taken out, or said in its words; and what
    /// could not be said.
    #[must_use]
    pub fn edits(&self, body: &[u8], told: &Told<'_>) -> (Vec<Edit>, Losses) {
        let host = &told.profile.host;
        let mut losses = Losses::default();
        let goes = |way: Way| match way {
            Way::Own => true,
            Way::Router => !host.router_fields,
            Way::Sampling => host.openai_fields && told.dialect.is_router(),
        };
        let gone = || self.noted.iter().filter(|noted| goes(noted.way));
        gone().filter(|noted| noted.way == Way::Sampling).for_each(|noted| losses.dropped(noted.name));
        let mut members: Vec<&Member> = gone().map(|noted| &noted.member).collect();
        let reasoning = self.reasoning.as_ref().filter(|_| !host.router_fields);
        members.extend(reasoning.into_iter().flat_map(|(_, fields)| fields.all()));
        let mut edits = removals(body, members);
        if let Some((ask, _)) = reasoning
            && let Some(brace) = body.iter().position(|byte| *byte == b'{')
        {
            let mut with = chat::reasoning_members(*ask, told, &mut losses);
            if !with.is_empty() {
                // The object holds messages at least, so that a comma is right.
                with.push(b',');
                edits.push(Edit { range: brace + 1..brace + 1, with: with.into() });
            }
        }
        (edits, losses)
    }

    /// The body that is translated: of what is left in it the translation knows all, or tells that it does not.
    #[must_use]
    pub fn without_own(&self, body: &Bytes) -> Bytes {
        let heeded = |noted: &&Noted| noted.way != Way::Sampling && noted.name != "usage";
        let edits = removals(body, self.noted.iter().filter(heeded).map(|noted| &noted.member).collect());
        if edits.is_empty() { body.clone() } else { splice(body, &edits).concat().into() }
    }
}

/// Whom a request is told to, and what else it asks that decides how.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// What is known of the target.
    pub profile: &'a Profile,
    /// How the client is spoken to.
    pub dialect: Dialect,
    /// Whether tools are offered.
    pub has_tools: bool,
    /// The bound on the output, in tokens.
    pub max_output: Option<u64>,
}

fn view<'a>(body: &'a [u8], member: &Member) -> Result<View<'a>, ApiError> {
    let value = body.get(member.value.clone()).unwrap_or_default();
    View::parse(value)
        .map_err(|error| ApiError::new(ErrorClass::BadRequest, format!("the request body is not valid JSON: {error}")))
}

fn models(value: View<'_>) -> Result<Vec<String>, ApiError> {
    let what = format!("an array of at most {MAX_MODELS} names of routes or models");
    if value.kind() != ValueKind::Array {
        return Err(wrong("models", &what));
    }
    let most = crate::shapes::Peek::MAX_MODEL_BYTES;
    let name = |name: View<'_>| {
        let name = name.string().map(Cow::into_owned)?;
        (!name.trim().is_empty() && name.len() <= most).then_some(name)
    };
    let names: Option<Vec<String>> = value.elements().take(MAX_MODELS + 1).map(name).collect();
    names.filter(|names| names.len() <= MAX_MODELS).ok_or_else(|| wrong("models", &what))
}

/// A preset names models, providers and prompts that are kept at the router: an answer without it would be another one, and with it the
/// choice would not be the gateway's.
fn no_presets() -> ApiError {
    let message = "`preset` names settings that are kept at a hosted router, and none are kept here. Leave it out, name a model or a route \
                   as `model`, and send the settings themselves.";
    ApiError::new(ErrorClass::BadRequest, message).with_param("preset").with_code("unsupported_parameter")
}

/// Refuses what is no object.
pub(super) fn object(name: &str, value: View<'_>) -> Result<(), ApiError> {
    if value.kind() == ValueKind::Object { Ok(()) } else { Err(wrong(name, "an object")) }
}

/// The error for a field that is not what it must be.
pub(super) fn wrong(name: &str, what: &str) -> ApiError {
    ApiError::new(ErrorClass::BadRequest, format!("`{name}` must be {what}")).with_param(name)
}
