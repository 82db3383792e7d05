//! Routes as they are used: a strategy over providers and models, and what narrows, orders and bounds its choice.

use std::sync::Arc;
use std::time::Duration;

use ovth_filters::money::PicoDollars;

use super::Globs;

/// A name a client may use as `model`, with a strategy over providers and models.
#[derive(Clone, Debug)]
pub struct Route {
    /// The name.
    pub name: Arc<str>,
    /// How its targets are ordered.
    pub strategy: Strategy,
    /// Its providers that can be used, in order; never empty.
    pub providers: Vec<Arc<str>>,
    /// The models it names, in order, as written; empty: every model of its providers that the strategy takes.
    pub models: Vec<String>,
    /// What narrows, orders and bounds the choice.
    pub options: RouteOptions,
}

/// How a route orders its targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// As the file lists them.
    Ordered,
    /// The cheapest that can serve the request comes first.
    CheapestCapable,
    /// By chance, in proportion to weights.
    Weighted,
    /// Each in its turn.
    RoundRobin,
    /// The one that began to answer soonest of late.
    LowestLatency,
    /// The one that answered with the most tokens a second of late.
    HighestThroughput,
    /// The one with the fewest requests under way.
    LeastBusy,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Strategy; 7] = [
        Strategy::Ordered,
        Strategy::CheapestCapable,
        Strategy::Weighted,
        Strategy::RoundRobin,
        Strategy::LowestLatency,
        Strategy::HighestThroughput,
        Strategy::LeastBusy,
    ];

    /// The name used in the file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Strategy::Ordered => "ordered",
            Strategy::CheapestCapable => "cheapest-capable",
            Strategy::Weighted => "weighted",
            Strategy::RoundRobin => "round-robin",
            Strategy::LowestLatency => "lowest-latency",
            Strategy::HighestThroughput => "highest-throughput",
            Strategy::LeastBusy => "least-busy",
        }
    }
}

/// What narrows, orders and bounds the choice of a route.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteOptions {
    /// The least context window of its models, in tokens; one that is not known is too small.
    pub min_context: Option<u64>,
    /// The most that its models may cost; a price that is not known is too high.
    pub max_price: MaxPrice,
    /// Models that it never takes.
    pub exclude: Option<ModelNames>,
    /// The models that are good enough for it; without it those of the catalogue's own list, where the route names no models.
    pub quality_floor: Option<ModelNames>,
    /// How often each is chosen, in proportion to the others; 1 for what is not named. For `weighted`.
    pub weights: Vec<(ModelNames, u32)>,
    /// Routes that are gone on with when no model of this one serves.
    pub fallback: Vec<Arc<str>>,
    /// The length of an answer that costs are reckoned with, in tokens, unless the client's bound is lower.
    pub expected_output: u64,
    /// Whether a conversation stays where its prompt cache is warm.
    pub sticky: bool,
    /// The time to the first content of a stream, after which another target is tried; at most what the provider's timeouts allow.
    pub first_byte: Option<Duration>,
    /// The time without content after which another target is asked for the same stream as well.
    pub hedge_after: Option<Duration>,
}

impl Default for RouteOptions {
    fn default() -> RouteOptions {
        RouteOptions {
            min_context: None,
            max_price: MaxPrice::default(),
            exclude: None,
            quality_floor: None,
            weights: Vec::new(),
            fallback: Vec::new(),
            expected_output: 1_024,
            sticky: true,
            first_byte: None,
            hedge_after: None,
        }
    }
}

/// The most that a model may cost at its shortest prompts, in pico-dollars a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaxPrice {
    /// A token of input.
    pub input: Option<PicoDollars>,
    /// A token of output.
    pub output: Option<PicoDollars>,
}

/// Names of models, families and providers: `claude-opus` stands for itself and for all that begin with it and a hyphen, a dot or a colon;
/// `openai` for all of that provider, `openai/gpt-5` for one of one; `*` and `?` stand for any characters.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelNames {
    written: Vec<String>,
    globs: Globs,
}

impl ModelNames {
    /// Names as they were written.
    #[must_use]
    pub fn new(written: Vec<String>) -> ModelNames {
        let family = |name: &String| ["", "-*", ".*", ":*"].map(|end| format!("{name}{end}"));
        let patterns: Vec<String> = written.iter().flat_map(family).collect();
        ModelNames { globs: Globs::new(patterns.iter().map(String::as_str)), written }
    }

    /// Whether they name that model of that provider.
    #[must_use]
    pub fn name(&self, provider: &str, model: &str) -> bool {
        let bare = model.rsplit('/').next().unwrap_or(model);
        self.globs.fit(model)
            || self.globs.fit(bare)
            || self.globs.fit(&format!("{provider}/{model}"))
            || self.written.iter().any(|name| name == provider)
    }

    /// As they were written.
    pub fn written(&self) -> impl Iterator<Item = &str> {
        self.written.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::ModelNames;

    #[test]
    fn a_family_is_named_by_its_beginning_and_not_by_a_part_of_a_word() {
        let names = ModelNames::new(["claude-opus", "gpt-5", "groq", "google/gemini-3*"].map(str::to_owned).to_vec());
        for (provider, model, expected) in [
            ("anthropic", "claude-opus-5-5", true),
            ("openrouter", "anthropic/claude-opus-4.7", true),
            ("openai", "gpt-5", true),
            ("openai", "gpt-5.2", true),
            ("openai", "gpt-55", false),
            ("groq", "anything", true),
            ("google", "gemini-3.5-flash", true),
            ("openrouter", "gemini-3.5-flash", false),
            ("anthropic", "claude-sonnet-5", false),
        ] {
            assert_eq!(names.name(provider, model), expected, "{provider}/{model}");
        }
    }
}
