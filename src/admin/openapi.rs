//! The description of this API for programs: OpenAPI 3.1, written by hand and held to the code by tests.

use std::sync::LazyLock;

use http::StatusCode;
use serde::Serialize;

use super::endpoints::PLACES;
use super::response::{AdminResponse, Body};

/// The document, with the version of this release in it.
static DOCUMENT: LazyLock<Vec<u8>> =
    LazyLock::new(|| include_str!("openapi.json").replace("$VERSION", env!("CARGO_PKG_VERSION")).into_bytes());

/// `GET /admin/openapi.json`
pub(super) fn document() -> AdminResponse {
    AdminResponse::of_type("application/json", StatusCode::OK, Body::Bytes(DOCUMENT.clone()))
}

/// `GET /admin`
pub(super) fn overview() -> AdminResponse {
    #[derive(Serialize)]
    struct Overview {
        service: &'static str,
        version: &'static str,
        openapi: &'static str,
        endpoints: Vec<Line>,
    }
    #[derive(Serialize)]
    struct Line {
        method: &'static str,
        path: &'static str,
        does: &'static str,
    }
    let lines = PLACES.iter().flat_map(|place| {
        place.endpoints.iter().map(|endpoint| Line {
            method: endpoint.method.as_str(),
            path: place.path,
            does: endpoint.does,
        })
    });
    let overview = Overview {
        service: "ovth-gateway",
        version: env!("CARGO_PKG_VERSION"),
        openapi: "/admin/openapi.json",
        endpoints: lines.collect(),
    };
    AdminResponse::json(StatusCode::OK, &overview)
}
