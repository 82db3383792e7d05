//! References inside of a schema: what they name, and whether they go round in a circle.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What a schema refers to, if it is a reference to a definition at the root; else the schema itself.
pub(super) fn resolved<'v>(schema: &'v Value, root: &'v Map<String, Value>) -> &'v Value {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(definition);
    let found = name.and_then(|(place, name)| root.get(place)?.get(name));
    found.unwrap_or(schema)
}

/// The place and the name of a definition.
pub(super) fn definition(reference: &str) -> Option<(&'static str, &str)> {
    for place in ["$defs", "definitions"] {
        let name = reference.strip_prefix("#/").and_then(|rest| rest.strip_prefix(place)?.strip_prefix('/'));
        if let Some(name) = name.filter(|name| !name.contains(['/', '~', '%'])) {
            return Some((place, name));
        }
    }
    None
}

/// Who refers to whom, by names of definitions; `None` is the root.
#[derive(Debug, Default)]
pub(super) struct Graph {
    by_owner: BTreeMap<Option<String>, Vec<String>>,
}

impl Graph {
    /// Notes a reference.
    pub(super) fn note(&mut self, owner: Option<&str>, target: &str) {
        self.by_owner.entry(owner.map(str::to_owned)).or_default().push(target.to_owned());
    }

    /// Whether following references always ends.
    pub(super) fn ends(&self) -> bool {
        // Definitions are taken out once all that they refer to are out; what stays is part of a circle or leads to one.
        let mut open: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (owner, targets) in &self.by_owner {
            if let Some(owner) = owner {
                open.insert(owner, targets.iter().map(String::as_str).collect());
            }
        }
        loop {
            let done: Vec<&str> = open
                .iter()
                .filter(|(_, targets)| !targets.iter().any(|target| open.contains_key(target)))
                .map(|(owner, _)| *owner)
                .collect();
            if done.is_empty() {
                return open.is_empty();
            }
            done.iter().for_each(|owner| drop(open.remove(owner)));
        }
    }
}
