//! `provider` of a request: which providers may serve it, and in which order they are tried.

use std::time::Duration;

use super::extensions::{Extensions, object, wrong};
use crate::json::{ValueKind, View};
use crate::money::PicoDollars;
use crate::neutral::ApiError;

/// No list of providers is longer.
const MAX_SLUGS: usize = 64;

/// No name of a provider is longer, in bytes.
const MAX_SLUG: usize = 128;

/// How weights are kept, by the names that are known.
const QUANTIZATIONS: [&str; 12] =
    ["int4", "int8", "fp4", "mxfp4", "nvfp4", "fp6", "fp8", "mxfp8", "fp16", "bf16", "fp32", "unknown"];

/// What a client wishes of the providers that serve it. The default wishes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// Providers to try first, in this order; names in lower case.
    pub order: Vec<Box<str>>,
    /// The only providers that may serve; all when empty.
    pub only: Vec<Box<str>>,
    /// Providers that may not serve.
    pub ignore: Vec<Box<str>>,
    /// Whether others may serve when the first choice fails.
    pub allow_fallbacks: bool,
    /// Whether only those may serve that take every field of the request.
    pub require_parameters: bool,
    /// What to sort them by.
    pub sort: Option<Sort>,
    /// Whether they are sorted over all models that the request names, and not model by model.
    pub across_models: bool,
    /// What they may cost.
    pub max_price: MaxPrice,
    /// Tokens in a thousand seconds: who is known to be slower comes last.
    pub min_throughput: Option<u64>,
    /// The time to the first content: who is known to take longer comes last.
    pub max_latency: Option<Duration>,
}

impl Default for Wishes {
    fn default() -> Wishes {
        Wishes {
            order: Vec::new(),
            only: Vec::new(),
            ignore: Vec::new(),
            allow_fallbacks: true,
            require_parameters: false,
            sort: None,
            across_models: false,
            max_price: MaxPrice::default(),
            min_throughput: None,
            max_latency: None,
        }
    }
}

/// What providers are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// The cheapest first.
    Price,
    /// The fastest first.
    Throughput,
    /// The one whose first content comes soonest first.
    Latency,
    /// The one that calls tools best first.
    Exacto,
}

/// The most that a token may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaxPrice {
    /// A token of the prompt.
    pub prompt: Option<PicoDollars>,
    /// A token of the answer.
    pub completion: Option<PicoDollars>,
}

/// Reads `provider`.
pub(super) fn read(value: View<'_>, into: &mut Extensions) -> Result<(), ApiError> {
    object("provider", value)?;
    for (name, value) in value.members().filter(|(_, value)| !value.is_null()) {
        let wishes = &mut into.wishes;
        match &*name {
            "order" => wishes.order = slugs("provider.order", value)?,
            "only" => wishes.only = slugs("provider.only", value)?,
            "ignore" => wishes.ignore = slugs("provider.ignore", value)?,
            "allow_fallbacks" => wishes.allow_fallbacks = flag("provider.allow_fallbacks", value)?,
            "require_parameters" => wishes.require_parameters = flag("provider.require_parameters", value)?,
            "sort" => (wishes.sort, wishes.across_models) = sort(value)?,
            "max_price" => max_price(value, into)?,
            "preferred_min_throughput" => {
                wishes.min_throughput = Some(figure("provider.preferred_min_throughput", value)?)
            }
            "preferred_max_latency" => {
                wishes.max_latency = Some(Duration::from_millis(figure("provider.preferred_max_latency", value)?));
            }
            "quantizations" => {
                let all = value.kind() == ValueKind::Array
                    && value.elements().all(|one| one.string().is_some_and(|one| QUANTIZATIONS.contains(&&*one)));
                if !all {
                    let what = format!("an array of {}", QUANTIZATIONS.map(|one| format!("`{one}`")).join(", "));
                    return Err(wrong("provider.quantizations", &what));
                }
                into.ignore("provider.quantizations");
            }
            "data_collection" => match value.string().as_deref() {
                Some("allow") => {}
                Some("deny") => into.ignore("provider.data_collection"),
                _ => return Err(wrong("provider.data_collection", "`allow` or `deny`")),
            },
            "zdr" | "enforce_distillable_text" => {
                let name = format!("provider.{name}");
                if flag(&name, value)? {
                    into.ignore(&name);
                }
            }
            _ => into.ignore(&format!("provider.{name}")),
        }
    }
    Ok(())
}

fn slugs(name: &str, value: View<'_>) -> Result<Vec<Box<str>>, ApiError> {
    let what = format!("an array of at most {MAX_SLUGS} names of providers; GET /v1/providers lists them");
    if value.kind() != ValueKind::Array {
        return Err(wrong(name, &what));
    }
    let slug = |slug: View<'_>| {
        let slug = slug.string().filter(|slug| (1..=MAX_SLUG).contains(&slug.len()))?;
        Some(slug.trim().to_ascii_lowercase().into_boxed_str())
    };
    let slugs: Option<Vec<Box<str>>> = value.elements().take(MAX_SLUGS + 1).map(slug).collect();
    slugs.filter(|slugs| slugs.len() <= MAX_SLUGS).ok_or_else(|| wrong(name, &what))
}

fn flag(name: &str, value: View<'_>) -> Result<bool, ApiError> {
    value.bool().ok_or_else(|| wrong(name, "true or false"))
}

/// Reads `sort`: a word, or an object that says over which models.
fn sort(value: View<'_>) -> Result<(Option<Sort>, bool), ApiError> {
    const WHAT: &str = "`price`, `throughput`, `latency` or `exacto`, or an object with one of them as `by`";
    let by =
        if value.kind() == ValueKind::Object { value.member("by").filter(|by| !by.is_null()) } else { Some(value) };
    let across = match value.member("partition").filter(|partition| !partition.is_null()).map(View::string) {
        None => false,
        Some(partition) => match partition.as_deref() {
            Some("none") => true,
            Some("model") => false,
            _ => return Err(wrong("provider.sort.partition", "`model` or `none`")),
        },
    };
    let Some(by) = by else { return Ok((None, across)) };
    let sort = match by.string().as_deref() {
        Some("price") => Sort::Price,
        Some("throughput") => Sort::Throughput,
        Some("latency") => Sort::Latency,
        Some("exacto") => Sort::Exacto,
        _ => return Err(wrong("provider.sort", WHAT)),
    };
    Ok((Some(sort), across))
}

/// Reads `max_price`: dollars for a million tokens, as numbers or strings.
fn max_price(value: View<'_>, into: &mut Extensions) -> Result<(), ApiError> {
    object("provider.max_price", value)?;
    for (name, value) in value.members().filter(|(_, value)| !value.is_null()) {
        let full = format!("provider.max_price.{name}");
        match &*name {
            "prompt" => into.wishes.max_price.prompt = Some(price(&full, value)?),
            "completion" => into.wishes.max_price.completion = Some(price(&full, value)?),
            // No catalogue has prices by the request.
            _ => into.ignore(&full),
        }
    }
    Ok(())
}

fn price(name: &str, value: View<'_>) -> Result<PicoDollars, ApiError> {
    let text = value.string();
    let text = text.as_deref().unwrap_or_else(|| value.raw());
    let in_plain_digits = || {
        let number: f64 = text.parse().ok()?;
        (number >= 0.0 && number.is_finite()).then(|| PicoDollars::per_token(&format!("{number:.6}")).ok())?
    };
    PicoDollars::per_token(text)
        .ok()
        .or_else(in_plain_digits)
        .ok_or_else(|| wrong(name, "dollars for a million tokens, such as 2.5"))
}

/// Reads a figure, or the first of the percentiles that are given, in thousandths.
fn figure(name: &str, value: View<'_>) -> Result<u64, ApiError> {
    let percentile = || ["p50", "p75", "p90", "p99"].into_iter().find_map(|name| value.member(name)?.f64());
    let number = value.f64().or_else(percentile).filter(|number| number.is_finite() && *number >= 0.0);
    let number = number.ok_or_else(|| wrong(name, "a number, or an object with `p50`, `p75`, `p90` or `p99`"))?;
    // What is too large for the type says the same as its end.
    Ok((number * 1_000.0) as u64)
}
