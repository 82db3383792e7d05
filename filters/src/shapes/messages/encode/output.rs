//! What the answer must look like: a schema that the provider keeps to, or words that ask the model for it.

use super::refused;
use super::wire::{Block, Body, Format};
use crate::json::Json;
use crate::neutral::{ApiError, Losses, Output, Part, Profile, Request};
use crate::shapes::schema;

/// Asks for JSON where the shape has no field for it.
const JSON_ONLY: &str =
    "Reply with one JSON object only: no text before or behind it, no explanation and no code fence.";

/// Writes the format of the answer.
pub(super) fn write<'r>(
    request: &'r Request<'_>,
    profile: &Profile,
    body: &mut Body<'r>,
    losses: &mut Losses,
) -> Result<(), ApiError> {
    match &request.output {
        Output::Text => {}
        Output::JsonObject => {
            losses.approximated("response_format");
            body.system.push(Block::text(JSON_ONLY));
        }
        Output::Schema { schema, name, description, .. } => {
            refuse_citations(request)?;
            let adapted = if profile.structured_outputs == Some(false) { None } else { schema::adapted(schema) };
            match adapted {
                Some(adapted) => {
                    if adapted.lossy {
                        losses.approximated("schema");
                    }
                    body.output_config.format = Some(Format { r#type: "json_schema", schema: adapted.schema });
                }
                None => {
                    losses.approximated("response_format");
                    let names = [name.as_deref(), description.as_deref()];
                    body.system.push(Block::text(in_words(names, schema)));
                }
            }
        }
    }
    Ok(())
}

/// Citations cut an answer into blocks: the API refuses them together with a format.
fn refuse_citations(request: &Request<'_>) -> Result<(), ApiError> {
    fn cited(parts: &[Part<'_>]) -> bool {
        parts.iter().any(|part| match part {
            Part::Document(document) => document.citations,
            Part::ToolResult(result) => cited(&result.content),
            _ => false,
        })
    }
    if request.messages.iter().any(|message| cited(&message.parts)) {
        return Err(refused(
            "response_format",
            "an answer that keeps to a schema cannot cite documents: leave out `citations` or the schema",
        ));
    }
    Ok(())
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
