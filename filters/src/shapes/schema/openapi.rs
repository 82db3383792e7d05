//! Schemas as Google's older `Schema` has them: a part of OpenAPI 3.0, without references. To and from JSON Schema.

use serde_json::{Map, Value, json};

use super::google::{SILENT, lower, merge, required};
use super::refs;
use super::repair::describe;

/// Schemas inside of one schema that are written; what lies behind them is any object.
const MAX_NODES: usize = 5_000;

/// How deep schemas may nest; each level takes two of the JSON.
const MAX_DEPTH: usize = 50;

/// How much of what has no keyword is told in one description, in bytes.
const MAX_TOLD: usize = 2_000;

/// Keywords that go on as they are.
const KEPT: [&str; 14] = [
    "title",
    "description",
    "nullable",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "propertyOrdering",
    "example",
];

/// Formats that are known there.
const FORMATS: [&str; 6] = ["enum", "date-time", "float", "double", "int32", "int64"];

/// A JSON Schema in that form, and whether it says less than before.
pub(super) fn from_json_schema(schema: &Map<String, Value>) -> (Map<String, Value>, bool) {
    let mut writer = Writer { root: schema, open: Vec::new(), nodes: 0, depth: 0, lossy: false };
    let out = writer.object(schema);
    (out, writer.lossy)
}

struct Writer<'v> {
    root: &'v Map<String, Value>,
    /// The references that are being followed.
    open: Vec<&'v Value>,
    nodes: usize,
    depth: usize,
    lossy: bool,
}

impl<'v> Writer<'v> {
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
            return self.any_object();
        }
        self.depth += 1;
        let mut out = match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.reference(reference),
            None => Map::new(),
        };
        let mut told = Vec::new();
        for (keyword, value) in schema {
            if !self.keyword(keyword, value, &mut out) {
                told.push(format!("{keyword}: {value}"));
            }
        }
        for branch in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            let branch = self.node(branch);
            merge(&mut out, branch);
        }
        if let Some(names) = out.shift_remove("required") {
            let known = out.get("properties").and_then(Value::as_object);
            let kept: Vec<Value> = names.as_array().into_iter().flatten().cloned().collect();
            let is_known =
                |name: &Value| known.is_some_and(|known| name.as_str().is_some_and(|name| known.contains_key(name)));
            let kept: Vec<Value> = kept.into_iter().filter(is_known).collect();
            if !kept.is_empty() {
                out.insert("required".to_owned(), kept.into());
            }
        }
        if !told.is_empty() {
            self.lossy = true;
            let told = told.join(", ");
            if told.len() <= MAX_TOLD {
                describe(&mut out, &format!("{{{told}}}"));
            }
        }
        self.depth -= 1;
        out
    }

    fn any_object(&mut self) -> Map<String, Value> {
        self.lossy = true;
        Map::from_iter([("type".to_owned(), "object".into())])
    }

    /// What a reference names, in its place. One that leads to itself is any object.
    fn reference(&mut self, reference: &str) -> Map<String, Value> {
        let named = refs::definition(reference);
        let Some(found) = named.and_then(|(place, name)| self.root.get(place)?.get(name)) else {
            return self.any_object();
        };
        if self.open.iter().any(|open| std::ptr::eq(*open, found)) {
            return self.any_object();
        }
        self.open.push(found);
        let written = self.node(found);
        self.open.pop();
        written.as_object().cloned().unwrap_or_default()
    }

    /// Writes one keyword; `false` when it has no place and is to be told in words.
    fn keyword(&mut self, keyword: &'v str, value: &'v Value, out: &mut Map<String, Value>) -> bool {
        let written = match keyword {
            "$ref" | "$defs" | "definitions" | "allOf" | "additionalProperties" | "$id" | "$anchor" => return true,
            "type" => return kinds(value, out),
            "enum" => {
                let Some(values) = value.as_array() else { return true };
                self.words(values, out);
                return true;
            }
            "const" => {
                self.words(std::slice::from_ref(value), out);
                return true;
            }
            "properties" => {
                let mut named = Map::new();
                for (name, schema) in value.as_object().into_iter().flatten() {
                    let schema = self.node(schema);
                    named.insert(name.clone(), schema);
                }
                // Some versions refuse an empty one.
                if named.is_empty() {
                    return true;
                }
                named.into()
            }
            "items" if value.is_object() || value.is_boolean() => self.node(value),
            "required" => required(value),
            "anyOf" | "oneOf" => {
                let Some(list) = value.as_array() else { return true };
                let is_null = |schema: &Value| schema.get("type").is_some_and(|kind| kind == "null");
                if list.iter().any(is_null) {
                    out.insert("nullable".to_owned(), true.into());
                }
                let branches: Vec<Value> =
                    list.iter().filter(|schema| !is_null(schema)).map(|schema| self.node(schema)).collect();
                out.insert("anyOf".to_owned(), branches.into());
                return true;
            }
            "format" if value.as_str().is_some_and(|format| FORMATS.contains(&format)) => value.clone(),
            keyword if KEPT.contains(&keyword) => value.clone(),
            // Draft 4 had a boolean.
            "exclusiveMinimum" | "exclusiveMaximum" if value.is_boolean() => return true,
            keyword => return SILENT.contains(&keyword),
        };
        out.insert(keyword.to_owned(), written);
        true
    }

    /// Values that are allowed, which are texts there.
    fn words(&mut self, values: &[Value], out: &mut Map<String, Value>) {
        if values.iter().any(Value::is_null) {
            out.insert("nullable".to_owned(), true.into());
        }
        let words: Vec<Value> = values
            .iter()
            .filter(|value| !value.is_null())
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned).into())
            .collect();
        if words.is_empty() {
            return;
        }
        self.lossy |= values.iter().any(|value| !value.is_string() && !value.is_null());
        out.insert("type".to_owned(), "string".into());
        out.insert("enum".to_owned(), words.into());
    }
}

/// Writes a type, or several.
fn kinds(value: &Value, out: &mut Map<String, Value>) -> bool {
    // An enumeration has said it.
    if out.contains_key("enum") {
        return true;
    }
    match lower(value) {
        Value::Array(kinds) => {
            if kinds.iter().any(|kind| kind == "null") {
                out.insert("nullable".to_owned(), true.into());
            }
            let kinds: Vec<Value> = kinds.into_iter().filter(|kind| kind != "null").collect();
            match kinds.as_slice() {
                [] => {}
                [kind] => drop(out.insert("type".to_owned(), kind.clone())),
                kinds => {
                    let branches: Vec<Value> = kinds.iter().map(|kind| json!({"type": kind})).collect();
                    out.insert("anyOf".to_owned(), branches.into());
                }
            }
        }
        kind => drop(out.insert("type".to_owned(), kind)),
    }
    true
}

/// A schema of that form as JSON Schema. What is one already stays as it is.
pub(super) fn to_json_schema(schema: &Value) -> Value {
    let Value::Object(schema) = schema else { return schema.clone() };
    let mut out = Map::new();
    let is_nullable = schema.get("nullable") == Some(&Value::Bool(true));
    for (keyword, value) in schema {
        let keyword = plain_name(keyword);
        let written = match keyword {
            "type" => match value.as_str() {
                Some("TYPE_UNSPECIFIED") => continue,
                _ => lower(value),
            },
            "nullable" | "propertyOrdering" | "example" => continue,
            // That of an enumeration only says that it is one.
            "format" if value == "enum" => continue,
            "properties" | "$defs" => named(value),
            "items" | "additionalProperties" => to_json_schema(value),
            "anyOf" | "prefixItems" => {
                value.as_array().into_iter().flatten().map(to_json_schema).collect::<Vec<_>>().into()
            }
            // 64-bit integers may come as text.
            "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties" => {
                value.as_str().and_then(|text| text.parse::<u64>().ok()).map_or_else(|| value.clone(), Value::from)
            }
            _ => value.clone(),
        };
        out.insert(keyword.to_owned(), written);
    }
    if is_nullable {
        match out.get_mut("type") {
            Some(kind) if kind.is_string() => *kind = json!([kind.take(), "null"]),
            _ => {
                if let Some(Value::Array(branches)) = out.get_mut("anyOf") {
                    branches.push(json!({"type": "null"}));
                }
            }
        }
        if let Some(Value::Array(words)) = out.get_mut("enum") {
            words.push(Value::Null);
        }
    }
    out.into()
}

fn named(value: &Value) -> Value {
    let named = value.as_object().into_iter().flatten();
    named.map(|(name, schema)| (name.clone(), to_json_schema(schema))).collect::<Map<_, _>>().into()
}

/// The keyword in JSON Schema's own spelling.
fn plain_name(keyword: &str) -> &str {
    match keyword {
        "any_of" => "anyOf",
        "min_items" => "minItems",
        "max_items" => "maxItems",
        "min_length" => "minLength",
        "max_length" => "maxLength",
        "min_properties" => "minProperties",
        "max_properties" => "maxProperties",
        "property_ordering" => "propertyOrdering",
        "additional_properties" => "additionalProperties",
        "prefix_items" => "prefixItems",
        "ref" => "$ref",
        "defs" => "$defs",
        keyword => keyword,
    }
}
