//! Token counts of Messages, where input, cache reads and cache writes are counted apart.

use super::super::observed::{Counters, Observed, keep};
use crate::json::{Cursor, ScanError};
use crate::neutral::Usage;

/// Reads a usage object. Counters are cumulative: those of a later event take the place of earlier ones.
pub(super) fn read(cursor: &mut Cursor<'_>, seen: &mut Observed) -> Result<bool, ScanError> {
    let Observed { counters, service_class, told_cost, .. } = seen;
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"input_tokens" => keep(&mut counters.input, cursor.u64()?),
            b"output_tokens" => keep(&mut counters.output, cursor.u64()?),
            b"cache_read_input_tokens" => keep(&mut counters.cache_read, cursor.u64()?),
            b"cache_creation_input_tokens" => keep(&mut counters.cache_write, cursor.u64()?),
            b"cache_creation" => cursor.object_or_skip(|cursor, key| {
                match key.raw() {
                    b"ephemeral_5m_input_tokens" => keep(&mut counters.cache_write_5m, cursor.u64()?),
                    b"ephemeral_1h_input_tokens" => keep(&mut counters.cache_write_1h, cursor.u64()?),
                    _ => {}
                }
                Ok(())
            })?,
            b"output_tokens_details" => cursor.object_or_skip(|cursor, key| {
                if key.raw() == b"thinking_tokens" {
                    keep(&mut counters.reasoning, cursor.u64()?);
                }
                Ok(())
            })?,
            b"server_tool_use" => cursor.object_or_skip(|cursor, key| {
                if key.raw() == b"web_search_requests" {
                    keep(&mut counters.web_searches, cursor.u64()?);
                }
                Ok(())
            })?,
            b"iterations" if cursor.peek() == Some(b'[') => counters.beside = beside(cursor)?,
            b"type" => {
                counters.is_beside =
                    cursor.text()?.is_some_and(|kind| matches!(kind.raw(), b"compaction" | b"advisor_message"));
            }
            b"service_tier" => service_class.saw_tier(cursor.text()?),
            b"speed" => service_class.saw_speed(cursor.text()?),
            b"inference_geo" => service_class.saw_region(cursor.text()?),
            name => told_cost.read(name, cursor)?,
        }
        Ok(())
    })?;
    let usage = usage_of(counters);
    seen.usage = usage.or(seen.usage);
    Ok(usage.is_some())
}

/// What the steps of an answer took that the counters around them leave out, though they are billed: the summary that a
/// compaction writes, and advice, which another model gives: <https://platform.claude.com/docs/en/build-with-claude/compaction>,
/// <https://platform.claude.com/docs/en/agents-and-tools/tool-use/advisor-tool>. A later list takes the place of earlier ones.
fn beside(cursor: &mut Cursor<'_>) -> Result<Usage, ScanError> {
    let mut sum = Usage::default();
    cursor.array_or_skip(|cursor| {
        let mut step = Observed::default();
        read(cursor, &mut step)?;
        if let Some(usage) = step.usage.filter(|_| step.counters.is_beside) {
            sum = sum.plus(&usage);
        }
        Ok(())
    })?;
    Ok(sum)
}

/// The total of cache writes is the later word: `message_delta` repeats it without the split by time to live.
fn usage_of(counters: &Counters) -> Option<Usage> {
    if counters.input.is_none() && counters.output.is_none() {
        return None;
    }
    let hour = counters.cache_write_1h.unwrap_or(0);
    let written = counters.cache_write.unwrap_or_else(|| counters.cache_write_5m.unwrap_or(0).saturating_add(hour));
    let usage = Usage {
        input: counters.input.unwrap_or(0),
        cache_read: counters.cache_read.unwrap_or(0),
        cache_write: written.saturating_sub(hour),
        cache_write_1h: hour.min(written),
        output: counters.output.unwrap_or(0),
        reasoning: counters.reasoning.unwrap_or(0),
        web_searches: counters.web_searches.unwrap_or(0),
        ..Usage::default()
    };
    Some(usage.with_parts_in_bounds().plus(&counters.beside))
}
