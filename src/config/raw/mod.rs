//! The settings as the file has them: every key with its type, bounds and default, each by itself.

mod capture;
mod catalog;
mod edge;
mod health;
mod ledger;
mod log;
mod model;
mod price;
mod provider;
mod quota;
mod route;
mod route_options;
mod secret;
mod tls;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

pub(in crate::config) use self::catalog::RawCatalog;
pub(in crate::config) use self::model::RawModel;
pub(in crate::config) use self::price::RawPrice;
pub(in crate::config) use self::provider::{RawKeys, RawProvider, url_shown};
pub(in crate::config) use self::quota::doubts;
pub(in crate::config) use self::route::RawRoute;
use super::node::{Fields, Node};
use super::scalar;
use super::{
    Clients, HealthSettings, LedgerSettings, Limits, LogSettings, MAX_SHUTDOWN_GRACE, Networks, Quota, RetrySettings,
    Secret, Timeouts, Tls,
};

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const METRICS_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);
const DATA_DIR: &str = "./data";
const LIMITS: Limits = Limits { body_bytes: 32 << 20, buffered_bytes: 128 << 20 };
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_secs(120),
    idle: Duration::from_secs(120),
    total: Duration::from_secs(30 * 60),
};
const COMMIT_AFTER: Duration = Duration::from_secs(10);
const HEARTBEAT: Duration = Duration::from_secs(15);
const SHUTDOWN_GRACE: Duration = Duration::from_secs(30);

const EVERY_HOUR: Duration = Duration::from_secs(3600);

const MAX_THREADS: u64 = 1024;
const MAX_BODY_BYTES: u64 = 1 << 30;
const MAX_BUFFERED_BYTES: u64 = 1 << 40;
const MIN_TIME: Duration = Duration::from_millis(10);
const MAX_TIME: Duration = Duration::from_secs(24 * 3600);
const MAX_NAME_CHARS: usize = 128;

/// What the file says, with defaults filled in where it says nothing or something wrong (which is noted).
pub(in crate::config) struct Raw<'a> {
    pub(in crate::config) listen: SocketAddr,
    pub(in crate::config) metrics_listen: SocketAddr,
    pub(in crate::config) data_dir: PathBuf,
    pub(in crate::config) threads: Option<usize>,
    pub(in crate::config) h2c: bool,
    pub(in crate::config) master_key: Option<Secret>,
    pub(in crate::config) limits: Limits,
    pub(in crate::config) clients: Clients,
    pub(in crate::config) trusted_proxies: Networks,
    pub(in crate::config) admin_listen: Option<SocketAddr>,
    pub(in crate::config) tls: Option<Tls>,
    pub(in crate::config) timeouts: Timeouts,
    pub(in crate::config) commit_after: Duration,
    pub(in crate::config) heartbeat: Duration,
    pub(in crate::config) account_check: Option<Duration>,
    pub(in crate::config) shutdown_grace: Duration,
    pub(in crate::config) providers: Vec<RawProvider<'a>>,
    pub(in crate::config) routes: Vec<RawRoute<'a>>,
    pub(in crate::config) health: HealthSettings,
    pub(in crate::config) retries: RetrySettings,
    pub(in crate::config) quota: Quota,
    pub(in crate::config) ledger: LedgerSettings,
    pub(in crate::config) log: LogSettings,
    pub(in crate::config) prices: Vec<RawPrice<'a>>,
    pub(in crate::config) models: Vec<RawModel<'a>>,
    pub(in crate::config) catalog: Option<RawCatalog>,
}

impl<'a> Raw<'a> {
    /// Reads the whole file.
    pub(in crate::config) fn read(root: &Node<'a>) -> Raw<'a> {
        let mut top = root.fields();
        let raw = Raw {
            listen: top.read("listen", address).unwrap_or(LISTEN),
            metrics_listen: metrics_listen(top.section("metrics")),
            data_dir: top.read("data_dir", folder).unwrap_or_else(|| DATA_DIR.into()),
            threads: top.read("threads", |node| node.whole(1..=MAX_THREADS)?.try_into().ok()),
            h2c: top.read("h2c", Node::flag).unwrap_or(false),
            master_key: secret::master_key(root, top.field("master_key")),
            limits: limits(top.section("limits")),
            clients: edge::clients(top.section("clients")),
            trusted_proxies: top.read("trusted_proxies", edge::trusted_proxies).unwrap_or_default(),
            admin_listen: edge::admin_listen(top.section("admin")),
            tls: tls::tls(top.section("tls")),
            timeouts: RawTimeouts::read(top.section("timeouts")).or(TIMEOUTS),
            commit_after: top
                .read("commit_after", |node| node.duration(Duration::ZERO..=MAX_TIME))
                .unwrap_or(COMMIT_AFTER),
            heartbeat: top.read("heartbeat", time).unwrap_or(HEARTBEAT),
            account_check: top.read("account_check", account_check).unwrap_or(Some(EVERY_HOUR)),
            shutdown_grace: top
                .read("shutdown_grace", |node| node.duration(Duration::ZERO..=MAX_SHUTDOWN_GRACE))
                .unwrap_or(SHUTDOWN_GRACE),
            providers: top.read("providers", |node| Some(RawProvider::read_all(node))).unwrap_or_default(),
            routes: top.read("routes", |node| Some(RawRoute::read_all(node))).unwrap_or_default(),
            health: health::health(top.section("health")),
            retries: health::retries(top.section("retries")),
            quota: quota::quota(top.section("quota"), top.section("keys")),
            ledger: ledger::ledger(&mut top),
            log: log::log(top.section("log")),
            prices: top.read("prices", |node| Some(RawPrice::read_all(node))).unwrap_or_default(),
            models: top.read("models", |node| Some(RawModel::read_all(node))).unwrap_or_default(),
            catalog: RawCatalog::read(top.section("catalog")),
        };
        top.finish();
        raw
    }
}

/// What an address setting must be; also said of the variables that override one.
pub(in crate::config) const ADDRESS: &str =
    "an IP address and a port, such as 127.0.0.1:8080 (0.0.0.0:8080 for all interfaces)";

fn address(node: &Node<'_>) -> Option<SocketAddr> {
    node.parsed(ADDRESS, |text| text.parse().ok())
}

/// What the time to drain must be, where a variable sets it.
pub(in crate::config) const GRACE: &str = "a time from 0s to 1h, such as 8s or 2m";

/// A time to drain.
pub(in crate::config) fn as_grace(text: &str) -> Option<Duration> {
    scalar::duration(text.trim()).filter(|time| *time <= MAX_SHUTDOWN_GRACE)
}

/// What a folder setting must be.
pub(in crate::config) const FOLDER: &str = "the path of a folder";

/// A path, if it can be one. It is not looked for.
pub(in crate::config) fn as_path(text: &str) -> Option<PathBuf> {
    (!text.trim().is_empty() && !text.contains('\0')).then(|| text.into())
}

fn folder(node: &Node<'_>) -> Option<PathBuf> {
    node.parsed(FOLDER, as_path)
}

fn time(node: &Node<'_>) -> Option<Duration> {
    node.duration(MIN_TIME..=MAX_TIME)
}

/// What the time between two checks of the accounts must be.
pub(in crate::config) const ACCOUNT_CHECK: &str = "a time from 1m to 24h, such as 1h, or `never`";

/// The time between two checks of the accounts; `Some(None)` for never.
pub(in crate::config) fn as_account_check(text: &str) -> Option<Option<Duration>> {
    if text.trim() == "never" {
        return Some(None);
    }
    let every = scalar::duration(text)?;
    (Duration::from_secs(60)..=MAX_TIME).contains(&every).then_some(Some(every))
}

fn account_check(node: &Node<'_>) -> Option<Option<Duration>> {
    node.parsed(ACCOUNT_CHECK, as_account_check)
}

fn metrics_listen(mut metrics: Fields<'_>) -> SocketAddr {
    let listen = metrics.read("listen", address).unwrap_or(METRICS_LISTEN);
    metrics.finish();
    listen
}

fn limits(mut limits: Fields<'_>) -> Limits {
    let read = Limits {
        body_bytes: limits.read("body_bytes", |node| node.size(1..=MAX_BODY_BYTES)).unwrap_or(LIMITS.body_bytes),
        buffered_bytes: limits
            .read("buffered_bytes", |node| node.size(1..=MAX_BUFFERED_BYTES))
            .unwrap_or(LIMITS.buffered_bytes),
    };
    limits.finish();
    read
}

/// Timeouts of which each may be missing.
#[derive(Clone, Copy)]
pub(in crate::config) struct RawTimeouts {
    connect: Option<Duration>,
    first_byte: Option<Duration>,
    idle: Option<Duration>,
    total: Option<Duration>,
}

impl RawTimeouts {
    fn read(mut timeouts: Fields<'_>) -> RawTimeouts {
        let read = RawTimeouts {
            connect: timeouts.read("connect", time),
            first_byte: timeouts.read("first_byte", time),
            idle: timeouts.read("idle", time),
            total: timeouts.read("total", time),
        };
        timeouts.finish();
        read
    }

    /// These, and the others' where one is missing.
    pub(in crate::config) fn or(self, others: Timeouts) -> Timeouts {
        Timeouts {
            connect: self.connect.unwrap_or(others.connect),
            first_byte: self.first_byte.unwrap_or(others.first_byte),
            idle: self.idle.unwrap_or(others.idle),
            total: self.total.unwrap_or(others.total),
        }
    }
}
