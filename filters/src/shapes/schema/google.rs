//! Schemas as Google takes them in `parametersJsonSchema` and `responseJsonSchema`: a part of JSON Schema.
//!
//! Supported: <https://ai.google.dev/api/caching#Schema>. Other keywords are ignored there, so they are left out and that is told.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::refs;

/// Schemas inside of one schema that are looked at; what lies behind them may be anything.
const MAX_NODES: usize = 10_000;

/// How deep schemas may nest; each level takes two of the JSON.
const MAX_DEPTH: usize = 50;

/// Keywords that go on as they are.
const KEPT: [&str; 10] = [
    "$id",
    "$anchor",
    "title",
    "description",
    "format",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "propertyOrdering",
];

/// Keywords that say nothing of what a value must be.
pub(super) const SILENT: [&str; 12] = [
    "$schema",
    "$comment",
    "$vocabulary",
    "default",
    "examples",
    "example",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentMediaType",
    "contentEncoding",
    "additionalItems",
];

/// The schema, and whether it says less than before.
pub(super) fn root(schema: &Map<String, Value>) -> (Map<String, Value>, bool) {
    let mut adapter = Adapter { root: schema, open: Vec::new(), nodes: 0, depth: 0, lossy: false };
    let out = adapter.object(schema);
    (out, adapter.lossy)
}

struct Adapter<'v> {
    root: &'v Map<String, Value>,
    /// The definitions that are being merged.
    open: Vec<&'v Value>,
    nodes: usize,
    depth: usize,
    lossy: bool,
}

impl<'v> Adapter<'v> {
    fn node(&mut self, schema: &'v Value) -> Value {
        match schema {
            Value::Object(schema) => Value::Object(self.object(schema)),
            Value::Bool(true) => json!({}),
            _ => {
                self.lossy = true;
                json!({})
            }
        }
    }

    fn object(&mut self, schema: &'v Map<String, Value>) -> Map<String, Value> {
        self.nodes += 1;
        if self.nodes > MAX_NODES || self.depth >= MAX_DEPTH {
            self.lossy = true;
            return Map::new();
        }
        self.depth += 1;
        let out = match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.reference(schema, reference),
            None => self.members(schema),
        };
        self.depth -= 1;
        out
    }

    /// A reference stands alone but for definitions: what is said beside it goes around it.
    fn reference(&mut self, schema: &'v Map<String, Value>, reference: &str) -> Map<String, Value> {
        let named = refs::definition(reference);
        let target = named.filter(|(place, name)| self.root.get(*place).is_some_and(|all| all.get(name).is_some()));
        let mut out = Map::new();
        match target {
            Some((_, name)) => drop(out.insert("$ref".to_owned(), format!("#/$defs/{name}").into())),
            None => {
                self.lossy = true;
                out.insert("type".to_owned(), "object".into());
            }
        }
        let mut around = Map::new();
        for (keyword, value) in schema {
            match keyword.as_str() {
                "$ref" => {}
                "$defs" | "definitions" => self.definitions(value, &mut out),
                "title" | "description" => drop(around.insert(keyword.clone(), value.clone())),
                keyword => self.lossy |= !SILENT.contains(&keyword),
            }
        }
        let is_root = std::ptr::eq(schema, self.root);
        if around.is_empty() || is_root || target.is_none() {
            if target.is_none() {
                out.extend(around);
            }
            return out;
        }
        around.insert("anyOf".to_owned(), json!([out]));
        around
    }

    fn members(&mut self, schema: &'v Map<String, Value>) -> Map<String, Value> {
        let mut out = Map::new();
        for (keyword, value) in schema {
            self.keyword(keyword, value, &mut out);
        }
        if schema.get("nullable") == Some(&Value::Bool(true))
            && let Some(Value::String(kind)) = out.get("type")
        {
            let kinds = json!([kind, "null"]);
            out.insert("type".to_owned(), kinds);
        }
        if let Some(Value::Array(branches)) = schema.get("allOf") {
            for branch in branches {
                let resolved = refs::resolved(branch, self.root);
                if self.open.iter().any(|open| std::ptr::eq(*open, resolved)) {
                    // It leads to itself, and says nothing new.
                    continue;
                }
                self.open.push(resolved);
                let branch = self.node(resolved);
                self.open.pop();
                merge(&mut out, branch);
            }
        }
        out
    }

    fn keyword(&mut self, keyword: &'v str, value: &'v Value, out: &mut Map<String, Value>) {
        let written = match keyword {
            "type" => lower(value),
            "enum" => {
                let Some(values) = value.as_array() else { return };
                let kept: Vec<Value> = values.iter().filter(|value| is_plain(value)).cloned().collect();
                self.lossy |= values.iter().any(|value| !is_plain(value) && !value.is_null());
                if kept.is_empty() {
                    return;
                }
                kept.into()
            }
            "const" if is_plain(value) => {
                out.insert("enum".to_owned(), json!([value]));
                return;
            }
            "properties" => self.named(value),
            "$defs" | "definitions" => return self.definitions(value, out),
            "required" => required(value),
            "additionalProperties" if value.is_boolean() => value.clone(),
            "additionalProperties" => self.node(value),
            "items" => match value {
                Value::Array(places) => {
                    let places = places.iter().map(|place| self.node(place)).collect::<Vec<_>>();
                    out.insert("prefixItems".to_owned(), places.into());
                    return;
                }
                value => self.node(value),
            },
            "anyOf" | "oneOf" | "prefixItems" => {
                let Some(list) = value.as_array() else { return };
                list.iter().map(|schema| self.node(schema)).collect::<Vec<_>>().into()
            }
            // Both are read with what they belong to.
            "allOf" | "nullable" => return,
            keyword if KEPT.contains(&keyword) => value.clone(),
            keyword => {
                self.lossy |= !SILENT.contains(&keyword);
                return;
            }
        };
        out.insert(keyword.to_owned(), written);
    }

    fn named(&mut self, named: &'v Value) -> Value {
        let mut out = Map::new();
        for (name, schema) in named.as_object().into_iter().flatten() {
            let schema = self.node(schema);
            out.insert(name.clone(), schema);
        }
        out.into()
    }

    fn definitions(&mut self, named: &'v Value, out: &mut Map<String, Value>) {
        let Value::Object(definitions) = self.named(named) else { return };
        if let Some(known) = out.entry("$defs").or_insert_with(|| json!({})).as_object_mut() {
            known.extend(definitions);
        }
    }
}

/// Whether a value may stand in an `enum`.
fn is_plain(value: &Value) -> bool {
    value.is_string() || value.is_number()
}

/// Types in the letters that JSON Schema has for them.
pub(super) fn lower(kind: &Value) -> Value {
    match kind {
        Value::String(kind) => kind.to_ascii_lowercase().into(),
        Value::Array(kinds) => kinds.iter().map(lower).collect::<Vec<_>>().into(),
        other => other.clone(),
    }
}

/// The names that are required, each once.
pub(super) fn required(names: &Value) -> Value {
    let mut seen = HashSet::new();
    let names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.filter(|name| seen.insert(*name)).map(Value::from).collect::<Vec<_>>().into()
}

/// Makes one schema of two that both hold.
pub(super) fn merge(out: &mut Map<String, Value>, branch: Value) {
    let Value::Object(branch) = branch else { return };
    for (keyword, value) in branch {
        match (keyword.as_str(), out.get_mut(&keyword)) {
            ("properties" | "$defs", Some(Value::Object(known))) => {
                for (name, schema) in value.as_object().cloned().unwrap_or_default() {
                    known.entry(name).or_insert(schema);
                }
            }
            ("required", Some(Value::Array(known))) => {
                let added = value.as_array().cloned().unwrap_or_default();
                known.extend(added);
                *known = required(&Value::Array(std::mem::take(known))).as_array().cloned().unwrap_or_default();
            }
            ("description", Some(Value::String(known))) => {
                if let Some(more) = value.as_str().filter(|more| *more != known) {
                    known.push_str("\n\n");
                    known.push_str(more);
                }
            }
            (_, Some(_)) => {}
            (_, None) => drop(out.insert(keyword, value)),
        }
    }
}
