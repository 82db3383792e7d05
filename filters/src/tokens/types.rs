//! The definitions of tools as OpenAI's models see them: types of TypeScript, which take far fewer tokens than JSON schemas.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Schemas nest this deep; what lies deeper is `any`.
const MAX_DEPTH: u32 = 16;

/// Writes a function as a type.
pub(super) fn function(out: &mut String, name: &str, description: Option<&str>, parameters: Option<&Value>) {
    comment(out, description, 0);
    let properties = parameters.and_then(|schema| schema.get("properties")?.as_object());
    match (parameters, properties.filter(|properties| !properties.is_empty())) {
        (Some(schema), Some(properties)) => {
            let _ = writeln!(out, "type {name} = (_: {{");
            members(out, schema, properties, 0);
            out.push_str("}) => any;\n\n");
        }
        _ => {
            let _ = write!(out, "type {name} = () => any;\n\n");
        }
    }
}

fn members(out: &mut String, schema: &Value, properties: &Map<String, Value>, depth: u32) {
    let required = schema.get("required").and_then(Value::as_array);
    for (name, property) in properties {
        comment(out, property.get("description").and_then(Value::as_str), depth);
        let is_required =
            required.is_some_and(|required| required.iter().any(|other| other.as_str() == Some(name.as_str())));
        indent(out, depth);
        let _ = write!(out, "{name}{}: ", if is_required { "" } else { "?" });
        kind(out, property, depth);
        out.push(',');
        if let Some(default) = property.get("default") {
            let _ = write!(out, " // default: {default}");
        }
        out.push('\n');
    }
}

fn kind(out: &mut String, schema: &Value, depth: u32) {
    if depth >= MAX_DEPTH {
        out.push_str("any");
        return;
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        join(out, values, |out, value| {
            let _ = write!(out, "{value}");
        });
        return;
    }
    if let Some(kinds) = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array) {
        join(out, kinds, |out, schema| kind(out, schema, depth));
        return;
    }
    match schema.get("type") {
        Some(Value::Array(kinds)) => join(out, kinds, |out, name| out.push_str(name.as_str().unwrap_or("any"))),
        Some(Value::String(name)) => match name.as_str() {
            "integer" => out.push_str("number"),
            "array" => {
                kind(out, schema.get("items").unwrap_or(&Value::Null), depth);
                out.push_str("[]");
            }
            "object" => object(out, schema, depth),
            other => out.push_str(other),
        },
        _ if schema.get("properties").is_some() => object(out, schema, depth),
        _ => out.push_str("any"),
    }
}

fn object(out: &mut String, schema: &Value, depth: u32) {
    match schema.get("properties").and_then(Value::as_object) {
        Some(properties) => {
            out.push_str("{\n");
            members(out, schema, properties, depth.saturating_add(1));
            indent(out, depth);
            out.push('}');
        }
        None => out.push_str("object"),
    }
}

fn join(out: &mut String, values: &[Value], mut write: impl FnMut(&mut String, &Value)) {
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push_str(" | ");
        }
        write(out, value);
    }
}

fn comment(out: &mut String, text: Option<&str>, depth: u32) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        indent(out, depth);
        let _ = writeln!(out, "// {text}");
    }
}

fn indent(out: &mut String, depth: u32) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}
