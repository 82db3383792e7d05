//! `GET /v1/generation`: one answer, as the ledger has it, for the key that it was made for.

use http::StatusCode;
use ovth_filters::money::PicoDollars;
use serde::Serialize;

use super::refused;
use crate::admin::moment::rfc3339_ms;
use crate::admin::money::Usd;
use crate::admin::response::storage_fault_for_client;
use crate::admin::{Admin, AdminResponse};
use crate::keys::Key;
use crate::ledger::Entry;
use crate::providers;

#[derive(Serialize)]
struct Generation<'a> {
    id: &'a str,
    request_id: &'a str,
    upstream_id: Option<&'a str>,
    session_id: Option<()>,
    model: &'a str,
    provider_name: Option<&'a str>,
    router: Option<&'a str>,
    api_type: &'static str,
    created_at: String,
    streamed: bool,
    cancelled: bool,
    latency: Option<u64>,
    moderation_latency: Option<u64>,
    generation_time: u64,
    finish_reason: Option<&'a str>,
    native_finish_reason: Option<&'a str>,
    tokens_prompt: u64,
    tokens_completion: u64,
    native_tokens_prompt: u64,
    native_tokens_completion: u64,
    native_tokens_reasoning: u64,
    native_tokens_cached: u64,
    native_tokens_completion_images: u64,
    num_media_prompt: Option<u64>,
    num_media_completion: Option<u64>,
    num_input_audio_prompt: Option<u64>,
    num_search_results: Option<u64>,
    num_fetches: Option<u64>,
    total_cost: Usd,
    usage: Usd,
    upstream_inference_cost: Option<Usd>,
    cache_discount: Option<Usd>,
    is_byok: bool,
    app_id: Option<u64>,
    origin: &'a str,
    http_referer: Option<&'a str>,
    user_agent: Option<&'a str>,
    external_user: Option<&'a str>,
    preset_id: Option<()>,
    service_tier: Option<&'a str>,
    data_region: &'static str,
    workspace_id: Option<()>,
    web_search_engine: Option<()>,
    provider_responses: Vec<Attempted<'a>>,
}

#[derive(Serialize)]
struct Attempted<'a> {
    provider_name: &'a str,
    model_permaslug: &'a str,
    status: Option<u16>,
    is_byok: bool,
}

/// Answers what is known of an answer, by the id of its exchange and what clients call it. What is another key's is told of like what is not.
pub async fn generation(admin: &Admin, key: &Key, (request_id, id): (Option<String>, &str)) -> AdminResponse {
    #[derive(Serialize)]
    struct Envelope<'a> {
        data: Generation<'a>,
    }
    let entry = match request_id {
        Some(sought) => admin.try_read(move |ledger| ledger.entry(&sought)).await,
        None => Ok(None),
    };
    match entry {
        Err(error) => super::in_form(storage_fault_for_client(&error)),
        Ok(Some(entry)) if *entry.key_id == *key.id.as_str() => {
            AdminResponse::json(StatusCode::OK, &Envelope { data: Generation::of(&entry, id) })
        }
        Ok(_) => {
            let message = "There is no such generation of this key: give the `id` of an answer, or its `X-Generation-Id`, as `id`. It may \
                           be under way still, or have been deleted by `retention`.";
            refused(StatusCode::NOT_FOUND, message, "not_found")
        }
    }
}

impl<'a> Generation<'a> {
    fn of(entry: &'a Entry, id: &'a str) -> Generation<'a> {
        let usage = entry.usage.unwrap_or_default();
        let cost = entry.cost.unwrap_or(PicoDollars::ZERO);
        let first = entry.time_to_first_token_ms;
        let finish = entry.finish_reason.as_deref();
        Generation {
            id,
            request_id: &entry.request_id,
            upstream_id: entry.upstream_request_id.as_deref(),
            session_id: None,
            model: entry.model.as_deref().or(entry.model_asked.as_deref()).unwrap_or_default(),
            provider_name: entry.provider.as_deref().map(providers::name_of),
            router: entry.route.as_deref(),
            api_type: if &*entry.operation == "embed" { "embeddings" } else { "completions" },
            created_at: rfc3339_ms(entry.started_at_ms).unwrap_or_default(),
            streamed: entry.stream,
            cancelled: &*entry.outcome == "client_abort",
            latency: first,
            moderation_latency: None,
            generation_time: entry.duration_ms.saturating_sub(first.unwrap_or(0)),
            finish_reason: finish.map(ovth_filters::router::finish_word),
            native_finish_reason: finish,
            tokens_prompt: usage.prompt(),
            tokens_completion: usage.output,
            native_tokens_prompt: usage.prompt(),
            native_tokens_completion: usage.output,
            native_tokens_reasoning: usage.reasoning,
            native_tokens_cached: usage.cache_read,
            native_tokens_completion_images: usage.image_output,
            num_media_prompt: None,
            num_media_completion: None,
            num_input_audio_prompt: None,
            num_search_results: Some(usage.web_searches).filter(|searches| *searches > 0),
            num_fetches: None,
            total_cost: Usd(cost),
            usage: Usd(cost),
            upstream_inference_cost: entry.cost.map(Usd),
            cache_discount: None,
            is_byok: false,
            app_id: None,
            origin: entry.app.referer.as_deref().unwrap_or_default(),
            http_referer: entry.app.referer.as_deref(),
            user_agent: entry.app.user_agent.as_deref(),
            external_user: entry.end_user.as_deref(),
            preset_id: None,
            service_tier: entry.service_class.as_deref(),
            data_region: "global",
            workspace_id: None,
            web_search_engine: None,
            provider_responses: entry
                .attempts
                .iter()
                .map(|attempt| Attempted {
                    provider_name: providers::name_of(&attempt.provider),
                    model_permaslug: &attempt.model,
                    status: attempt.status,
                    is_byok: false,
                })
                .collect(),
        }
    }
}
