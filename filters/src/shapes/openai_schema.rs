//! JSON Schema as the shapes of OpenAI take it: of tools, strict or not, and of answers.

use std::borrow::Cow;

use crate::json::{Json, ValueKind, View};

/// The name of a schema that has none.
pub(super) const NAME: &str = "structured_output";

/// The longest name, in characters.
const MAX_NAME: usize = 64;

/// The name without what OpenAI refuses in it.
pub(super) fn legal(name: &str) -> Cow<'_, str> {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() {
        return Cow::Borrowed(NAME);
    }
    if name.len() <= MAX_NAME && name.chars().all(is_legal) {
        return Cow::Borrowed(name);
    }
    name.chars().take(MAX_NAME).map(|c| if is_legal(c) { c } else { '_' }).collect::<String>().into()
}

/// The schema of arguments. OpenAI refuses an object of which it is not said what it has.
pub(super) fn with_properties<'r>(schema: &'r Json<'_>) -> Cow<'r, Json<'r>> {
    let view = schema.view();
    let is_object = view.member("type").and_then(View::string).as_deref() == Some("object");
    let names: Vec<_> = view.members().map(|(name, _)| name).collect();
    let says = |name: &str| names.iter().any(|known| known == name);
    if !is_object || ["properties", "$ref", "anyOf", "oneOf", "allOf"].into_iter().any(says) {
        return Cow::Borrowed(schema);
    }
    let open = view.raw().strip_suffix('}').unwrap_or_default().trim_end();
    Json::parse(&format!(r#"{open},"properties":{{}}}}"#)).map_or(Cow::Borrowed(schema), Cow::Owned)
}

/// Whether OpenAI takes the schema with `strict`: objects are closed and all they have is required.
pub(super) fn fits_strict(schema: &Json<'_>) -> bool {
    let root = schema.view();
    root.member("type").and_then(View::string).as_deref() == Some("object") && fits(root)
}

fn fits(schema: View<'_>) -> bool {
    if schema.kind() != ValueKind::Object {
        return false;
    }
    let mut is_object = false;
    let (mut closed, mut properties, mut required) = (false, Vec::new(), Vec::new());
    for (name, value) in schema.members() {
        let below = match &*name {
            "type" => {
                is_object |= value.string().as_deref() == Some("object")
                    || value.elements().any(|kind| kind.string().as_deref() == Some("object"));
                true
            }
            "additionalProperties" => {
                closed = value.bool() == Some(false);
                true
            }
            "required" => {
                required = value.elements().filter_map(View::string).collect();
                true
            }
            "properties" => {
                properties = value.members().map(|(name, _)| name).collect();
                value.members().all(|(_, schema)| fits(schema))
            }
            "$defs" | "definitions" => value.members().all(|(_, schema)| fits(schema)),
            "items" => fits(value),
            "anyOf" => value.elements().all(fits),
            "allOf"
            | "oneOf"
            | "not"
            | "if"
            | "then"
            | "else"
            | "dependentRequired"
            | "dependentSchemas"
            | "patternProperties"
            | "propertyNames"
            | "unevaluatedProperties"
            | "prefixItems"
            | "$schema"
            | "$id" => false,
            _ => true,
        };
        if !below {
            return false;
        }
    }
    !is_object || (closed && properties.iter().all(|name| required.contains(name)))
}
