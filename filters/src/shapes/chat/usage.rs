//! Token counts of Chat Completions, under all the names that hosts give them.

use super::super::observed::{Counters, Observed, keep};
use crate::json::{Cursor, ScanError};
use crate::neutral::Usage;

/// Reads a usage object; says whether there was one.
pub(in crate::shapes) fn read(cursor: &mut Cursor<'_>, seen: &mut Observed) -> Result<bool, ScanError> {
    if cursor.peek() != Some(b'{') {
        return cursor.skip().map(|_| false);
    }
    let Observed { counters, service_class, told_cost, .. } = seen;
    cursor.object(|cursor, key| {
        match key.raw() {
            b"prompt_tokens" | b"input_tokens" => keep(&mut counters.input, cursor.u64()?),
            b"completion_tokens" | b"output_tokens" => keep(&mut counters.output, cursor.u64()?),
            b"total_tokens" => keep(&mut counters.total, cursor.u64()?),
            b"prompt_tokens_details" | b"input_tokens_details" => cursor.object_or_skip(|cursor, key| {
                match key.raw() {
                    b"cached_tokens" => keep(&mut counters.cache_read, cursor.u64()?),
                    b"cache_write_tokens" => keep(&mut counters.cache_write, cursor.u64()?),
                    b"cache_write_tokens_details" => cursor.object_or_skip(|cursor, key| {
                        if key.raw() == b"ttl_12h_tokens" {
                            keep(&mut counters.cache_write_1h, cursor.u64()?);
                        }
                        Ok(())
                    })?,
                    b"audio_tokens" => keep(&mut counters.audio_input, cursor.u64()?),
                    _ => {}
                }
                Ok(())
            })?,
            b"completion_tokens_details" | b"output_tokens_details" => cursor.object_or_skip(|cursor, key| {
                match key.raw() {
                    b"reasoning_tokens" => keep(&mut counters.reasoning, cursor.u64()?),
                    b"audio_tokens" => keep(&mut counters.audio_output, cursor.u64()?),
                    b"image_tokens" => keep(&mut counters.image_output, cursor.u64()?),
                    _ => {}
                }
                Ok(())
            })?,
            // OpenRouter counts the searches here, and hosts that know messages too.
            b"server_tool_use_details" | b"server_tool_use" => cursor.object_or_skip(|cursor, key| {
                if key.raw() == b"web_search_requests" {
                    keep(&mut counters.web_searches, cursor.u64()?);
                }
                Ok(())
            })?,
            // Mistral says it here, others beside the usage.
            b"service_tier" => service_class.saw_tier(cursor.text()?),
            b"reasoning_tokens" => keep(&mut counters.reasoning, cursor.u64()?),
            b"cache_read_input_tokens" | b"prompt_cache_hit_tokens" | b"cached_tokens" => {
                keep(&mut counters.cache_read_foreign, cursor.u64()?);
            }
            b"cache_creation_input_tokens" => keep(&mut counters.cache_write_foreign, cursor.u64()?),
            name => told_cost.read(name, cursor)?,
        }
        Ok(())
    })?;
    let usage = usage_of(counters);
    seen.usage = usage.or(seen.usage);
    seen.usage_is_final |= usage.is_some();
    Ok(usage.is_some())
}

/// `prompt_tokens` includes what was read from and written to a cache.
fn usage_of(counters: &Counters) -> Option<Usage> {
    if counters.input.is_none() && counters.output.is_none() {
        return None;
    }
    let either = |own: Option<u64>, foreign: Option<u64>| own.filter(|count| *count > 0).or(foreign).unwrap_or(0);
    let cache_read = either(counters.cache_read, counters.cache_read_foreign);
    let cache_write = either(counters.cache_write, counters.cache_write_foreign);
    let prompt = counters.input.unwrap_or(0);
    let completion = counters.output.unwrap_or(0);
    let reasoning = counters.reasoning.unwrap_or(0);
    // xAI and some others count reasoning beside the completion; the total gives it away.
    let beside = prompt.saturating_add(completion).saturating_add(reasoning);
    let output = if counters.total == Some(beside) { completion.saturating_add(reasoning) } else { completion };
    let long_lived = counters.cache_write_1h.unwrap_or(0).min(cache_write);
    let usage = Usage {
        input: prompt.saturating_sub(cache_read).saturating_sub(cache_write),
        cache_read,
        cache_write: cache_write - long_lived,
        cache_write_1h: long_lived,
        output,
        reasoning,
        audio_input: counters.audio_input.unwrap_or(0),
        audio_output: counters.audio_output.unwrap_or(0),
        image_output: counters.image_output.unwrap_or(0),
        web_searches: counters.web_searches.unwrap_or(0),
    };
    Some(usage.with_parts_in_bounds())
}
