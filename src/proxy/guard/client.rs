//! Who a client is: the peer of its connection, or whom a trusted proxy names.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use crate::config::Networks;

/// The header in which proxies name the client and the proxies before them.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The client's address. Each proxy appends whom it was reached by, so the list is read from its end: the first that is no trusted proxy
/// is the client. What stands before it was written by the client itself, and so is what an untrusted peer sends. Where an entry is no
/// address, nothing before it is believed.
pub(super) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &Networks) -> IpAddr {
    let mut client = peer.to_canonical();
    if trusted.is_empty() {
        return client;
    }
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    let mut hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    while trusted.contains(client) {
        let Some(hop) = hops.next().and_then(address) else { break };
        client = hop;
    }
    client
}

/// An address as proxies write them: alone, with a port, or in brackets.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = match bare.parse::<IpAddr>() {
        Ok(address) => address,
        Err(_) => text.parse::<SocketAddr>().ok()?.ip(),
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use http::HeaderValue;

    use super::*;

    fn told(peer: &str, lines: &[&str]) -> String {
        let trusted = Networks::new(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        let lines = lines.iter().map(|line| (FORWARDED_FOR.parse().unwrap(), HeaderValue::from_str(line).unwrap()));
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            let name: http::HeaderName = name;
            headers.append(name, line);
        }
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_a_trusted_peer_is_believed() {
        assert_eq!(told("192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(told("10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(told("::ffff:10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(told("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_last_one_that_is_no_proxy_is_the_client() {
        for (lines, expected) in [
            (&["1.1.1.1, 203.0.113.9"][..], "203.0.113.9"),
            (&["1.1.1.1, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            (&["1.1.1.1", "203.0.113.9", "fd00::2,10.0.0.2"], "203.0.113.9"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (&["203.0.113.9:4711"], "203.0.113.9"),
            (&["2001:db8::9"], "2001:db8::9"),
            (&["[2001:db8::9]"], "2001:db8::9"),
            (&["[2001:db8::9]:4711, 10.0.0.2"], "2001:db8::9"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
        ] {
            assert_eq!(told("10.0.0.1", lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn nothing_is_believed_before_what_is_no_address() {
        for lines in
            [&["203.0.113.9, unknown"][..], &["203.0.113.9, "], &[""], &["203.0.113.9, 1.2.3"], &["203.0.113.9, ü"]]
        {
            assert_eq!(told("10.0.0.1", lines), "10.0.0.1", "{lines:?}");
        }
        assert_eq!(told("10.0.0.1", &["203.0.113.9, unknown, 10.0.0.2"]), "10.0.0.2");
    }
}
