//! The checked configuration: what the rest of the gateway reads, with every default filled in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use ovth_filters::Shape;

use super::{
    Allowance, Durability, Globs, HealthSettings, LogSettings, ModelFacts, Networks, OnLedgerError, Overshoot,
    PriceOverride, Retention, RetrySettings, Route, Secret, Tls, Weights,
};

/// The longest time that requests may be given to end when the process is told to.
pub const MAX_SHUTDOWN_GRACE: Duration = Duration::from_secs(3600);

/// One whole, checked configuration.
#[derive(Debug)]
pub struct Config {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where Prometheus scrapes.
    pub metrics_listen: SocketAddr,
    /// Holds the database; created at start.
    pub data_dir: PathBuf,
    /// Worker threads of the proxy; the available parallelism when absent.
    pub threads: Option<usize>,
    /// Whether plaintext HTTP/2 is spoken to clients.
    pub h2c: bool,
    /// The key of the admin API.
    pub master_key: Secret,
    /// Bounds on memory.
    pub limits: Limits,
    /// Bounds on clients and their connections.
    pub clients: Clients,
    /// The proxies in front that may tell a client's address.
    pub trusted_proxies: Networks,
    /// TLS towards clients, where the gateway speaks it itself.
    pub tls: Option<Tls>,
    /// Where the admin API listens by itself; with the other endpoints when absent.
    pub admin_listen: Option<SocketAddr>,
    /// Bounds on time, for providers that do not set their own.
    pub timeouts: Timeouts,
    /// How long a stream may be silent before its status is sent to the client.
    pub commit_after: Duration,
    /// The time between two heartbeats of a silent stream.
    pub heartbeat: Duration,
    /// How often the providers' free lists of models are read; absent: never.
    pub account_check: Option<Duration>,
    /// How long requests in flight may take to end when the process is told to.
    pub shutdown_grace: Duration,
    /// The providers that can be used (their key is there), in order of preference.
    pub providers: Vec<Arc<Provider>>,
    /// Providers that are named or built in but have no key.
    pub keyless: Vec<String>,
    /// The routes, in the order of the file.
    pub routes: Vec<Route>,
    /// When a target is passed over because it fails.
    pub health: HealthSettings,
    /// How a request whose targets have all failed is tried again.
    pub retries: RetrySettings,
    /// The quota of keys that have none of their own.
    pub quota: Quota,
    /// How the ledger works.
    pub ledger: LedgerSettings,
    /// What is logged, and where it goes.
    pub log: LogSettings,
    /// Prices that replace those of the catalogue.
    pub prices: Vec<PriceOverride>,
    /// What the operator knows of models besides the catalogue.
    pub models: Vec<ModelFacts>,
    /// The operator's own catalogue, in place of the built-in one.
    pub catalog: Option<PathBuf>,
    /// Keys that come from the process's own environment, so that no reload can change them.
    pub process_keys: Vec<ProcessKey>,
}

/// A key whose value is a variable of the process's own environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessKey {
    /// Where it is used: `master_key`, `providers.NAME`, `providers.NAME.api_keys[0]`.
    pub place: String,
    /// The variable's name.
    pub variable: String,
}

/// Bounds on memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest request body, after decompression.
    pub body_bytes: usize,
    /// All request bodies, held answers and error bodies together.
    pub buffered_bytes: usize,
}

/// Bounds on what clients cost. None of them is about keys: they hold before a key is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clients {
    /// The largest head of a request, in bytes.
    pub header_bytes: usize,
    /// The most headers of a request.
    pub header_count: usize,
    /// The most connections at the same time.
    pub connections: usize,
    /// The most connections of one address (of IPv6 a network of 64 bits) at the same time; proxies that are trusted have no such bound.
    pub connections_per_address: usize,
    /// The most requests of one address under way at the same time, streams among them.
    pub requests_per_address: usize,
    /// The time to send a head, from its first byte (the first of a connection: from when it was made).
    pub head_time: Duration,
    /// The time to send a body, and one second more for each `body_rate` bytes of it that came.
    pub body_time: Duration,
    /// Bytes a second that a body must come with after `body_time`.
    pub body_rate: usize,
    /// The time that a client may take to read 64 KiB of its answer.
    pub write_time: Duration,
    /// How long a connection may be idle between two requests.
    pub idle_time: Duration,
    /// Whether the access log tells the client's address.
    pub log_address: bool,
}

impl Default for Clients {
    fn default() -> Clients {
        Clients {
            header_bytes: 32 << 10,
            header_count: 100,
            connections: 8_192,
            connections_per_address: 1_024,
            requests_per_address: 1_024,
            head_time: Duration::from_secs(15),
            body_time: Duration::from_secs(30),
            body_rate: 1 << 10,
            write_time: Duration::from_secs(30),
            idle_time: Duration::from_secs(75),
            log_address: true,
        }
    }
}

/// Bounds on time of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Name resolution, TCP and TLS, together.
    pub connect: Duration,
    /// From the end of the request to the first byte of the response.
    pub first_byte: Duration,
    /// Between two reads of the response, and for one write of the request.
    pub idle: Duration,
    /// The whole exchange.
    pub total: Duration,
}

/// A provider that can be used: its key is there.
#[derive(Debug)]
pub struct Provider {
    /// The name routes and logs use.
    pub id: Arc<str>,
    /// Where it is.
    pub base_url: BaseUrl,
    /// Its credentials; empty for a host that wants none.
    pub api_keys: Vec<Secret>,
    /// How often each of them is used, in proportion to the others: as many as there are credentials, 1 each unless the file says otherwise.
    pub key_weights: Vec<u32>,
    /// The shapes it serves, best first.
    pub shapes: Vec<Shape>,
    /// Headers added to each request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Bounds on time.
    pub timeouts: Timeouts,
    /// Model ids that it serves besides those that the catalogue lists for it; `prefix*` claims all ids that begin so.
    pub models: Vec<String>,
    /// Whether it takes `stream_options`, so that streams can be asked for their token counts.
    pub stream_options: bool,
    /// Whether it may be at an address where clouds have their metadata services.
    pub metadata_addresses: bool,
}

/// A provider's base URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Whether the scheme is `https`.
    pub tls: bool,
    /// The host: a name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path, without a slash at its end; empty for the root.
    pub path: String,
}

/// What the registry of providers tells of a built-in provider, so that the configuration need not name it.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// The name routes use.
    pub id: &'static str,
    /// Environment variable with its key.
    pub key_env: &'static str,
    /// Environment variable that replaces its base URL.
    pub base_url_env: Option<&'static str>,
    /// Its base URL, as its official SDK has it.
    pub base_url: &'static str,
    /// The shapes it serves, best first.
    pub shapes: &'static [Shape],
    /// Whether it takes part in routes that name no providers (and then comes after those that do not set this).
    pub last: bool,
}

/// What keys may spend and use, unless they have settings of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct Quota {
    /// The limits.
    pub limits: Allowance,
    /// Whether each key has these limits by itself; else all keys together have them.
    pub per_user: bool,
    /// Limits of each end user that a client names, within those of the key.
    pub per_end_user: Allowance,
    /// How much tokens of each kind count.
    pub weights: Weights,
    /// What is set aside for an answer.
    pub overshoot: Overshoot,
    /// Routes that may be used; absent: all.
    pub routes: Option<Globs>,
    /// Models that may be used, by name or route: matched against the model's id and `provider/id`; absent: all.
    pub models: Option<Globs>,
    /// From this moment on (seconds since 1970) no key of this gateway is taken, unless it has an end of its own.
    pub expires_at: Option<u64>,
    /// Whether a bound of output that cannot be kept as it was asked for is refused, and not lowered with a warning.
    pub strict: bool,
}

impl Default for Quota {
    fn default() -> Quota {
        Quota {
            limits: Allowance::default(),
            per_user: true,
            per_end_user: Allowance::default(),
            weights: Weights::default(),
            overshoot: Overshoot::default(),
            routes: None,
            models: None,
            expires_at: None,
            strict: false,
        }
    }
}

/// How the ledger works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerSettings {
    /// When a client sees its answer relative to what is on disk.
    pub durability: Durability,
    /// What happens while it cannot be written.
    pub on_error: OnLedgerError,
    /// How long it keeps what it wrote.
    pub retention: Retention,
}
