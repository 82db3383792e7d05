//! Every metric's name, help and labels, declared once; dashboards and tests rely on them.

/// One metric as it is declared to Prometheus.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) labels: &'static [&'static str],
}

pub(super) const REQUESTS: Metric = Metric {
    name: "ovth_requests_total",
    help: "Requests answered, by operation, shape, outcome (ok, client_abort or an error's class) and HTTP status.",
    labels: &["operation", "shape", "outcome", "status"],
};

pub(super) const REQUESTS_IN_FLIGHT: Metric =
    Metric { name: "ovth_requests_in_flight", help: "Requests being worked on now.", labels: &[] };

pub(super) const REQUEST_DURATION: Metric = Metric {
    name: "ovth_request_duration_seconds",
    help: "Time from a request's head to the end of its answer.",
    labels: &["operation"],
};

pub(super) const TIME_TO_FIRST_TOKEN: Metric = Metric {
    name: "ovth_time_to_first_token_seconds",
    help: "Time from a request's head to the first byte of a streamed answer; heartbeats do not count.",
    labels: &["provider"],
};

pub(super) const ATTEMPTS: Metric = Metric {
    name: "ovth_attempts_total",
    help: "Attempts at providers, by outcome (ok, client_abort or an error's class).",
    labels: &["provider", "outcome"],
};

pub(super) const FAILOVERS: Metric = Metric {
    name: "ovth_failovers_total",
    help: "Times that another target was tried, by the class of the error that caused it.",
    labels: &["reason"],
};

pub(super) const TOKENS: Metric = Metric {
    name: "ovth_tokens_total",
    help: "Tokens, each counted under exactly one kind: input, cache_read, cache_write, cache_write_1h or output.",
    labels: &["kind", "provider"],
};

pub(super) const REASONING_TOKENS: Metric = Metric {
    name: "ovth_reasoning_tokens_total",
    help: "The part of the output tokens that was spent on reasoning.",
    labels: &["provider"],
};

pub(super) const BUFFERED_BYTES: Metric = Metric {
    name: "ovth_buffered_bytes",
    help: "Bytes of request bodies, held answers and error bodies in memory now.",
    labels: &[],
};

pub(super) const COOLED_TARGETS: Metric = Metric {
    name: "ovth_cooled_targets",
    help: "Targets that are passed over now because they failed a short while ago.",
    labels: &[],
};

pub(super) const QUOTA_REFUSALS: Metric = Metric {
    name: "ovth_quota_refusals_total",
    help: "Requests that were not let in, by the limit of a quota (daily_tokens, max_concurrent, ...), or ledger_unavailable, ledger_busy.",
    labels: &["limit"],
};

pub(super) const OPEN_RESERVATIONS: Metric = Metric {
    name: "ovth_open_reservations",
    help: "Requests under way for which tokens and money are set aside.",
    labels: &[],
};

pub(super) const ENTRIES_LOST: Metric = Metric {
    name: "ovth_ledger_entries_lost",
    help: "Entries that were not written since the start: the ledger had no room for them (they are in the sums all the same), or could not write them even by themselves.",
    labels: &[],
};

pub(super) const CACHE_BREAKS: Metric = Metric {
    name: "ovth_cache_breaks_total",
    help: "Times that far less was read from a provider's prompt cache than the turn before had in it, by why.",
    labels: &["reason"],
};

/// The reasons of [`CACHE_BREAKS`]: each has a series from the start, and there are no others.
pub(super) const CACHE_BREAK_REASONS: [&str; 7] =
    ["target_changed", "tools_changed", "system_changed", "settings_changed", "prefix_diverged", "expired", "provider"];

pub(super) const HEARTBEATS: Metric = Metric {
    name: "ovth_heartbeats_total",
    help: "Heartbeats written into streams whose provider was silent.",
    labels: &[],
};

pub(super) const CLIENT_ABORTS: Metric =
    Metric { name: "ovth_client_aborts_total", help: "Requests whose client left before the end.", labels: &[] };

pub(super) const LOG_RECORDS_DROPPED: Metric = Metric {
    name: "ovth_log_records_dropped_total",
    help: "Log records dropped because the log could not be written as fast as it grew.",
    labels: &[],
};

pub(super) const ACCESS_RECORDS_DROPPED: Metric = Metric {
    name: "ovth_access_records_dropped_total",
    help: "Records of exchanges that did not get into the access log's file: it was not written as fast as it grew, or not at all.",
    labels: &[],
};

pub(super) const CAPTURES_DROPPED: Metric = Metric {
    name: "ovth_captures_dropped_total",
    help: "Exchanges that were to be captured and were not, or not whole: too many waited, or the file could not be written.",
    labels: &[],
};

pub(super) const BUILD_INFO: Metric =
    Metric { name: "ovth_build_info", help: "Always 1; its label tells which version runs.", labels: &["version"] };

/// Upper bounds of the histograms' buckets in seconds: from an answer that the gateway gives by itself to a long
/// agent turn.
pub(super) const BUCKETS_SECONDS: [f64; 17] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 600.0];
