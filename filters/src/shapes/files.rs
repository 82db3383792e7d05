//! Images, files and texts in the parts of requests in the shapes of OpenAI, read and written.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::media::{parse_data_url, sniff};
use crate::Shape;
use crate::json::View;
use crate::neutral::{CacheMark, Document, Image, Part, Source};

/// An address, or the data in it.
pub(super) fn address(url: Cow<'_, str>) -> Option<Source<'_>> {
    let is_data = url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
    if !is_data {
        return (!url.is_empty()).then_some(Source::Url(url));
    }
    match url {
        Cow::Borrowed(url) => {
            let (media_type, data) = parse_data_url(url)?;
            Some(Source::Base64 { media_type: media_type.into(), data: data.into() })
        }
        Cow::Owned(url) => {
            let (media_type, data) = parse_data_url(&url)?;
            Some(Source::Base64 { media_type: media_type.to_owned().into(), data: data.to_owned().into() })
        }
    }
}

/// Reads a file of a request in that shape; pictures and texts become what they are.
pub(super) fn file(shape: Shape, view: View<'_>, cache: Option<CacheMark>) -> Option<Part<'_>> {
    let title = view.member("filename").or(view.member("file_name")).and_then(View::string);
    let data = view.member("file_data").or(view.member("file_url")).and_then(View::string);
    let source = match data.filter(|data| !data.is_empty()) {
        Some(data) if data.contains(':') => address(data)?,
        // Without `data:` before it.
        Some(data) => Source::Base64 { media_type: sniff(&data).unwrap_or_default().into(), data },
        None => Source::File { shape, id: view.member("file_id").and_then(View::string)? },
    };
    let source = match source {
        Source::Base64 { media_type, data } if media_type.starts_with("image/") => {
            let source = Source::Base64 { media_type, data };
            return Some(Part::Image(Image { source, detail: None, cache }));
        }
        Source::Base64 { media_type, data } if media_type.starts_with("text/") => match decoded(&data) {
            Some(text) => Source::Text(text.into()),
            None => Source::Base64 { media_type, data },
        },
        source => source,
    };
    Some(Part::Document(Document { source, title, context: None, citations: false, cache }))
}

fn decoded(data: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(data).ok()?).ok()
}

/// The name of a file. OpenAI tells from it what the file is.
pub(super) fn file_name<'r>(title: Option<&'r str>, source: &Source<'_>) -> Cow<'r, str> {
    let is_other = match source {
        Source::Base64 { media_type, data } => {
            sniff(data).unwrap_or(media_type) != "application/pdf" && !media_type.is_empty()
        }
        _ => false,
    };
    match title {
        None if is_other => "document".into(),
        None => "document.pdf".into(),
        Some(title) if is_other || title.to_ascii_lowercase().ends_with(".pdf") => title.into(),
        Some(title) => format!("{title}.pdf").into(),
    }
}

/// A text of its own with what is known of it above.
pub(super) fn titled(title: Option<&str>, context: Option<&str>, text: &str) -> String {
    let mut all = String::new();
    for (name, value) in [("Title: ", title), ("Source: ", context)] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            all.push_str(name);
            all.push_str(value);
            all.push('\n');
        }
    }
    if !all.is_empty() {
        all.push('\n');
    }
    all + text
}

/// The tool that a search for tools found, which messages clients tell by a block of its own.
pub(super) fn found_tool<'p>(part: &'p Part<'_>) -> Option<Cow<'p, str>> {
    match part {
        Part::Opaque(block) if block.kind == "tool_reference" => block.raw.view().member("tool_name")?.string(),
        _ => None,
    }
}
