//! The parts that messages and results of tools are made of.

use super::super::super::fields::{mark, wrong};
use super::super::super::files::{address, file};
use crate::Shape;
use crate::json::{ValueKind, View};
use crate::neutral::{ApiError, Image, Opaque, Part, Sound, Source, TextPart};

/// Reads content: a string, or parts. Where it is null, there is none.
///
/// # Errors
/// When it is something else, or a part lacks what makes it one.
pub(super) fn parts<'a>(field: &str, content: Option<View<'a>>) -> Result<Vec<Part<'a>>, ApiError> {
    let Some(content) = content else { return Ok(Vec::new()) };
    match content.kind() {
        ValueKind::String => Ok(content.string().map(|text| Part::Text(TextPart::new(text))).into_iter().collect()),
        ValueKind::Array => {
            let parts = content.elements().enumerate().filter(|(_, part)| !part.is_null());
            parts.map(|(index, view)| part(&format!("{field}[{index}]"), view)).collect()
        }
        // One part without its array, as the screenshot of a computer comes.
        ValueKind::Object if content.member("type").is_some() => part(field, content).map(|part| vec![part]),
        _ => Err(wrong(field, "a string or an array of parts")),
    }
}

const ADDRESS: &str = "an https address or a data URL in base64";

fn part<'a>(field: &str, view: View<'a>) -> Result<Part<'a>, ApiError> {
    if let Some(text) = view.string() {
        return Ok(Part::Text(TextPart::new(text)));
    }
    let [kind, breakpoint, control, text] = view.pick(["type", "prompt_cache_breakpoint", "cache_control", "text"]);
    let kind = kind.and_then(View::string).ok_or_else(|| wrong(&format!("{field}.type"), "a string"))?;
    let cache = breakpoint.or(control).and_then(mark);
    let missing = |name: &str, what: &str| wrong(&format!("{field}.{name}"), what);
    match &*kind {
        "input_text" | "output_text" | "text" | "summary_text" => {
            let text = text.and_then(View::string).ok_or_else(|| missing("text", "a string"))?;
            Ok(Part::Text(TextPart { text, cache, citations: Vec::new() }))
        }
        "input_image" | "image_url" | "computer_screenshot" => {
            let detail = view.member("detail").and_then(View::string);
            let source = match (view.member("image_url"), view.member("file_id").and_then(View::string)) {
                (Some(holder), _) => {
                    let url = holder.string().or_else(|| holder.member("url").and_then(View::string));
                    url.and_then(address).ok_or_else(|| missing("image_url", ADDRESS))?
                }
                (None, Some(id)) => Source::File { shape: Shape::Responses, id },
                (None, None) => return Err(missing("image_url", ADDRESS)),
            };
            Ok(Part::Image(Image { source, detail, cache }))
        }
        "input_file" | "file" => file(Shape::Responses, view.member("file").unwrap_or(view), cache)
            .ok_or_else(|| missing("file_data", "a data URL; or send `file_url` or `file_id` in its place")),
        "input_audio" => {
            let audio = view.member("input_audio").unwrap_or(view);
            let data = audio.member("data").and_then(View::string);
            let data = data.ok_or_else(|| missing("input_audio.data", "base64, a string"))?;
            let format = audio.member("format").and_then(View::string).unwrap_or_default();
            Ok(Part::Sound(Sound { data, format, cache }))
        }
        "refusal" => {
            let refusal = view.member("refusal").and_then(View::string);
            refusal.map(Part::Refusal).ok_or_else(|| missing("refusal", "a string"))
        }
        _ => Ok(Part::Opaque(Opaque { shape: Shape::Responses, kind, raw: view.json() })),
    }
}
