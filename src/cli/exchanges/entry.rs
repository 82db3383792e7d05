//! An entry of the ledger as the admin API tells of it: for tables, for reading, and as a row of CSV.

use serde::Deserialize;

use crate::cli::figures::{Usd, milliseconds, rfc3339, thousands};
use crate::cli::keys::Names;
use crate::cli::table::Facts;

/// One exchange. What a newer gateway tells besides is left out.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Entry {
    id: u64,
    request_id: String,
    upstream_request_id: Option<String>,
    started_at: String,
    key_id: String,
    end_user: Option<String>,
    app: App,
    operation: String,
    shape: String,
    upstream_shape: Option<String>,
    stream: bool,
    route: Option<String>,
    provider: Option<String>,
    model_asked: Option<String>,
    model: Option<String>,
    attempts: Vec<Attempt>,
    status: Option<u16>,
    outcome: String,
    tokens: Option<Tokens>,
    web_searches: u64,
    usage_source: String,
    charged_tokens: u64,
    cost_usd: Option<Money>,
    price_source: Option<String>,
    service_class: Option<String>,
    time_to_first_token_ms: Option<u64>,
    duration_ms: u64,
    finish_reason: Option<String>,
    bytes_in: u64,
    bytes_out: u64,
    cache_break: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct App {
    referer: Option<String>,
    title: Option<String>,
    user_agent: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Attempt {
    provider: String,
    model: String,
    outcome: String,
    status: Option<u16>,
}

/// Tokens by kind, each in one of them. `audio_input` is part of `input`; `reasoning`, `audio_output` and `image_output` are of `output`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Tokens {
    input: u64,
    cache_read: u64,
    cache_write: u64,
    cache_write_1h: u64,
    output: u64,
    reasoning: u64,
    audio_input: u64,
    audio_output: u64,
    image_output: u64,
}

impl Tokens {
    fn prompt(&self) -> u64 {
        [self.cache_read, self.cache_write, self.cache_write_1h].into_iter().fold(self.input, u64::saturating_add)
    }
}

/// Money as the gateway wrote it, with all its digits, and as an amount.
struct Money {
    written: String,
    amount: Usd,
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        let written = raw.get().trim_matches('"').to_owned();
        let amount = written.parse().map_err(serde::de::Error::custom)?;
        Ok(Money { written, amount })
    }
}

impl Attempt {
    fn shown(&self) -> String {
        let status = self.status.map(|status| format!(" ({status})")).unwrap_or_default();
        format!("{}/{}: {}{status}", self.provider, self.model, self.outcome)
    }
}

impl Entry {
    /// The columns of a table of entries.
    pub(in crate::cli) const COLUMNS: [&'static str; 11] = [
        "#ID",
        "Started (UTC)",
        "Key",
        "Model",
        "Provider",
        "#Status",
        "Outcome",
        "#Input",
        "#Output",
        "#Cost",
        "#Took",
    ];

    /// A row of that table.
    pub(in crate::cli) fn cells(&self, names: &Names) -> [String; 11] {
        let tokens =
            |count: fn(&Tokens) -> u64| self.tokens.as_ref().map(|tokens| thousands(count(tokens))).unwrap_or_default();
        [
            self.id.to_string(),
            rfc3339(&self.started_at),
            names.label(&self.key_id),
            self.model.clone().or_else(|| self.model_asked.clone()).unwrap_or_default(),
            self.provider.clone().unwrap_or_default(),
            self.status.map(|status| status.to_string()).unwrap_or_default(),
            self.outcome.clone(),
            tokens(Tokens::prompt),
            tokens(|tokens| tokens.output),
            self.cost(),
            milliseconds(self.duration_ms),
        ]
    }

    fn cost(&self) -> String {
        match (&self.cost_usd, &self.tokens) {
            (Some(cost), _) => cost.amount.to_string(),
            (None, Some(_)) => "unknown".to_owned(),
            (None, None) => String::new(),
        }
    }

    /// All that is known of it.
    pub(in crate::cli) fn facts(&self, names: &Names) -> Facts {
        let mut facts = Facts::default();
        facts.add("ID", self.id.to_string());
        facts.add("Request id", self.request_id.as_str());
        facts.add_known("Provider's request id", self.upstream_request_id.as_deref());
        facts.add("Started", format!("{} UTC", rfc3339(&self.started_at)));
        facts.add("Key", names.show(&self.key_id));
        facts.add_known("End user", self.end_user.as_deref());
        facts.add_known("App", self.app.title.as_deref());
        facts.add_known("Referer", self.app.referer.as_deref());
        facts.add_known("User agent", self.app.user_agent.as_deref());
        let stream = if self.stream { ", streamed" } else { "" };
        facts.add("Asked", format!("{} in the shape {}{stream}", self.operation, self.shape));
        facts.add_known("Asked the provider in", self.upstream_shape.as_deref().filter(|shape| *shape != self.shape));
        facts.add_known("Route", self.route.as_deref());
        facts.add_known("Model asked for", self.model_asked.as_deref());
        facts.add_known("Model", self.model.as_deref());
        facts.add_known("Provider", self.provider.as_deref());
        for attempt in &self.attempts {
            facts.add("Attempt", attempt.shown());
        }
        facts.add_known("Status", self.status.map(|status| status.to_string()));
        facts.add("Outcome", self.outcome.as_str());
        facts.add_known("Finish reason", self.finish_reason.as_deref());
        self.add_spent(&mut facts);
        facts.add_known("First token after", self.time_to_first_token_ms.map(milliseconds));
        facts.add("Took", milliseconds(self.duration_ms));
        facts.add("Bytes in, out", format!("{}, {}", thousands(self.bytes_in), thousands(self.bytes_out)));
        facts.add_known("Cache break", self.cache_break.as_deref());
        facts
    }

    fn add_spent(&self, facts: &mut Facts) {
        if let Some(tokens) = &self.tokens {
            facts.add("Input", thousands(tokens.input));
            facts.add("Cache read", thousands(tokens.cache_read));
            facts.add("Cache write", thousands(tokens.cache_write));
            facts.add("Cache write (1 h)", thousands(tokens.cache_write_1h));
            facts.add(
                "Output",
                format!("{} ({} of it reasoning)", thousands(tokens.output), thousands(tokens.reasoning)),
            );
            for (name, count) in [
                ("Input that was sound", tokens.audio_input),
                ("Output that was sound", tokens.audio_output),
                ("Output that was images", tokens.image_output),
                ("Searches of the web", self.web_searches),
            ] {
                facts.add_known(name, (count > 0).then(|| thousands(count)));
            }
            facts.add("Counted by", self.usage_source.as_str());
        }
        facts.add("Charged tokens", thousands(self.charged_tokens));
        let exact = self.cost_usd.as_ref().map(|cost| format!("${}", cost.written));
        facts
            .add("Cost", exact.unwrap_or_else(|| if self.tokens.is_some() { "unknown" } else { "nothing" }.to_owned()));
        facts.add_known("Price of", self.price_source.as_deref());
        facts.add_known("Service class", self.service_class.as_deref());
    }

    /// The columns of an export.
    pub(in crate::cli) const CSV_COLUMNS: [&'static str; 41] = [
        "id",
        "request_id",
        "upstream_request_id",
        "started_at",
        "key_id",
        "end_user",
        "app_referer",
        "app_title",
        "app_user_agent",
        "operation",
        "shape",
        "upstream_shape",
        "stream",
        "route",
        "provider",
        "model_asked",
        "model",
        "attempts",
        "status",
        "outcome",
        "usage_source",
        "tokens_input",
        "tokens_cache_read",
        "tokens_cache_write",
        "tokens_cache_write_1h",
        "tokens_output",
        "tokens_reasoning",
        "tokens_audio_input",
        "tokens_audio_output",
        "tokens_image_output",
        "web_searches",
        "charged_tokens",
        "cost_usd",
        "price_source",
        "service_class",
        "time_to_first_token_ms",
        "duration_ms",
        "finish_reason",
        "bytes_in",
        "bytes_out",
        "cache_break",
    ];

    /// A row of an export; what is not known is empty, a cost that is not known too.
    pub(in crate::cli) fn csv_cells(&self) -> [String; 41] {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let tokens = |count: fn(&Tokens) -> u64| {
            self.tokens.as_ref().map(|tokens| count(tokens).to_string()).unwrap_or_default()
        };
        let attempts: Vec<String> = self.attempts.iter().map(Attempt::shown).collect();
        [
            self.id.to_string(),
            self.request_id.clone(),
            text(&self.upstream_request_id),
            self.started_at.clone(),
            self.key_id.clone(),
            text(&self.end_user),
            text(&self.app.referer),
            text(&self.app.title),
            text(&self.app.user_agent),
            self.operation.clone(),
            self.shape.clone(),
            text(&self.upstream_shape),
            self.stream.to_string(),
            text(&self.route),
            text(&self.provider),
            text(&self.model_asked),
            text(&self.model),
            attempts.join("; "),
            self.status.map(|status| status.to_string()).unwrap_or_default(),
            self.outcome.clone(),
            self.usage_source.clone(),
            tokens(|tokens| tokens.input),
            tokens(|tokens| tokens.cache_read),
            tokens(|tokens| tokens.cache_write),
            tokens(|tokens| tokens.cache_write_1h),
            tokens(|tokens| tokens.output),
            tokens(|tokens| tokens.reasoning),
            tokens(|tokens| tokens.audio_input),
            tokens(|tokens| tokens.audio_output),
            tokens(|tokens| tokens.image_output),
            self.web_searches.to_string(),
            self.charged_tokens.to_string(),
            self.cost_usd.as_ref().map(|cost| cost.written.clone()).unwrap_or_default(),
            text(&self.price_source),
            text(&self.service_class),
            self.time_to_first_token_ms.map(|time| time.to_string()).unwrap_or_default(),
            self.duration_ms.to_string(),
            text(&self.finish_reason),
            self.bytes_in.to_string(),
            self.bytes_out.to_string(),
            text(&self.cache_break),
        ]
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const ANSWER: &str = r#"{"id":7,"request_id":"01JD","upstream_request_id":"req_1","started_at":"2026-11-22T20:30:05.123Z",
        "started_at_ms":1,"key_id":"key_1","end_user":null,"app":{"referer":null,"title":"Cursor","user_agent":"x\u001b[2J"},
        "operation":"generate","shape":"chat","upstream_shape":"messages","stream":true,"route":"auto","provider":"anthropic",
        "model_asked":"auto","model":"claude-sonnet-4-5","attempts":[
        {"provider":"openai","model":"gpt-5","outcome":"overloaded","status":503},
        {"provider":"anthropic","model":"claude-sonnet-4-5","outcome":"ok","status":200}],"status":200,"outcome":"ok",
        "tokens":{"input":1000,"cache_read":500,"cache_write":20,"cache_write_1h":3,"output":40,"reasoning":5},
        "usage_source":"provider","charged_tokens":1563,"cost_usd":0.003765000001,"cost_known":true,
        "price_source":"2026-11-22","service_class":null,"time_to_first_token_ms":850,"duration_ms":12345,
        "finish_reason":"end_turn","bytes_in":4096,"bytes_out":2048,"cache_break":null}"#;

    #[test]
    fn an_entry_is_a_row_of_a_table() {
        let entry: Entry = serde_json::from_str(ANSWER).unwrap();
        assert_eq!(
            entry.cells(&Names::default()),
            [
                "7",
                "2026-11-22 20:30:05",
                "key_1",
                "claude-sonnet-4-5",
                "anthropic",
                "200",
                "ok",
                "1,523",
                "40",
                "$0.0038",
                "12.3 s"
            ]
        );
    }

    #[test]
    fn all_that_is_known_is_told() {
        let entry: Entry = serde_json::from_str(ANSWER).unwrap();
        let shown = entry.facts(&Names::default()).to_string();
        for line in [
            "Attempt                openai/gpt-5: overloaded (503)",
            "Attempt                anthropic/claude-sonnet-4-5: ok (200)",
            "User agent             x\\u{1b}[2J",
            "Asked the provider in  messages",
            "Output                 40 (5 of it reasoning)",
            "Cost                   $0.003765000001",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
        }
    }

    #[test]
    fn a_row_of_an_export_has_every_column_and_exact_money() {
        let entry: Entry = serde_json::from_str(ANSWER).unwrap();
        let cells = entry.csv_cells();
        let cell = |name: &str| {
            let at = Entry::CSV_COLUMNS.iter().position(|column| *column == name).unwrap();
            cells.get(at).unwrap().as_str()
        };
        assert_eq!(cell("cost_usd"), "0.003765000001");
        assert_eq!(cell("attempts"), "openai/gpt-5: overloaded (503); anthropic/claude-sonnet-4-5: ok (200)");
        assert_eq!((cell("tokens_reasoning"), cell("end_user"), cell("bytes_out")), ("5", "", "2048"));
    }

    #[test]
    fn what_cost_nothing_and_what_has_no_price_are_told_apart() {
        let free: Entry = serde_json::from_str(r#"{"id":1,"cost_usd":null}"#).unwrap();
        let unknown: Entry = serde_json::from_str(r#"{"id":1,"tokens":{"input":1},"cost_usd":null}"#).unwrap();
        assert_eq!((free.cost().as_str(), unknown.cost().as_str()), ("", "unknown"));
        assert!(
            free.csv_cells()
                .iter()
                .zip(Entry::CSV_COLUMNS)
                .any(|(cell, name)| name == "tokens_input" && cell.is_empty())
        );
    }
}
