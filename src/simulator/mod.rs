//! A provider in a box: speaks the providers' API shapes and misbehaves on command, for the demo, tests and benches.
//!
//! It answers with an echo of the last user text, so that answers can be checked. The state of its reasoning (signatures, encrypted
//! reasoning) it takes back as it gave it, or not at all: what was altered is refused. It takes its orders from three places:
//! - directives in the last user text: `[words=200]`, `[bytes=65536]`, `[tool]`, `[tool=name]`, `[arguments={"a":1}]`
//!   (of the calls), `[think]`, `[pace=10]` (milliseconds between writes), `[burst=20]` (events in a write);
//! - model names: `no-such-model` is unknown, `sim-fault-<name>` misbehaves as [`Behaviour::named`] lists;
//! - scripts, set under `/_sim/{name}/script`: a list of [`Behaviour`]s of which each request takes one.
//!
//! `{name}` is a namespace: the first segment of the request's path before the API's own (`/a/v1/messages` is of `a`,
//! `/v1/messages` of `default`). Each namespace is a provider of its own, with its own script and its own list of requests.
//!
//! | control call | does |
//! |---|---|
//! | `PUT /_sim/{name}/script` | sets the script: a JSON list of behaviours, or one |
//! | `GET /_sim/{name}/requests` | what was received; `?received=N`, `?finished=N` wait (up to 10 s) for so many |
//! | `GET /_sim/{name}/requests/{index}/body` | the bytes of a request's body |
//! | `DELETE /_sim/{name}` | forgets the namespace's script and requests |

mod answer;
mod behaviour;
mod chat;
mod connection;
mod content;
mod control;
mod delivery;
mod embeddings;
mod frames;
mod generate_content;
mod generation;
mod heads;
mod messages;
mod models;
mod namespace;
mod object;
mod prompt;
mod recording;
mod refusal;
mod reply;
mod responses;
mod routes;
mod schema;
mod server;

#[cfg(test)]
mod tests;

pub use behaviour::{Behaviour, How, InStream, Stop};
pub use namespace::{Namespace, Report};
pub use recording::{RecordedResponse, Recording, Replay};
pub use server::{Handle, Options, Server, SimulatorError, spawn};
