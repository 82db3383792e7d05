//! What a request asks of the ledger before its first attempt: who pays, and how much is to be set aside.

use std::sync::Arc;

use ovth_filters::money::PicoDollars;

use crate::config::{Allowance, Quota};
use crate::keys::{Key, KeyId};

/// Tokens (weighted) and money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Weighted tokens.
    pub tokens: u64,
    /// Money; zero where the price is unknown.
    pub cost: PicoDollars,
}

/// Whose limits a request has to keep.
#[derive(Clone, Debug)]
pub struct Payer {
    /// The client's key.
    pub key: KeyId,
    /// The limits of that key by itself, defaults filled in.
    pub key_limits: Allowance,
    /// The limits of all keys together; none are set unless the configuration says `per_user: false`.
    pub gateway_limits: Allowance,
    /// The end user that the client named, when end users are told apart.
    pub end_user: Option<EndUser>,
}

impl Payer {
    /// Who pays for requests of that key, with the limits that hold now.
    #[must_use]
    pub fn of(key: &Key, quota: &Quota, end_user: Option<&str>) -> Payer {
        let own = key.settings.limits;
        let (key_limits, gateway_limits) =
            if quota.per_user { (own.or(&quota.limits), Allowance::default()) } else { (own, quota.limits) };
        let end_user = end_user
            .map(|name| EndUser { name: name.into(), limits: key.settings.per_end_user.or(&quota.per_end_user) });
        Payer { key: key.id.clone(), key_limits, gateway_limits, end_user }
    }
}

/// A client's own user. Its limits hold besides those of the key.
#[derive(Clone, Debug)]
pub struct EndUser {
    /// As the client calls it, shortened.
    pub name: Arc<str>,
    /// Its limits; none may be set, and then it is only counted.
    pub limits: Allowance,
}

/// What is to be set aside for one request.
#[derive(Clone, Debug)]
pub struct Demand<'a> {
    /// Who pays.
    pub payer: &'a Payer,
    /// The estimate of the prompt.
    pub input: Amount,
    /// Output tokens (as the provider counts them) that are expected, by [`super::Ledger::expected_output`], or the full bound with
    /// [`crate::config::Overshoot::None`]. 0: the operation has no output and costs nothing (counting tokens).
    pub output_tokens: u64,
    /// How much one output token counts, in thousandths.
    pub output_weight: u32,
    /// What one output token costs; zero where that is unknown.
    pub output_price: PicoDollars,
    /// Whether the request can be given a lower bound of output when what is left does not suffice for `output_tokens`.
    pub can_cap: bool,
    /// What an entry says if the process dies before the request is settled.
    pub facts: Facts,
}

/// What is known of a request before its first attempt.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Our own id of the request.
    pub request_id: Box<str>,
    /// The shape that the client speaks, `generate` or what else was asked.
    pub shape: Box<str>,
    /// What was asked.
    pub operation: Box<str>,
    /// The route, when one was taken.
    pub route: Option<Box<str>>,
    /// The provider of the first target.
    pub provider: Box<str>,
    /// The model of the first target.
    pub model: Box<str>,
    /// As the client called it.
    pub model_asked: Box<str>,
    /// Whether a stream was asked for.
    pub stream: bool,
}
