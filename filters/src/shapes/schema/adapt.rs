//! Brings a schema into the subset that Anthropic enforces:
//! <https://docs.claude.com/en/docs/build-with-claude/structured-outputs>.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::refs::{self, Graph};
use super::repair::describe;

/// Schemas inside of one schema that are looked at; more are not adapted.
const MAX_NODES: usize = 10_000;

/// What may be told in words is so many times as long as the schema at most, and a bit, in bytes: a keyword that concerns
/// several types is told of each.
const MAX_GROWTH: usize = 4;
const MIN_TOLD: usize = 4_096;

/// Keywords that say nothing of what a value must be.
const SILENT: [&str; 11] = [
    "$schema",
    "$id",
    "$comment",
    "$anchor",
    "$vocabulary",
    "examples",
    "example",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentMediaType",
];
/// Formats that are enforced.
const FORMATS: [&str; 10] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];
const TYPES: [&str; 7] = ["object", "array", "string", "number", "integer", "boolean", "null"];

/// The schema in the subset, and whether it says less than before; `None` when it cannot be brought there. `size` is its length
/// in bytes.
pub(super) fn root(schema: &Value, size: usize) -> Option<(Value, bool)> {
    let root = schema.as_object()?;
    let room = size.saturating_mul(MAX_GROWTH).saturating_add(MIN_TOLD);
    let mut adapter = Adapter { root, owner: None, graph: Graph::default(), nodes: 0, room, lossy: false };
    let adapted = adapter.object(root)?;
    let is_object = refs::resolved(&adapted, root).get("type").and_then(Value::as_str) == Some("object");
    (is_object && adapter.graph.ends()).then_some((adapted, adapter.lossy))
}

struct Adapter<'v> {
    root: &'v Map<String, Value>,
    /// The definition that is being read.
    owner: Option<&'v str>,
    graph: Graph,
    nodes: usize,
    /// How much may still be told in words, in bytes.
    room: usize,
    lossy: bool,
}

impl<'v> Adapter<'v> {
    /// One schema. How deep it nests was bounded when it was read.
    fn node(&mut self, schema: &'v Value) -> Option<Value> {
        match schema {
            Value::Object(schema) => self.object(schema),
            Value::Bool(true) => Some(json!({})),
            _ => None,
        }
    }

    /// Counts a schema that is written.
    fn count(&mut self) -> Option<()> {
        self.nodes += 1;
        (self.nodes <= MAX_NODES).then_some(())
    }

    /// A keyword in words.
    fn told(&mut self, keyword: &str, value: &Value) -> Option<String> {
        let told = format!("{keyword}: {value}");
        self.room = self.room.checked_sub(told.len())?;
        self.lossy = true;
        Some(told)
    }

    fn object(&mut self, schema: &'v Map<String, Value>) -> Option<Value> {
        self.count()?;
        if let Some(reference) = schema.get("$ref") {
            return self.reference(schema, reference.as_str()?);
        }
        if let Some(Value::Array(only)) = schema.get("allOf")
            && let [Value::Object(only)] = only.as_slice()
            && let Some(reference) = only.get("$ref")
        {
            // What older generators wrote to put a description beside a reference.
            self.lossy |= only.keys().any(|keyword| keyword != "$ref" && !SILENT.contains(&keyword.as_str()));
            return self.reference(schema, reference.as_str()?);
        }
        if let Some(Value::Array(kinds)) = schema.get("type") {
            return self.union(schema, kinds);
        }
        let mut out = Map::new();
        let mut told = Vec::new();
        for (keyword, value) in schema {
            if !self.keyword(schema, keyword, value, &mut out)? {
                told.push(self.told(keyword, value)?);
            }
        }
        if out.contains_key("properties") || out.get("type").is_some_and(|kind| kind == "object") {
            self.close(schema, &mut out)?;
        }
        if !told.is_empty() {
            describe(&mut out, &format!("{{{}}}", told.join(", ")));
        }
        Some(Value::Object(out))
    }

    /// Writes one keyword. `false`: it has no place in the subset and is to be told in words.
    fn keyword(
        &mut self,
        schema: &'v Map<String, Value>,
        keyword: &'v str,
        value: &'v Value,
        out: &mut Map<String, Value>,
    ) -> Option<bool> {
        let written = match keyword {
            "type" => value.as_str().filter(|kind| TYPES.contains(kind)).map(|_| value.clone())?,
            "description" | "title" => value.as_str()?.into(),
            "default" => value.clone(),
            "enum" => value.as_array()?.iter().all(is_scalar).then(|| value.clone())?,
            "const" => Some(value.clone()).filter(is_scalar)?,
            "properties" => self.named(value.as_object()?)?,
            "$defs" | "definitions" => self.definitions(value.as_object()?)?,
            "required" => required(schema, value)?,
            "items" => self.node(value)?,
            "anyOf" | "oneOf" => {
                if schema.contains_key("properties") {
                    return Some(false);
                }
                if keyword == "oneOf" && schema.contains_key("anyOf") {
                    return None;
                }
                let list = self.list(value.as_array()?)?;
                out.insert("anyOf".to_owned(), list);
                return Some(true);
            }
            "allOf" => {
                let branches = value.as_array()?;
                let is_object = |branch: &Value| branch.get("properties").is_some() || branch.get("$ref").is_some();
                if branches.iter().any(is_object) {
                    return None;
                }
                self.list(branches)?
            }
            "format" if value.as_str().is_some_and(|format| FORMATS.contains(&format)) => value.clone(),
            "minItems" if value.as_u64().is_some_and(|least| least <= 1) => value.clone(),
            // Written for all objects at once.
            "additionalProperties" => return Some(true),
            // Any names, or a place for each: nothing in the subset comes near.
            "patternProperties" | "prefixItems" | "$dynamicRef" | "$recursiveRef" => return None,
            _ => return Some(SILENT.contains(&keyword)),
        };
        out.insert(keyword.to_owned(), written);
        Some(true)
    }

    /// A reference stands alone, but for definitions at the root: what is said beside it goes around it.
    fn reference(&mut self, schema: &'v Map<String, Value>, reference: &str) -> Option<Value> {
        let (place, name) = refs::definition(reference)?;
        self.root.get(place)?.get(name)?;
        self.graph.note(self.owner, name);
        let mut out = Map::new();
        out.insert("$ref".to_owned(), reference.into());
        for place in ["$defs", "definitions"] {
            if let Some(Value::Object(definitions)) = schema.get(place) {
                out.insert(place.to_owned(), self.definitions(definitions)?);
            }
        }
        let mut around = Map::new();
        for (keyword, value) in schema {
            match keyword.as_str() {
                "$ref" | "allOf" | "$defs" | "definitions" => {}
                // The root may be no alternative.
                "title" | "description" | "default" if !std::ptr::eq(schema, self.root) => {
                    self.keyword(schema, keyword, value, &mut around)?;
                }
                keyword => self.lossy |= !SILENT.contains(&keyword),
            }
        }
        if !around.is_empty() {
            around.insert("anyOf".to_owned(), json!([out]));
            return Some(Value::Object(around));
        }
        Some(Value::Object(out))
    }

    /// A value of one of several types.
    fn union(&mut self, schema: &'v Map<String, Value>, kinds: &'v [Value]) -> Option<Value> {
        if schema.contains_key("anyOf") || schema.contains_key("oneOf") || schema.contains_key("allOf") {
            return None;
        }
        let mut out = Map::new();
        let mut branches = Vec::new();
        let mut seen: Vec<&str> = Vec::with_capacity(TYPES.len());
        for kind in kinds {
            // Each once: there are no more than have a name.
            let kind = kind.as_str().filter(|kind| TYPES.contains(kind) && !seen.contains(kind))?;
            seen.push(kind);
            self.count()?;
            let mut branch = Map::new();
            branch.insert("type".to_owned(), kind.into());
            let mut told = Vec::new();
            let mut is_left = true;
            for (keyword, value) in schema.iter().filter(|(keyword, _)| *keyword != "type") {
                match keyword.as_str() {
                    "description" | "title" | "default" | "$defs" | "definitions" => {}
                    "enum" => {
                        let own: Vec<Value> =
                            value.as_array()?.iter().filter(|value| is_of(value, kind)).cloned().collect();
                        branch.insert("enum".to_owned(), own.into());
                    }
                    "const" if !is_of(value, kind) => is_left = false,
                    _ if !concerns(keyword, kind) => {}
                    _ => {
                        if !self.keyword(schema, keyword, value, &mut branch)? {
                            told.push(self.told(keyword, value)?);
                        }
                    }
                }
            }
            if !is_left || branch.get("enum").and_then(Value::as_array).is_some_and(Vec::is_empty) {
                continue;
            }
            if kind == "object" {
                self.close(schema, &mut branch)?;
            }
            if !told.is_empty() {
                describe(&mut branch, &format!("{{{}}}", told.join(", ")));
            }
            branches.push(Value::Object(branch));
        }
        for keyword in ["title", "description", "default", "$defs", "definitions"] {
            if let Some((keyword, value)) = schema.get_key_value(keyword) {
                self.keyword(schema, keyword, value, &mut out)?;
            }
        }
        out.insert("anyOf".to_owned(), branches.into());
        Some(Value::Object(out))
    }

    /// An object has the properties that it names and no others.
    fn close(&mut self, schema: &Map<String, Value>, out: &mut Map<String, Value>) -> Option<()> {
        out.entry("type").or_insert_with(|| "object".into());
        let names_any = out.get("properties").and_then(Value::as_object).is_some_and(|known| !known.is_empty());
        match schema.get("additionalProperties") {
            Some(Value::Bool(false)) => {}
            // Nothing but `{}` could ever be answered.
            _ if !names_any => return None,
            None | Some(Value::Bool(true)) => {}
            Some(_) => return None,
        }
        out.insert("additionalProperties".to_owned(), false.into());
        Some(())
    }

    fn named(&mut self, named: &'v Map<String, Value>) -> Option<Value> {
        let mut out = Map::new();
        for (name, schema) in named {
            out.insert(name.clone(), self.node(schema)?);
        }
        Some(Value::Object(out))
    }

    fn definitions(&mut self, named: &'v Map<String, Value>) -> Option<Value> {
        let mut out = Map::new();
        for (name, schema) in named {
            let outer = self.owner.replace(name);
            let written = self.node(schema);
            self.owner = outer;
            out.insert(name.clone(), written?);
        }
        Some(Value::Object(out))
    }

    fn list(&mut self, list: &'v [Value]) -> Option<Value> {
        list.iter().map(|schema| self.node(schema)).collect::<Option<Vec<Value>>>().map(Value::Array)
    }
}

/// The names that are required and can be there, each once.
fn required(schema: &Map<String, Value>, names: &Value) -> Option<Value> {
    let known = schema.get("properties").and_then(Value::as_object);
    let mut seen = HashSet::new();
    let mut out = Vec::new();
    for name in names.as_array()?.iter().filter_map(Value::as_str) {
        if known.is_some_and(|known| known.contains_key(name)) && seen.insert(name) {
            out.push(name.into());
        }
    }
    Some(Value::Array(out))
}

fn is_scalar(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

/// Whether a value is of that type.
fn is_of(value: &Value, kind: &str) -> bool {
    match value {
        Value::Null => kind == "null",
        Value::Bool(_) => kind == "boolean",
        Value::Number(number) => kind == "number" || (kind == "integer" && !number.is_f64()),
        Value::String(_) => kind == "string",
        Value::Array(_) => kind == "array",
        Value::Object(_) => kind == "object",
    }
}

/// Whether a keyword says something of values of that type.
fn concerns(keyword: &str, kind: &str) -> bool {
    match keyword {
        "properties"
        | "required"
        | "additionalProperties"
        | "patternProperties"
        | "minProperties"
        | "maxProperties"
        | "propertyNames"
        | "dependentRequired"
        | "dependentSchemas" => kind == "object",
        "items" | "prefixItems" | "minItems" | "maxItems" | "uniqueItems" | "contains" => kind == "array",
        "minLength" | "maxLength" | "pattern" | "format" => kind == "string",
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
            matches!(kind, "number" | "integer")
        }
        _ => true,
    }
}
