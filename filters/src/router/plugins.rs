//! `plugins` of a request: what is asked for beside the model's own work, of which little is done here.

use super::extensions::{Extensions, wrong};
use crate::json::{ValueKind, View};
use crate::neutral::ApiError;

/// Those that search the web or fetch pages: an answer without them would be another one.
const SEARCHES: [&str; 2] = ["web", "web-fetch"];

/// Reads `plugins`.
pub(super) fn read(value: View<'_>, into: &mut Extensions) -> Result<(), ApiError> {
    let array = || wrong("plugins", "an array of objects with an `id`");
    if value.kind() != ValueKind::Array {
        return Err(array());
    }
    for plugin in value.elements() {
        let id = plugin.member("id").and_then(View::string).ok_or_else(array)?;
        if plugin.member("enabled").and_then(View::bool) == Some(false) {
            continue;
        }
        if SEARCHES.contains(&&*id) {
            into.searches = Some("plugins");
        } else {
            into.ignore(&format!("plugins.{id}"));
        }
    }
    Ok(())
}
