//! Members of JSON objects that are built step by step.

use serde_json::Value;

/// Sets a member; a value that is no object stays as it is.
pub(super) fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value.into());
    }
}
