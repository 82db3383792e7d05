//! The parts that the content of a chat message is made of.

use super::super::super::files::{address, file};
use super::{mark, wrong};
use crate::Shape;
use crate::json::{ValueKind, View};
use crate::neutral::{ApiError, CacheMark, Document, Image, Media, Opaque, Part, Reasoning, Sound, TextPart};

/// Reads content: a string, or parts. Where it is neither, the message has none.
///
/// # Errors
/// When a part lacks what makes it one.
pub(super) fn parts<'a>(field: &str, content: Option<View<'a>>) -> Result<Vec<Part<'a>>, ApiError> {
    let Some(content) = content else { return Ok(Vec::new()) };
    match content.kind() {
        ValueKind::String => Ok(content.string().map(|text| Part::Text(TextPart::new(text))).into_iter().collect()),
        ValueKind::Array => {
            let parts = content.elements().enumerate().filter(|(_, part)| !part.is_null());
            parts.map(|(index, view)| part(&format!("{field}[{index}]"), view)).collect()
        }
        // One part without its array.
        ValueKind::Object if content.member("type").is_some() => part(field, content).map(|part| vec![part]),
        _ => Err(wrong(field, "a string or an array of parts")),
    }
}

/// Sets the mark that stands at the message on its last text, else on its last part that takes one (providers know marks on
/// parts only), unless it has its own.
pub(super) fn set_mark(parts: &mut [Part<'_>], mark: Option<CacheMark>) {
    let texts = parts.iter().rposition(|part| matches!(part, Part::Text(_)));
    let Some(at) = texts.or(parts.len().checked_sub(1)) else { return };
    let place = match parts.get_mut(at) {
        Some(Part::Text(TextPart { cache, .. }) | Part::Image(Image { cache, .. })) => cache,
        Some(Part::Document(Document { cache, .. }) | Part::Sound(Sound { cache, .. })) => cache,
        Some(Part::ToolCall(call)) => &mut call.cache,
        _ => return,
    };
    *place = place.or(mark);
}

fn part<'a>(field: &str, view: View<'a>) -> Result<Part<'a>, ApiError> {
    if let Some(text) = view.string() {
        return Ok(Part::Text(TextPart::new(text)));
    }
    let [kind, cache, breakpoint, text] = view.pick(["type", "cache_control", "prompt_cache_breakpoint", "text"]);
    let kind = kind.and_then(View::string).ok_or_else(|| wrong(&format!("{field}.type"), "a string"))?;
    let cache = cache.or(breakpoint).and_then(mark);
    let missing = |name: &str, what: &str| wrong(&format!("{field}.{name}"), what);
    match &*kind {
        // The last two are the names that Responses has for it.
        "text" | "input_text" | "output_text" => {
            let text = text.and_then(View::string).ok_or_else(|| missing("text", "a string"))?;
            Ok(Part::Text(TextPart { text, cache, citations: Vec::new() }))
        }
        "image_url" | "input_image" => {
            let holder = view.member("image_url").ok_or_else(|| missing("image_url", "an object with a url"))?;
            let url = holder.string().or_else(|| holder.member("url").and_then(View::string));
            let url = url.ok_or_else(|| missing("image_url.url", "a string"))?;
            let detail = holder.member("detail").or(view.member("detail")).and_then(View::string);
            let source = address(url).ok_or_else(|| missing("image_url.url", ADDRESS))?;
            Ok(Part::Image(Image { source, detail, cache }))
        }
        "input_audio" => {
            let audio = view.member("input_audio").unwrap_or(view);
            let data = audio.member("data").and_then(View::string);
            let data = data.ok_or_else(|| missing("input_audio.data", "base64, a string"))?;
            let format = audio.member("format").and_then(View::string).unwrap_or_default();
            Ok(Part::Sound(Sound { data, format, cache }))
        }
        "file" | "input_file" => file(Shape::Chat, view.member("file").unwrap_or(view), cache)
            .ok_or_else(|| missing("file", "an object with `file_data` (a data URL) or `file_id`")),
        "video_url" => {
            let holder = view.member("video_url").ok_or_else(|| missing("video_url", "an object with a url"))?;
            let url = holder.string().or_else(|| holder.member("url").and_then(View::string));
            let source = url.and_then(address).ok_or_else(|| missing("video_url.url", ADDRESS))?;
            Ok(Part::Video(Media { source, cache }))
        }
        "refusal" => {
            let refusal = view.member("refusal").and_then(View::string);
            refusal.map(Part::Refusal).ok_or_else(|| missing("refusal", "a string"))
        }
        // Mistral's models answer so, and want it back.
        "thinking" if view.member("signature").is_none() => Ok(Part::Reasoning(thinking(view))),
        _ => Ok(Part::Opaque(Opaque { shape: Shape::Chat, kind, raw: view.json() })),
    }
}

const ADDRESS: &str = "an https address or a data URL in base64";

/// Reads `{"type": "thinking", "thinking": [{"type": "text", "text": "..."}]}`, or a plain string in it.
fn thinking(view: View<'_>) -> Reasoning<'_> {
    let Some(inner) = view.member("thinking") else { return Reasoning::default() };
    let text = inner.string().unwrap_or_else(|| {
        let texts = inner.elements().filter_map(|piece| piece.member("text").and_then(View::string));
        texts.fold(String::new(), |all, text| all + &text).into()
    });
    Reasoning { text, ..Reasoning::default() }
}
