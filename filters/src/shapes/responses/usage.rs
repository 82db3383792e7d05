//! Token counts of Responses: those of chat under other names, and the searches that the provider charges by the call.

use super::super::chat::usage;
use super::super::observed::Observed;
use crate::json::{Cursor, ScanError};

/// The searches of one response.
#[derive(Debug, Default)]
pub(super) struct Searches {
    /// As the provider counts them.
    told: Option<u64>,
    /// As they stand among the output.
    called: u64,
}

impl Searches {
    /// Reads a member of a response that has to do with counts; skips any other.
    pub(super) fn read(&mut self, name: &[u8], cursor: &mut Cursor<'_>, seen: &mut Observed) -> Result<(), ScanError> {
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
            _ => {}
        }
        Ok(())
    }

    /// Counts an item of the output. Opening a page that a search found, and looking for words in it, is none.
    pub(super) fn saw_item(&mut self, kind: Option<&[u8]>, is_other_action: bool) {
        self.called = self.called.saturating_add(u64::from(kind == Some(b"web_search_call") && !is_other_action));
    }

    /// Adds them to the counts, now that the whole is read.
    pub(super) fn settle(&self, seen: &mut Observed) {
        let called = (self.called > 0).then_some(self.called);
        seen.counters.web_searches = self.told.or(called).or(seen.counters.web_searches);
        if let (Some(usage), Some(searches)) = (&mut seen.usage, seen.counters.web_searches) {
            usage.web_searches = searches;
        }
    }
}

/// Whether an action that a search names is another one than searching.
pub(super) fn is_other_action(cursor: &mut Cursor<'_>) -> Result<bool, ScanError> {
    let mut is_other = false;
    cursor.object_or_skip(|cursor, key| {
        if key.raw() == b"type" {
            is_other = cursor.text()?.is_some_and(|kind| kind.raw() != b"search");
        }
        Ok(())
    })?;
    Ok(is_other)
}
