//! Black-box tests: the real binary, over sockets, against upstreams and clients that misbehave.
//!
//! They are one crate, so that they are linked once and share their support without dead code.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail by panicking and print what they measure"
)]

mod support;

mod aborts;
mod admin;
mod beginning;
mod blame;
mod bodies;
mod budget;
mod cache_breaks;
mod capture;
mod chaos;
mod cli;
mod commits;
mod counting;
mod deadlines;
mod early;
mod edge;
mod edge_counted;
mod edge_doors;
mod edge_http2;
mod edge_reserve;
mod edge_slow;
mod embeddings;
mod endings;
mod entries;
mod errors;
mod examples;
mod failover;
mod gemini;
mod headers;
mod hedging;
mod keys;
mod kills;
mod large;
mod local;
mod logs;
mod metered;
mod metrics;
mod monitoring;
mod phases;
mod pitfalls;
mod privileges;
mod probes;
mod proxies;
mod quotas;
mod recordings;
mod reload;
mod responses;
mod responses_translated;
mod router;
mod routing;
mod secrets;
mod shutdown;
mod silence;
mod sixteen;
mod small_box;
mod soak;
mod stored;
mod streams;
mod sums;
mod tools;
mod translation;
