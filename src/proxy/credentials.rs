//! Where a client's key is in its headers.

use http::HeaderMap;
use ovth_filters::Shape;

use crate::keys::{KEY_PREFIX, bearer};

/// The key that a client presents: `Authorization: Bearer` or `x-api-key`. Anthropic's SDKs send either; when both are there, the header
/// that the shape's own API reads comes first.
pub(super) fn presented(headers: &HeaderMap, shape: Shape) -> Option<&[u8]> {
    let bearer = bearer(headers);
    let api_key = headers.get("x-api-key").map(|value| value.as_bytes().trim_ascii()).filter(|key| !key.is_empty());
    let (first, second) = if shape == Shape::Messages { (api_key, bearer) } else { (bearer, api_key) };
    // A tool may send a provider's key of its own environment beside ours.
    let ours = [first, second].into_iter().flatten().find(|key| key.starts_with(KEY_PREFIX.as_bytes()));
    ours.or(first).or(second)
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
    fn a_key_of_this_gateway_counts_wherever_it_is() {
        let foreign_first = headers(&[("authorization", "Bearer ovth_live_a"), ("x-api-key", "sk-ant-b")]);
        assert_eq!(presented(&foreign_first, Shape::Messages), Some(&b"ovth_live_a"[..]));
        let foreign_bearer = headers(&[("authorization", "Bearer sk-b"), ("x-api-key", "ovth_live_a")]);
        assert_eq!(presented(&foreign_bearer, Shape::Chat), Some(&b"ovth_live_a"[..]));
    }

    #[test]
    fn nothing_and_other_schemes_are_no_key() {
        for pairs in [&[][..], &[("authorization", "Basic a")], &[("authorization", "Bearer ")], &[("x-api-key", " ")]]
        {
            assert_eq!(presented(&headers(pairs), Shape::Chat), None);
        }
    }
}
