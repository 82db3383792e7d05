//! Token counts of Responses: those of chat under other names, and the searches that the provider charges by the call.

use super::super::chat::usage;
use super::super::observed::Observed;
use crate::json::{Cursor, ScanError};

/// Reads a whole response, or an event of a stream that holds one.
pub(super) fn read_answer(data: &[u8], seen: &mut Observed) -> Result<(), ScanError> {
    let mut cursor = Cursor::new(data)?;
    let mut response = Response::default();
    cursor.object_or_skip(|cursor, key| match key.raw() {
        b"response" => cursor.object_or_skip(|cursor, key| response.read(key.raw(), cursor, seen)),
        name => response.read(name, cursor, seen),
    })?;
    cursor.finish()?;
    seen.counters.web_searches = response.told.or(response.called).or(seen.counters.web_searches);
    if let (Some(usage), Some(searches)) = (&mut seen.usage, seen.counters.web_searches) {
        usage.web_searches = searches;
    }
    Ok(())
}

/// The searches of one response.
#[derive(Debug, Default)]
struct Response {
    /// As the provider counts them.
    told: Option<u64>,
    /// As they stand among the output.
    called: Option<u64>,
}

impl Response {
    fn read(&mut self, name: &[u8], cursor: &mut Cursor<'_>, seen: &mut Observed) -> Result<(), ScanError> {
        match name {
            b"model" if seen.model.is_none() => {
                let name = cursor.text()?;
                seen.saw_model(name);
            }
            b"service_tier" => seen.service_class.saw_tier(cursor.text()?),
            b"usage" => {
                usage::read(cursor, seen)?;
            }
            b"tool_usage" => cursor.object_or_skip(|cursor, key| {
                if key.raw() == b"web_search" {
                    cursor.object_or_skip(|cursor, key| {
                        if key.raw() == b"num_requests" {
                            self.told = cursor.u64()?;
                        }
                        Ok(())
                    })?;
                }
                Ok(())
            })?,
            b"output" => {
                let mut searches = 0_u64;
                cursor.array_or_skip(|cursor| {
                    searches = searches.saturating_add(u64::from(is_search(cursor)?));
                    Ok(())
                })?;
                self.called = (searches > 0).then_some(searches);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether the item is a search of the web. Opening a page that it found, and looking for words in it, is none.
fn is_search(cursor: &mut Cursor<'_>) -> Result<bool, ScanError> {
    let (mut is_call, mut is_other_action) = (false, false);
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"type" => is_call = cursor.text()?.is_some_and(|kind| kind.raw() == b"web_search_call"),
            b"action" => cursor.object_or_skip(|cursor, key| {
                if key.raw() == b"type" {
                    is_other_action = cursor.text()?.is_some_and(|kind| kind.raw() != b"search");
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(is_call && !is_other_action)
}
