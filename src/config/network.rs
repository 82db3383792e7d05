//! Networks as settings name them: an address, or a network such as `10.0.0.0/8`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Of an IPv6 address these bits tell clients apart: a network of 64 bits is one household or machine.
const IPV6_CLIENT_BITS: u32 = 64;

/// What counts as one client: an IPv4 address, or an IPv6 network of 64 bits.
#[must_use]
pub fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> IPV6_CLIENT_BITS << IPV6_CLIENT_BITS))
        }
    }
}

/// Whether a cloud's metadata service may answer at that address: it gives the machine's own credentials to whoever can make it be asked.
/// All link-local addresses are among them, and IPv4 addresses inside IPv6 ones that lead there.
#[must_use]
pub fn is_metadata(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_metadata_v4(address),
        IpAddr::V6(address) => {
            const OWN: [Ipv6Addr; 3] = [
                // AWS, Google Cloud, Oracle Cloud.
                Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
                Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
                Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
            ];
            let [first, second, third, .., seventh, eighth] = address.segments();
            let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
            address.is_unicast_link_local()
                || OWN.contains(&address)
                // NAT64 (RFC 6052) and 6to4 (RFC 3056).
                || ((first, second) == (0x64, 0xff9b) && is_metadata_v4(v4(seventh, eighth)))
                || (first == 0x2002 && is_metadata_v4(v4(second, third)))
                || address.to_ipv4().is_some_and(is_metadata_v4)
        }
    }
}

fn is_metadata_v4(address: Ipv4Addr) -> bool {
    const OTHERS: [Ipv4Addr; 3] = [
        // Alibaba Cloud, Azure's host, Oracle's former one.
        Ipv4Addr::new(100, 100, 100, 200),
        Ipv4Addr::new(168, 63, 129, 16),
        Ipv4Addr::new(192, 0, 0, 192),
    ];
    address.is_link_local() || OTHERS.contains(&address)
}

/// A list of networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// These networks.
    #[must_use]
    pub const fn new(networks: Vec<IpNet>) -> Networks {
        Networks(networks)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &IpNet> {
        self.0.iter()
    }

    /// Whether one of them holds the address. An IPv4 address that is written as an IPv6 one (`::ffff:10.0.0.1`) is that IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// A network, or an address as the network of itself. Bits of the host may be set; they are dropped.
pub(super) fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let network = match text.parse::<IpNet>() {
        Ok(network) => network.trunc(),
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?.to_canonical()),
    };
    Some(network)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn holds(networks: &[&str], address: &str) -> bool {
        Networks::new(networks.iter().map(|text| network(text).unwrap()).collect()).contains(address.parse().unwrap())
    }

    #[test]
    fn an_address_is_in_its_networks_and_in_no_other() {
        for (networks, address, expected) in [
            (&["10.0.0.0/8"][..], "10.255.1.2", true),
            (&["10.0.0.0/8"], "11.0.0.1", false),
            (&["10.1.2.3/8"], "10.9.9.9", true),
            (&["127.0.0.1"], "127.0.0.1", true),
            (&["127.0.0.1"], "127.0.0.2", false),
            (&["127.0.0.1"], "::ffff:127.0.0.1", true),
            (&["::ffff:127.0.0.1"], "127.0.0.1", true),
            (&["fd00::/8", "10.0.0.0/8"], "fd12::1", true),
            (&["fd00::/8"], "10.0.0.1", false),
            (&[], "10.0.0.1", false),
        ] {
            assert_eq!(holds(networks, address), expected, "{address} in {networks:?}");
        }
    }

    #[test]
    fn metadata_services_are_known_in_every_way_to_write_them() {
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fe80::1",
            "100.100.100.200",
            "168.63.129.16",
        ] {
            assert!(is_metadata(address.parse().unwrap()), "{address}");
        }
        for address in ["127.0.0.1", "10.0.0.1", "172.17.0.1", "::1", "fd00::1", "1.1.1.1", "2606:4700::1111"] {
            assert!(!is_metadata(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0", "10.0.0.0/33", "localhost", "10.0.0.1:80", "::/129"] {
            assert!(network(text).is_none(), "{text}");
        }
    }
}
