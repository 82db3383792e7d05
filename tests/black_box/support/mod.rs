//! What every black-box test stands on: the gateway as a process, upstreams and clients under full control, and content in both shapes.

mod answer;
mod bed;
mod client;
mod day;
mod gateway;
mod h2c;
mod http1;
mod load;
mod page;
mod prometheus;
mod record;
mod recording;
mod shape;
mod upstream;

use std::future::Future;
use std::io::Write as _;
use std::time::Duration;

pub(crate) use answer::{After, Answer, Gate};
pub(crate) use bed::{Bed, provider};
pub(crate) use client::{Connection, Request, Response, Way, gzip, send};
pub(crate) use day::within_one_day;
pub(crate) use gateway::{Gateway, LAUNCHER, MASTER_KEY, free_address};
pub(crate) use http1::End;
pub(crate) use load::{Load, Told};
pub(crate) use page::{Family, Page};
pub(crate) use prometheus::{Prometheus, promtool};
pub(crate) use record::{Record, Tokens};
pub(crate) use recording::Recording;
pub(crate) use shape::Shape;
pub(crate) use upstream::{Seen, Upstream};

/// Says a figure that is to be seen although the test passes: what is printed in the usual way is shown of failures only.
pub(crate) fn tell(figure: &str) {
    // Nobody reads it where standard error is closed.
    let _ = writeln!(std::io::stderr(), "{figure}");
}

/// The longest that anything may take before a test gives up on it; generous, as the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for `future`, and fails the test when it does not come.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("gave up waiting for {what}"),
    }
}
