//! Images and files inside of requests: data URLs, and what base64 really holds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Base64 of the first bytes, in which all signatures are.
const HEAD: usize = 24;

/// The data URL of base64 data.
pub(crate) fn data_url(media_type: &str, data: &str) -> String {
    format!("data:{media_type};base64,{data}")
}

/// The media type and the base64 data of a data URL; the type may be empty. `None` when it is another address, or is not base64.
pub(crate) fn parse_data_url(url: &str) -> Option<(&str, &str)> {
    let scheme = url.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:"))?;
    let (head, data) = url.get(scheme.len()..)?.split_once(',')?;
    let head = head.strip_suffix(";base64").or_else(|| head.strip_suffix(";BASE64"))?;
    Some((head.split(';').next().unwrap_or_default().trim(), data.trim()))
}

/// The media type that the data shows itself to be; `None` when its first bytes are of no known kind.
pub(crate) fn sniff(data: &str) -> Option<&'static str> {
    let head = data.get(..HEAD.min(data.len() / 4 * 4))?;
    let bytes = STANDARD.decode(head).ok()?;
    let is = |signature: &[u8]| bytes.starts_with(signature);
    if is(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if is(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if is(b"GIF87a") || is(b"GIF89a") {
        Some("image/gif")
    } else if is(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else if is(b"%PDF-") {
        Some("application/pdf")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pitfall_108_data_urls_are_taken_apart_and_lying_types_are_seen_through() {
        assert_eq!(parse_data_url("data:image/png;base64,iVBO"), Some(("image/png", "iVBO")));
        assert_eq!(parse_data_url("data:;base64,AAAA"), Some(("", "AAAA")));
        assert_eq!(parse_data_url("DATA:image/png;charset=x;base64,AA"), Some(("image/png", "AA")));
        for other in ["https://x/y.png", "data:text/plain,hello", "data:", "", "\u{e9}\u{e9}\u{e9}data"] {
            assert_eq!(parse_data_url(other), None, "{other}");
        }
        assert_eq!(data_url("image/png", "AA"), "data:image/png;base64,AA");
        for (bytes, kind) in [
            (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], Some("image/png")),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0", Some("image/jpeg")),
            (b"GIF89a\x01\0\x01\0", Some("image/gif")),
            (b"RIFF\x24\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"%PDF-1.7\n%abcdef", Some("application/pdf")),
            (b"hello world, this", None),
            (b"", None),
        ] {
            assert_eq!(sniff(&STANDARD.encode(bytes)), kind);
        }
    }
}
