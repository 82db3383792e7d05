//! Schemas of tools and of answers: JSON in, JSON out.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn tool(schema: &Value) -> (Value, bool) {
    let schema = Json::of(schema);
    let fitted = of_tool(Some(&schema));
    (serde_json::from_str(fitted.schema.raw()).unwrap(), fitted.lossy)
}

fn output(schema: &Value) -> Option<(Value, bool)> {
    let schema = Json::of(schema);
    adapted(&schema).map(|adapted| (serde_json::from_str(adapted.schema.raw()).unwrap(), adapted.lossy))
}

/// A closed object of these properties.
fn closed(properties: Value) -> Value {
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

#[test]
fn a_sound_schema_goes_byte_for_byte() {
    for schema in [
        r#"{ "type" : "object" }"#,
        r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"a":{"type":["string","null"],"const":1e400,"exclusiveMinimum":5},"required":{"type":"boolean"}},"required":["a","b"],"additionalProperties":true}"#,
        r#"{"type":"object","properties":{"a":{"anyOf":[{"type":"string"},{"oneOf":[{"not":{"enum":[true]}}]}],"default":true,"enum":[true,false]}}}"#,
    ] {
        let json = Json::parse(schema).unwrap();
        let fitted = of_tool(Some(&json));
        assert_eq!((fitted.schema.raw(), fitted.lossy), (schema, false));
    }
}

#[test]
fn a_tool_without_a_schema_takes_nothing() {
    let empty = r#"{"type":"object","properties":{}}"#;
    assert_eq!(of_tool(None).schema.raw(), empty);
    for (schema, lossy) in [("null", false), ("true", false), ("[]", true), ("\"x\"", true)] {
        let json = Json::parse(schema).unwrap();
        let fitted = of_tool(Some(&json));
        assert_eq!((fitted.schema.raw(), fitted.lossy), (empty, lossy), "{schema}");
    }
    assert_eq!(tool(&json!({})), (json!({"type": "object"}), false));
}

#[test]
fn pitfall_55_names_are_required_once() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "object", "required": ["x", "y", "x"]}}, "required": ["a", "a"]});
    let expected =
        json!({"type": "object", "properties": {"a": {"type": "object", "required": ["x", "y"]}}, "required": ["a"]});
    assert_eq!(tool(&schema), (expected, false));
    let draft_3 = json!({"type": "object", "properties": {"a": {"type": "string", "required": true}}});
    assert_eq!(tool(&draft_3).0, json!({"type": "object", "properties": {"a": {"type": "string"}}}));
}

#[test]
fn older_drafts_are_put_right() {
    let schema = json!({"type": "object", "properties": {
        "a": {"type": "number", "minimum": 1, "exclusiveMinimum": true, "maximum": 5, "exclusiveMaximum": false},
        "b": {"type": "array", "items": [{"type": "string"}, true], "additionalItems": {"type": "number"}},
        "c": true,
        "d": {"type": "array", "items": true},
    }});
    let expected = json!({"type": "object", "properties": {
        "a": {"type": "number", "exclusiveMinimum": 1, "maximum": 5},
        "b": {"type": "array", "prefixItems": [{"type": "string"}, {}], "items": {"type": "number"}},
        "c": {},
        "d": {"type": "array", "items": {}},
    }});
    assert_eq!(tool(&schema), (expected, false));
}

#[test]
fn a_root_that_is_no_object_is_wrapped() {
    let (schema, lossy) = tool(&json!({"type": "array", "items": {"type": "string"}}));
    assert!(lossy);
    assert_eq!(schema["properties"]["value"], json!({"type": "array", "items": {"type": "string"}}));
    assert_eq!(tool(&json!({"type": ["object", "null"]})), (json!({"type": "object"}), false));
    assert_eq!(tool(&json!({"properties": {}})), (json!({"properties": {}, "type": "object"}), false));
}

#[test]
fn alternatives_at_the_root_become_its_properties() {
    let (schema, lossy) = tool(&json!({
        "definitions": {"B": {"type": "object", "properties": {"id": {"type": "number"}, "b": {}}, "required": ["id", "b"]}},
        "anyOf": [{"type": "object", "properties": {"id": {"type": "string"}, "a": {}}, "required": ["id", "a"]}, {"$ref": "#/definitions/B"}],
    }));
    assert!(lossy && schema.get("anyOf").is_none());
    assert_eq!(schema["type"], "object");
    assert_eq!(
        schema["properties"],
        json!({"id": {"anyOf": [{"type": "string"}, {"type": "number"}]}, "a": {}, "b": {}})
    );
    assert_eq!(schema["required"], json!(["id"]));
    assert!(schema["description"].as_str().unwrap().starts_with("anyOf: ["));
    let (schema, _) =
        tool(&json!({"type": "object", "properties": {"a": {}}, "allOf": [{"required": ["a"]}, {"required": ["b"]}]}));
    assert_eq!(schema["required"], json!(["a", "b"]));
}

#[test]
fn a_schema_in_the_subset_goes_byte_for_byte() {
    let schema = r##"{ "type":"object", "properties":{"a":{"$ref":"#/$defs/A"},"b":{"type":"array","items":{"type":"string","format":"uuid"},"minItems":1},"c":{"enum":[1,"x",null]}}, "required":["b"], "additionalProperties":false, "$defs":{"A":{"type":"object","properties":{},"additionalProperties":false}} }"##;
    let json = Json::parse(schema).unwrap();
    let found = adapted(&json).unwrap();
    assert_eq!((found.schema.raw(), found.lossy), (schema, false));
    assert!(is_strict(&json));
}

#[test]
fn objects_are_closed_and_annotations_left_out() {
    let schema = json!({"$schema": "x", "$id": "y", "title": "T", "type": "object", "properties": {
        "a": {"type": "string", "examples": ["x"], "default": "d"},
        "b": {"properties": {"c": true}},
    }, "required": ["a", "a", "zz"], "additionalProperties": true});
    let expected = json!({"title": "T", "type": "object", "properties": {
        "a": {"type": "string", "default": "d"},
        "b": {"properties": {"c": {}}, "type": "object", "additionalProperties": false},
    }, "required": ["a"], "additionalProperties": false});
    assert_eq!(output(&schema), Some((expected, false)));
    assert!(!is_strict(&Json::of(&schema)));
}

#[test]
fn pitfall_56_what_cannot_be_enforced_is_told_in_the_description() {
    let schema = closed(json!({
        "a": {"type": "string", "pattern": "^x", "maxLength": 3, "description": "An a."},
        "b": {"type": "array", "items": {"type": "number", "multipleOf": 2}, "minItems": 2, "uniqueItems": true},
        "c": {"type": "string", "format": "regex"},
    }));
    let expected = closed(json!({
        "a": {"type": "string", "description": "An a.\n\n{pattern: \"^x\", maxLength: 3}"},
        "b": {"type": "array", "items": {"type": "number", "description": "{multipleOf: 2}"}, "description": "{minItems: 2, uniqueItems: true}"},
        "c": {"type": "string", "description": "{format: \"regex\"}"},
    }));
    assert_eq!(output(&schema), Some((expected, true)));
}

#[test]
fn unions_become_alternatives() {
    let schema = closed(json!({
        "a": {"type": ["string", "null"], "description": "d", "format": "date", "enum": ["x", null, 5]},
        "b": {"oneOf": [{"type": "string"}, {"type": ["object", "null"], "properties": {"x": {"type": "string"}}}]},
        "c": {"type": ["integer", "string"], "minimum": 1},
    }));
    let expected = closed(json!({
        "a": {"description": "d", "anyOf": [{"type": "string", "format": "date", "enum": ["x"]}, {"type": "null", "enum": [null]}]},
        "b": {"anyOf": [{"type": "string"}, {"anyOf": [
            {"type": "object", "properties": {"x": {"type": "string"}}, "additionalProperties": false}, {"type": "null"}]}]},
        "c": {"anyOf": [{"type": "integer", "description": "{minimum: 1}"}, {"type": "string"}]},
    }));
    assert_eq!(output(&schema), Some((expected, true)));
}

#[test]
fn what_would_mean_something_else_in_the_subset_is_not_brought_there() {
    for schema in [
        json!({"type": "array", "items": {"type": "string"}}),
        json!({"type": "string"}),
        json!({"type": "object"}),
        json!({"type": "object", "properties": {}, "additionalProperties": {"type": "string"}}),
        closed(json!({"a": {"type": "object"}})),
        closed(json!({"a": {"type": "object", "patternProperties": {"^x": {}}}})),
        closed(json!({"a": {"prefixItems": [{}]}})),
        closed(json!({"a": false})),
        closed(json!({"a": {"enum": [{"x": 1}]}})),
        closed(json!({"a": {"allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]}})),
        closed(json!({"a": {"$ref": "https://example.com/schema"}})),
        closed(json!({"a": {"$ref": "#/$defs/missing"}})),
        closed(json!({"a": {"$ref": "#"}})),
    ] {
        assert_eq!(output(&schema), None, "{schema}");
    }
}

#[test]
fn recursion_is_found() {
    let with = |a: Value, b: Value| {
        json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "additionalProperties": false,
            "$defs": {"A": closed(json!({"b": a})), "B": closed(json!({"a": b}))}})
    };
    assert_eq!(output(&with(json!({"$ref": "#/$defs/A"}), json!({}))), None);
    assert_eq!(output(&with(json!({"$ref": "#/$defs/B"}), json!({"$ref": "#/$defs/A"}))), None);
    assert!(output(&with(json!({"$ref": "#/$defs/B"}), json!({"type": "string"}))).is_some());
    // What older generators wrote beside a description.
    let schema = with(json!({"description": "d", "allOf": [{"$ref": "#/$defs/B"}]}), json!({"type": "string"}));
    let described = json!({"description": "d", "anyOf": [{"$ref": "#/$defs/B"}]});
    assert_eq!(output(&schema).unwrap().0["$defs"]["A"]["properties"]["b"], described);
}

#[test]
fn pitfall_58_strange_names_and_deep_nesting_do_no_harm() {
    let text = r#"{"type":"object","properties":{"__proto__":{"type":"string"},"constructor":{"type":"string","maxLength":1},"required":{"type":"string"}},"required":["__proto__","__proto__"]}"#;
    let json = Json::parse(text).unwrap();
    let repaired: Value = serde_json::from_str(of_tool(Some(&json)).schema.raw()).unwrap();
    assert_eq!(repaired["properties"]["__proto__"], json!({"type": "string"}));
    assert_eq!(repaired["required"], json!(["__proto__"]));
    let found = adapted(&json).unwrap();
    assert!(found.schema.raw().contains(r#""__proto__":{"type":"string"}"#));
    // As deep as a body may nest.
    let mut deep = json!({"type": "string", "required": ["a", "a"]});
    for _ in 0..60 {
        deep = closed(json!({"a": deep}));
    }
    assert!(tool(&deep).0.is_object());
    assert!(output(&deep).is_some());
    let wide: Value = (0..20_000)
        .map(|number| (number.to_string(), json!({"type": "string"})))
        .collect::<serde_json::Map<_, _>>()
        .into();
    assert!(!tool(&closed(wide.clone())).1);
    assert_eq!(output(&closed(wide)), None, "too many to be worth it");
}

proptest! {
    #[test]
    fn whatever_comes_the_result_is_an_object_schema_that_needs_no_more(schema in schema_like()) {
        let (repaired, _) = tool(&schema);
        prop_assert_eq!(&repaired["type"], "object");
        let again = tool(&repaired).0;
        prop_assert_eq!(&again, &repaired);
        if let Some((adapted, _)) = output(&schema) {
            let (again, lossy) = output(&adapted).expect("what is in the subset stays there");
            prop_assert_eq!(again, adapted);
            prop_assert!(!lossy);
        }
    }
}

/// JSON that is made of the words of schemas.
fn schema_like() -> impl Strategy<Value = Value> {
    let key = "type|properties|required|items|anyOf|oneOf|allOf|enum|const|format|description|minimum|exclusiveMinimum|minItems|additionalProperties|\\$ref|\\$defs|a|b";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0_u8..3).prop_map(Value::from),
        "object|array|string|null|a|b|date|#/\\$defs/a".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn a_schema_does_not_grow_beyond_a_small_multiple_of_itself() {
    let of_a = |a: Value| output(&closed(json!({"a": a})));
    assert_eq!(of_a(json!({"type": ["string", "string"]})), None, "a type that is repeated");
    let long = "x".repeat(100_000);
    assert_eq!(of_a(json!({"type": vec!["string"; 100_000], "pattern": long})), None);
    let all = ["string", "number", "integer", "boolean", "null", "array"];
    for schema in [
        json!({"type": all, "not": {"const": long}}),
        json!({"type": all, "const": long}),
        json!({"type": all, "enum": [long, 1, 2.5]}),
        json!({"type": ["string", "null"], "pattern": long}),
    ] {
        let size = schema.to_string().len();
        let sent = of_a(schema).map_or(0, |(sent, _)| sent.to_string().len());
        assert!(sent <= 4 * size + 5_000, "{sent}");
    }
    let (sent, _) = of_a(json!({"type": ["string", "null"], "const": "x"})).unwrap();
    assert_eq!(sent["properties"]["a"], json!({"anyOf": [{"type": "string", "const": "x"}]}));
    let unions = vec![json!({"type": all}); 3_000];
    assert_eq!(of_a(json!({"anyOf": unions})), None, "each branch is a schema");
}

#[test]
fn large_schemas_take_time_in_proportion() {
    let names: Vec<String> = (0..20_000).map(|n| format!("n{n}")).collect();
    let properties: serde_json::Map<String, Value> = names.iter().map(|name| (name.clone(), json!({}))).collect();
    let begun = std::time::Instant::now();
    let mut schema = closed(Value::Object(properties));
    schema["required"] = json!([names.clone(), names.clone()].concat());
    assert_eq!(tool(&schema).0["required"].as_array().unwrap().len(), 20_000);
    assert!(output(&schema).is_none(), "too many schemas");

    let mut definitions = serde_json::Map::new();
    for n in 0..9_000 {
        definitions.insert(format!("d{n}"), closed(json!({"a": {"$ref": format!("#/$defs/d{}", n + 1)}})));
    }
    definitions.insert("d9000".to_owned(), json!({"type": "string"}));
    let mut chain = closed(json!({"a": {"$ref": "#/$defs/d0"}}));
    chain["$defs"] = Value::Object(definitions);
    let _ = output(&chain);

    let branches: Vec<Value> = (0..20_000).map(|n| json!({"properties": {"a": {"const": n}}})).collect();
    let _ = tool(&json!({"type": "object", "anyOf": branches}));
    let all_of = vec![json!({"$ref": "#/$defs/d"}); 20_000];
    let (sent, _) = tool(&json!({"type": "object", "allOf": all_of, "$defs": {"d": {"required": names}}}));
    assert_eq!(sent["required"].as_array().unwrap().len(), 20_000);
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[test]
fn what_stands_beside_a_reference_is_kept_or_told() {
    let with = |a: Value| {
        let mut schema = closed(json!({"a": a}));
        schema["$defs"] = json!({"d": {"type": "string"}});
        let (sent, lossy) = output(&schema).unwrap();
        (sent["properties"]["a"].clone(), lossy)
    };
    let reference = json!({"$ref": "#/$defs/d"});
    assert_eq!(with(reference.clone()), (reference.clone(), false));
    let wrapped = json!({"description": "D", "default": "x", "anyOf": [reference]});
    assert_eq!(with(json!({"$ref": "#/$defs/d", "description": "D", "default": "x"})), (wrapped.clone(), false));
    assert_eq!(with(json!({"allOf": [reference], "description": "D", "default": "x"})), (wrapped, false));
    assert_eq!(with(json!({"$ref": "#/$defs/d", "minLength": 2})), (reference.clone(), true));
    assert_eq!(with(json!({"allOf": [{"$ref": "#/$defs/d", "minLength": 2}]})), (reference, true));
}
