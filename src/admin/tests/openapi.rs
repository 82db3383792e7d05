//! The OpenAPI document against the code: the same endpoints, and every answer of the other tests as it says.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::*;
use crate::admin::endpoints::PLACES;
use crate::admin::tests::schema::Schemas;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_slice(crate::admin::openapi::document().bytes()).expect("the document is JSON"));

/// A client's own endpoint, which the proxy routes.
const CLIENTS: &str = "/v1/key";

/// Holds an answer, and the body it answers, to the document.
pub(super) fn hold(method: &Method, path: &str, body: &str, response: &AdminResponse) {
    let place = PLACES.iter().map(|place| place.path).chain([CLIENTS]).find(|template| fits(template, path));
    let Some(place) = place else {
        return assert_eq!(response.status, 404, "{path}");
    };
    let method = if method == Method::HEAD { "get".to_owned() } else { method.as_str().to_lowercase() };
    let operation = &DOCUMENT["paths"][place][&method];
    if operation.is_null() {
        return assert_eq!(response.status, 405, "{method} {path}");
    }
    let (schemas, what) = (Schemas(&DOCUMENT), format!("{method} {path} -> {}", response.status));
    let answer = schemas.resolve(&operation["responses"][response.status.as_str()]);
    assert!(answer.is_object(), "{what} is not in the document");
    if let Some(schema) = answer.pointer("/content/application~1json/schema") {
        let body: Value = serde_json::from_slice(response.bytes()).unwrap();
        assert_eq!(schemas.problems(schema, &body), [""; 0], "{what}: {body}");
    } else {
        let content_type = response.headers.get("content-type").unwrap().to_str().unwrap();
        assert!(answer["content"].get(content_type).is_some(), "{what}: {content_type}");
    }
    for (name, value) in &response.headers {
        let is_common = ["content-type", "cache-control", "content-disposition"].contains(&name.as_str());
        assert!(is_common || answer["headers"].get(name.as_str()).is_some(), "{what}: {name}: {value:?}");
    }
    if response.status.is_success()
        && let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema")
        && !body.is_empty()
    {
        assert_eq!(schemas.problems(schema, &serde_json::from_str(body).unwrap()), [""; 0], "{what}: {body}");
    }
}

fn fits(template: &str, path: &str) -> bool {
    let path = if path == "/admin/" { "/admin" } else { path };
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some("{id}"), Some(part)) if !part.is_empty() => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

#[test]
fn the_document_has_every_endpoint_and_no_other() {
    let of_code: BTreeSet<String> = PLACES
        .iter()
        .flat_map(|place| place.endpoints.iter().map(|endpoint| format!("{} {}", endpoint.method, place.path)))
        .chain([format!("GET {CLIENTS}")])
        .collect();
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let of_document: BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, operations)| {
            operations.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    assert_eq!(of_code, of_document);
}

#[test]
fn every_part_is_described_and_every_example_is_right() {
    let schemas = Schemas(&DOCUMENT);
    let all = DOCUMENT["components"]["schemas"].as_object().unwrap();
    let mut used = BTreeSet::new();
    schemas.references(&DOCUMENT, &mut used);
    for (name, schema) in all {
        assert!(used.contains(name.as_str()), "{name} is used nowhere");
        let examples = schema["examples"].as_array().unwrap_or_else(|| panic!("{name} has no example"));
        for example in examples {
            assert_eq!(schemas.problems(schema, example), [""; 0], "{name}");
        }
        schemas.assert_described(name, schema);
    }
    let operations =
        DOCUMENT["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let mut ids = BTreeSet::new();
    for operation in operations {
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{operation}");
        assert!(!operation["summary"].as_str().unwrap().is_empty());
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{parameter}");
        }
    }
}

#[tokio::test]
async fn the_document_needs_no_key_and_names_the_version() {
    let house = house();
    let document = told(&get("/admin/openapi.json").send_as(&house, "").await, 200);
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}

/// The parameters in the document are those that the code knows: unknown ones are refused by name.
#[tokio::test]
async fn every_parameter_of_the_document_is_known_to_the_code() {
    let house = house();
    for (path, operations) in DOCUMENT["paths"].as_object().unwrap() {
        if path.contains('{') || path == CLIENTS {
            continue;
        }
        let Some(parameters) = operations["get"]["parameters"].as_array() else { continue };
        let target = format!("{path}?no_such_parameter_at_all=1");
        let error = told(&get(&target).send(&house).await, 400);
        let message = error["error"]["message"].as_str().unwrap().to_owned();
        let known: BTreeSet<&str> = message.split('`').skip(3).step_by(2).collect();
        let documented: BTreeSet<&str> =
            parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
        assert_eq!(known, documented, "{path}: {message}");
    }
}
