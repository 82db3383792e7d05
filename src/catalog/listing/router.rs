//! Models as a hosted router lists them, in OpenAI's list with more fields: prices as strings of dollars for a token, what goes in and comes
//! out, and what may be asked. <https://openrouter.ai/docs/api-reference/list-available-models>

use std::sync::Arc;

use ovth_filters::neutral::Thinking;
use ovth_filters::shapes::Parameters;
use serde::Serialize;

use super::{Entry, encode};
use crate::catalog::{Date, Kind, Model, PicoDollars, Price, Status};

/// What a price is called that is not known, or that depends on the model that a route chooses.
const UNTOLD: &str = "-1";

/// A model of the list with what it costs here.
#[derive(Clone, Debug)]
pub struct Priced<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// What it costs; `None` when nobody tells.
    pub price: Option<&'a Price>,
}

/// A place where a model is served.
#[derive(Clone, Debug)]
pub struct Place {
    /// The provider's id.
    pub provider: Arc<str>,
    /// Its name for people.
    pub provider_name: String,
    /// What it is sent as the model.
    pub model: Arc<str>,
    /// What is known of the model.
    pub entry: Option<Arc<Model>>,
    /// What it costs there.
    pub price: Option<Arc<Price>>,
    /// How it does.
    pub figures: Figures,
}

/// How a place does, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Attempts of late, and how many of them failed.
    pub attempts: (u64, u64),
    /// Microseconds to the first content.
    pub latency: Option<u64>,
    /// Tokens in a thousand seconds.
    pub speed: Option<u64>,
    /// Whether it is passed over.
    pub avoided: bool,
}

/// The whole list, each name once.
#[must_use]
pub fn router_list(models: &[Priced<'_>]) -> Vec<u8> {
    #[derive(Serialize)]
    struct List<'a> {
        object: &'static str,
        data: Vec<Listed<'a>>,
        links: Next,
        total_count: usize,
    }
    let data: Vec<Listed<'_>> = models.iter().map(Listed::of).collect();
    encode(&List { object: "list", total_count: data.len(), data, links: Next { next: None } })
}

/// One model of the list by itself: OpenAI's object, with the router's fields.
#[must_use]
pub fn listed_model(model: &Priced<'_>) -> Vec<u8> {
    encode(&Listed::of(model))
}

/// The same in an envelope, as routers send it.
#[must_use]
pub fn router_model(model: &Priced<'_>) -> Vec<u8> {
    encode(&Data { data: Listed::of(model) })
}

/// How many models there are.
#[must_use]
pub fn router_count(count: usize) -> Vec<u8> {
    #[derive(Serialize)]
    struct Count {
        count: usize,
    }
    encode(&Data { data: Count { count } })
}

/// A model and every place where it is served.
#[must_use]
pub fn router_endpoints(model: &Priced<'_>, places: &[Place]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Endpoints<'a> {
        id: &'a str,
        name: &'a str,
        created: u64,
        description: String,
        architecture: Architecture,
        endpoints: Vec<Endpoint<'a>>,
    }
    let Listed { id, name, created, description, architecture, .. } = Listed::of(model);
    let endpoints = places.iter().map(|place| Endpoint::of(id, place)).collect();
    encode(&Data { data: Endpoints { id, name, created, description, architecture, endpoints } })
}

/// No endpoint at all.
#[must_use]
pub fn router_no_endpoints() -> Vec<u8> {
    encode(&Data::<[(); 0]> { data: [] })
}

/// The providers, by id and name.
#[must_use]
pub fn router_providers<'a>(providers: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Provider<'a> {
        name: &'a str,
        slug: &'a str,
        privacy_policy_url: Option<()>,
        terms_of_service_url: Option<()>,
        status_page_url: Option<()>,
    }
    let provider = |(slug, name)| Provider {
        name,
        slug,
        privacy_policy_url: None,
        terms_of_service_url: None,
        status_page_url: None,
    };
    encode(&Data { data: providers.map(provider).collect::<Vec<_>>() })
}

#[derive(Serialize)]
struct Data<T> {
    data: T,
}

#[derive(Serialize)]
struct Next {
    next: Option<()>,
}

#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'a str,
    canonical_slug: &'a str,
    name: &'a str,
    description: String,
    context_length: Option<u64>,
    architecture: Architecture,
    pricing: Pricing,
    top_provider: TopProvider,
    per_request_limits: Option<()>,
    supported_parameters: Vec<&'static str>,
    default_parameters: Option<()>,
    supported_voices: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_date: Option<String>,
    links: Links,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Reasoning>,
}

#[derive(Serialize)]
struct Links {
    details: String,
}

#[derive(Serialize)]
struct TopProvider {
    context_length: Option<u64>,
    max_completion_tokens: Option<u64>,
    is_moderated: bool,
}

#[derive(Serialize)]
struct Reasoning {
    mandatory: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    supported_efforts: Option<Vec<&'static str>>,
    supports_max_tokens: bool,
}

impl<'a> Listed<'a> {
    fn of(priced: &Priced<'a>) -> Listed<'a> {
        let Priced { entry, price } = priced;
        let (model, id) = (entry.model(), entry.id());
        let context_length = model.and_then(|model| model.context_window);
        let slug = model.and_then(|model| model.names().find(|name| name.contains('/')));
        Listed {
            id,
            object: "model",
            created: entry.released().map_or(0, Date::unix_seconds),
            owned_by: entry.owner(),
            canonical_slug: slug.map_or(id, |slug| slug),
            name: model.map_or(id, Model::display_name),
            description: description(entry),
            context_length,
            architecture: Architecture::of(entry),
            pricing: Pricing::of(*price),
            top_provider: TopProvider {
                context_length,
                max_completion_tokens: model.and_then(|model| model.max_output_tokens),
                is_moderated: false,
            },
            per_request_limits: None,
            supported_parameters: parameters(model),
            default_parameters: None,
            supported_voices: None,
            expiration_date: model.and_then(|model| model.shutdown_date).map(|date| date.to_string()),
            links: Links { details: format!("/api/v1/models/{id}/endpoints") },
            reasoning: model.and_then(reasoning),
        }
    }
}

fn description(entry: &Entry) -> String {
    match entry {
        Entry::Route(_) => "A route of this gateway: it chooses the model for each request.".to_owned(),
        Entry::Model(model) if model.status == Status::Deprecated => match &model.successor {
            Some(successor) => format!("Its end is announced; use {successor}."),
            None => "Its end is announced.".to_owned(),
        },
        Entry::Model(_) | Entry::Listed { .. } => String::new(),
    }
}

/// What goes in and comes out.
#[derive(Serialize)]
struct Architecture {
    modality: String,
    input_modalities: Vec<&'static str>,
    output_modalities: Vec<&'static str>,
    tokenizer: &'static str,
    instruct_type: Option<()>,
}

impl Architecture {
    fn of(entry: &Entry) -> Architecture {
        let (mut input, mut output) = (vec!["text"], vec!["text"]);
        if let Some(model) = entry.model() {
            let can = &model.capabilities;
            let more =
                [(can.vision, "image"), (can.pdf, "file"), (can.audio_input, "audio"), (can.video_input, "video")];
            input.extend(more.into_iter().filter(|(can, _)| *can == Some(true)).map(|(_, name)| name));
            if model.kind == Kind::Embedding {
                output = vec!["embeddings"];
            }
            if can.audio_output == Some(true) {
                output.push("audio");
            }
            if model.price.as_ref().is_some_and(|price| price.base.image_output.is_some()) {
                output.push("image");
            }
        }
        Architecture {
            modality: format!("{}->{}", input.join("+"), output.join("+")),
            input_modalities: input,
            output_modalities: output,
            tokenizer: if matches!(entry, Entry::Route(_)) { "Router" } else { "Other" },
            instruct_type: None,
        }
    }
}

/// Dollars for a token, or for one of what a field names.
#[derive(Serialize)]
struct Pricing {
    prompt: String,
    completion: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_search: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    internal_reasoning: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_cache_read: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_cache_write: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_cache_write_1h: Option<String>,
}

impl Pricing {
    fn of(price: Option<&Price>) -> Pricing {
        let told = |rate: Option<PicoDollars>| rate.map(|rate| rate.to_string());
        let base = price.map(|price| &price.base);
        let rate = |of: fn(&crate::catalog::Rates) -> Option<PicoDollars>| told(base.and_then(of));
        Pricing {
            prompt: rate(|rates| rates.input).unwrap_or_else(|| UNTOLD.to_owned()),
            completion: rate(|rates| rates.output).unwrap_or_else(|| UNTOLD.to_owned()),
            audio: rate(|rates| rates.audio_input),
            audio_output: rate(|rates| rates.audio_output),
            image_output: rate(|rates| rates.image_output),
            web_search: told(price.and_then(|price| price.web_search)),
            internal_reasoning: rate(|rates| rates.output_reasoning),
            input_cache_read: rate(|rates| rates.cache_read),
            input_cache_write: rate(|rates| rates.cache_write),
            input_cache_write_1h: rate(|rates| rates.cache_write_1h),
        }
    }
}

/// The fields of a chat request that a model takes, as far as is known. A route takes what any model takes.
fn parameters(model: Option<&Model>) -> Vec<&'static str> {
    const SAMPLING: [(&str, Parameters); 12] = [
        ("max_tokens", Parameters::NONE),
        ("max_completion_tokens", Parameters::NONE),
        ("temperature", Parameters::TEMPERATURE),
        ("top_p", Parameters::TOP_P),
        ("stop", Parameters::STOP),
        ("presence_penalty", Parameters::PRESENCE_PENALTY),
        ("frequency_penalty", Parameters::FREQUENCY_PENALTY),
        ("seed", Parameters::SEED),
        ("logit_bias", Parameters::LOGIT_BIAS),
        ("logprobs", Parameters::LOGPROBS),
        ("top_logprobs", Parameters::TOP_LOGPROBS),
        ("response_format", Parameters::NONE),
    ];
    if model.is_some_and(|model| model.kind == Kind::Embedding) {
        return Vec::new();
    }
    let refused = model.map_or(Parameters::NONE, |model| model.refusals().0);
    let taken = SAMPLING.into_iter().filter(|(_, parameter)| !refused.intersects(*parameter)).map(|(name, _)| name);
    let can = model.map(|model| model.capabilities);
    let known =
        |of: fn(&crate::catalog::Capabilities) -> Option<bool>| can.as_ref().is_none_or(|can| of(can) == Some(true));
    let abilities = [
        (known(|can| can.tools), &["tools"][..]),
        (known(|can| can.tool_choice), &["tool_choice"][..]),
        (known(|can| can.parallel_tools), &["parallel_tool_calls"][..]),
        (known(|can| can.structured_outputs), &["structured_outputs"][..]),
        (known(|can| can.reasoning), &["reasoning", "include_reasoning", "reasoning_effort"][..]),
    ];
    taken.chain(abilities.into_iter().filter(|(can, _)| *can).flat_map(|(_, names)| names.iter().copied())).collect()
}

fn reasoning(model: &Model) -> Option<Reasoning> {
    if model.capabilities.reasoning != Some(true) {
        return None;
    }
    let reasons = &model.reasons;
    let efforts: Vec<&'static str> = reasons.efforts.iter().map(|effort| effort.as_str()).collect();
    Some(Reasoning {
        mandatory: matches!(reasons.thinking, Thinking::Always | Thinking::AlwaysOrBetweenTools),
        supported_efforts: (!efforts.is_empty()).then_some(efforts),
        supports_max_tokens: reasons.thinking == Thinking::Budget || reasons.budget.is_some(),
    })
}

/// One place of a model, as routers tell it.
#[derive(Serialize)]
struct Endpoint<'a> {
    name: String,
    model_id: &'a str,
    model_name: &'a str,
    provider_name: &'a str,
    tag: &'a str,
    context_length: u64,
    max_completion_tokens: Option<u64>,
    max_prompt_tokens: Option<u64>,
    quantization: Option<()>,
    pricing: Pricing,
    supported_parameters: Vec<&'static str>,
    supports_implicit_caching: bool,
    supports_tool_choice: ToolChoice,
    status: i8,
    uptime_last_5m: Option<f64>,
    uptime_last_30m: Option<f64>,
    uptime_last_1d: Option<f64>,
    latency_last_30m: Option<Percentiles>,
    throughput_last_30m: Option<Percentiles>,
}

#[derive(Serialize)]
struct ToolChoice {
    auto: bool,
    none: bool,
    required: bool,
    function: bool,
}

/// Milliseconds to the first content, or tokens a second. A moving mean is known here, which stands for all of them.
#[derive(Serialize)]
struct Percentiles {
    p50: f64,
    p75: f64,
    p90: f64,
    p99: f64,
}

impl Percentiles {
    const fn all(figure: f64) -> Percentiles {
        Percentiles { p50: figure, p75: figure, p90: figure, p99: figure }
    }
}

impl<'a> Endpoint<'a> {
    fn of(id: &'a str, place: &'a Place) -> Endpoint<'a> {
        let Place { provider, provider_name, model, entry, price, figures } = place;
        let known = entry.as_deref();
        let can = known.map(|model| model.capabilities).unwrap_or_default();
        let (attempts, failed) = figures.attempts;
        let rates = price.as_deref().map(|price| &price.base);
        let forced = can.tool_choice == Some(true);
        Endpoint {
            name: format!("{provider_name} | {model}"),
            model_id: id,
            model_name: known.map_or(&**model, Model::display_name),
            provider_name,
            tag: provider,
            context_length: known.and_then(|model| model.context_window).unwrap_or(0),
            max_completion_tokens: known.and_then(|model| model.max_output_tokens),
            max_prompt_tokens: known.and_then(|model| model.max_input_tokens),
            quantization: None,
            pricing: Pricing::of(price.as_deref()),
            supported_parameters: parameters(known),
            supports_implicit_caching: rates
                .is_some_and(|rates| rates.cache_read.is_some() && rates.cache_write.is_none()),
            supports_tool_choice: ToolChoice {
                auto: can.tools == Some(true),
                none: can.tools == Some(true),
                required: forced,
                function: forced,
            },
            // What is passed over is down for the moment.
            status: if figures.avoided { -2 } else { 0 },
            uptime_last_5m: (attempts > 0).then(|| 100.0 * (attempts - failed.min(attempts)) as f64 / attempts as f64),
            uptime_last_30m: None,
            uptime_last_1d: None,
            latency_last_30m: figures.latency.map(|micros| Percentiles::all(micros as f64 / 1_000.0)),
            throughput_last_30m: figures.speed.map(|speed| Percentiles::all(speed as f64 / 1_000.0)),
        }
    }
}

/// Which models of the list are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelsQuery {
    parameters: Vec<String>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    text: Option<String>,
    offset: usize,
    limit: Option<usize>,
}

impl ModelsQuery {
    /// Reads `supported_parameters`, `input_modalities`, `output_modalities`, `q`, `offset` and `limit`; others are passed over.
    #[must_use]
    pub fn from_query(query: Option<&str>) -> ModelsQuery {
        let mut asked = ModelsQuery::default();
        let list = |value: &str| {
            value.split(',').map(|one| one.trim().to_ascii_lowercase()).filter(|one| !one.is_empty()).collect()
        };
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "supported_parameters" => asked.parameters = list(&value),
                "input_modalities" => asked.inputs = list(&value),
                "output_modalities" if value != "all" => asked.outputs = list(&value),
                "q" => asked.text = Some(value.to_lowercase()).filter(|text| !text.is_empty()),
                "offset" => asked.offset = value.parse().unwrap_or(0),
                "limit" => asked.limit = value.parse().ok(),
                _ => {}
            }
        }
        asked
    }

    /// Those that embed text.
    #[must_use]
    pub fn embeddings() -> ModelsQuery {
        ModelsQuery { outputs: vec!["embeddings".to_owned()], ..ModelsQuery::default() }
    }

    /// Those of the list that are asked for.
    #[must_use]
    pub fn pick<'a>(&self, models: Vec<Priced<'a>>) -> Vec<Priced<'a>> {
        if *self == ModelsQuery::default() {
            return models;
        }
        let all = |wanted: &[String], there: &[&str]| wanted.iter().all(|one| there.contains(&one.as_str()));
        let fits = |priced: &Priced<'a>| {
            let architecture = Architecture::of(priced.entry);
            let text = self.text.as_ref().is_none_or(|text| {
                let name = priced.entry.model().map_or(priced.entry.id(), Model::display_name);
                priced.entry.id().to_lowercase().contains(text) || name.to_lowercase().contains(text)
            });
            text && all(&self.parameters, &parameters(priced.entry.model()))
                && all(&self.inputs, &architecture.input_modalities)
                && all(&self.outputs, &architecture.output_modalities)
        };
        let found = models.into_iter().filter(fits).skip(self.offset);
        match self.limit {
            Some(limit) => found.take(limit).collect(),
            None => found.collect(),
        }
    }
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
