//! What may stand behind a model's name: `:nitro`, `:floor` and the like say how to route, `:free` and the like name another entry.

/// A suffix that says how a request is to be routed, for any model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suffix {
    /// `:floor`: the cheapest provider first.
    Floor,
    /// `:nitro`: the fastest provider first.
    Nitro,
    /// `:exacto`: the provider that calls tools best first.
    Exacto,
    /// `:online`: the web is to be searched.
    Online,
}

impl Suffix {
    /// As it is written, colon included.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Suffix::Floor => ":floor",
            Suffix::Nitro => ":nitro",
            Suffix::Exacto => ":exacto",
            Suffix::Online => ":online",
        }
    }
}

/// A name and the suffix behind it; `None` when it has none that says how to route: others are a part of the name.
///
/// ```
/// use ovth_filters::router::{Suffix, split_suffix};
/// assert_eq!(split_suffix("openai/gpt-5:nitro"), Some(("openai/gpt-5", Suffix::Nitro)));
/// assert_eq!(split_suffix("llama3:8b"), None);
/// ```
#[must_use]
pub fn split_suffix(name: &str) -> Option<(&str, Suffix)> {
    let all = [Suffix::Floor, Suffix::Nitro, Suffix::Exacto, Suffix::Online];
    all.into_iter()
        .find_map(|suffix| Some((name.strip_suffix(suffix.as_str())?, suffix)))
        .filter(|(base, _)| !base.is_empty())
}
