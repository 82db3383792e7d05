//! What the answer must look like, as `response_format`.

use std::borrow::Cow;

use super::Target;
use super::wire::{Format, Object, Schema};
use crate::json::Json;
use crate::neutral::{self, Request};
use crate::shapes::openai_schema::{NAME, fits_strict, legal};

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
