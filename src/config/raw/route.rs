//! One entry of `routes`, as the file has it.

use super::MAX_NAME_CHARS;
use crate::config::Strategy;
use crate::config::nearest::did_you_mean;
use crate::config::node::{Node, shown_text};

/// One entry of `routes`.
pub(in crate::config) struct RawRoute<'a> {
    pub(in crate::config) name: &'a str,
    pub(in crate::config) node: Node<'a>,
    pub(in crate::config) strategy: Strategy,
    /// `None` when the file does not say.
    pub(in crate::config) providers: Option<Vec<(Node<'a>, String)>>,
    pub(in crate::config) models: Vec<String>,
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
        let route = RawRoute {
            name,
            strategy: fields.read("strategy", strategy).unwrap_or(Strategy::Ordered),
            // Wrong is not the same as absent: a route whose list is broken must not reach for every provider.
            providers: fields.field("providers").map(|node| node.names().unwrap_or_default()),
            models: fields.read("models", names).unwrap_or_default(),
            node,
        };
        fields.finish();
        route
    }
}

fn strategy(node: &Node<'_>) -> Option<Strategy> {
    const ALL: [Strategy; 2] = [Strategy::Ordered, Strategy::CheapestCapable];
    let name = node.text()?;
    let found = ALL.into_iter().find(|strategy| strategy.as_str() == name);
    if found.is_none() {
        let names = ALL.map(Strategy::as_str);
        let hint = did_you_mean(&name, names);
        let shown = shown_text(node.raw_text().unwrap_or_default());
        node.error(format_args!("strategy {shown} is not supported yet; use {}{hint}", names.join(" or ")));
    }
    found
}
