//! A value that fits a JSON Schema, made simply: for tool arguments and structured answers.

use serde_json::{Map, Value};

/// A value for a schema: every property of an object, the first of an enumeration. A schema is free-form, hence `Value`.
pub(super) fn sample(schema: &Value, text: &str) -> Value {
    at_depth(schema, schema, text, MAX_DEPTH)
}

const MAX_DEPTH: usize = 16;

fn at_depth(schema: &Value, root: &Value, text: &str, depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    if let Some(first) = schema.get("enum").and_then(Value::as_array).and_then(|values| values.first()) {
        return first.clone();
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#')) {
        return root.pointer(target).map_or(Value::Null, |schema| at_depth(schema, root, text, depth));
    }
    for several in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema.get(several).and_then(Value::as_array).and_then(|schemas| schemas.first()) {
            return at_depth(first, root, text, depth);
        }
    }
    match kind(schema) {
        "string" => Value::String(text.to_owned()),
        "integer" | "number" => Value::Number(schema.get("minimum").and_then(Value::as_i64).unwrap_or(1).into()),
        "boolean" => Value::Bool(true),
        "array" => {
            let items = schema.get("items").map(|items| at_depth(items, root, text, depth));
            Value::Array(items.into_iter().collect())
        }
        "null" => Value::Null,
        _ => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let members = properties.into_iter().flatten();
            Value::Object(Map::from_iter(
                members.map(|(name, schema)| (name.clone(), at_depth(schema, root, text, depth))),
            ))
        }
    }
}

fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str).unwrap_or("object"),
        _ => "object",
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn fills_every_property_by_its_type() {
        let schema: Value = serde_json::from_str(
            r##"{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"},"unit":{"enum":["C","F"]},
            "tags":{"type":"array","items":{"type":["boolean","null"]}},"place":{"$ref":"#/$defs/p"},"x":{"anyOf":[{"type":"null"}]}},
            "$defs":{"p":{"type":"object","properties":{"lat":{"type":"number","minimum":3}}}}}"##,
        )
        .unwrap();
        assert_eq!(
            sample(&schema, "hi").to_string(),
            r#"{"city":"hi","days":1,"unit":"C","tags":[true],"place":{"lat":3},"x":null}"#
        );
    }

    #[test]
    fn a_recursive_schema_ends() {
        let schema: Value = serde_json::from_str(r##"{"properties":{"next":{"$ref":"#"}}}"##).unwrap();
        assert!(sample(&schema, "").to_string().len() < 200);
    }
}
