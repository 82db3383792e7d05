//! The plan of a request that speaks a hosted router's words: the models that it names, one after the other, each with what is wished of its
//! providers.

use std::sync::Arc;

use ovth_filters::neutral::{ApiError, ErrorClass};
use ovth_filters::router::{Extensions, Sort, Suffix, Wishes, split_suffix};

use super::admission;
use crate::config::Quota;
use crate::keys::Key;
use crate::providers::route_of_router;
use crate::routing::{Ask, Live, Plan, Snapshot, Target};

/// What a request is planned with.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) ask: Ask<'a>,
    pub(super) live: &'a Live<'a>,
    pub(super) key: &'a Key,
    pub(super) quota: &'a Quota,
    pub(super) extensions: Option<&'a Extensions>,
}

/// The plan of a request, and what else came of its words.
pub(super) struct Wished {
    pub(super) plan: Plan,
    /// For `x-ovth-warnings`; may be empty.
    pub(super) warnings: String,
    /// What is put behind the model's name for routers further on.
    pub(super) suffixes: Vec<(Arc<Target>, Suffix)>,
}

/// Whether a model's name is one that only a router knows.
pub(super) fn is_routers_name(snapshot: &Snapshot, name: &str) -> bool {
    (split_suffix(name).is_some() || route_of_router(name).is_some()) && !snapshot.is_listed(name)
}

/// The targets of a request, in the order in which they are tried.
///
/// # Errors
/// What is wrong with the first model that it names, when none is left.
pub(super) fn plan(snapshot: &Snapshot, asking: Asking<'_>) -> Result<Wished, ApiError> {
    let extensions = asking.extensions;
    let more = extensions.map(|extensions| &*extensions.models).unwrap_or_default();
    let names: Vec<&str> = std::iter::once(asking.ask.model).chain(more.iter().map(String::as_str)).collect();
    let usual = Wishes::default();
    let wishes = extensions.map_or(&usual, |extensions| &extensions.wishes);
    let mut warnings: Vec<String> =
        extensions.iter().flat_map(|extensions| &extensions.ignored).map(|field| format!("ignored:{field}")).collect();
    let mut whole: Option<Plan> = None;
    let mut suffixes = Vec::new();
    let mut failed: Option<(ApiError, &str)> = None;
    for (at, name) in names.iter().enumerate() {
        if names.iter().take(at).any(|earlier| earlier == name) {
            continue;
        }
        match one(snapshot, asking, (name, wishes)) {
            Ok((plan, suffix)) => {
                let routers = plan.targets.iter().filter(|target| target.profile.host.router_fields);
                suffixes.extend(
                    suffix
                        .into_iter()
                        .flat_map(|suffix| routers.clone().map(move |target| (Arc::clone(target), suffix))),
                );
                match &mut whole {
                    None => whole = Some(plan),
                    Some(whole) => whole.go_on_with(plan),
                }
            }
            Err(error) => {
                if names.len() > 1 {
                    warnings.push(skipped(extensions, at));
                }
                failed.get_or_insert((error, name));
            }
        }
    }
    let mut plan = match (whole, failed) {
        (Some(plan), _) => plan,
        (None, Some((error, name))) => return Err(in_full(snapshot, asking, name, error)),
        (None, None) => return Err(snapshot.unknown_model(asking.ask.model)),
    };
    if let Some(sort) = wishes.sort.filter(|_| wishes.across_models) {
        plan.sort_all(sort, &asking.ask, asking.live);
    }
    Ok(Wished { plan, warnings: warnings.join(", "), suffixes })
}

/// The error that is told, with the names that look like the one that was asked for. To find these costs a look at all that are listed: it
/// is done for one name of a request at most.
fn in_full(snapshot: &Snapshot, asking: Asking<'_>, name: &str, error: ApiError) -> ApiError {
    let (model, _) = parted(snapshot, name);
    snapshot.plan_with(&Ask { model, ..asking.ask }, asking.live).err().unwrap_or(error)
}

/// The model or route that a name stands for, and the suffix behind it.
fn parted<'n>(snapshot: &Snapshot, name: &'n str) -> (&'n str, Option<Suffix>) {
    let (base, suffix) = match split_suffix(name).filter(|_| !snapshot.is_listed(name)) {
        Some((base, suffix)) => (base, Some(suffix)),
        None => (name, None),
    };
    let route = route_of_router(base).filter(|route| !snapshot.has_route(base) && snapshot.has_route(route));
    (route.unwrap_or(base), suffix)
}

/// What is told of a name that nothing came of.
fn skipped(extensions: Option<&Extensions>, at: usize) -> String {
    format!("skipped:{}", extensions.map_or_else(|| "model".to_owned(), |extensions| extensions.place_of(at)))
}

/// The plan for one of the names.
fn one(
    snapshot: &Snapshot,
    asking: Asking<'_>,
    (name, wishes): (&str, &Wishes),
) -> Result<(Plan, Option<Suffix>), ApiError> {
    let searches = asking.extensions.and_then(|extensions| extensions.searches);
    let (model, suffix) = parted(snapshot, name);
    let ask = Ask { model, ..asking.ask };
    let mut plan = snapshot.plan_tersely(&ask, asking.live)?;
    admission::keep_allowed(&mut plan, asking.key, asking.quota)?;
    let sort = match suffix {
        Some(Suffix::Floor) => Some(Sort::Price),
        Some(Suffix::Nitro) => Some(Sort::Throughput),
        Some(Suffix::Exacto) => Some(Sort::Exacto),
        Some(Suffix::Online) | None => wishes.sort,
    };
    let field = if suffix == Some(Suffix::Online) { Some("model") } else { searches };
    if let Some(field) = field {
        plan.targets.retain(|target| target.profile.host.router_fields);
        if plan.targets.is_empty() {
            return Err(no_search(model, field));
        }
    }
    match sort == wishes.sort {
        true => plan.heed(wishes, &ask, asking.live)?,
        false => plan.heed(&Wishes { sort, ..wishes.clone() }, &ask, asking.live)?,
    }
    Ok((plan, suffix))
}

fn no_search(model: &str, field: &str) -> ApiError {
    let shown: String = model.chars().filter(|c| !c.is_control()).take(100).collect();
    let asked = if field == "model" { "`:online`" } else { "the plugin `web`" };
    let message = format!(
        "{asked} asks for a search of the web, which no provider of `{shown}` here does for its clients. Leave it out, or use the search \
         tool of the model's own API."
    );
    ApiError::new(ErrorClass::BadRequest, message).with_param(field).with_code("unsupported_parameter")
}
