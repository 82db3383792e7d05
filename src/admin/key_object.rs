//! A key as JSON shows it.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::limits::LimitsObject;
use crate::config::Globs;
use crate::keys::Key;

/// A key without its secret. What is null is as the configuration has it, or has not happened; times are seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyObject<'a>(pub(super) &'a Key);

/// A key with its secret, which is shown only once.
pub(super) struct WithSecret<'a> {
    pub(super) key: &'a str,
    pub(super) object: KeyObject<'a>,
}

impl Serialize for KeyObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        members(None, self, serializer)
    }
}

impl Serialize for WithSecret<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        members(Some(self.key), &self.object, serializer)
    }
}

fn members<S: Serializer>(
    secret: Option<&str>,
    KeyObject(key): &KeyObject<'_>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let settings = &key.settings;
    let mut map = serializer.serialize_map(None)?;
    if let Some(secret) = secret {
        map.serialize_entry("key", secret)?;
    }
    map.serialize_entry("id", key.id.as_str())?;
    map.serialize_entry("object", "api_key")?;
    map.serialize_entry("label", key.label.as_str())?;
    map.serialize_entry("created_at", &key.created_at)?;
    map.serialize_entry("expires_at", &settings.expires_at)?;
    map.serialize_entry("revoked_at", &key.revoked_at)?;
    map.serialize_entry("rotated_at", &key.rotated_at)?;
    map.serialize_entry("previous_key_valid_until", &key.previous_valid_until())?;
    map.serialize_entry("last_used_at", &key.last_used_at())?;
    map.serialize_entry("routes", &names(settings.routes.as_ref()))?;
    map.serialize_entry("models", &names(settings.models.as_ref()))?;
    map.serialize_entry("strict", &settings.strict)?;
    let quota = LimitsObject { limits: &settings.limits, per_end_user: Some(&settings.per_end_user) };
    map.serialize_entry("quota", &quota)?;
    map.end()
}

fn names(globs: Option<&Globs>) -> Option<Vec<String>> {
    globs.map(|globs| globs.patterns().collect())
}
