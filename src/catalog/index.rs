//! The catalogue in memory: models, and an index over all their names.

use std::collections::HashMap;
use std::sync::Arc;

use super::names::{self, MAX_NAME_BYTES, Spelling};
use super::{CatalogError, Model, file, nearest};

/// Every model that is known, found by any of its names.
///
/// A name is matched without regard to case; an exact id or alias wins over a version spelled with hyphens for dots, that
/// over the same name without the provider in front (`anthropic/...`), and that over a name without its date.
///
/// ```
/// use ovth_gateway::catalog::Catalog;
///
/// let catalog = Catalog::embedded().expect("the shipped catalogue is well-formed");
/// let model = catalog.lookup("anthropic", "anthropic/claude-sonnet-4.5").expect("a known model");
/// assert_eq!(&*model.id, "claude-sonnet-4-5");
/// ```
#[derive(Debug)]
pub struct Catalog {
    version: Box<str>,
    models: Vec<Arc<Model>>,
    /// By name in lower case; a provider occurs once under a name.
    by_name: HashMap<Box<str>, Vec<Arc<Model>>>,
    /// The providers that go by a name in front of a slash: their own, and what OpenRouter calls them (`x-ai`).
    by_author: HashMap<Box<str>, Vec<Arc<str>>>,
}

impl Catalog {
    /// The catalogue that is built into the program (`conf/models.json`).
    ///
    /// # Errors
    /// Never, in a build whose tests passed.
    pub fn embedded() -> Result<Catalog, CatalogError> {
        Catalog::parse(include_bytes!("../../conf/models.json"))
    }

    /// A catalogue from the bytes of a file such as `conf/models.json`.
    ///
    /// # Errors
    /// When it is not well-formed, or contradicts itself: a name that two models of one provider claim, a successor or an
    /// entry of the quality floor that does not exist.
    pub fn parse(bytes: &[u8]) -> Result<Catalog, CatalogError> {
        let (version, models) = file::read(bytes)?;
        Catalog::of(&version, models)
    }

    pub(super) fn of(version: &str, models: Vec<Arc<Model>>) -> Result<Catalog, CatalogError> {
        let (by_name, by_author) = (index_names(&models)?, index_authors(&models));
        Ok(Catalog { version: version.into(), models, by_name, by_author })
    }

    /// Which catalogue this is: the date of its facts.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// All models, in the order of the file.
    #[must_use]
    pub fn models(&self) -> &[Arc<Model>] {
        &self.models
    }

    /// The model that this provider serves under that name.
    #[must_use]
    pub fn lookup(&self, provider: &str, name: &str) -> Option<&Arc<Model>> {
        let spelling = spelling(name)?;
        self.matches(&spelling).into_iter().find(|model| &*model.provider == provider)
    }

    /// The models of that name, at most one of each provider, the best match first.
    #[must_use]
    pub fn named(&self, name: &str) -> Vec<&Arc<Model>> {
        let Some(spelling) = spelling(name) else { return Vec::new() };
        let mut found: Vec<&Arc<Model>> = Vec::new();
        for model in self.matches(&spelling) {
            if found.iter().all(|other| other.provider != model.provider) {
                found.push(model);
            }
        }
        found
    }

    /// The ids that look most like that name, best first; no retired models, and nothing far-fetched.
    #[must_use]
    pub fn nearest(&self, name: &str, count: usize) -> Vec<Arc<str>> {
        self.nearest_where(name, count, |_| true)
    }

    /// As [`Catalog::nearest`], among the models that the caller can use.
    #[must_use]
    pub fn nearest_where(&self, name: &str, count: usize, usable: impl Fn(&Model) -> bool) -> Vec<Arc<str>> {
        nearest::nearest(self.models.iter().filter(|model| usable(model)), name, count)
    }

    /// Every match, the most literal reading first; a provider may occur more than once.
    fn matches<'c>(&'c self, spelling: &Spelling<'_>) -> Vec<&'c Arc<Model>> {
        let mut found = Vec::new();
        for reading in spelling.readings() {
            let Some(models) = self.by_name.get(&*reading.key) else { continue };
            let providers = reading.author.map(|author| self.by_author.get(author).map_or(&[][..], Vec::as_slice));
            found.extend(models.iter().filter(|model| providers.is_none_or(|named| named.contains(&model.provider))));
        }
        found
    }
}

fn spelling(name: &str) -> Option<Spelling<'_>> {
    (name.len() <= MAX_NAME_BYTES).then(|| Spelling::of(name))
}

/// Ids and aliases as they are, then with hyphens for dots where that name is still free.
fn index_names(models: &[Arc<Model>]) -> Result<HashMap<Box<str>, Vec<Arc<Model>>>, CatalogError> {
    let mut index: HashMap<Box<str>, Vec<Arc<Model>>> = HashMap::with_capacity(models.len() * 5);
    for model in models {
        for name in model.names() {
            let named = index.entry(names::lower(name).into()).or_default();
            if named.iter().any(|other| other.provider == model.provider) {
                return Err(CatalogError::AmbiguousName {
                    provider: Arc::clone(&model.provider),
                    name: Arc::clone(name),
                });
            }
            named.push(Arc::clone(model));
        }
    }
    for model in models {
        for name in model.names() {
            let Some(spelled) = names::hyphenated(&names::lower(name)) else { continue };
            let named = index.entry(spelled.into()).or_default();
            if named.iter().all(|other| other.provider != model.provider) {
                named.push(Arc::clone(model));
            }
        }
    }
    index.values_mut().for_each(Vec::shrink_to_fit);
    index.shrink_to_fit();
    Ok(index)
}

/// What stands before the slash in an alias is another name of its provider (`mistralai/...` at `mistral`).
fn index_authors(models: &[Arc<Model>]) -> HashMap<Box<str>, Vec<Arc<str>>> {
    let mut index: HashMap<Box<str>, Vec<Arc<str>>> = HashMap::new();
    for model in models {
        let aliases = model.aliases.iter().filter_map(|alias| names::split_author(alias));
        for author in aliases.map(|(author, _)| author).chain([&*model.provider]) {
            let author = names::lower(author);
            if let Some(providers) = index.get_mut(&*author) {
                if !providers.contains(&model.provider) {
                    providers.push(Arc::clone(&model.provider));
                }
            } else {
                index.insert(author.into(), vec![Arc::clone(&model.provider)]);
            }
        }
    }
    index
}
