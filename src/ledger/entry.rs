//! The entry of one exchange, as it is kept, listed and exported: who, what, how much; never what was said.

use ovth_filters::money::PicoDollars;
use ovth_filters::neutral::Usage;

/// One exchange that is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its number in this ledger, in the order of reservation; set by the ledger.
    pub id: u64,
    /// Our own id of the request, as the client was told it.
    pub request_id: Box<str>,
    /// The provider's id of the attempt that was served.
    pub upstream_request_id: Option<Box<str>>,
    /// When its head came, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// The client's key.
    pub key_id: Box<str>,
    /// The end user that the client named.
    pub end_user: Option<Box<str>>,
    /// What called.
    pub app: App,
    /// What was asked: `generate`, `count_tokens`.
    pub operation: Box<str>,
    /// The shape that the client speaks.
    pub shape: Box<str>,
    /// The shape that was spoken to the provider.
    pub upstream_shape: Option<Box<str>>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The route that was taken.
    pub route: Option<Box<str>>,
    /// The provider that served, or was tried last.
    pub provider: Option<Box<str>>,
    /// `model` as the client wrote it.
    pub model_asked: Option<Box<str>>,
    /// The model that served, or was tried last.
    pub model: Option<Box<str>>,
    /// Every attempt, in order.
    pub attempts: Vec<AttemptEntry>,
    /// The HTTP status that the client was sent.
    pub status: Option<u16>,
    /// `ok`, `client_abort`, the class of the error, or `recovered`.
    pub outcome: Box<str>,
    /// Tokens by kind; absent when nothing was spent.
    pub usage: Option<Usage>,
    /// Where `usage` comes from.
    pub usage_source: UsageSource,
    /// The weighted tokens that limits were charged.
    pub charged_tokens: u64,
    /// What it cost; `None` with usage: the price is not known.
    pub cost: Option<PicoDollars>,
    /// Whose price that is: the catalogue's version, `config`, or `provider` where a hosted router told what it charges.
    pub price_source: Option<Box<str>>,
    /// The service class that was billed (`standard`, `batch`, `flex`, `priority`), where the provider told one.
    pub service_class: Option<Box<str>>,
    /// From the head of the request to the first byte of the answer, in milliseconds.
    pub time_to_first_token_ms: Option<u64>,
    /// From the head of the request to the end, in milliseconds.
    pub duration_ms: u64,
    /// Why the answer ended, in the provider's word.
    pub finish_reason: Option<Box<str>>,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// Why far less was read from the prompt cache than the turn before had in it.
    pub cache_break: Option<Box<str>>,
}

/// What called, as far as its headers say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct App {
    /// `HTTP-Referer`, or `Referer`.
    pub referer: Option<Box<str>>,
    /// `X-OpenRouter-Title`, or `X-Title`.
    pub title: Option<Box<str>>,
    /// `User-Agent`.
    pub user_agent: Option<Box<str>>,
}

/// One attempt of an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptEntry {
    /// Who was asked.
    pub provider: Box<str>,
    /// For which model.
    pub model: Box<str>,
    /// `ok`, `client_abort`, or the class of the error.
    pub outcome: Box<str>,
    /// The provider's status, when there was one.
    pub status: Option<u16>,
}

/// Where token counts come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsageSource {
    /// Nothing was counted.
    #[default]
    None,
    /// The provider told them.
    Provider,
    /// Estimated from the prompt and from what was delivered.
    Estimated,
    /// The process died: what was set aside counts.
    Reserved,
}

impl UsageSource {
    /// The name in JSON and exports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            UsageSource::None => "none",
            UsageSource::Provider => "provider",
            UsageSource::Estimated => "estimated",
            UsageSource::Reserved => "reserved",
        }
    }
}
