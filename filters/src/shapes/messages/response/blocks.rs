//! What blocks hold, whole or streamed: input of tools, citations, state.

use std::borrow::Cow;

use super::super::super::envelope;
use crate::Shape;
use crate::json::{Json, ValueKind, View, quoted};
use crate::neutral::{Answering, Citation, CitationKind, Origin, State, StateFormat};

/// The arguments of a call as text: the input object compacted. Some hosts send the text itself.
pub(in super::super) fn input_text(input: View<'_>) -> String {
    match input.string() {
        Some(text) => text.into_owned(),
        None if input.is_null() => String::new(),
        None => input.json().compact().into_owned(),
    }
}

/// The input object of a call with those arguments. What is no object is wrapped in one: blocks hold nothing else.
pub(in super::super) fn input_of(arguments: &str, custom: bool) -> Json<'static> {
    #[derive(serde::Serialize)]
    struct Custom<'a> {
        input: &'a str,
    }
    #[derive(serde::Serialize)]
    struct Unreadable<'a> {
        _raw: &'a str,
    }
    if custom {
        return Json::of(&Custom { input: arguments });
    }
    let text = if arguments.trim().is_empty() { "{}" } else { arguments };
    match Json::parse(text) {
        Some(json) if json.view().kind() == ValueKind::Object => json,
        _ => Json::of(&Unreadable { _raw: arguments }),
    }
}

/// The citations of a text block.
pub(in super::super) fn citations(block: View<'_>) -> Vec<Citation<'static>> {
    block.member("citations").into_iter().flat_map(View::elements).map(citation).collect()
}

/// One citation. Of a page of the web it tells the address; it belongs to the whole of its block.
pub(in super::super) fn citation(from: View<'_>) -> Citation<'static> {
    let text = |name| from.member(name).and_then(View::string);
    let url = text("url").filter(|_| text("type").as_deref() == Some("web_search_result_location"));
    let kind = match url {
        Some(url) => CitationKind::Web {
            url: Cow::Owned(url.into_owned()),
            title: text("title").map(|title| Cow::Owned(title.into_owned())),
            start: None,
            end: None,
        },
        None => CitationKind::Other,
    };
    Citation { kind, shape: Shape::Messages, raw: from.json().into_owned() }
}

/// The citations that this shape can tell: its own. One of another shape lacks `encrypted_index`, which clients send back.
pub(in super::super) fn citations_of<'c>(citations: &'c [Citation<'_>]) -> impl Iterator<Item = &'c Json<'c>> {
    citations.iter().filter(|citation| citation.shape == Shape::Messages).map(|citation| &citation.raw)
}

/// State as it stands in `signature` or `data`: bare when it is of that form natively, else in an envelope.
pub(in super::super) fn sealed(state: &State<'_>, native: StateFormat, answering: &Answering) -> String {
    if state.format == native && state.origin.as_ref().is_none_or(|origin| is_own(origin, answering)) {
        return state.data.clone().into_owned();
    }
    envelope::seal(state, &answering.origin)
}

fn is_own(origin: &Origin<'_>, answering: &Answering) -> bool {
    *origin == answering.origin
}

/// The object with those members in the place of its own of the same name, and behind them those that it has not.
pub(in super::super) fn replaced(object: View<'_>, changes: &[(&str, Cow<'_, str>)]) -> String {
    let change_of = |name: &str| changes.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_ref());
    let members: Vec<_> = object.members().collect();
    let own = members.iter().map(|(name, value)| (name.as_ref(), change_of(name).unwrap_or(value.raw())));
    let is_new = |name: &str| !members.iter().any(|(own, _)| own == name);
    let new = changes.iter().filter(|(name, _)| is_new(name)).map(|(name, value)| (*name, value.as_ref()));
    let all: Vec<String> =
        own.chain(new).map(|(name, value)| format!("{}:{value}", String::from_utf8_lossy(&quoted(name)))).collect();
    format!("{{{}}}", all.join(","))
}
