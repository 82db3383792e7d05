//! What the answer must look like: fields where the model has them, words where not.

use super::super::super::schema::{self, GoogleForm};
use super::Target;
use super::wire::Format;
use crate::json::Json;
use crate::neutral::{self, Request};

const JSON: &str = "application/json";

/// Asks for JSON where there is no field for it.
const JSON_ONLY: &str =
    "Reply with one JSON object only: no text before or behind it, no explanation and no code fence.";

/// What to say of it.
#[derive(Default)]
pub(super) struct Output<'r> {
    pub(super) format: Format<'r>,
    /// What the model is told in words.
    pub(super) instruction: Option<String>,
}

impl<'r> Output<'r> {
    /// For that request, with tools or without.
    pub(super) fn of(request: &'r Request<'_>, has_tools: bool, target: &mut Target<'_>) -> Output<'r> {
        // Older models refuse a format beside functions.
        let takes_format =
            target.profile.structured_outputs != Some(false) && (!has_tools || target.is_told_by_level());
        match &request.output {
            neutral::Output::Text => Output::default(),
            neutral::Output::JsonObject if takes_format => {
                Output { format: Format { response_mime_type: Some(JSON), ..Format::default() }, instruction: None }
            }
            neutral::Output::JsonObject => {
                target.losses.approximated("response_format");
                Output { instruction: Some(JSON_ONLY.to_owned()), ..Output::default() }
            }
            neutral::Output::Schema { schema, name, description, .. } if takes_format => {
                if description.is_some() && name.is_none() {
                    target.losses.dropped("response_format.json_schema.description");
                }
                let form = target.form();
                let fitted = schema::google_output(schema, form);
                if fitted.lossy {
                    target.losses.approximated("schema");
                }
                let (legacy, newer) = match form {
                    GoogleForm::OpenApi => (Some(fitted.schema), None),
                    GoogleForm::JsonSchema => (None, Some(fitted.schema)),
                };
                let format =
                    Format { response_mime_type: Some(JSON), response_schema: legacy, response_json_schema: newer };
                Output { format, instruction: None }
            }
            neutral::Output::Schema { schema, name, description, .. } => {
                target.losses.approximated("response_format");
                Output {
                    instruction: Some(in_words([name.as_deref(), description.as_deref()], schema)),
                    ..Output::default()
                }
            }
        }
    }
}

/// Asks for JSON that keeps to a schema.
fn in_words(names: [Option<&str>; 2], schema: &Json<'_>) -> String {
    let mut words = String::from(
        "Reply with one JSON value only: no text before or behind it, no explanation and no code fence. It must keep to this JSON Schema",
    );
    for (part, separator) in names.into_iter().zip([" ", ": "]) {
        if let Some(part) = part.filter(|part| !part.is_empty()) {
            words.push_str(separator);
            words.push_str(part);
        }
    }
    words.push('\n');
    words.push_str(&schema.compact());
    words
}
