//! One entry of `providers`, as the file has it.

use http::{HeaderName, HeaderValue};
use ovth_filters::Shape;

use super::secret::{Found, secret, secret_of_file};
use super::{MAX_NAME_CHARS, RawTimeouts};
use crate::config::credential::Purpose;
use crate::config::nearest::did_you_mean;
use crate::config::node::{Fields, Node};
use crate::config::{BaseUrl, Secret};

/// Headers that the proxy itself sets, or that belong to one connection.
const OWN_HEADERS: [&str; 11] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// How often a key is used, in proportion to the others.
const KEY_WEIGHT: std::ops::RangeInclusive<u64> = 1..=1_000_000;

/// The keys that the file gives a provider.
#[derive(Clone, Default)]
pub(in crate::config) struct RawKeys {
    /// Those that are there, in order.
    pub(in crate::config) secrets: Vec<Secret>,
    /// How often each of them is used, in proportion to the others.
    pub(in crate::config) weights: Vec<u32>,
    /// The variables that are not set; their keys are left out.
    pub(in crate::config) unset: Vec<String>,
}

/// One entry of `providers`.
pub(in crate::config) struct RawProvider<'a> {
    pub(in crate::config) id: &'a str,
    pub(in crate::config) node: Node<'a>,
    pub(in crate::config) base_url: Option<BaseUrl>,
    /// `None` when the file does not say.
    pub(in crate::config) keys: Option<RawKeys>,
    pub(in crate::config) shapes: Option<Vec<Shape>>,
    pub(in crate::config) headers: Vec<(HeaderName, HeaderValue)>,
    pub(in crate::config) timeouts: RawTimeouts,
    pub(in crate::config) models: Vec<String>,
    pub(in crate::config) stream_options: Option<bool>,
    pub(in crate::config) metadata_addresses: bool,
}

impl<'a> RawProvider<'a> {
    pub(in crate::config) fn read_all(node: &Node<'a>) -> Vec<RawProvider<'a>> {
        node.members().into_iter().map(|(id, node)| RawProvider::read(id, node.hidden())).collect()
    }

    fn read(id: &'a str, node: Node<'a>) -> RawProvider<'a> {
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if id.is_empty() || id.len() > MAX_NAME_CHARS || !id.chars().all(letter) {
            node.error("a provider's name is made of letters, digits, `-`, `_` and `.`");
        }
        let mut fields = node.fields();
        let provider = RawProvider {
            id,
            base_url: fields.read("base_url", base_url),
            keys: keys(&mut fields),
            shapes: fields.read("shapes", shapes),
            headers: fields.read("headers", |node| Some(headers(node))).unwrap_or_default(),
            timeouts: RawTimeouts::read(fields.section("timeouts")),
            models: fields.read("models", |node| Some(claimed_models(node))).unwrap_or_default(),
            stream_options: fields.read("stream_options", Node::flag),
            metadata_addresses: fields.read("metadata_addresses", Node::flag).unwrap_or(false),
            node,
        };
        fields.finish();
        provider
    }
}

fn base_url(node: &Node<'_>) -> Option<BaseUrl> {
    let text = node.text()?;
    BaseUrl::parse(&text).map_err(|error| node.error(format_args!("{error}{}", url_shown(&node.shown())))).ok()
}

/// `; it is "..."`, unless the URL may hold a secret.
pub(in crate::config) fn url_shown(shown: &str) -> String {
    if shown.contains(['@', '?', '#']) { String::new() } else { format!("; it is {shown}") }
}

fn keys(fields: &mut Fields<'_>) -> Option<RawKeys> {
    let one = fields.field("api_key");
    let several = fields.field("api_keys");
    if let (Some(one), Some(_)) = (&one, &several) {
        one.error("cannot be there together with api_keys; move it into that list");
    }
    let nodes = match several {
        Some(node) => node.hidden().items().unwrap_or_default(),
        None => vec![one?],
    };
    let mut keys = RawKeys::default();
    for node in &nodes {
        let (weight, found) = weighted_secret(node);
        match found {
            Found::Secret(secret) => {
                keys.secrets.push(secret);
                keys.weights.push(weight);
            }
            Found::Unset(variables) => keys.unset.extend(variables),
            Found::Refused => {}
        }
    }
    Some(keys)
}

/// A key, or `{key: ..., weight: N}` (also with `file` in place of `key`).
fn weighted_secret(node: &Node<'_>) -> (u32, Found) {
    let node = node.clone().hidden();
    if !node.is_map() {
        return (1, secret(&node, Purpose::Provider));
    }
    let mut fields = node.fields();
    let weight = fields.read("weight", |node| u32::try_from(node.whole(KEY_WEIGHT)?).ok());
    let found = match fields.field("key") {
        Some(key) => {
            fields.finish();
            secret(&key, Purpose::Provider)
        }
        None => secret_of_file(&node, fields, Purpose::Provider),
    };
    (weight.unwrap_or(1), found)
}

pub(super) fn shapes(node: &Node<'_>) -> Option<Vec<Shape>> {
    let known = Shape::ALL.map(Shape::as_str);
    let shape = |(item, name): (Node<'_>, String)| {
        let shape = Shape::from_name(&name);
        if shape.is_none() {
            let hint = did_you_mean(&name, known);
            item.error(format_args!("{} is not a shape; known: {}{hint}", item.shown(), known.join(", ")));
        }
        shape
    };
    Some(node.names()?.into_iter().filter_map(shape).collect())
}

fn headers(node: &Node<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for (key, node) in node.members() {
        let node = node.hidden();
        let Ok(name) = HeaderName::try_from(key) else {
            node.error("is not a valid header name");
            continue;
        };
        if OWN_HEADERS.contains(&name.as_str()) {
            node.error("is set by the gateway itself and cannot be set here");
        } else if headers.iter().any(|(known, _)| *known == name) {
            node.error("is there twice (header names know no upper and lower case); keep one of the two");
        } else if let Some(text) = node.text() {
            match HeaderValue::try_from(text) {
                Ok(mut value) => {
                    // Keys may travel in these; their `Debug` must not show them.
                    value.set_sensitive(true);
                    headers.push((name, value));
                }
                Err(_) => node.error("holds a character that cannot be sent in a header"),
            }
        }
    }
    headers
}

fn claimed_models(node: &Node<'_>) -> Vec<String> {
    let mut models = Vec::new();
    for (item, name) in node.names().unwrap_or_default() {
        if name.trim_end_matches('*').contains('*') || name.ends_with("**") {
            item.wrong("a model's id, or a prefix with one `*` at its end");
        } else {
            models.push(name);
        }
    }
    models
}
