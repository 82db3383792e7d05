//! Calls of functions and what they gave, which Google pairs by order.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};

use super::super::wire::{Fields, FunctionCall, FunctionResponse, Part as Wire, Response, Said};
use super::Target;
use crate::json::{Json, ValueKind, View};
use crate::neutral::{ApiError, Message, Part, ToolCall, ToolResult};

/// What stands in place of a result that the client did not send.
const NO_RESULT: &str = "[no result]";

/// A call as it was sent.
pub(super) struct Sent<'r> {
    /// The client's id of it.
    pub(super) own_id: &'r str,
    pub(super) id: Option<&'r str>,
    pub(super) name: Cow<'r, str>,
}

/// What ids of calls look like that other providers gave, or this gateway. Google wants back only what it gave itself, and some of its
/// hosts refuse ids altogether.
fn is_foreign(id: &str) -> bool {
    const BEGINNINGS: [&str; 7] = ["toolu_", "srvtoolu_", "fc_", "chatcmpl-", "functions.", "tooluse_", "call_gw"];
    /// What OpenAI and others put behind `call_` is longer than anything of Google's.
    const LONG: usize = 20;
    let is_numbered = |rest: &str| {
        rest.split_once('_').is_some_and(|(content, number)| {
            [content, number]
                .iter()
                .all(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
        })
    };
    BEGINNINGS.iter().any(|beginning| id.starts_with(beginning))
        || id.strip_prefix("call_").is_some_and(|rest| rest.len() >= LONG || is_numbered(rest))
}

impl Target<'_> {
    /// A call, with its arguments as the object that they are.
    pub(super) fn call<'r>(&mut self, call: &'r ToolCall<'_>, others: &[Sent<'_>]) -> (FunctionCall<'r>, Sent<'r>) {
        let name = self.names.sent(&call.name);
        let is_again = others.iter().any(|other| other.own_id == call.id);
        let is_refused = self.profile.host.no_call_ids || is_again;
        let id = Some(&*call.id).filter(|id| !id.is_empty() && !is_foreign(id) && !is_refused);
        let args = self.args(call);
        (FunctionCall { id, name: name.clone(), args }, Sent { own_id: &call.id, id, name })
    }

    fn args<'r>(&mut self, call: &'r ToolCall<'_>) -> Json<'r> {
        #[derive(serde::Serialize)]
        struct Wrapped<'t> {
            #[serde(skip_serializing_if = "Option::is_none")]
            input: Option<&'t str>,
            #[serde(skip_serializing_if = "Option::is_none", rename = "_raw")]
            raw: Option<&'t str>,
        }
        let text: &'r str = &call.arguments;
        if call.custom {
            return Json::of(&Wrapped { input: Some(text), raw: None });
        }
        if text.trim().is_empty() {
            return Json::of(&Wrapped { input: None, raw: None });
        }
        match View::parse(text.as_bytes()) {
            Ok(view) if view.kind() == ValueKind::Object => view.json(),
            _ => {
                self.losses.repaired("tool_calls.arguments");
                Json::of(&Wrapped { input: None, raw: Some(text) })
            }
        }
    }

    /// The results of these calls, in their order; what the user says besides is left to the caller. `attached` gets what older models
    /// take only beside a result.
    ///
    /// # Errors
    /// When a result is of a call that was never made, or holds what must not be left out.
    pub(super) fn results<'r>(
        &mut self,
        calls: &[Sent<'r>],
        turns: &'r [Message<'_>],
        made: &HashSet<&str>,
    ) -> Result<Vec<Wire<'r>>, ApiError> {
        // All results in order, and the places of those of each call; `None` once a call has taken it.
        let mut sent: Vec<Option<&'r ToolResult<'r>>> = Vec::new();
        let mut places: HashMap<&str, VecDeque<usize>> = HashMap::new();
        for part in turns.iter().flat_map(|turn| &turn.parts) {
            let Part::ToolResult(result) = part else { continue };
            if !made.contains(&*result.call_id) {
                let message = format!(
                    "tool_call_id '{}' has no matching tool call: send the turn of the assistant that made it",
                    shown(&result.call_id)
                );
                return Err(super::refused("messages.tool_call_id", message));
            }
            places.entry(&result.call_id).or_default().push_back(sent.len());
            sent.push(Some(result));
        }
        let mut written = Vec::with_capacity(calls.len());
        let mut attached = Vec::new();
        for call in calls {
            let place = places.get_mut(call.own_id).and_then(VecDeque::pop_front);
            let result = place.and_then(|place| sent.get_mut(place)?.take());
            let (response, parts) = match result {
                Some(result) => self.response(result, &mut attached)?,
                None => {
                    self.losses.repaired("tool_result");
                    (Response::Error(NO_RESULT.into()), Vec::new())
                }
            };
            let response = FunctionResponse { id: call.id, name: call.name.clone(), response, parts };
            written.push(Wire::of(Fields { function_response: Some(response), ..Fields::default() }));
        }
        written.append(&mut attached);
        for result in sent.into_iter().flatten() {
            // The call has its result already, or the model has spoken since.
            self.losses.repaired("tool_result");
            let mut media = Vec::new();
            let text = self.result_text(result, &mut media)?;
            written.push(Wire::text(format!("[result of call {}]\n{text}", result.call_id).into()));
            written.append(&mut media);
        }
        Ok(written)
    }

    fn response<'r>(
        &mut self,
        result: &'r ToolResult<'_>,
        attached: &mut Vec<Wire<'r>>,
    ) -> Result<(Response<'r>, Vec<Wire<'r>>), ApiError> {
        let mut media = Vec::new();
        let text = self.result_text(result, &mut media)?;
        if !media.is_empty() && !self.is_told_by_level() {
            self.losses.approximated("tool_result.content");
            attached.append(&mut media);
        }
        if result.is_error {
            let text = if text.trim().is_empty() { Cow::Borrowed("Error") } else { text };
            return Ok((Response::Error(text), media));
        }
        let object = match &text {
            Cow::Borrowed(text) => View::parse(text.as_bytes()).ok().map(View::json),
            Cow::Owned(text) => Json::parse(text),
        };
        let object = object.filter(|json| json.view().kind() == ValueKind::Object);
        Ok((Response::Output(object.map_or(Said::Text(text), Said::Object)), media))
    }

    /// The texts of a result as one; what is none goes to `media`.
    fn result_text<'r>(
        &mut self,
        result: &'r ToolResult<'_>,
        media: &mut Vec<Wire<'r>>,
    ) -> Result<Cow<'r, str>, ApiError> {
        let mut texts: Vec<Cow<'r, str>> = Vec::new();
        for part in &result.content {
            match part {
                Part::Text(text) => texts.push(Cow::Borrowed(&text.text)),
                Part::Refusal(text) => texts.push(Cow::Borrowed(text)),
                part if found_tool(part).is_some() => {
                    self.losses.approximated("tool_result.content");
                    texts.extend(found_tool(part).map(|name| format!("Tool available: {name}").into()));
                }
                part => media.extend(self.part(part)?),
            }
        }
        texts.retain(|text| !text.is_empty());
        if texts.len() <= 1 {
            return Ok(texts.pop().unwrap_or_default());
        }
        Ok(texts.join("\n").into())
    }
}

/// The tool that a search for tools found, which messages clients tell by a block of its own.
fn found_tool<'p>(part: &'p Part<'_>) -> Option<Cow<'p, str>> {
    match part {
        Part::Opaque(block) if block.kind == "tool_reference" => block.raw.view().member("tool_name")?.string(),
        _ => None,
    }
}

/// An id as it may stand in a message.
fn shown(id: &str) -> String {
    id.chars().take(64).map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect()
}
