//! Who can be asked: built-in providers and those of the file, and whether their keys are there.

use std::sync::Arc;

use ovth_filters::Shape;

use super::credential::{self, Purpose};
use super::nearest::did_you_mean;
use super::node::{Reading, shown_text};
use super::raw::{Raw, RawKeys, RawProvider, url_shown};
use super::{BaseUrl, Builtin, Problem, Provider, Secret, Timeouts};

/// What a provider that is not built in serves unless the file says otherwise: the API that most hosts copy.
const CUSTOM_SHAPES: [Shape; 1] = [Shape::Chat];

/// How a provider stands.
pub(super) enum Standing {
    /// It can be used.
    Usable(Arc<Provider>),
    /// It has no key; these variables would give it one (none when the file says that there is none).
    Keyless(Vec<String>),
    /// Something about it is wrong, which was noted.
    Faulty,
}

/// A problem was found, and noted where it was.
struct Noted;

/// Every known provider, in order of preference: built-in ones, those of the file, and last the built-in ones that
/// are for what the others do not have. A setting for a built-in one does not change its place.
pub(super) struct Roster {
    members: Vec<(String, Standing)>,
}

impl Roster {
    /// Finds out how every provider stands.
    pub(super) fn gather(reading: &Reading<'_>, raw: &Raw<'_>, builtins: &[Builtin]) -> Roster {
        let (last, first): (Vec<_>, Vec<_>) = builtins.iter().partition(|builtin| builtin.last);
        let built_in = |builtin: &&Builtin| {
            let given = raw.providers.iter().find(|provider| provider.id == builtin.id);
            (builtin.id.to_owned(), built_in(reading, raw, builtin, given))
        };
        let others = raw.providers.iter().filter(|given| builtins.iter().all(|builtin| builtin.id != given.id));
        let mut members: Vec<_> = first.iter().map(built_in).collect();
        members.extend(others.map(|given| (given.id.to_owned(), custom(raw, given, builtins))));
        members.extend(last.iter().map(built_in));
        Roster { members }
    }

    /// How this provider stands, if there is one of that name.
    pub(super) fn standing(&self, id: &str) -> Option<&Standing> {
        self.members.iter().find(|(known, _)| known == id).map(|(_, standing)| standing)
    }

    /// All names, in order.
    pub(super) fn names(&self) -> Vec<&str> {
        self.members.iter().map(|(id, _)| id.as_str()).collect()
    }

    /// Those that can be used, in order.
    pub(super) fn usable(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.members.iter().filter_map(|(_, standing)| match standing {
            Standing::Usable(provider) => Some(provider),
            Standing::Keyless(_) | Standing::Faulty => None,
        })
    }

    /// The names of those that lack a key, in order.
    pub(super) fn keyless(&self) -> impl Iterator<Item = &str> {
        self.members.iter().filter_map(|(id, standing)| matches!(standing, Standing::Keyless(_)).then_some(id.as_str()))
    }

    /// Whether any provider is wrong in itself.
    pub(super) fn has_faulty(&self) -> bool {
        self.members.iter().any(|(_, standing)| matches!(standing, Standing::Faulty))
    }

    /// The variables that would give a key to a provider that lacks one, among these or among all.
    pub(super) fn wanted_variables(&self, among: Option<&[&str]>) -> Vec<&str> {
        let mut wanted: Vec<&str> = Vec::new();
        for (id, standing) in &self.members {
            if let Standing::Keyless(variables) = standing
                && among.is_none_or(|ids| ids.contains(&id.as_str()))
            {
                wanted.extend(variables.iter().map(String::as_str));
            }
        }
        wanted
    }
}

fn built_in(reading: &Reading<'_>, raw: &Raw<'_>, builtin: &Builtin, given: Option<&RawProvider<'_>>) -> Standing {
    let base_url = builtin_base_url(reading, builtin, given);
    // Keys in the file replace the variable: whatever that holds does not matter then.
    let keys = match given.and_then(|given| given.keys.clone()) {
        Some(keys) => Ok(keys),
        None => key_of_variable(reading, builtin),
    };
    let (Ok(base_url), Ok(keys)) = (base_url, keys) else { return Standing::Faulty };
    if let Some(given) = given {
        if given.node.is_faulty() {
            return Standing::Faulty;
        }
        warn_of_missing_keys(given, &keys);
    }
    if keys.secrets.is_empty() {
        return Standing::Keyless(keys.unset);
    }
    let offer =
        Offer { id: builtin.id, base_url, api_keys: keys.secrets, key_weights: keys.weights, shapes: builtin.shapes };
    Standing::Usable(Arc::new(offer.with_settings(given, raw.timeouts)))
}

fn custom(raw: &Raw<'_>, given: &RawProvider<'_>, builtins: &[Builtin]) -> Standing {
    let place = given.node.place_of("base_url");
    if given.base_url.is_none() && !place.is_faulty() {
        let names: Vec<_> = builtins.iter().map(|builtin| builtin.id).collect();
        let hint = did_you_mean(given.id, names.iter().copied());
        place.error(format_args!(
            "is missing: only {} are built in, others need one, such as https://api.example.com/v1{hint}",
            names.join(", "),
        ));
    }
    let Some(base_url) = given.base_url.clone().filter(|_| !given.node.is_faulty()) else { return Standing::Faulty };
    let keys = given.keys.clone().unwrap_or_default();
    // A host may want no key; but one for which a key is named wants it.
    if !keys.unset.is_empty() {
        warn_of_missing_keys(given, &keys);
        if keys.secrets.is_empty() {
            return Standing::Keyless(keys.unset);
        }
    }
    let speaks_openai = given.shapes.as_deref().unwrap_or(&CUSTOM_SHAPES).iter().any(is_openai);
    if let Some(doubt) = endpoint_doubt(&base_url).or_else(|| version_doubt(&base_url)).filter(|_| speaks_openai) {
        place.warning(doubt);
    }
    let offer =
        Offer { id: given.id, base_url, api_keys: keys.secrets, key_weights: keys.weights, shapes: &CUSTOM_SHAPES };
    Standing::Usable(Arc::new(offer.with_settings(Some(given), raw.timeouts)))
}

/// What makes a provider usable; the rest are settings with defaults.
struct Offer<'a> {
    id: &'a str,
    base_url: BaseUrl,
    api_keys: Vec<Secret>,
    key_weights: Vec<u32>,
    shapes: &'a [Shape],
}

impl Offer<'_> {
    fn with_settings(self, given: Option<&RawProvider<'_>>, timeouts: Timeouts) -> Provider {
        Provider {
            id: self.id.into(),
            base_url: self.base_url,
            api_keys: self.api_keys,
            key_weights: self.key_weights,
            shapes: given.and_then(|given| given.shapes.clone()).unwrap_or_else(|| self.shapes.to_vec()),
            headers: given.map(|given| given.headers.clone()).unwrap_or_default(),
            timeouts: given.map_or(timeouts, |given| given.timeouts.or(timeouts)),
            models: given.map(|given| given.models.clone()).unwrap_or_default(),
            stream_options: given.and_then(|given| given.stream_options).unwrap_or(true),
            metadata_addresses: given.is_some_and(|given| given.metadata_addresses),
        }
    }
}

fn warn_of_missing_keys(given: &RawProvider<'_>, keys: &RawKeys) {
    if keys.secrets.is_empty() {
        given.node.warning(format_args!("has no key and is skipped{}", set_one_of(&keys.unset)));
    } else {
        for variable in &keys.unset {
            given.node.warning(format_args!("{variable} is not set; its key is left out"));
        }
    }
}

/// `; set A or B`: the variables that would help, or nothing.
pub(super) fn set_one_of(variables: &[impl AsRef<str>]) -> String {
    let names: Vec<_> = variables.iter().map(AsRef::as_ref).collect();
    if names.is_empty() { String::new() } else { format!("; set {}", names.join(" or ")) }
}

/// The variable's URL, else the file's, else the built-in one.
fn builtin_base_url(
    reading: &Reading<'_>,
    builtin: &Builtin,
    given: Option<&RawProvider<'_>>,
) -> Result<BaseUrl, Noted> {
    let variable = builtin.base_url_env.and_then(|name| Some((name, reading.env.var(name)?)));
    if let Some((name, text)) = variable {
        let url = BaseUrl::parse(text).map_err(|error| {
            reading.note(Problem::error(name, format!("{error}{}", url_shown(&shown_text(text)))));
            Noted
        })?;
        if let Some(doubt) = path_doubt(builtin, &url) {
            reading.note(Problem::warning(name, doubt));
        }
        return Ok(url);
    }
    if let Some((given, url)) = given.and_then(|given| Some((given, given.base_url.clone()?))) {
        if let Some(doubt) = path_doubt(builtin, &url) {
            given.node.place_of("base_url").warning(doubt);
        }
        return Ok(url);
    }
    BaseUrl::parse(builtin.base_url).map_err(|error| {
        reading.note(Problem::error(format!("providers.{}.base_url", builtin.id), format!("(built in) {error}")));
        Noted
    })
}

fn key_of_variable(reading: &Reading<'_>, builtin: &Builtin) -> Result<RawKeys, Noted> {
    let variable = builtin.key_env;
    let Some(value) = reading.env.var(variable) else {
        return Ok(RawKeys { unset: vec![variable.to_owned()], ..RawKeys::default() });
    };
    match credential::judge(value, Purpose::Provider) {
        Ok(secret) => {
            reading.note_variables(&format!("providers.{}", builtin.id), &[variable.to_owned()]);
            Ok(RawKeys { secrets: vec![secret], weights: vec![1], unset: Vec::new() })
        }
        Err(flaw) => {
            reading.note(Problem::error(variable, flaw.to_string()));
            Err(Noted)
        }
    }
}

/// The shapes whose base URLs end in their version.
fn is_openai(shape: &Shape) -> bool {
    matches!(shape, Shape::Chat | Shape::Responses)
}

/// A whole endpoint where only its beginning belongs.
fn endpoint_doubt(url: &BaseUrl) -> Option<String> {
    let base = BaseUrl { path: url.path.strip_suffix("/chat/completions")?.to_owned(), ..url.clone() };
    Some(format!("ends in /chat/completions, which is added to it once more; usual: {base}"))
}

/// A host of the file's own without the version in its path: most have it.
fn version_doubt(url: &BaseUrl) -> Option<String> {
    url.path.is_empty().then(|| format!("has no path, and none is added by itself; usual: {url}/v1"))
}

/// What looks like the most common slip: `/v1` forgotten, or written where the provider's own SDK adds it.
fn path_doubt(builtin: &Builtin, url: &BaseUrl) -> Option<String> {
    if builtin.shapes.iter().any(is_openai)
        && let Some(doubt) = endpoint_doubt(url)
    {
        return Some(doubt);
    }
    let own = BaseUrl::parse(builtin.base_url).ok()?;
    let last = url.path.rsplit('/').next().unwrap_or_default();
    let own_last = own.path.rsplit('/').next().unwrap_or_default();
    if own.path.is_empty() && last.starts_with("v1") {
        Some(format!("ends in /{last}, which is added to each request's path once more; usual: {}", builtin.base_url))
    } else if !own.path.is_empty() && url.path.is_empty() {
        Some(format!("does not end in /{own_last}, which is not added by itself; usual: {}", builtin.base_url))
    } else {
        None
    }
}
