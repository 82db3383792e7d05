//! One entry of `routes`, as the file has it.

use super::MAX_NAME_CHARS;
use super::route_options::route_options;
use crate::config::nearest::did_you_mean;
use crate::config::node::{Node, shown_text};
use crate::config::{RouteOptions, Strategy};

/// One entry of `routes`.
pub(in crate::config) struct RawRoute<'a> {
    pub(in crate::config) name: &'a str,
    pub(in crate::config) node: Node<'a>,
    pub(in crate::config) strategy: Strategy,
    /// `None` when the file does not say.
    pub(in crate::config) providers: Option<Vec<(Node<'a>, String)>>,
    pub(in crate::config) models: Vec<String>,
    /// Without `fallback`, which is not looked for yet.
    pub(in crate::config) options: RouteOptions,
    pub(in crate::config) fallback: Vec<(Node<'a>, String)>,
}

impl<'a> RawRoute<'a> {
    pub(in crate::config) fn read_all(node: &Node<'a>) -> Vec<RawRoute<'a>> {
        node.members().into_iter().map(|(name, node)| RawRoute::read(name, node)).collect()
    }

    fn read(name: &'a str, node: Node<'a>) -> RawRoute<'a> {
        let bad = |c: char| c.is_whitespace() || c.is_control();
        if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.contains(bad) {
            node.error(format_args!("a route's name has 1 to {MAX_NAME_CHARS} characters and no white space"));
        }
        let mut fields = node.fields();
        let names = |node: &Node<'_>| Some(node.names()?.into_iter().map(|(_, name)| name).collect());
        let strategy = fields.read("strategy", strategy);
        let route = RawRoute {
            name,
            strategy: strategy.unwrap_or(Strategy::Ordered),
            // Wrong is not the same as absent: a route whose list is broken must not reach for every provider.
            providers: fields.field("providers").map(|node| node.names().unwrap_or_default()),
            models: fields.read("models", names).unwrap_or_default(),
            options: route_options(&mut fields, strategy.unwrap_or(Strategy::Ordered)),
            fallback: fields.field("fallback").map(|node| node.names().unwrap_or_default()).unwrap_or_default(),
            node,
        };
        fields.finish();
        route
    }
}

fn strategy(node: &Node<'_>) -> Option<Strategy> {
    let name = node.text()?;
    let found = Strategy::ALL.into_iter().find(|strategy| strategy.as_str() == name);
    if found.is_none() {
        let names = Strategy::ALL.map(Strategy::as_str);
        let hint = did_you_mean(&name, names);
        let shown = shown_text(node.raw_text().unwrap_or_default());
        node.error(format_args!("{shown} is not a strategy; known: {}{hint}", names.join(", ")));
    }
    found
}
