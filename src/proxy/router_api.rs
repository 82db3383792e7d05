//! What a hosted router's clients look up besides answers: models and their places, providers, what a key has spent, single answers, and keys.

use std::time::Instant;

use ovth_filters::neutral::{ApiError, ErrorClass};
use pingora_proxy::Session;

use super::Gateway;
use super::authenticate::authenticate;
use super::context::Context;
use super::local::{OwnAsk, answered};
use super::reply::Reply;
use super::voice::{self, Voice};
use crate::catalog::listing::{self, ModelsQuery};
use crate::ledger::Payer;
use crate::routing::Snapshot;

/// What is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LookUp {
    /// How many models there are.
    Count,
    /// Models that embed text.
    EmbeddingModels,
    /// One model, by its name.
    Model(String),
    /// Where a model is served.
    Places(String),
    /// Endpoints that keep nothing; nobody says of any that it does not.
    NothingKept,
    /// The providers.
    Providers,
    /// What a key has spent, and may spend.
    Credits,
    /// One answer.
    Generation,
}

/// Answers a look-up.
pub(super) async fn look_up(
    gateway: &Gateway,
    session: &Session,
    context: &Context,
    voice: Voice,
    asked: &LookUp,
) -> Reply {
    let snapshot = &context.snapshot;
    let query = session.req_header().uri.query();
    let not_found = |name: &str| Reply::error(voice, &snapshot.models_error(name), &context.request_id);
    match asked {
        LookUp::Count => {
            Reply::json(200, listing::router_count(ModelsQuery::from_query(query).pick(snapshot.priced()).len()))
        }
        LookUp::EmbeddingModels => {
            Reply::json(200, listing::router_list(&ModelsQuery::embeddings().pick(snapshot.priced())))
        }
        LookUp::Model(name) => match snapshot.priced_by(name) {
            Some(model) => Reply::json(200, listing::router_model(&model)),
            None => not_found(name),
        },
        LookUp::Places(name) => match snapshot.priced_by(name) {
            Some(model) => {
                let places = snapshot.places(model.entry.id(), &gateway.health, Instant::now());
                Reply::json(200, listing::router_endpoints(&model, &places))
            }
            None => not_found(name),
        },
        LookUp::NothingKept => Reply::json(200, listing::router_no_endpoints()),
        LookUp::Providers => {
            let upstreams = snapshot.upstreams().iter();
            Reply::json(200, listing::router_providers(upstreams.map(|upstream| (&**upstream.id(), upstream.name()))))
        }
        LookUp::Credits => own(gateway, session, context, (voice, OwnAsk::Credits)).await,
        LookUp::Generation => match generation(query) {
            Some(id) => {
                let ask = OwnAsk::Generation { request_id: voice::request_id(&id), id };
                own(gateway, session, context, (voice, ask)).await
            }
            None => {
                let message = "`id` is missing: give the `id` of an answer, or its `X-Generation-Id`, as in GET /v1/generation?id=gen-...";
                let error = ApiError::new(ErrorClass::BadRequest, message).with_param("id");
                Reply::error(voice, &error, &context.request_id)
            }
        },
    }
}

/// The list of models in OpenAI's form, with a router's fields.
pub(super) fn models(snapshot: &Snapshot, query: Option<&str>) -> Reply {
    let asked = ModelsQuery::from_query(query);
    if asked == ModelsQuery::default() {
        return Reply::json(200, snapshot.models_list());
    }
    Reply::json(200, listing::router_list(&asked.pick(snapshot.priced())))
}

fn generation(query: Option<&str>) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.find(|(name, _)| name == "id").map(|(_, id)| id.into_owned())
}

/// Tells a client about what is its own.
async fn own(gateway: &Gateway, session: &Session, context: &Context, (voice, ask): (Voice, OwnAsk)) -> Reply {
    let quota = &context.snapshot.config().quota;
    match authenticate(gateway, session.req_header(), voice.shape, quota) {
        Ok(key) => answered(gateway.local.own(&key, Payer::of(&key, quota, None), ask).await),
        Err(error) => Reply::error(voice, &error, &context.request_id),
    }
}
