//! What models can do and cost, read from the catalogue's file in a way of its own, and who is the cheapest of those that can.

use std::collections::BTreeSet;

use ovth_filters::Shape;
use serde_json::Value;

use super::requests::{Random, Wanted};

const CATALOGUE: &str = include_str!("../../conf/models.json");

/// Providers that do not take a forced tool call for models that always think.
const REFUSE_FORCED: [&str; 6] = [
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-fable-5-1",
    "claude-fable-5-2",
    "claude-mythos-5-1",
    "claude-mythos-5-2",
];

/// Options of a route.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) providers: Vec<String>,
    pub(crate) expected_output: u64,
    pub(crate) min_context: Option<u64>,
    /// Dollars for a million tokens.
    pub(crate) max_output_price: Option<String>,
    pub(crate) exclude: Option<String>,
}

/// The turn before, in the cache of a model.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) at: (String, String),
    /// Input, read from the cache, written to it, output.
    pub(crate) usage: (u64, u64, u64, u64),
}

/// All models.
pub(crate) struct Market {
    models: Vec<Value>,
    good: BTreeSet<(String, String)>,
}

impl Market {
    pub(crate) fn read() -> Market {
        let file: Value = serde_json::from_str(CATALOGUE).unwrap();
        let mut good = BTreeSet::new();
        for (provider, ids) in file["quality_floor"].as_object().unwrap() {
            for id in ids.as_array().unwrap() {
                good.insert((provider.clone(), id.as_str().unwrap().to_owned()));
            }
        }
        Market { models: file["models"].as_array().unwrap().clone(), good }
    }

    /// Options by chance.
    pub(crate) fn some_options(&self, random: &mut Random) -> Options {
        let all = ["anthropic", "openai", "google", "deepseek", "mistral", "xai", "moonshot", "zai"];
        let mut providers: Vec<String> = all.iter().filter(|_| !random.one_in(3)).map(|id| (*id).to_owned()).collect();
        if providers.is_empty() {
            providers.push("openai".to_owned());
        }
        Options {
            providers,
            expected_output: [1_024, 1_024, 100, 8_000][random.below(4)],
            min_context: random.one_in(4).then(|| [100_000, 300_000, 1_000_000][random.below(3)]),
            max_output_price: random.one_in(4).then(|| ["3", "12.5", "30"][random.below(3)].to_owned()),
            exclude: random
                .one_in(4)
                .then(|| ["claude-haiku", "gpt-6-luna", "google", "gpt-4.1"][random.below(4)].to_owned()),
        }
    }

    /// Every model that a route with these options chooses from.
    pub(crate) fn candidates(&self, options: &Options) -> impl Iterator<Item = &Value> {
        self.models.iter().filter(move |model| self.is_candidate(model, options))
    }

    fn is_candidate(&self, model: &Value, options: &Options) -> bool {
        let (provider, id) = key(model);
        let is_gone =
            model["status"] == "retired" || model["shutdown_date"].as_str().is_some_and(|date| date <= super::TODAY);
        let rate = |name: &str| pico(&model["price"][name]);
        let is_priced = rate("input").is_some_and(|rate| rate > 0) && rate("output").is_some();
        let excluded = options.exclude.as_deref().is_some_and(|name| {
            name == provider || id == name || ["-", ".", ":"].iter().any(|end| id.starts_with(&format!("{name}{end}")))
        });
        options.providers.contains(&provider)
            && self.good.contains(&(provider, id))
            && (model["status"] == "current" || model["status"] == "deprecated")
            && !is_gone
            && is_priced
            && !excluded
            && options.min_context.is_none_or(|least| model["context_window"].as_u64() >= Some(least))
            && options.max_output_price.as_ref().is_none_or(|most| rate("output") <= pico(&Value::String(most.clone())))
    }

    /// The models that can serve what is wanted, and refuse nothing of it. When all that can refuse something, those that can.
    pub(crate) fn capable(&self, options: &Options, wanted: &Wanted) -> BTreeSet<(String, String)> {
        let fits: Vec<&Value> =
            self.candidates(options).filter(|model| can(model, wanted) && fits(model, wanted)).collect();
        let willing: BTreeSet<_> =
            fits.iter().filter(|model| !refuses(model, wanted)).map(|model| key(model)).collect();
        if willing.is_empty() { fits.into_iter().map(key).collect() } else { willing }
    }

    /// Whether a model has all abilities that are wanted, however small it is.
    pub(crate) fn is_able(&self, id: &(String, String), wanted: &Wanted) -> bool {
        self.models.iter().any(|model| key(model) == *id && can(model, wanted))
    }

    /// What it costs, in pico-dollars.
    pub(crate) fn cost(
        &self,
        id: &(String, String),
        wanted: &Wanted,
        options: &Options,
        conversation: Option<&Conversation>,
    ) -> u128 {
        let price = &self.models.iter().find(|model| key(model) == *id).unwrap()["price"];
        let expected = options.expected_output;
        let output = wanted.max_output.unwrap_or(expected).min(expected);
        let prompt = wanted.input;
        let starts_at = !price["tiers_boundary"].is_null();
        let tier = price["tiers"].as_array().into_iter().flatten().rfind(|tier| {
            let above = tier["above_input_tokens"].as_u64().unwrap();
            prompt > above || (starts_at && prompt == above)
        });
        let base = |name: &str| pico(&price[name]);
        let of_tier = |name: &str| tier.and_then(|tier| pico(&tier[name]));
        let input = of_tier("input").or(base("input")).unwrap();
        let out = of_tier("output").or(base("output")).unwrap();
        let read = if tier.is_some() { of_tier("cache_read") } else { base("cache_read") }.unwrap_or(input);
        let listed = |rate: &dyn Fn(&str) -> Option<u128>| rate("cache_write").or_else(|| rate("cache_write_5m"));
        let write = match (tier, listed(&base)) {
            (None, own) => own.unwrap_or(input),
            // In proportion, where the tier does not say.
            (Some(_), own) => listed(&of_tier)
                .or_else(|| own.map(|own| (own * input).div_ceil(base("input").unwrap())))
                .unwrap_or(input),
        };
        let (cached, writes) = warm(conversation, id, price);
        let cached = u128::from(cached.min(prompt));
        let fresh = u128::from(prompt) - cached;
        cached * read + fresh * if writes { write } else { input } + u128::from(output) * out
    }
}

/// What a model's cache holds of a conversation, and whether writing to it is paid for.
fn warm(conversation: Option<&Conversation>, id: &(String, String), price: &Value) -> (u64, bool) {
    let Some(Conversation { at, usage: (input, read, written, output) }) = conversation else { return (0, false) };
    if at != id {
        return (0, false);
    }
    let prompt = input + read + written;
    let tier = price["tiers"].as_array().into_iter().flatten().rfind(|tier| {
        let above = tier["above_input_tokens"].as_u64().unwrap();
        prompt > above || (!price["tiers_boundary"].is_null() && prompt == above)
    });
    let has = |name: &str| match tier {
        Some(tier) if name == "cache_read" => !tier[name].is_null(),
        // What it costs to write follows from the base, where a tier does not say.
        Some(tier) => !tier[name].is_null() || !price[name].is_null(),
        None => !price[name].is_null(),
    };
    if has("cache_read") && !has("cache_write") && !has("cache_write_5m") {
        (prompt + output, false)
    } else {
        (read + written, true)
    }
}

fn key(model: &Value) -> (String, String) {
    (model["provider"].as_str().unwrap().to_owned(), model["id"].as_str().unwrap().to_owned())
}

/// Pico-dollars a token of dollars for a million: six digits after the point.
fn pico(price: &Value) -> Option<u128> {
    let text = price.as_str()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<6}").parse().ok()
}

/// The shapes in which the providers of the test are spoken to.
fn spoken(provider: &str) -> &'static [&'static str] {
    match provider {
        "anthropic" => &["messages"],
        "openai" => &["chat", "responses"],
        "google" => &["generateContent"],
        _ => &["chat"],
    }
}

fn can(model: &Value, wanted: &Wanted) -> bool {
    let (provider, id) = key(model);
    let shapes: Vec<&str> = {
        let listed: Vec<&str> = model["api"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let ours = ["chat", "responses", "messages", "generateContent"];
        let known: Vec<&str> = listed.into_iter().filter(|api| ours.contains(api)).collect();
        spoken(&provider).iter().copied().filter(|shape| known.is_empty() || known.contains(shape)).collect()
    };
    let own = if wanted.shape == Shape::Chat { "chat" } else { "messages" };
    // Tools go to models that take none on chat while they reason in another shape, where there is one.
    let refuses_here = |shape: &str| {
        shape == "chat"
            && wanted.abilities.contains("tools")
            && !wanted.rests
            && model["capabilities"]["chat_tools_while_reasoning"] == false
    };
    let mut ways: Vec<&str> = shapes.iter().copied().filter(|shape| *shape == own).collect();
    ways.extend(shapes.iter().copied().filter(|shape| *shape != own));
    let Some(shape) = ways.iter().copied().find(|shape| !refuses_here(shape)).or(ways.first().copied()) else {
        return false;
    };
    if model["kind"] != "chat"
        || (wanted.forced_tool && provider == "anthropic" && REFUSE_FORCED.iter().any(|name| id.starts_with(name)))
    {
        return false;
    }
    let can = &model["capabilities"];
    let has = |name: &str| match name {
        "parallel_tools" if can[name].is_null() => can["tools"] == true,
        name => can[name] == true,
    };
    if !wanted.abilities.iter().all(|name| has(name)) {
        return false;
    }
    let levels = model["reasoning"]["levels"].as_array().cloned().unwrap_or_default();
    let takes_none = levels.is_empty() || levels.iter().any(|level| level == "none");
    let rests = if shape == own { wanted.rests } else { takes_none && !wanted.reasons };
    !(wanted.abilities.contains("tools") && shape == "chat" && !rests && can["chat_tools_while_reasoning"] == false)
}

fn fits(model: &Value, wanted: &Wanted) -> bool {
    let whole = wanted.input + wanted.max_output.unwrap_or(1_024);
    model["context_window"].as_u64().is_some_and(|window| whole <= window)
        && model["max_input_tokens"].as_u64().is_none_or(|bound| wanted.input <= bound)
        && wanted.max_output.is_none_or(|asked| model["max_output_tokens"].as_u64().is_some_and(|bound| asked <= bound))
}

fn refuses(model: &Value, wanted: &Wanted) -> bool {
    let params = &model["params"];
    let plain = |entry: &str| entry.split(" (").next().unwrap().trim_end_matches(" other than 1").to_owned();
    let mut refused: BTreeSet<String> =
        params["not_accepted"].as_array().into_iter().flatten().map(|entry| plain(entry.as_str().unwrap())).collect();
    let renames = refused.contains("max_tokens")
        && params["max_tokens_field"].as_str().is_some_and(|field| field.starts_with("max_completion_tokens"));
    let rests = wanted.rests || (model["reasoning"]["default"] == "none" && !wanted.reasons);
    for (names, condition) in params["conditional"].as_object().into_iter().flatten() {
        let condition = condition.as_str().unwrap();
        let holds =
            if condition.contains("effort resolves to \"none\"") { !rests } else { condition.starts_with("only 1") };
        if holds {
            refused.extend(names.split(", ").map(plain));
        }
    }
    if renames && !wanted.fields.contains("max_completion_tokens") {
        refused.remove("max_tokens");
    }
    wanted.fields.iter().any(|field| refused.contains(*field))
}
