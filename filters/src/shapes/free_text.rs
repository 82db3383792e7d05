//! Custom tools, which take free text, as functions for those who know no others: what they are told, and which calls are to be unwrapped.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::json::{Json, View};
use crate::neutral::{CustomTool, Part, Request, Tool};

/// The schema of a function that stands for a custom tool.
const SCHEMA: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;

/// The schema of a function that stands for a custom tool.
pub(super) fn schema() -> Json<'static> {
    Json::parse(SCHEMA).unwrap_or_else(Json::null)
}

/// What is said of the tool. A grammar cannot be enforced: it is told.
pub(super) fn description<'r>(tool: &'r CustomTool<'_>) -> Option<Cow<'r, str>> {
    let own = tool.description.as_deref().unwrap_or_default();
    let whole = match grammar(tool) {
        Some(grammar) if own.is_empty() => Cow::Owned(grammar),
        Some(grammar) => Cow::Owned(format!("{own}\n\n{grammar}")),
        None => Cow::Borrowed(own),
    };
    Some(whole).filter(|text| !text.is_empty())
}

/// What the model is told of a grammar: chat nests it one level deeper than responses does.
fn grammar(tool: &CustomTool<'_>) -> Option<String> {
    let format = tool.format.as_ref()?.view();
    let rules = format.member("grammar").unwrap_or(format);
    let definition = rules.member("definition")?.string()?;
    let syntax = rules.member("syntax").and_then(View::string).unwrap_or_default();
    Some(format!("`input` must match this {syntax} grammar:\n{definition}"))
}

/// The arguments of a call of such a function.
pub(super) fn wrapped(input: &str) -> String {
    #[derive(serde::Serialize)]
    struct Wrapped<'t> {
        input: &'t str,
    }
    Json::of(&Wrapped { input }).raw().to_owned()
}

/// The names of custom tools, declared or, where they are no longer declared, called.
pub(super) fn names(request: &Request<'_>) -> Vec<String> {
    let declared = request.tools.iter().filter_map(|tool| match tool {
        Tool::Custom(tool) => Some(&*tool.name),
        _ => None,
    });
    let known: HashSet<&str> = request.tools.iter().map(Tool::name).collect();
    let called = request.messages.iter().flat_map(|message| &message.parts).filter_map(|part| match part {
        Part::ToolCall(call) if call.custom && !known.contains(&*call.name) => Some(&*call.name),
        _ => None,
    });
    let mut seen = HashSet::new();
    declared.chain(called).filter(|name| seen.insert(*name)).map(str::to_owned).collect()
}
