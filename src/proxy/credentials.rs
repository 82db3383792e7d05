//! Where a client's key is in its headers.

use std::borrow::Cow;

use http::HeaderMap;
use ovth_filters::Shape;

use crate::keys::{KEY_PREFIX, bearer};

/// The key that a client presents: `Authorization: Bearer`, `x-api-key`, or where Google's API is spoken `x-goog-api-key` or `?key=`.
/// Clients send several: the one that the shape's own API reads comes first.
pub(super) fn presented<'r>(headers: &'r HeaderMap, query: Option<&'r str>, shape: Shape) -> Option<Cow<'r, [u8]>> {
    let bearer = bearer(headers).map(Cow::Borrowed);
    let in_header = |name: &str| {
        let value = headers.get(name).map(|value| value.as_bytes().trim_ascii());
        value.filter(|key| !key.is_empty()).map(Cow::Borrowed)
    };
    let api_key = in_header("x-api-key");
    let places = match shape {
        Shape::Messages => [api_key, bearer, None, None],
        Shape::Chat | Shape::Responses => [bearer, api_key, None, None],
        Shape::GenerateContent => [in_header("x-goog-api-key"), in_query(query), bearer, api_key],
    };
    // A tool may send a provider's key of its own environment beside ours.
    let ours = places.iter().flatten().find(|key| key.starts_with(KEY_PREFIX.as_bytes())).cloned();
    ours.or_else(|| places.into_iter().flatten().next())
}

/// `?key=`.
fn in_query(query: Option<&str>) -> Option<Cow<'_, [u8]>> {
    let (_, key) =
        url::form_urlencoded::parse(query?.as_bytes()).find(|(name, value)| name == "key" && !value.is_empty())?;
    Some(Cow::Owned(key.into_owned().into_bytes()))
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

    fn presented(headers: &HeaderMap, shape: Shape) -> Option<Vec<u8>> {
        super::presented(headers, None, shape).map(Cow::into_owned)
    }

    fn key(text: &str) -> Option<Vec<u8>> {
        Some(text.as_bytes().to_vec())
    }

    #[test]
    fn google_s_places_hold_on_its_paths_only() {
        let google = headers(&[("x-goog-api-key", "g"), ("authorization", "Bearer b")]);
        assert_eq!(presented(&google, Shape::GenerateContent), key("g"));
        assert_eq!(presented(&google, Shape::Chat), key("b"));
        let of = |query, shape| super::presented(&HeaderMap::new(), Some(query), shape).map(Cow::into_owned);
        assert_eq!(of("alt=sse&key=ovth%5Flive_a", Shape::GenerateContent), key("ovth_live_a"));
        assert_eq!(of("key=a", Shape::Chat), None);
        assert_eq!(of("key=", Shape::GenerateContent), None);
    }

    #[test]
    fn either_header_will_do() {
        assert_eq!(presented(&headers(&[("authorization", "Bearer k")]), Shape::Messages), key("k"));
        assert_eq!(presented(&headers(&[("authorization", "bearer  k ")]), Shape::Chat), key("k"));
        assert_eq!(presented(&headers(&[("x-api-key", "k")]), Shape::Chat), key("k"));
    }

    #[test]
    fn of_two_the_one_that_the_shape_reads_counts() {
        let both = headers(&[("authorization", "Bearer a"), ("x-api-key", "b")]);
        assert_eq!(presented(&both, Shape::Chat), key("a"));
        assert_eq!(presented(&both, Shape::Messages), key("b"));
    }

    #[test]
    fn a_key_of_this_gateway_counts_wherever_it_is() {
        let foreign_first = headers(&[("authorization", "Bearer ovth_live_a"), ("x-api-key", "sk-ant-b")]);
        assert_eq!(presented(&foreign_first, Shape::Messages), key("ovth_live_a"));
        let foreign_bearer = headers(&[("authorization", "Bearer sk-b"), ("x-api-key", "ovth_live_a")]);
        assert_eq!(presented(&foreign_bearer, Shape::Chat), key("ovth_live_a"));
    }

    #[test]
    fn nothing_and_other_schemes_are_no_key() {
        for pairs in [&[][..], &[("authorization", "Basic a")], &[("authorization", "Bearer ")], &[("x-api-key", " ")]]
        {
            assert_eq!(presented(&headers(pairs), Shape::Chat), None);
        }
    }
}
