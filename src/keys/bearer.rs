//! The token of an `Authorization: Bearer` header.

use http::HeaderMap;
use http::header::AUTHORIZATION;

const SCHEME: &[u8] = b"bearer";

/// The bearer token of a request (RFC 6750, section 2.1): the scheme in any case, blanks around the token ignored. None
/// when there is no such header, another scheme, no token, or more than one header, which no honest client sends.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, rest) = value.as_bytes().trim_ascii().split_at_checked(SCHEME.len())?;
    let token = rest.trim_ascii_start();
    let separated = token.len() < rest.len();
    (scheme.eq_ignore_ascii_case(SCHEME) && separated && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use http::HeaderValue;

    use super::*;

    fn read(value: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())]);
        bearer(&headers).map(|token| String::from_utf8(token.to_vec()).unwrap())
    }

    #[test]
    fn the_scheme_is_read_in_any_case_and_blanks_are_ignored() {
        for value in ["Bearer abc", "bearer abc", "BEARER  \t abc ", " Bearer abc"] {
            assert_eq!(read(value).as_deref(), Some("abc"), "{value:?}");
        }
    }

    #[test]
    fn anything_else_is_no_token() {
        for value in ["", "Bearer", "Bearer ", "Bearerabc", "Basic abc", "abc", "Bear abc"] {
            assert_eq!(read(value), None, "{value:?}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[test]
    fn two_headers_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer b"));
        assert_eq!(bearer(&headers), None);
    }
}
