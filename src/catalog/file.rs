//! Reads `conf/models.json`: the file's own types, and the checks that make models of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ovth_filters::Shape;
use serde::Deserialize;

use super::params::{Params, Reasoning};
use super::{Capabilities, DateError, Kind, Model, Price, Status};

/// What is wrong with a catalogue.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// It is not JSON of the form that `conf/README.md` describes.
    #[error("the catalogue cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// Two models of a provider claim one name.
    #[error("catalogue: two models of `{provider}` are called `{name}`: take the name from one of them")]
    AmbiguousName {
        /// The provider.
        provider: Arc<str>,
        /// The name.
        name: Arc<str>,
    },
    /// A date is none.
    #[error("catalogue: `{field}` of `{provider}` `{id}`: {source}")]
    Date {
        /// The provider.
        provider: Arc<str>,
        /// The model.
        id: Arc<str>,
        /// Which of its dates.
        field: &'static str,
        /// What is wrong with it.
        source: DateError,
    },
    /// A name in `api_aliases` or `never_existed` is not among the aliases.
    #[error("catalogue: `{name}` of `{provider}` `{id}` is not among its `aliases`: add it there too")]
    NotAnAlias {
        /// The provider.
        provider: Arc<str>,
        /// The model.
        id: Arc<str>,
        /// The name.
        name: Arc<str>,
    },
    /// A successor is unknown or retired.
    #[error("catalogue: `{successor}`, the successor of `{provider}` `{id}`, is unknown or retired")]
    Successor {
        /// The provider.
        provider: Arc<str>,
        /// The model.
        id: Arc<str>,
        /// Its successor.
        successor: Arc<str>,
    },
    /// The quality floor names a model that is unknown.
    #[error("catalogue: `quality_floor` names `{id}` of `{provider}`, which is unknown")]
    QualityFloor {
        /// The provider.
        provider: Box<str>,
        /// The model.
        id: Box<str>,
    },
}

#[derive(Deserialize)]
struct File {
    version: Box<str>,
    #[serde(default)]
    quality_floor: HashMap<Box<str>, Vec<Box<str>>>,
    models: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    id: Box<str>,
    provider: Box<str>,
    name: Option<Box<str>>,
    kind: Kind,
    status: Status,
    #[serde(default)]
    aliases: Vec<Box<str>>,
    #[serde(default)]
    api_aliases: Vec<Box<str>>,
    #[serde(default)]
    never_existed: Vec<Box<str>>,
    successor: Option<Box<str>>,
    context_window: Option<u64>,
    max_input_tokens: Option<u64>,
    max_output_tokens: Option<u64>,
    price: Option<Price>,
    #[serde(default)]
    capabilities: Capabilities,
    #[serde(default)]
    api: Vec<Box<str>>,
    released: Option<Box<str>>,
    shutdown_date: Option<Box<str>>,
    #[serde(default)]
    params: Params,
    #[serde(default)]
    reasoning: Reasoning,
}

/// The file's version and its models, in its order.
pub(super) fn read(bytes: &[u8]) -> Result<(Box<str>, Vec<Arc<Model>>), CatalogError> {
    let file: File = serde_json::from_slice(bytes)?;
    let mut providers = HashSet::new();
    let mut models = Vec::with_capacity(file.models.len());
    for record in file.models {
        models.push(model(record, &mut providers)?);
    }
    check_successors(&models)?;
    apply_quality_floor(&mut models, &file.quality_floor)?;
    Ok((file.version, models.into_iter().map(Arc::new).collect()))
}

fn model(record: Record, providers: &mut HashSet<Arc<str>>) -> Result<Model, CatalogError> {
    let id: Arc<str> = record.id.into();
    let provider = interned(record.provider, providers);
    let aliases = shared(record.aliases);
    let subset = |names: Vec<Box<str>>| {
        let names = shared(names);
        match names.iter().find(|name| !aliases.contains(name)) {
            None => Ok(names),
            Some(name) => {
                let (provider, id, name) = (Arc::clone(&provider), Arc::clone(&id), Arc::clone(name));
                Err(CatalogError::NotAnAlias { provider, id, name })
            }
        }
    };
    let date = |field, text: Option<Box<str>>| {
        text.map(|text| text.parse()).transpose().map_err(|source| {
            let (provider, id) = (Arc::clone(&provider), Arc::clone(&id));
            CatalogError::Date { provider, id, field, source }
        })
    };
    Ok(Model {
        name: record.name,
        kind: record.kind,
        status: record.status,
        api_aliases: subset(record.api_aliases)?,
        never_existed: subset(record.never_existed)?,
        successor: record.successor.map(Arc::from),
        context_window: record.context_window,
        max_input_tokens: record.max_input_tokens,
        max_output_tokens: record.max_output_tokens,
        price: record.price.map(published).map(Arc::new),
        capabilities: record.capabilities,
        shapes: record.api.iter().filter_map(|api| shape(api)).collect(),
        released: date("released", record.released)?,
        shutdown_date: date("shutdown_date", record.shutdown_date)?,
        takes_max_completion_tokens: record.params.takes_max_completion_tokens(),
        refused: record.params.refused(&record.reasoning),
        reasons: record.params.reasons(&record.reasoning),
        takes_one_of_temperature_and_top_p: record.params.takes_one_of_temperature_and_top_p(),
        good_enough: false,
        id,
        provider,
        aliases,
    })
}

/// A zero in a price list is a free tier or a gap, not a price to reckon with. What is left out of classes and tiers is
/// worked out.
fn published(mut price: Price) -> Price {
    price.base.input = price.base.input.filter(|input| !input.is_zero());
    price.completed()
}

/// The shape of that endpoint; `None` for endpoints that are no conversation (`embeddings`) or none of ours (`chat_v2`).
fn shape(api: &str) -> Option<Shape> {
    match api {
        "chat" => Some(Shape::Chat),
        "responses" => Some(Shape::Responses),
        "messages" => Some(Shape::Messages),
        "generateContent" => Some(Shape::GenerateContent),
        _ => None,
    }
}

/// One allocation for each provider's name.
fn interned(name: Box<str>, known: &mut HashSet<Arc<str>>) -> Arc<str> {
    if let Some(shared) = known.get(&*name) {
        return Arc::clone(shared);
    }
    let shared: Arc<str> = name.into();
    known.insert(Arc::clone(&shared));
    shared
}

fn shared(names: Vec<Box<str>>) -> Vec<Arc<str>> {
    names.into_iter().map(Arc::from).collect()
}

fn check_successors(models: &[Model]) -> Result<(), CatalogError> {
    let usable: HashSet<(&str, &str)> = models
        .iter()
        .filter(|model| model.status != Status::Retired)
        .map(|model| (&*model.provider, &*model.id))
        .collect();
    for model in models {
        if let Some(successor) = &model.successor
            && !usable.contains(&(&*model.provider, &**successor))
        {
            let (provider, id, successor) = (Arc::clone(&model.provider), Arc::clone(&model.id), Arc::clone(successor));
            return Err(CatalogError::Successor { provider, id, successor });
        }
    }
    Ok(())
}

fn apply_quality_floor(models: &mut [Model], floor: &HashMap<Box<str>, Vec<Box<str>>>) -> Result<(), CatalogError> {
    for (provider, ids) in floor {
        for id in ids {
            let model = models.iter_mut().find(|model| *model.provider == **provider && *model.id == **id);
            let unknown = || CatalogError::QualityFloor { provider: provider.clone(), id: id.clone() };
            model.ok_or_else(unknown)?.good_enough = true;
        }
    }
    Ok(())
}
