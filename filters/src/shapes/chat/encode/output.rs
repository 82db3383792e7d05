//! What the answer must look like, as `response_format`.

use std::borrow::Cow;

use super::Target;
use super::wire::{Format, Object, Schema};
use crate::json::{Json, ValueKind, View};
use crate::neutral::{self, Request};

/// The name of a schema that has none.
const NAME: &str = "structured_output";

/// The longest name, in characters.
const MAX_NAME: usize = 64;

/// What to say of it.
pub(super) struct Output<'r> {
    format: Option<Format<'r>>,
    instruction: Option<String>,
}

impl<'r> Output<'r> {
    /// For that request.
    pub(super) fn of(request: &'r Request<'_>, target: &mut Target<'_>) -> Output<'r> {
        let plain = |kind| Some(Format { kind, json_schema: None });
        match &request.output {
            neutral::Output::Text => Output { format: None, instruction: None },
            neutral::Output::JsonObject => Output { format: plain("json_object"), instruction: None },
            neutral::Output::Schema { schema, .. } if target.profile.structured_outputs == Some(false) => {
                target.losses.approximated("schema");
                let instruction =
                    format!("Reply with one JSON object only, which keeps to this JSON Schema:\n{}", schema.compact());
                Output { format: plain("json_object"), instruction: Some(instruction) }
            }
            neutral::Output::Schema { name, description, schema, strict } => {
                let name = name.as_deref().map_or(Cow::Borrowed(NAME), legal);
                let strict = strict.filter(|strict| !strict || is_strict(schema, target));
                let schema = Schema { name, description: description.as_deref(), schema, strict };
                Output { format: Some(Format { kind: "json_schema", json_schema: Some(schema) }), instruction: None }
            }
        }
    }

    /// Writes it.
    pub(super) fn write(&self, body: &mut Object) {
        body.put_some("response_format", self.format.as_ref());
    }

    /// What the model is told in words, because its host has none for it.
    pub(super) fn instruction(&self) -> Option<&str> {
        self.instruction.as_deref()
    }
}

/// Whether a schema can be asked to be kept to; noted where the host would refuse it.
fn is_strict(schema: &Json<'_>, target: &mut Target<'_>) -> bool {
    let fits = !target.profile.host.openai_fields || fits_strict(schema);
    if !fits {
        target.losses.approximated("schema");
    }
    fits
}

/// The name without what OpenAI refuses in it.
fn legal(name: &str) -> Cow<'_, str> {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() {
        return Cow::Borrowed(NAME);
    }
    if name.len() <= MAX_NAME && name.chars().all(is_legal) {
        return Cow::Borrowed(name);
    }
    name.chars().take(MAX_NAME).map(|c| if is_legal(c) { c } else { '_' }).collect::<String>().into()
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
