//! Where a client's key is in its headers.

use http::HeaderMap;
use ovth_filters::Shape;

use crate::keys::bearer;

/// The key that a client presents: `Authorization: Bearer` or `x-api-key`. Anthropic's SDKs send either; when both are there, the header
/// that the shape's own API reads comes first.
pub(super) fn presented(headers: &HeaderMap, shape: Shape) -> Option<&[u8]> {
    let bearer = bearer(headers);
    let api_key = headers.get("x-api-key").map(|value| value.as_bytes().trim_ascii()).filter(|key| !key.is_empty());
    if shape == Shape::Messages { api_key.or(bearer) } else { bearer.or(api_key) }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn either_header_will_do() {
        assert_eq!(presented(&headers(&[("authorization", "Bearer k")]), Shape::Messages), Some(&b"k"[..]));
        assert_eq!(presented(&headers(&[("authorization", "bearer  k ")]), Shape::Chat), Some(&b"k"[..]));
        assert_eq!(presented(&headers(&[("x-api-key", "k")]), Shape::Chat), Some(&b"k"[..]));
    }

    #[test]
    fn of_two_the_one_that_the_shape_reads_counts() {
        let both = headers(&[("authorization", "Bearer a"), ("x-api-key", "b")]);
        assert_eq!(presented(&both, Shape::Chat), Some(&b"a"[..]));
        assert_eq!(presented(&both, Shape::Messages), Some(&b"b"[..]));
    }

    #[test]
    fn nothing_and_other_schemes_are_no_key() {
        for pairs in [&[][..], &[("authorization", "Basic a")], &[("authorization", "Bearer ")], &[("x-api-key", " ")]]
        {
            assert_eq!(presented(&headers(pairs), Shape::Chat), None);
        }
    }
}
