//! `models`: what the operator knows of models besides the catalogue, as the file has it.

use std::ops::RangeInclusive;

use jiff::civil::Date;
use ovth_filters::Shape;

use super::provider::shapes;
use crate::config::nearest::did_you_mean;
use crate::config::node::Node;
use crate::config::{ABILITIES, ModelFacts, ModelStatus};

/// No model has a longer id.
const MAX_MODEL_BYTES: usize = 200;
const TOKENS: RangeInclusive<u64> = 1..=1_000_000_000;
const STATUSES: [(&str, ModelStatus); 4] = [
    ("current", ModelStatus::Current),
    ("preview", ModelStatus::Preview),
    ("deprecated", ModelStatus::Deprecated),
    ("retired", ModelStatus::Retired),
];

/// One entry of `models`; its provider is not looked for yet.
pub(in crate::config) struct RawModel<'a> {
    node: Node<'a>,
    facts: ModelFacts,
}

impl<'a> RawModel<'a> {
    pub(in crate::config) fn read_all(node: &Node<'a>) -> Vec<RawModel<'a>> {
        node.members().into_iter().filter_map(|(key, node)| RawModel::read(key, node)).collect()
    }

    fn read(key: &str, node: Node<'a>) -> Option<RawModel<'a>> {
        let is_model = |model: &str| {
            (1..=MAX_MODEL_BYTES).contains(&model.len()) && model.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let named = key.split_once('/').filter(|(provider, model)| !provider.is_empty() && is_model(model));
        let Some((provider, model)) = named else {
            node.error("must be named by a provider, a slash and a model's id, such as openai/gpt-5");
            return None;
        };
        let mut fields = node.fields();
        let names = |node: &Node<'_>| Some(node.names()?.into_iter().map(|(_, name)| name).collect());
        let tokens = |node: &Node<'_>| node.whole(TOKENS);
        let facts = ModelFacts {
            provider: provider.into(),
            model: model.into(),
            aliases: fields.read("aliases", names).unwrap_or_default(),
            context_window: fields.read("context_window", tokens),
            max_input_tokens: fields.read("max_input_tokens", tokens),
            max_output_tokens: fields.read("max_output_tokens", tokens),
            capabilities: fields.read("capabilities", |node| Some(capabilities(node))).unwrap_or_default(),
            shapes: fields.read("shapes", shapes).map(|shapes: Vec<Shape>| shapes),
            status: fields.read("status", |node| node.word(&STATUSES)),
            shutdown_date: fields.read("shutdown_date", date),
            good_enough: fields.read("good_enough", Node::flag),
        };
        fields.finish();
        Some(RawModel { node, facts })
    }

    /// The facts, if their provider is one of these.
    pub(in crate::config) fn checked(self, providers: &[&str]) -> Option<ModelFacts> {
        let provider = &*self.facts.provider;
        if !providers.contains(&provider) {
            let hint = did_you_mean(provider, providers.iter().copied());
            let known = providers.join(", ");
            self.node.error(format_args!("{provider:?} is not a provider; known: {known}{hint}"));
            return None;
        }
        Some(self.facts)
    }
}

fn capabilities(node: &Node<'_>) -> Vec<(&'static str, bool)> {
    let ability = |(key, node): (&str, Node<'_>)| {
        let Some(known) = ABILITIES.into_iter().find(|name| *name == key) else {
            let hint = did_you_mean(key, ABILITIES);
            node.error(format_args!("is not a capability; known: {}{hint}", ABILITIES.join(", ")));
            return None;
        };
        Some((known, node.flag()?))
    };
    node.members().into_iter().filter_map(ability).collect()
}

fn date(node: &Node<'_>) -> Option<String> {
    node.parsed("a date, such as 2027-01-31", |text| {
        text.parse::<Date>().ok().filter(|date| date.year() >= 1970).map(|date| date.to_string())
    })
}
