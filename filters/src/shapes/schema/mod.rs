//! JSON Schema as shapes take it. Messages: of tools, and the narrower subset of strict tools and of `output_config.format`.
//! Google: its part of JSON Schema, and the older form that is OpenAPI's.
//!
//! A schema that needs no change goes on byte for byte.

mod adapt;
mod check;
mod google;
mod openapi;
mod refs;
mod repair;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use crate::json::{Json, ValueKind, View};

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

/// The two forms that Google has for schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GoogleForm {
    /// `parametersJsonSchema` and `responseJsonSchema`: JSON Schema, in part.
    JsonSchema,
    /// `parameters` and `responseSchema`: OpenAPI's, in part, for models that know no other.
    OpenApi,
}

/// The schema of a function's arguments for Google; `None` when it takes none. A root that is no object is wrapped in one.
pub(crate) fn google_tool<'a>(parameters: Option<&'a Json<'_>>, form: GoogleForm) -> Option<Fitted<'a>> {
    let parameters = parameters?;
    let Ok(Value::Object(root)) = serde_json::from_str(parameters.raw()) else {
        // Anything goes, or nothing can be read.
        return None;
    };
    let (mut adapted, mut lossy) = google_root(&root, form);
    let is_object = match adapted.get("type") {
        None => !adapted.contains_key("enum"),
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        Some(_) => false,
    };
    if !is_object {
        lossy = true;
        let definitions = adapted.shift_remove("$defs");
        let wrapped = json!({"type": "object", "properties": {"value": adapted}, "required": ["value"]});
        adapted = wrapped.as_object().cloned().unwrap_or_default();
        adapted.extend(definitions.map(|definitions| ("$defs".to_owned(), definitions)));
    }
    let says = |name: &str| adapted.get(name).is_some_and(|value| value.as_object().is_some_and(|all| !all.is_empty()));
    let has_more = ["anyOf", "oneOf", "$ref"].iter().any(|name| adapted.contains_key(*name));
    let is_open = says("additionalProperties") || adapted.get("additionalProperties") == Some(&Value::Bool(true));
    if !says("properties") && !has_more && !is_open {
        return None;
    }
    adapted.entry("type").or_insert_with(|| "object".into());
    Some(fitted(parameters, &root, adapted, lossy))
}

/// The schema of an answer for Google.
pub(crate) fn google_output<'a>(schema: &'a Json<'_>, form: GoogleForm) -> Fitted<'a> {
    let Ok(Value::Object(root)) = serde_json::from_str(schema.raw()) else {
        return Fitted { schema: schema.borrowed(), lossy: false };
    };
    let (adapted, lossy) = google_root(&root, form);
    fitted(schema, &root, adapted, lossy)
}

fn google_root(root: &Map<String, Value>, form: GoogleForm) -> (Map<String, Value>, bool) {
    match form {
        GoogleForm::JsonSchema => google::root(root),
        GoogleForm::OpenApi => openapi::from_json_schema(root),
    }
}

fn fitted<'a>(own: &'a Json<'_>, root: &Map<String, Value>, adapted: Map<String, Value>, lossy: bool) -> Fitted<'a> {
    let schema = if adapted == *root { own.borrowed() } else { Json::of(&adapted) };
    Fitted { schema, lossy }
}

/// A schema that a client of Google's sends in the older form, as JSON Schema.
pub(crate) fn from_openapi(schema: View<'_>) -> Json<'_> {
    match serde_json::from_str::<Value>(schema.raw()) {
        Ok(own) => {
            let read = openapi::to_json_schema(&own);
            if read == own { schema.json() } else { Json::of(&read) }
        }
        // Numbers beyond all bounds: it is taken as it came.
        Err(_) => schema.json(),
    }
}
