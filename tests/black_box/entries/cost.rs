//! What an answer costs by the catalogue's file, reckoned in whole pico-dollars by arithmetic of its own.

use std::path::Path;

use serde_json::Value;

use super::figures::Figures;

/// The models of the catalogue, as its file has them.
pub(super) struct Catalogue(Vec<Value>);

impl Catalogue {
    pub(super) fn read() -> Catalogue {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/models.json");
        let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        Catalogue(file["models"].as_array().unwrap().clone())
    }

    /// The price of a model at a provider; the reseller has every model whose names have that of a lab in front.
    fn price(&self, provider: &str, model: &str) -> Option<&Value> {
        let is_name = |name: &Value| name.as_str().is_some_and(|name| name.eq_ignore_ascii_case(model));
        let has_name = |entry: &&Value| {
            is_name(&entry["id"]) || entry["aliases"].as_array().is_some_and(|aliases| aliases.iter().any(is_name))
        };
        let is_there = |entry: &&Value| provider == "openrouter" || entry["provider"] == provider;
        // A snapshot of another date costs what its model costs.
        let is_snapshot = |entry: &&Value| undated(entry["id"].as_str().unwrap()) == undated(model);
        let there = || self.0.iter().filter(is_there);
        there().find(has_name).or_else(|| there().find(is_snapshot)).map(|entry| &entry["price"])
    }

    /// The cost in pico-dollars; none where the catalogue has no price.
    pub(super) fn cost(&self, provider: &str, model: &str, figures: &Figures) -> Option<u128> {
        let base = self.price(provider, model)?;
        let price = match figures.service_class.as_deref().unwrap_or("standard") {
            // What Groq calls its standard class.
            "standard" | "on_demand" => base,
            "flex" => base.get("flex").expect("a price of the slower class"),
            class => panic!("no answer was recorded at {class}"),
        };
        let begins = |tier: &&Value| {
            let threshold = tier["above_input_tokens"].as_u64().unwrap();
            figures.prompt() > threshold || (price["tiers_boundary"].is_string() && figures.prompt() == threshold)
        };
        let tiers = price["tiers"].as_array().into_iter().flatten();
        let tier = tiers.filter(begins).max_by_key(|tier| tier["above_input_tokens"].as_u64());
        let rate = |names: &[&str]| {
            let said = |rates: &Value| names.iter().find_map(|name| rates[*name].as_str()).map(per_million);
            match tier {
                Some(tier) => said(tier).or_else(|| panic!("a tier without {names:?}: {price}")),
                None => said(price),
            }
        };
        let input = rate(&["input"]).filter(|rate| *rate > 0)?;
        let output = rate(&["output"])?;
        let of = |count: u64, names: &[&str], otherwise: u128| -> u128 {
            if count == 0 { 0 } else { u128::from(count) * rate(names).unwrap_or(otherwise) }
        };
        let written = if tier.is_none() { rate(&["cache_write", "cache_write_5m"]).unwrap_or(input) } else { input };
        let plain_input = figures.input - figures.audio_input;
        let plain_output = figures.output - figures.reasoning - figures.audio_output - figures.image_output;
        let tokens = u128::from(plain_input) * input
            + u128::from(plain_output) * output
            + of(figures.audio_input, &["audio_input"], input)
            + of(figures.cache_read, &["cache_read"], input)
            + of(figures.cache_write, &["cache_write", "cache_write_5m"], input)
            + of(figures.cache_write_1h, &["cache_write_1h"], written)
            + of(figures.reasoning, &["output_reasoning"], output)
            + of(figures.audio_output, &["audio_output"], output)
            + of(figures.image_output, &["image_output"], output);
        // A price of a thousand searches, times a thousand as one of a million is.
        let searches = base["web_search_per_1000"].as_str().map_or(0, |rate| per_million(rate) * 1_000);
        Some(tokens + searches * u128::from(figures.web_searches))
    }
}

/// A name without the eight digits of a date behind it.
fn undated(name: &str) -> &str {
    let digits = |end: &&str| end.len() == 8 && end.bytes().all(|byte| byte.is_ascii_digit());
    name.rsplit_once('-').filter(|(_, end)| digits(end)).map_or(name, |(base, _)| base)
}

/// Pico-dollars of one, by a decimal number of dollars a million.
fn per_million(dollars: &str) -> u128 {
    const DIGITS: usize = 6;
    let (whole, fraction) = dollars.split_once('.').unwrap_or((dollars, ""));
    assert!(fraction.len() <= DIGITS, "{dollars}");
    format!("{whole}{fraction:0<DIGITS$}").parse().unwrap()
}

/// A number of dollars as an entry has it, in pico-dollars.
pub(super) fn dollars(number: &Value) -> Option<u128> {
    // Below a few hundred dollars twelve digits after the point survive a float; what is compared is far smaller.
    number.as_f64().map(|dollars| format!("{:.0}", dollars * 1e12).parse().unwrap())
}
