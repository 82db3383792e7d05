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
        let mut waits: BTreeMap<&str, usize> = BTreeMap::new();
        let mut referring: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (owner, targets) in &self.by_owner {
            let Some(owner) = owner else { continue };
            waits.insert(owner, targets.len());
            for target in targets {
                referring.entry(target).or_default().push(owner);
            }
        }
        let mut out: Vec<&str> = referring.keys().filter(|name| !waits.contains_key(*name)).copied().collect();
        let mut open = waits.len();
        while let Some(name) = out.pop() {
            for owner in referring.get(name).into_iter().flatten() {
                if let Some(left) = waits.get_mut(owner) {
                    *left -= 1;
                    if *left == 0 {
                        open -= 1;
                        out.push(owner);
                    }
                }
            }
        }
        open == 0
    }
}
