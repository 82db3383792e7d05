//! Pure reading and rewriting of LLM API traffic: bytes in, bytes out; no I/O, no clock, no async.

pub mod embeddings;
pub mod json;
pub mod money;
pub mod neutral;
pub mod prefix;
pub mod price;
pub mod router;
pub mod shapes;
pub mod sse;
pub mod tap;
pub mod tokens;
pub mod translate;

mod ids;

pub use ids::{Operation, Shape};
