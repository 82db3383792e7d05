//! Base URLs of providers: taken apart once, at the edge, and strict about what must not be in them.

use std::fmt;

use url::{Host, Url};

use super::BaseUrl;

/// Why a text is not a base URL. Never holds the text: it may carry a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// The scheme is missing or another one.
    #[error("must begin with http:// or https://")]
    Scheme,
    /// There is a user name or a password in it.
    #[error("must not hold a user name or password; keys belong into api_keys")]
    UserInfo,
    /// There is a `?` or `#` in it.
    #[error("must not hold a query or a fragment")]
    Query,
    /// There is white space, a control character or a backslash in it.
    #[error("must not hold white space, control characters or backslashes")]
    Character,
    /// The host or the port is not valid.
    #[error("must have a valid host name or address, and a port from 1 to 65535 if any")]
    Host,
}

impl BaseUrl {
    /// Takes a base URL apart. A slash at its end is tolerated, the port of the scheme filled in.
    ///
    /// # Errors
    ///
    /// When it is not an absolute `http` or `https` URL, or holds more than host, port and path.
    ///
    /// ```
    /// let url = ovth_gateway::config::BaseUrl::parse("https://api.openai.com/v1/").unwrap();
    /// assert_eq!((url.tls, url.host.as_str(), url.port, url.path.as_str()), (true, "api.openai.com", 443, "/v1"));
    /// ```
    pub fn parse(text: &str) -> Result<BaseUrl, BaseUrlError> {
        let text = text.trim();
        // The parser of URLs drops tabs and line ends, and takes backslashes for slashes: refused before it does.
        if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(BaseUrlError::Character);
        }
        let (scheme, rest) = text.split_once("://").ok_or(BaseUrlError::Scheme)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(BaseUrlError::Scheme),
        };
        // `http:///path` would be read as the host `path`.
        if rest.starts_with('/') {
            return Err(BaseUrlError::Host);
        }
        let url = Url::parse(text).map_err(|_| BaseUrlError::Host)?;
        if !url.username().is_empty()
            || url.password().is_some()
            || rest.split('/').next().unwrap_or(rest).contains('@')
        {
            return Err(BaseUrlError::UserInfo);
        }
        if text.contains(['?', '#']) {
            return Err(BaseUrlError::Query);
        }
        let host = match url.host().ok_or(BaseUrlError::Host)? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let port = url.port_or_known_default().filter(|port| *port != 0).ok_or(BaseUrlError::Host)?;
        Ok(BaseUrl { tls, host, port, path: url.path().trim_end_matches('/').to_owned() })
    }

    /// Host and port as a `Host` header has them: an IPv6 address in brackets, no port where it is the scheme's own.
    #[must_use]
    pub fn authority(&self) -> String {
        let own_port = if self.tls { 443 } else { 80 };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        let host = &self.host;
        if self.port == own_port {
            format!("{open}{host}{close}")
        } else {
            format!("{open}{host}{close}:{}", self.port)
        }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::{BaseUrl, BaseUrlError};

    #[test]
    fn good_urls_are_taken_apart_and_put_together() {
        for (text, tls, host, port, path, shown) in [
            ("https://api.openai.com/v1", true, "api.openai.com", 443, "/v1", "https://api.openai.com/v1"),
            ("https://api.openai.com/v1/", true, "api.openai.com", 443, "/v1", "https://api.openai.com/v1"),
            ("https://api.anthropic.com", true, "api.anthropic.com", 443, "", "https://api.anthropic.com"),
            ("https://api.anthropic.com//", true, "api.anthropic.com", 443, "", "https://api.anthropic.com"),
            ("HTTP://Host:9090/a/b", false, "host", 9090, "/a/b", "http://host:9090/a/b"),
            ("http://127.0.0.1:80", false, "127.0.0.1", 80, "", "http://127.0.0.1"),
            ("http://[::1]:9090/v1", false, "::1", 9090, "/v1", "http://[::1]:9090/v1"),
            ("https://[2001:db8::1]", true, "2001:db8::1", 443, "", "https://[2001:db8::1]"),
            ("https://host/with@at", true, "host", 443, "/with@at", "https://host/with@at"),
        ] {
            let url = BaseUrl::parse(text).unwrap();
            assert_eq!(url, BaseUrl { tls, host: host.into(), port, path: path.into() }, "{text}");
            assert_eq!(url.to_string(), shown);
            assert_eq!(BaseUrl::parse(shown).unwrap(), url);
        }
    }

    #[test]
    fn bad_urls_are_refused_with_the_reason() {
        for (text, error) in [
            ("", BaseUrlError::Scheme),
            ("api.openai.com/v1", BaseUrlError::Scheme),
            ("ftp://host", BaseUrlError::Scheme),
            ("http:/host", BaseUrlError::Scheme),
            ("https://user:pass@host", BaseUrlError::UserInfo),
            ("https://user@host", BaseUrlError::UserInfo),
            ("https://@host", BaseUrlError::UserInfo),
            ("https://host/v1?key=1", BaseUrlError::Query),
            ("https://host/v1?", BaseUrlError::Query),
            ("https://host/v1#x", BaseUrlError::Query),
            ("https://ho st/v1", BaseUrlError::Character),
            ("https://host\\v1", BaseUrlError::Character),
            ("https://", BaseUrlError::Host),
            ("https:///v1", BaseUrlError::Host),
            ("https://host:0", BaseUrlError::Host),
            ("https://host:70000", BaseUrlError::Host),
            ("https://[::1", BaseUrlError::Host),
            ("https://1.2.3.999", BaseUrlError::Host),
        ] {
            assert_eq!(BaseUrl::parse(text), Err(error), "{text}");
        }
    }
}
