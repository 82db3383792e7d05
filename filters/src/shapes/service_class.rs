//! At which service class a provider says that it served, in one vocabulary for all shapes.

use crate::json::Text;

/// The longest word that is taken from a provider, in bytes; others are nothing that a price knows.
const MAX_WORD_BYTES: usize = 32;

/// What was said about the class so far; the last word of each kind counts.
#[derive(Debug, Default)]
pub(crate) struct ServiceClass {
    tier: Option<String>,
    fast: bool,
    region: Option<String>,
    name: Option<String>,
}

impl ServiceClass {
    /// `standard`, `batch`, `flex`, `priority` or what else the provider said, in lower case; `fast` where it served at
    /// its faster speed; with `+us` or the like where it served in a region that has a price of its own.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// A tier. OpenAI's `default` is what others call `standard`; `auto` is said while it is not decided.
    pub(crate) fn saw_tier(&mut self, word: Option<Text<'_>>) {
        let Some(word) = checked(word) else { return };
        let tier = if word.eq_ignore_ascii_case("default") { "standard" } else { word };
        if tier.eq_ignore_ascii_case("auto") || self.tier.as_deref() == Some(tier) {
            return;
        }
        self.tier = Some(tier.to_ascii_lowercase());
        self.compose();
    }

    /// A kind of traffic, as Vertex has it: `ON_DEMAND`, `ON_DEMAND_PRIORITY`, `ON_DEMAND_FLEX`.
    pub(crate) fn saw_traffic(&mut self, word: Option<Text<'_>>) {
        const STANDARD: &str = "ON_DEMAND";
        let Some(rest) = checked(word).and_then(|word| word.strip_prefix(STANDARD)) else { return };
        self.tier = Some(match rest.strip_prefix('_') {
            Some(tier) => tier.to_ascii_lowercase(),
            None => "standard".to_owned(),
        });
        self.compose();
    }

    /// A speed; Anthropic's `fast` is the one that costs something else.
    pub(crate) fn saw_speed(&mut self, word: Option<Text<'_>>) {
        let Some(word) = checked(word) else { return };
        self.fast = word == "fast";
        self.compose();
    }

    /// Where Anthropic served: a region, or a word that says none.
    pub(crate) fn saw_region(&mut self, word: Option<Text<'_>>) {
        let Some(word) = checked(word) else { return };
        self.region = (!matches!(word, "global" | "not_available")).then(|| word.to_ascii_lowercase());
        self.compose();
    }

    fn compose(&mut self) {
        let tier = if self.fast { "fast" } else { self.tier.as_deref().unwrap_or("standard") };
        self.name = Some(match &self.region {
            Some(region) => format!("{tier}+{region}"),
            None => tier.to_owned(),
        });
    }
}

/// The word, when it is one.
fn checked(word: Option<Text<'_>>) -> Option<&str> {
    let word = std::str::from_utf8(word?.raw()).ok()?;
    let is_word = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    (is_word && !word.is_empty() && word.len() <= MAX_WORD_BYTES).then_some(word)
}
