//! Puts the schema of a tool right: older drafts, names that are required twice, and roots that the API refuses.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::refs;

/// How much of what was at the root is told in the description, in bytes.
const MAX_TOLD: usize = 2_000;
/// Alternatives of one property that are kept apart.
const MAX_ALTERNATIVES: usize = 256;

/// The schema as a messages host takes it for a tool, and whether it says less than before.
pub(super) fn tool(mut root: Map<String, Value>) -> (Value, bool) {
    members(&mut root);
    let is_object = match root.get("type") {
        None => true,
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        Some(_) => true,
    };
    if !is_object {
        let wrapped = json!({"type": "object", "properties": {"value": root}, "required": ["value"]});
        return (wrapped, true);
    }
    root.insert("type".to_owned(), "object".into());
    let lossy = flatten(&mut root);
    (Value::Object(root), lossy)
}

/// Puts a schema and all below it right. How deep it nests was bounded when it was read.
fn node(schema: &mut Value) {
    match schema {
        Value::Object(schema) => members(schema),
        Value::Bool(true) => *schema = json!({}),
        _ => {}
    }
}

fn members(schema: &mut Map<String, Value>) {
    required(schema);
    exclusive(schema, "exclusiveMinimum", "minimum");
    exclusive(schema, "exclusiveMaximum", "maximum");
    // Tuples, as drafts before 2020-12 wrote them.
    if schema.get("items").is_some_and(Value::is_array)
        && let Some(items) = schema.shift_remove("items")
    {
        let rest = schema.shift_remove("additionalItems");
        schema.insert("prefixItems".to_owned(), items);
        if let Some(rest) = rest {
            schema.insert("items".to_owned(), rest);
        }
    }
    for (keyword, value) in schema.iter_mut() {
        match keyword.as_str() {
            "items" | "not" | "if" | "then" | "else" | "contains" | "propertyNames" => node(value),
            "additionalProperties" if value.is_object() => node(value),
            "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" => {
                value.as_object_mut().into_iter().flat_map(|named| named.values_mut()).for_each(node);
            }
            "anyOf" | "oneOf" | "allOf" | "prefixItems" => {
                value.as_array_mut().into_iter().flatten().for_each(node);
            }
            _ => {}
        }
    }
}

/// Names that are required, each once. Of something else (draft 3 had a boolean) nothing is kept.
fn required(schema: &mut Map<String, Value>) {
    match schema.get_mut("required") {
        Some(Value::Array(names)) => {
            names.retain(Value::is_string);
            let mut seen = HashSet::new();
            names.retain(|name| seen.insert(name.as_str().unwrap_or_default().to_owned()));
        }
        Some(_) => drop(schema.shift_remove("required")),
        None => {}
    }
}

/// Draft 4 had a boolean that changed the meaning of another keyword.
fn exclusive(schema: &mut Map<String, Value>, keyword: &str, bound: &str) {
    match schema.get(keyword) {
        Some(Value::Bool(false)) => drop(schema.shift_remove(keyword)),
        Some(Value::Bool(true)) => match schema.shift_remove(bound) {
            Some(value) => drop(schema.insert(keyword.to_owned(), value)),
            None => drop(schema.shift_remove(keyword)),
        },
        _ => {}
    }
}

/// The API refuses alternatives at the root: their properties become the root's, and what they said goes into the
/// description. <https://github.com/anthropics/claude-code/issues/5973>
fn flatten(root: &mut Map<String, Value>) -> bool {
    let whole = root.clone();
    let mut lossy = false;
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let Some(branches) = root.shift_remove(keyword) else { continue };
        lossy = true;
        let told = branches.to_string();
        if told.len() <= MAX_TOLD {
            describe(root, &format!("{keyword}: {told}"));
        }
        // A definition says the second time what it said the first time.
        let mut seen = HashSet::new();
        let branches: Vec<&Map<String, Value>> = branches
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|branch| refs::resolved(branch, &whole).as_object())
            .filter(|branch| seen.insert(std::ptr::from_ref(*branch)))
            .collect();
        let mut needed: Option<Vec<Value>> = None;
        for branch in branches {
            merge_properties(root, branch);
            let names = branch.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
            needed = Some(match needed {
                None => names,
                Some(mut known) if keyword == "allOf" => {
                    known.extend(names);
                    known
                }
                Some(mut known) => {
                    let names: HashSet<&str> = names.iter().filter_map(Value::as_str).collect();
                    known.retain(|name| name.as_str().is_some_and(|name| names.contains(name)));
                    known
                }
            });
        }
        let needed = needed.unwrap_or_default();
        if !needed.is_empty() {
            match root.get_mut("required").and_then(Value::as_array_mut) {
                Some(names) => names.extend(needed),
                None => drop(root.insert("required".to_owned(), Value::Array(needed))),
            }
            required(root);
        }
    }
    lossy
}

fn merge_properties(root: &mut Map<String, Value>, branch: &Map<String, Value>) {
    let Some(added) = branch.get("properties").and_then(Value::as_object) else { return };
    let properties = root.entry("properties").or_insert_with(|| json!({}));
    let Some(properties) = properties.as_object_mut() else { return };
    for (name, schema) in added {
        match properties.get_mut(name) {
            None => drop(properties.insert(name.clone(), schema.clone())),
            Some(known) if known == schema => {}
            Some(known) => match known.get_mut("anyOf").and_then(Value::as_array_mut) {
                // So many that it is as good as anything.
                Some(list) if list.len() >= MAX_ALTERNATIVES => *known = json!({}),
                Some(list) if !list.contains(schema) => list.push(schema.clone()),
                Some(_) => {}
                None => *known = json!({"anyOf": [known.take(), schema]}),
            },
        }
    }
}

/// Adds to a description.
pub(super) fn describe(schema: &mut Map<String, Value>, told: &str) {
    let text = match schema.get("description").and_then(Value::as_str) {
        Some(known) if !known.is_empty() => format!("{known}\n\n{told}"),
        _ => told.to_owned(),
    };
    schema.insert("description".to_owned(), text.into());
}
