//! JSON Schema as the messages shape takes it: of tools, and the narrower subset of strict tools and of `output_config.format`.
//!
//! A schema that needs no change goes on byte for byte.

mod adapt;
mod check;
mod refs;
mod repair;

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::json::{Json, ValueKind};

/// A schema that the target takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fitted<'a> {
    pub(crate) schema: Json<'a>,
    /// Whether it says less than the client's, or something else.
    pub(crate) lossy: bool,
}

/// The schema of a tool's arguments. What is no valid schema of today (draft 2020-12), or is refused at the root, is put right.
pub(crate) fn of_tool<'a>(parameters: Option<&'a Json<'_>>) -> Fitted<'a> {
    let Some(parameters) = parameters.filter(|schema| schema.view().kind() == ValueKind::Object) else {
        let empty = Json::parse(r#"{"type":"object","properties":{}}"#).unwrap_or_else(Json::null);
        // No schema, or one that is met by anything.
        let lossy = parameters.is_some_and(|schema| !matches!(schema.raw(), "null" | "true"));
        return Fitted { schema: empty, lossy };
    };
    if check::is_sound(parameters.raw()) {
        return Fitted { schema: parameters.borrowed(), lossy: false };
    }
    match serde_json::from_str(parameters.raw()) {
        Ok(Value::Object(root)) => {
            let (root, lossy) = repair::tool(root);
            Fitted { schema: Json::of(&root), lossy }
        }
        // Numbers beyond all bounds: it is sent as it came.
        _ => Fitted { schema: parameters.borrowed(), lossy: false },
    }
}

/// Whether a schema is in the subset that can be enforced, as it stands.
pub(crate) fn is_strict(schema: &Json<'_>) -> bool {
    adapted(schema).is_some_and(|adapted| adapted.schema.raw() == schema.raw())
}

/// The schema in the subset that can be enforced. What has no place there becomes part of descriptions. `None` when
/// too little would be left of it: recursion, objects with any names, tuples, a root that is no object.
pub(crate) fn adapted<'a>(schema: &'a Json<'_>) -> Option<Fitted<'a>> {
    let value: Value = serde_json::from_str(schema.raw()).ok()?;
    let (adapted, lossy) = adapt::root(&value, schema.raw().len())?;
    let schema = if adapted == value { schema.borrowed() } else { Json::of(&adapted) };
    Some(Fitted { schema, lossy })
}
