//! What the gateway has to know of requests and answers of this shape.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod rules;
