//! Every metric's name, help and labels, declared once; dashboards, alerts and `docs/metrics.md` rely on them.

/// One metric as it is declared to Prometheus.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) labels: &'static [&'static str],
}

impl Metric {
    const fn plain(name: &'static str, help: &'static str) -> Metric {
        Metric { name, help, labels: &[] }
    }

    const fn with(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
        Metric { name, help, labels }
    }
}

// Requests that are for a provider.

pub(super) const REQUESTS: Metric = Metric::with(
    "ovth_requests_total",
    &["operation", "shape", "outcome", "status"],
    "Requests for models that have ended, by operation, API shape, outcome (ok, client_abort or an error's class) and HTTP status (0: the client left before there was one).",
);
pub(super) const REQUESTS_IN_FLIGHT: Metric =
    Metric::plain("ovth_requests_in_flight", "Requests of any kind being worked on now.");
pub(super) const REQUEST_DURATION: Metric = Metric::with(
    "ovth_request_duration_seconds",
    &["operation", "stream"],
    "Seconds from a request's head to the end of its answer, by operation and by whether a stream was asked for.",
);
pub(super) const OVERHEAD: Metric = Metric::with(
    "ovth_gateway_overhead_seconds",
    &["operation", "stream"],
    "Seconds of a request's duration in which the gateway waited neither for the provider nor for the client: its own work, and its wait for the disk. Requests that came to a provider only.",
);
pub(super) const REQUEST_BYTES: Metric =
    Metric::plain("ovth_request_body_bytes_total", "Bytes of request bodies taken in, after decompression.");
pub(super) const RESPONSE_BYTES: Metric =
    Metric::plain("ovth_response_body_bytes_total", "Bytes of answers' bodies sent to clients.");
pub(super) const HEARTBEATS: Metric =
    Metric::plain("ovth_heartbeats_total", "Heartbeats written into streams whose provider was silent.");
pub(super) const CLIENT_ABORTS: Metric =
    Metric::plain("ovth_client_aborts_total", "Requests whose client left before the end.");
pub(super) const QUOTA_REFUSALS: Metric = Metric::with(
    "ovth_quota_refusals_total",
    &["limit"],
    "Requests that were not let in, by the limit of a quota (daily_tokens, max_concurrent and so on), or ledger_unavailable, ledger_busy.",
);
pub(super) const CACHE_BREAKS: Metric = Metric::with(
    "ovth_cache_breaks_total",
    &["reason"],
    "Times that far less was read from a provider's prompt cache than the turn before had in it, by why.",
);
/// The reasons of [`CACHE_BREAKS`]: each has a series from the start, and there are no others.
pub(super) const CACHE_BREAK_REASONS: [&str; 7] =
    ["target_changed", "tools_changed", "system_changed", "settings_changed", "prefix_diverged", "expired", "provider"];

pub(super) const HEDGES: Metric = Metric::with(
    "ovth_hedges_total",
    &["outcome"],
    "Times that another target was asked for the same stream as the first was silent, by how it ended: won (it had content first), lost, failed.",
);

// Requests that the gateway answers by itself.

pub(super) const LOCAL_REQUESTS: Metric = Metric::with(
    "ovth_local_requests_total",
    &["endpoint", "status"],
    "Requests that the gateway answered by itself, by endpoint (models, key, stored, admin, health, ready, root, other_method, unknown; refused: whatever it asks for) and HTTP status.",
);

// Providers and models.

pub(super) const ATTEMPTS: Metric = Metric::with(
    "ovth_attempts_total",
    &["provider", "model", "outcome"],
    "Attempts at providers that have ended, by provider, model and outcome (ok, client_abort, overtaken or an error's class).",
);
pub(super) const FAILOVERS: Metric = Metric::with(
    "ovth_failovers_total",
    &["provider", "reason"],
    "Times that another target was tried, by the provider that failed and the class of its error.",
);
pub(super) const TIME_TO_FIRST_TOKEN: Metric = Metric::with(
    "ovth_time_to_first_token_seconds",
    &["provider", "model"],
    "Seconds from a request's head to the first byte of a streamed answer; heartbeats do not count.",
);
pub(super) const STREAM_GAP: Metric = Metric::with(
    "ovth_stream_gap_seconds",
    &["provider", "model"],
    "Seconds between two arrivals of events of a streamed answer, after its first content; events that arrive together count as one.",
);
pub(super) const TOKENS: Metric = Metric::with(
    "ovth_tokens_total",
    &["kind", "provider", "model"],
    "Tokens, each counted under exactly one kind: input, cache_read, cache_write, cache_write_1h or output.",
);
pub(super) const REASONING_TOKENS: Metric = Metric::with(
    "ovth_reasoning_tokens_total",
    &["provider", "model"],
    "The part of the output tokens that was spent on reasoning.",
);
pub(super) const COST: Metric = Metric::with(
    "ovth_cost_dollars_total",
    &["provider", "model"],
    "Cost in US dollars of what was used, by the catalogue's prices or the operator's.",
);
pub(super) const UNPRICED: Metric = Metric::with(
    "ovth_unpriced_requests_total",
    &["provider", "model"],
    "Requests that used tokens whose price nobody tells; they are missing in the cost.",
);
pub(super) const ESTIMATED: Metric = Metric::with(
    "ovth_estimated_usage_total",
    &["provider", "model"],
    "Requests whose tokens are the gateway's estimate, because the provider told none.",
);
pub(super) const COOLED_TARGETS: Metric = Metric::with(
    "ovth_cooled_targets",
    &["provider", "scope"],
    "What is passed over now because it failed a short while ago, by provider and scope (target, credential, host).",
);
pub(super) const BREAKERS: Metric = Metric::with(
    "ovth_breakers",
    &["provider", "state"],
    "Targets and hosts that are known by their attempts, by provider and where their breaker stands (closed: they serve; open: they are passed over; half_open: they are probed).",
);
pub(super) const CONNECTIONS: Metric = Metric::with(
    "ovth_upstream_connections_total",
    &["provider", "origin"],
    "Connections that attempts were sent on, by provider and origin: pool (used again) or new.",
);
pub(super) const CONNECT: Metric = Metric::with(
    "ovth_upstream_connect_seconds",
    &["provider"],
    "Seconds that it took to open a new connection to a provider, TLS included.",
);
pub(super) const LOOKUPS: Metric = Metric::with(
    "ovth_dns_lookup_seconds",
    &["outcome"],
    "Seconds that looking up a provider's addresses took, by outcome (ok, failed, cut_off). Off the path of requests but for the first of a host.",
);

// The ledger.

pub(super) const OPEN_RESERVATIONS: Metric =
    Metric::plain("ovth_open_reservations", "Requests under way for which tokens and money are set aside.");
pub(super) const LEDGER_UP: Metric =
    Metric::plain("ovth_ledger_up", "Whether the ledger can be written: 1, or 0 while its storage fails.");
pub(super) const LEDGER_PLACES: Metric = Metric::plain(
    "ovth_ledger_places_taken",
    "Requests under way, and over but not yet on disk. At 16,384 no more are let in.",
);
pub(super) const LEDGER_COMMIT: Metric =
    Metric::plain("ovth_ledger_commit_seconds", "Seconds that a commit of the ledger took, its fsync included.");
pub(super) const LEDGER_BATCH: Metric =
    Metric::plain("ovth_ledger_batch_size", "Reservations, settlements and notes that shared one commit.");
pub(super) const LEDGER_WAIT: Metric = Metric::plain(
    "ovth_ledger_wait_seconds",
    "Seconds that an answer that was ready waited until its reservation was on disk.",
);
pub(super) const LEDGER_FAILURES: Metric =
    Metric::plain("ovth_ledger_commit_failures_total", "Commits of the ledger that failed; they are tried again.");
pub(super) const ENTRIES_LOST: Metric = Metric::plain(
    "ovth_ledger_entries_lost_total",
    "Entries that were not written: the ledger had no room for them (they are in the sums all the same), or could not write them even by themselves.",
);
pub(super) const ENTRIES_PRUNED: Metric =
    Metric::plain("ovth_ledger_entries_pruned_total", "Entries of the ledger deleted by age or size.");
pub(super) const RECOVERED: Metric = Metric::plain(
    "ovth_ledger_recovered_requests",
    "Requests of a process that died which were charged as reserved when this one started.",
);
pub(super) const DATABASE_BYTES: Metric =
    Metric::plain("ovth_database_size_bytes", "Size of the database file in bytes.");

// The process.

pub(super) const BUFFERED_BYTES: Metric =
    Metric::plain("ovth_buffered_bytes", "Bytes of request bodies, held answers and error bodies in memory now.");
pub(super) const BUFFERED_BYTES_LIMIT: Metric = Metric::plain(
    "ovth_buffered_bytes_limit",
    "Bytes that may be held in memory at once (limits.buffered_bytes); beyond them requests are answered 503.",
);
pub(super) const CATALOGUE_AGE: Metric = Metric::plain(
    "ovth_catalogue_age_seconds",
    "Seconds since the day of the model catalogue's facts: prices and models may have changed since.",
);
pub(super) const LOG_RECORDS_DROPPED: Metric = Metric::plain(
    "ovth_log_records_dropped_total",
    "Log records dropped because the log could not be written as fast as it grew.",
);
pub(super) const ACCESS_RECORDS_DROPPED: Metric = Metric::plain(
    "ovth_access_records_dropped_total",
    "Records of exchanges that did not get into the access log's file: it was not written as fast as it grew, or not at all.",
);
pub(super) const CAPTURES_DROPPED: Metric = Metric::plain(
    "ovth_captures_dropped_total",
    "Exchanges that were to be captured and were not, or not whole: too many waited, or the file could not be written.",
);

// The configuration.

pub(super) const CONFIG_GENERATION: Metric =
    Metric::plain("ovth_config_generation", "Which configuration is in force, counted from 1 at the start.");
pub(super) const CONFIG_RELOADS: Metric = Metric::with(
    "ovth_config_reloads_total",
    &["outcome"],
    "Tries to replace the configuration, by outcome (ok, invalid, needs_restart).",
);
pub(super) const CONFIG_LAST_OK: Metric = Metric::plain(
    "ovth_config_last_reload_successful",
    "Whether the configuration on disk was taken over when it was last read: 1, or 0 while the one before it is in force.",
);
pub(super) const CONFIG_LAST_SUCCESS: Metric = Metric::plain(
    "ovth_config_last_success_timestamp_seconds",
    "When the configuration in force was loaded, in seconds since 1970.",
);

// Accounts.

pub(super) const ACCOUNT_KEYS: Metric = Metric::with(
    "ovth_account_keys",
    &["provider", "state"],
    "Configured keys, by provider and by what it said of them when it was asked last (ok, refused, unpaid, unknown).",
);
pub(super) const ACCOUNT_MISSING_MODELS: Metric = Metric::with(
    "ovth_account_missing_models",
    &["provider"],
    "Models that routes choose from and that an account of the provider does not have; routes leave them out.",
);

// Clients.

pub(super) const CLIENT_CONNECTIONS: Metric =
    Metric::plain("ovth_connections", "Connections of clients now, idle ones among them.");
pub(super) const CLIENTS_REFUSED: Metric = Metric::with(
    "ovth_clients_refused_total",
    &["limit"],
    "Connections and requests that were turned away, by what bounds them: a setting of clients (connections, connections_per_address, requests_per_address), or the listener (admin, metrics).",
);
pub(super) const CLIENTS_CUT: Metric = Metric::with(
    "ovth_clients_cut_total",
    &["reason"],
    "Clients that were cut, by reason (slow_head, large_head, slow_body, slow_reader, resets, handshake).",
);
pub(super) const WRONG_MASTER_KEYS: Metric =
    Metric::plain("ovth_wrong_master_keys_total", "Requests to the admin API with a wrong master key.");
pub(super) const BUILD_INFO: Metric =
    Metric::with("ovth_build_info", &["version"], "Always 1; its label tells which version runs.");

/// Upper bounds, in seconds, for whole requests: from an answer that the gateway gives by itself to a long agent turn.
pub(super) const REQUEST_SECONDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 600.0];

/// For the first token: nobody waits ten minutes for it.
pub(super) const FIRST_TOKEN_SECONDS: &[f64] =
    &[0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0];

/// Between events: 100 tokens a second are 10 ms apart; half a minute of silence is a stall.
pub(super) const GAP_SECONDS: &[f64] = &[0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 10.0, 30.0];

/// For the gateway's own work: tens of microseconds when all is well.
pub(super) const OVERHEAD_SECONDS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// For disks and networks.
pub(super) const WAIT_SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// For the size of a batch.
pub(super) const BATCH_SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 4_096.0];
