//! `clients`, `trusted_proxies` and `admin`: what clients may cost, and who may say who they are, as the file has it.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::address;
use crate::config::network::network;
use crate::config::node::{Fields, Node};
use crate::config::{Clients, Networks};

const HEADER_BYTES: RangeInclusive<u64> = 1 << 10..=512 << 10;
/// Pingora itself takes 256, and answers more with a bare 400.
const HEADER_COUNT: RangeInclusive<u64> = 10..=250;
const COUNT: RangeInclusive<u64> = 1..=1_000_000;
const TIME: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);
const RATE: RangeInclusive<u64> = 1..=1 << 30;

/// Reads the bounds on clients.
pub(super) fn clients(mut fields: Fields<'_>) -> Clients {
    let count = |node: &Node<'_>| usize::try_from(node.whole(COUNT)?).ok();
    let time = |node: &Node<'_>| node.duration(TIME);
    let defaults = Clients::default();
    let read = Clients {
        header_bytes: fields.read("header_bytes", |node| node.size(HEADER_BYTES)).unwrap_or(defaults.header_bytes),
        header_count: fields
            .read("header_count", |node| usize::try_from(node.whole(HEADER_COUNT)?).ok())
            .unwrap_or(defaults.header_count),
        connections: fields.read("connections", count).unwrap_or(defaults.connections),
        connections_per_address: fields
            .read("connections_per_address", count)
            .unwrap_or(defaults.connections_per_address),
        requests_per_address: fields.read("requests_per_address", count).unwrap_or(defaults.requests_per_address),
        head_time: fields.read("head_time", time).unwrap_or(defaults.head_time),
        body_time: fields.read("body_time", time).unwrap_or(defaults.body_time),
        body_rate: fields.read("body_rate", |node| node.size(RATE)).unwrap_or(defaults.body_rate),
        write_time: fields.read("write_time", time).unwrap_or(defaults.write_time),
        idle_time: fields.read("idle_time", time).unwrap_or(defaults.idle_time),
        log_address: fields.read("log_address", Node::flag).unwrap_or(defaults.log_address),
    };
    fields.finish();
    read
}

/// Reads the networks of the proxies in front.
pub(super) fn trusted_proxies(node: &Node<'_>) -> Option<Networks> {
    let networks: Vec<_> = node
        .items()?
        .iter()
        .filter_map(|item| item.parsed("an IP address or a network, such as 127.0.0.1 or 10.0.0.0/8", network))
        .collect();
    if networks.iter().any(|network| network.prefix_len() == 0) {
        node.warning(
            "trusts everybody: whoever can connect may name any address as his own; name the networks of your proxies",
        );
    }
    Some(Networks::new(networks))
}

/// Reads where the admin API listens, if it has a listener of its own.
pub(super) fn admin_listen(mut fields: Fields<'_>) -> Option<SocketAddr> {
    let listen = fields.read("listen", address);
    fields.finish();
    listen
}
