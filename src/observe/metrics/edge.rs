//! What is counted of connections before any request on them is served.

use prometheus::{IntCounter, IntGauge, Registry};

use super::declare::{counter, counters, gauge};
use super::names;

/// Why a client's connection, or its request, was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionCut {
    /// The head of a request did not come in time.
    SlowHead,
    /// The head of a request was over its bounds.
    LargeHead,
    /// The body of a request did not come in time.
    SlowBody,
    /// The client did not read its answer.
    SlowReader,
    /// The client gave up too many requests of one HTTP/2 connection.
    Resets,
    /// No TLS handshake came about.
    Handshake,
}

impl ConnectionCut {
    const ALL: [ConnectionCut; 6] = [
        ConnectionCut::SlowHead,
        ConnectionCut::LargeHead,
        ConnectionCut::SlowBody,
        ConnectionCut::SlowReader,
        ConnectionCut::Resets,
        ConnectionCut::Handshake,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            ConnectionCut::SlowHead => "slow_head",
            ConnectionCut::LargeHead => "large_head",
            ConnectionCut::SlowBody => "slow_body",
            ConnectionCut::SlowReader => "slow_reader",
            ConnectionCut::Resets => "resets",
            ConnectionCut::Handshake => "handshake",
        }
    }
}

/// The metrics of connections.
pub struct Edge {
    /// Connections of clients now.
    pub connections: IntGauge,
    /// Connections that were turned away because there were too many.
    pub refused_all: IntCounter,
    /// Connections that were turned away because there were too many of one address.
    pub refused_address: IntCounter,
    /// Connections that the listener of the admin API turned away.
    pub refused_admin: IntCounter,
    /// Connections that the listener of the metrics turned away.
    pub refused_metrics: IntCounter,
    /// Requests that were turned away because there were too many of one address.
    pub refused_request: IntCounter,
    /// Wrong master keys that were presented.
    pub wrong_master_keys: IntCounter,
    cuts: [IntCounter; ConnectionCut::ALL.len()],
}

impl Edge {
    pub(super) fn new(registry: &Registry) -> Edge {
        let refused = counters(registry, &names::CLIENTS_REFUSED);
        let cuts = counters(registry, &names::CLIENTS_CUT);
        Edge {
            connections: gauge(registry, &names::CLIENT_CONNECTIONS),
            refused_all: refused.with_label_values(&["connections"]),
            refused_address: refused.with_label_values(&["connections_per_address"]),
            refused_admin: refused.with_label_values(&["admin"]),
            refused_metrics: refused.with_label_values(&["metrics"]),
            refused_request: refused.with_label_values(&["requests_per_address"]),
            wrong_master_keys: counter(registry, &names::WRONG_MASTER_KEYS),
            cuts: ConnectionCut::ALL.map(|why| cuts.with_label_values(&[why.as_str()])),
        }
    }

    /// Counts a client that was cut.
    pub fn cut(&self, why: ConnectionCut) {
        let found = ConnectionCut::ALL.iter().zip(&self.cuts).find(|(known, _)| **known == why);
        if let Some((_, counter)) = found {
            counter.inc();
        }
    }
}
