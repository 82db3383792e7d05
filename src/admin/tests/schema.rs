//! As much of JSON Schema as the OpenAPI document uses; a keyword beyond that is a problem itself.

use std::collections::BTreeSet;

use serde_json::Value;

/// Keywords that say something about a value, and those that only tell people something.
const KEYWORDS: [&str; 22] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "oneOf",
    "$ref",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "pattern",
    "format",
    "description",
    "examples",
    "default",
    "title",
    "const",
];

/// A document with schemas that refer to one another.
pub(super) struct Schemas<'a>(pub(super) &'a Value);

impl<'a> Schemas<'a> {
    /// What a reference stands for; all else is itself.
    pub(super) fn resolve(&self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
            Some(path) => self.0.pointer(path).unwrap_or_else(|| panic!("{path} is not there")),
            None => value,
        }
    }

    /// What of a value is not as the schema has it.
    pub(super) fn problems(&self, schema: &'a Value, value: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        self.check(schema, value, "", &mut problems);
        problems
    }

    fn check(&self, schema: &'a Value, value: &Value, path: &str, problems: &mut Vec<String>) {
        let schema = self.resolve(schema);
        let mut wrong = |what: String| problems.push(format!("{path}: {what}"));
        for keyword in schema.as_object().expect("a schema is an object").keys() {
            if !KEYWORDS.contains(&keyword.as_str()) {
                wrong(format!("the keyword {keyword} is not understood"));
            }
        }
        if !types(schema).iter().any(|kind| is_a(kind, value)) && !types(schema).is_empty() {
            wrong(format!("{value} is not of type {}", schema["type"]));
        }
        if let Some(allowed) = schema["enum"].as_array()
            && !allowed.contains(value)
        {
            wrong(format!("{value} is none of {}", schema["enum"]));
        }
        if let Some(number) = value.as_f64() {
            let bound = |name: &str| schema[name].as_f64();
            let is_within = bound("minimum").is_none_or(|least| number >= least)
                && bound("exclusiveMinimum").is_none_or(|least| number > least)
                && bound("maximum").is_none_or(|most| number <= most);
            if !is_within {
                wrong(format!("{value} is out of bounds"));
            }
        }
        let size = match value {
            Value::String(text) => Some((text.chars().count(), "minLength", "maxLength")),
            Value::Array(items) => Some((items.len(), "minItems", "maxItems")),
            _ => None,
        };
        if let Some((size, least, most)) = size {
            let size = size as u64;
            if schema[least].as_u64().is_some_and(|least| size < least)
                || schema[most].as_u64().is_some_and(|most| size > most)
            {
                wrong(format!("{value} is too short or too long"));
            }
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let fitting = choices.iter().filter(|choice| self.problems(choice, value).is_empty()).count();
            if fitting != 1 {
                wrong(format!("{value} fits {fitting} of the choices"));
            }
        }
        match value {
            Value::Object(members) => {
                for name in schema["required"].as_array().into_iter().flatten() {
                    if !members.contains_key(name.as_str().expect("names are texts")) {
                        wrong(format!("{name} is missing"));
                    }
                }
                for (name, member) in members {
                    let path = format!("{path}/{name}");
                    match schema["properties"].get(name) {
                        Some(schema) => self.check(schema, member, &path, problems),
                        None if schema["additionalProperties"] == Value::Bool(false) => {
                            problems.push(format!("{path}: is not in the schema"));
                        }
                        None => {}
                    }
                }
            }
            Value::Array(items) if schema["items"].is_object() => {
                for (index, item) in items.iter().enumerate() {
                    self.check(&schema["items"], item, &format!("{path}/{index}"), problems);
                }
            }
            _ => {}
        }
    }

    /// The names of all schemas that are referred to.
    pub(super) fn references(&self, value: &'a Value, names: &mut BTreeSet<&'a str>) {
        if let Some(name) = value["$ref"].as_str().and_then(|path| path.strip_prefix("#/components/schemas/")) {
            names.insert(name);
        }
        match value {
            Value::Object(members) => members.values().for_each(|member| self.references(member, names)),
            Value::Array(items) => items.iter().for_each(|item| self.references(item, names)),
            _ => {}
        }
    }

    /// Every property says what it is.
    pub(super) fn assert_described(&self, name: &str, schema: &'a Value) {
        let described = self.resolve(schema);
        assert!(described["description"].as_str().is_some_and(|text| !text.is_empty()), "{name} is not described");
        if schema["$ref"].is_string() {
            return;
        }
        for (property, schema) in schema["properties"].as_object().into_iter().flatten() {
            self.assert_described(&format!("{name}.{property}"), schema);
        }
    }
}

fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    }
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let document = serde_json::json!({"components": {"schemas": {"Name": {"type": "string", "minLength": 1}}}});
    let schema = serde_json::json!({
        "type": "object",
        "properties": {
            "name": {"$ref": "#/components/schemas/Name"},
            "age": {"type": ["integer", "null"], "minimum": 0},
            "kind": {"oneOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]},
            "list": {"type": "array", "items": {"type": "boolean"}},
        },
        "required": ["name"],
        "additionalProperties": false,
    });
    let schemas = Schemas(&document);
    let good = serde_json::json!({"name": "x", "age": null, "kind": "a", "list": [true]});
    assert_eq!(schemas.problems(&schema, &good), [""; 0]);
    let bad = serde_json::json!({"name": "", "age": -1, "kind": "b", "list": [1], "more": 1});
    assert_eq!(schemas.problems(&schema, &bad).len(), 5);
    assert_eq!(schemas.problems(&schema, &serde_json::json!({})).len(), 1);
    assert_eq!(schemas.problems(&serde_json::json!({"not": {}}), &good).len(), 1);
}
