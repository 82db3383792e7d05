//! Reads a messages request into the neutral form.

mod blocks;
mod reasoning;
mod tools;
mod wrong;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;

use crate::json::{Json, ValueKind, View};
use crate::neutral::{ApiError, CacheMark, Losses, Message, Output, Part, Request, Role, TextPart, Tier};
use wrong::Wrong;

/// What the first system block of Claude Code begins with: it differs in each request, so that no prompt cache would ever hit.
const BILLING_HEADER: &str = "x-anthropic-billing-header:";

/// Reads a request; see [`super::super::codec::Codec::decode_request`].
pub(super) fn request<'a>(body: View<'a>, losses: &mut Losses) -> Result<Request<'a>, ApiError> {
    read(body, losses).map_err(ApiError::from)
}

/// Fields that have no place of their own, by name.
type Extras<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

fn read<'a>(body: View<'a>, losses: &mut Losses) -> Result<Request<'a>, Wrong> {
    if body.kind() != ValueKind::Object {
        return Err(Wrong::new("", "the request body must be a JSON object"));
    }
    let mut request = Request::default();
    let mut spoken = None;
    let mut configs = Vec::new();
    for (name, value) in body.members().filter(|(_, value)| !value.is_null()) {
        match &*name {
            // The router has read the model.
            "model" => {}
            "messages" => spoken = Some(value),
            "system" => request.instructions = system(value, losses).map_err(|wrong| wrong.within("system"))?,
            "max_tokens" => request.max_output = Some(whole(value, "max_tokens")?),
            "stop_sequences" => request.stop = strings(value, "stop_sequences")?,
            "stream" => request.stream = flag(value, "stream")?,
            "temperature" => request.sampling.temperature = Some(number(value, "temperature")?),
            "top_p" => request.sampling.top_p = Some(number(value, "top_p")?),
            "top_k" => request.sampling.top_k = Some(whole(value, "top_k")?),
            "thinking" => reasoning::thinking(value, &mut request)?,
            "output_config" => reasoning::output_config(value, &mut request)?,
            // The name that `output_config.format` had in beta.
            "output_format" => {
                request.output = reasoning::format(value).map_err(|wrong| wrong.within("output_format"))?
            }
            "tools" => request.tools = tools::tools(value)?,
            "tool_choice" => tools::choice(value, &mut request)?,
            "metadata" => metadata(value, &mut request)?,
            "service_tier" => request.tier = Some(tier(text(value, "service_tier")?)),
            "cache_control" => request.cache = Some(mark(value)),
            "speed" if value.string().as_deref() == Some("standard") => {}
            // The router's own; what it says of where to go is heeded there.
            "provider" => {
                request.require_parameters = value.member("require_parameters").and_then(View::bool) == Some(true);
            }
            _ => set(&mut request.extras, name, value.json()),
        }
    }
    let Some(spoken) = spoken else {
        return Err(Wrong::new("messages", "it must be there, and be an array of messages"));
    };
    messages(spoken, &mut request, &mut configs, losses)?;
    // A message's own replaces the request's from there on: what holds for the answer is the last one.
    for config in configs {
        reasoning::output_config(config, &mut request).map_err(|wrong| wrong.within("messages"))?;
        losses.approximated("messages.output_config");
    }
    merge(&mut request.extras);
    Ok(request)
}

/// Reads the conversation.
fn messages<'a>(
    value: View<'a>,
    request: &mut Request<'a>,
    configs: &mut Vec<View<'a>>,
    losses: &mut Losses,
) -> Result<(), Wrong> {
    if value.kind() != ValueKind::Array {
        return Err(Wrong::new("messages", "it must be an array of messages"));
    }
    for (index, message) in value.elements().enumerate() {
        let read = self::message(message, &mut request.extras, configs, losses);
        let read = read.map_err(|wrong| wrong.within(&index.to_string()).within("messages"))?;
        request.messages.push(read);
    }
    Ok(())
}

fn message<'a>(
    value: View<'a>,
    extras: &mut Extras<'a>,
    configs: &mut Vec<View<'a>>,
    losses: &mut Losses,
) -> Result<Message<'a>, Wrong> {
    if value.kind() != ValueKind::Object {
        return Err(Wrong::new("", "a message must be an object with `role` and `content`"));
    }
    let (mut role, mut content, mut cache) = (None, None, None);
    for (name, value) in value.members().filter(|(_, value)| !value.is_null()) {
        match &*name {
            "role" => {
                role = Some(match value.string().as_deref() {
                    Some("user") => Role::User,
                    Some("assistant") => Role::Assistant,
                    Some("system") => Role::System,
                    _ => return Err(Wrong::new("role", "it must be `user`, `assistant` or `system`")),
                });
            }
            "content" => content = Some(value),
            "cache_control" => cache = Some(mark(value)),
            "output_config" => configs.push(value),
            _ => set(extras, format!("messages.{name}").into(), value.json()),
        }
    }
    let role = role.ok_or(Wrong::new("role", "it must be `user`, `assistant` or `system`"))?;
    let mut parts = match content {
        Some(content) => blocks::parts(content, losses).map_err(|wrong| wrong.within("content"))?,
        None => Vec::new(),
    };
    if role == Role::User {
        // Results stand first, whatever order they came in: the API asks for that itself.
        parts.sort_by_key(|part| !matches!(part, Part::ToolResult(_)));
    }
    if let Some(cache) = cache {
        mark_last_text(&mut parts, cache);
    }
    crate::shapes::call_state::give_to_calls(&mut parts);
    Ok(Message { role, name: None, parts })
}

/// A mark on a whole message is one on its last text.
fn mark_last_text(parts: &mut [Part<'_>], cache: CacheMark) {
    let last = parts.iter_mut().rev().find_map(|part| match part {
        Part::Text(text) => Some(text),
        _ => None,
    });
    if let Some(text) = last {
        text.cache.get_or_insert(cache);
    }
}

/// Reads what stands before the conversation.
fn system<'a>(value: View<'a>, losses: &mut Losses) -> Result<Vec<TextPart<'a>>, Wrong> {
    let mut texts = Vec::new();
    for part in blocks::parts(value, losses)? {
        match part {
            Part::Text(text) => texts.extend(without_billing(text)),
            Part::Opaque(block) => losses.dropped(format!("system.{}", block.kind)),
            _ => return Err(Wrong::new("", "it must be a string or an array of text blocks")),
        }
    }
    Ok(texts)
}

/// The text without the line of billing that it may begin with; nothing when it holds nothing else.
fn without_billing(mut part: TextPart<'_>) -> Option<TextPart<'_>> {
    if !part.text.starts_with(BILLING_HEADER) {
        return Some(part);
    }
    let (_, rest) = part.text.split_once('\n')?;
    let rest = rest.trim_start_matches(['\r', '\n']);
    if rest.trim().is_empty() {
        return None;
    }
    part.text = rest.to_owned().into();
    Some(part)
}

fn metadata<'a>(value: View<'a>, request: &mut Request<'a>) -> Result<(), Wrong> {
    if value.kind() != ValueKind::Object {
        return Err(Wrong::new("metadata", "it must be an object"));
    }
    for (name, value) in value.members().filter(|(_, value)| !value.is_null()) {
        if name == "user_id" {
            request.end_user = Some(text(value, "metadata.user_id")?);
        } else {
            set(&mut request.extras, format!("metadata.{name}").into(), value.json());
        }
    }
    Ok(())
}

fn tier(word: Cow<'_, str>) -> Tier<'_> {
    match &*word {
        "auto" => Tier::Auto,
        "standard_only" => Tier::Standard,
        _ => Tier::Other(word),
    }
}

/// Reads a mark for the cache.
fn mark(value: View<'_>) -> CacheMark {
    CacheMark { long: value.member("ttl").and_then(View::string).as_deref() == Some("1h") }
}

/// Keeps a field that has no place of its own.
fn set<'a>(extras: &mut Extras<'a>, name: Cow<'a, str>, value: Json<'a>) {
    extras.push((name, value));
}

/// Of the fields of one name the last counts, where the first stood.
fn merge(extras: &mut Extras<'_>) {
    let mut places: HashMap<Cow<'_, str>, usize> = HashMap::new();
    let mut merged: Extras<'_> = Vec::with_capacity(extras.len());
    for (name, value) in extras.drain(..) {
        match places.get(&name).and_then(|at| merged.get_mut(*at)) {
            Some((_, known)) => *known = value,
            None => {
                places.insert(name.clone(), merged.len());
                merged.push((name, value));
            }
        }
    }
    *extras = merged;
}

fn text<'a>(value: View<'a>, field: &'static str) -> Result<Cow<'a, str>, Wrong> {
    value.string().ok_or(Wrong::new(field, "it must be a string"))
}

fn whole(value: View<'_>, field: &'static str) -> Result<u64, Wrong> {
    value.u64().ok_or(Wrong::new(field, "it must be a whole number, not below 0"))
}

fn number(value: View<'_>, field: &'static str) -> Result<f64, Wrong> {
    value.f64().ok_or(Wrong::new(field, "it must be a number"))
}

fn flag(value: View<'_>, field: &'static str) -> Result<bool, Wrong> {
    value.bool().ok_or(Wrong::new(field, "it must be `true` or `false`"))
}

fn strings<'a>(value: View<'a>, field: &'static str) -> Result<Vec<Cow<'a, str>>, Wrong> {
    let wrong = || Wrong::new(field, "it must be an array of strings");
    if value.kind() != ValueKind::Array {
        return Err(wrong());
    }
    value.elements().map(|element| element.string().ok_or_else(wrong)).collect()
}

/// An output that keeps to a schema.
fn schema<'a>(schema: View<'a>) -> Output<'a> {
    Output::Schema { name: None, description: None, schema: schema.json(), strict: None }
}
