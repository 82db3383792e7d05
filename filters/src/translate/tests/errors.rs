//! Errors of providers as clients of the other shape are told of them.

use serde_json::Value;

use super::fixtures;
use super::recordings::{self, BOTH, assert_counted, recorded};
use crate::Shape;
use crate::neutral::{ApiError, ErrorClass};
use crate::shapes::{decode_error, encode_error, encode_error_event};

/// What an error's status alone stands for, when its words say nothing: as the table of failures of the gateway has it.
fn class_of_status(status: u64) -> ErrorClass {
    match status {
        400 => ErrorClass::BadRequest,
        401 | 403 => ErrorClass::OperatorAuth,
        404 => ErrorClass::OperatorModel,
        429 => ErrorClass::RateLimit,
        529 => ErrorClass::Overloaded,
        _ => ErrorClass::Upstream,
    }
}

/// Status, type and code that a client of that shape looks at.
fn seen(shape: Shape, class: ErrorClass) -> (u16, &'static str, Option<&'static str>) {
    match (shape, class) {
        (Shape::Chat, ErrorClass::BadRequest) => (400, "invalid_request_error", None),
        (Shape::Chat, ErrorClass::ContextOverflow) => (400, "invalid_request_error", Some("context_length_exceeded")),
        (Shape::Chat, ErrorClass::OperatorAuth) => (502, "server_error", Some("upstream_auth_error")),
        (Shape::Chat, ErrorClass::OperatorModel) => (502, "server_error", Some("upstream_model_not_found")),
        (Shape::Chat, ErrorClass::RateLimit) => (429, "rate_limit_error", Some("rate_limit_exceeded")),
        (Shape::Chat, ErrorClass::Overloaded) => (503, "service_unavailable_error", Some("server_is_overloaded")),
        (Shape::GenerateContent, ErrorClass::BadRequest | ErrorClass::ContextOverflow) => {
            (400, "INVALID_ARGUMENT", None)
        }
        (Shape::GenerateContent, ErrorClass::OperatorAuth | ErrorClass::OperatorModel) => (500, "INTERNAL", None),
        (Shape::GenerateContent, ErrorClass::RateLimit) => (429, "RESOURCE_EXHAUSTED", None),
        (Shape::GenerateContent, ErrorClass::Overloaded) => (503, "UNAVAILABLE", None),
        // Responses have chat's bodies.
        (Shape::Responses, class) => seen(Shape::Chat, class),
        (_, ErrorClass::BadRequest | ErrorClass::ContextOverflow) => (400, "invalid_request_error", None),
        (_, ErrorClass::OperatorAuth | ErrorClass::OperatorModel) => (502, "api_error", None),
        (_, ErrorClass::RateLimit) => (429, "rate_limit_error", None),
        (_, ErrorClass::Overloaded) => (529, "overloaded_error", None),
        (_, class) => panic!("no recorded error is {class}"),
    }
}

#[test]
fn pitfall_116_117_and_122_errors_of_one_shape_have_the_status_and_the_words_of_the_other() {
    let mut folders = BOTH.to_vec();
    folders.extend([
        ("count-tokens", Shape::Messages),
        ("responses", Shape::Responses),
        ("generate-content", Shape::GenerateContent),
    ]);
    let newer = recordings::own("responses", Shape::Responses)
        .into_iter()
        .chain(recordings::own("generate-content", Shape::GenerateContent));
    let exchanges = fixtures::own().into_iter().chain(newer).chain(recorded(&folders));
    let (mut told, mut classes) = (Vec::new(), Vec::new());
    for exchange in exchanges.filter(|exchange| exchange.status() != 200) {
        let (name, body) = (&exchange.name, exchange.body().unwrap());
        let error = decode_error(exchange.shape, &body);
        let words = error.message.clone().unwrap_or_else(|| panic!("{name}: no message"));
        assert!(String::from_utf8_lossy(&body).contains(words.get(..20).unwrap_or(&words)), "{name}: {words}");
        let class = match error.class() {
            Some(ErrorClass::BadRequest) | None => class_of_status(exchange.status()),
            Some(class) => class,
        };
        classes.push((name.clone(), class.as_str()));
        for client in [Shape::Chat, Shape::Responses, Shape::Messages, Shape::GenerateContent] {
            let error = ApiError { class, retry_after: Some(7), ..error.clone().into_api_error() };
            let encoded = encode_error(client, &error, "req_1");
            let (status, kind, code) = seen(client, class);
            let body: Value = serde_json::from_slice(&encoded.body).unwrap();
            let inner = &body["error"];
            let place = if client == Shape::GenerateContent { "status" } else { "type" };
            assert_eq!((encoded.status, inner[place].as_str()), (status, Some(kind)), "{name} to {client}: {body}");
            let message = inner["message"].as_str().unwrap();
            assert!(message.contains(&words), "{name}: {message}");
            match (client, class) {
                (Shape::Messages, ErrorClass::ContextOverflow) => {
                    assert!(message.starts_with("prompt is too long: "), "{name}: {message}");
                }
                (Shape::GenerateContent, ErrorClass::ContextOverflow) => {
                    assert!(message.to_lowercase().contains("input token count"), "{name}: {message}");
                }
                (Shape::GenerateContent, _) => {
                    assert_eq!(inner["code"], encoded.status, "{name}");
                    let waits = inner["details"].to_string().contains(r#""retryDelay":"7s""#);
                    assert!(waits, "{name}: {body}");
                }
                (Shape::Chat | Shape::Responses, ErrorClass::ContextOverflow) => {
                    assert!(message.contains("maximum context length"), "{name}: {message}");
                    assert_eq!(inner["code"].as_str(), code, "{name}");
                }
                (Shape::Chat | Shape::Responses, _) if error.code.is_none() => {
                    assert_eq!(inner["code"].as_str(), code, "{name}")
                }
                _ => {}
            }
            let event = String::from_utf8(encode_error_event(client, &error, "req_1")).unwrap();
            assert!(event.contains("error") && event.replace('\r', "").ends_with("\n\n"), "{name}: {event}");
            let begins = match client {
                Shape::Messages => "event: error\n",
                Shape::Responses => "event: response.failed\n",
                _ => "data: {\"error\":",
            };
            assert!(event.starts_with(begins), "{name} to {client}: {event}");
            let data: Value =
                serde_json::from_str(event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap()).unwrap();
            let inner = if client == Shape::Responses { &data["response"]["error"] } else { &data["error"] };
            assert!(inner["message"].as_str().unwrap().contains(&words), "{name} to {client}: {event}");
        }
        told.push(name.clone());
    }
    assert_counted("errors", &told, 20);
    let count =
        |class: &str| classes.iter().filter(|(name, found)| !name.starts_with("own/") && *found == class).count();
    if told.iter().any(|name| !name.starts_with("own/")) {
        let found = ["bad_request", "context_overflow", "operator_auth", "operator_model", "rate_limit"].map(count);
        assert_eq!(found, [3, 6, 7, 1, 3], "{classes:?}");
    }
}
