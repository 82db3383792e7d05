//! Token counts of `generateContent`, where thoughts and the results of tools are counted beside the rest.

use super::super::observed::{Counters, Observed, keep};
use crate::json::{Cursor, ScanError};
use crate::neutral::Usage;

/// Reads `usageMetadata`. Counters are cumulative; one that a later chunk leaves out keeps its value.
pub(super) fn read(cursor: &mut Cursor<'_>, seen: &mut Observed) -> Result<(), ScanError> {
    let Observed { counters, service_class, .. } = seen;
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"promptTokenCount" => keep(&mut counters.input, cursor.u64()?),
            b"toolUsePromptTokenCount" => keep(&mut counters.tool_input, cursor.u64()?),
            b"cachedContentTokenCount" => keep(&mut counters.cache_read, cursor.u64()?),
            b"candidatesTokenCount" => keep(&mut counters.output, cursor.u64()?),
            b"thoughtsTokenCount" => keep(&mut counters.reasoning, cursor.u64()?),
            b"totalTokenCount" => keep(&mut counters.total, cursor.u64()?),
            b"promptTokensDetails" => counters.audio_input = Some(modalities(cursor)?.audio),
            b"toolUsePromptTokensDetails" => counters.audio_tool_input = Some(modalities(cursor)?.audio),
            b"cacheTokensDetails" => counters.audio_cache_read = Some(modalities(cursor)?.audio),
            b"candidatesTokensDetails" => {
                let Modalities { audio, image } = modalities(cursor)?;
                (counters.audio_output, counters.image_output) = (Some(audio), Some(image));
            }
            b"serviceTier" => service_class.saw_tier(cursor.text()?),
            b"trafficType" => service_class.saw_traffic(cursor.text()?),
            _ => {}
        }
        Ok(())
    })?;
    seen.usage = usage_of(counters).or(seen.usage);
    Ok(())
}

/// Tokens by what they stand for.
#[derive(Clone, Copy, Debug, Default)]
struct Modalities {
    audio: u64,
    image: u64,
}

/// Reads a list of `{"modality": "AUDIO", "tokenCount": 3}`.
fn modalities(cursor: &mut Cursor<'_>) -> Result<Modalities, ScanError> {
    let mut all = Modalities::default();
    cursor.array_or_skip(|cursor| {
        let (mut modality, mut count) = (None, None);
        cursor.object_or_skip(|cursor, key| {
            match key.raw() {
                b"modality" => modality = cursor.text()?,
                b"tokenCount" => count = cursor.u64()?,
                _ => {}
            }
            Ok(())
        })?;
        let count = count.unwrap_or(0);
        match modality.map(|modality| modality.raw()) {
            Some(b"AUDIO") => all.audio = all.audio.saturating_add(count),
            Some(b"IMAGE") => all.image = all.image.saturating_add(count),
            _ => {}
        }
        Ok(())
    })?;
    Ok(all)
}

/// The prompt includes what was read from a cache; results of tools stand beside it, and thoughts beside the candidates.
fn usage_of(counters: &Counters) -> Option<Usage> {
    if counters.input.is_none() && counters.output.is_none() {
        return None;
    }
    let count = |counter: Option<u64>| counter.unwrap_or(0);
    let prompt = count(counters.input).saturating_add(count(counters.tool_input));
    let cache_read = count(counters.cache_read);
    let (candidates, thoughts) = (count(counters.output), count(counters.reasoning));
    // Should a host count thoughts among the candidates, the total gives it away.
    let among = counters.total == Some(prompt.saturating_add(candidates));
    let beside = candidates.saturating_add(thoughts);
    let output = match (counters.output, counters.total) {
        _ if among => candidates,
        // What is not told is what is left of the total.
        (None, Some(total)) => beside.max(total.saturating_sub(prompt)),
        _ => beside,
    };
    let audio = count(counters.audio_input).saturating_add(count(counters.audio_tool_input));
    let usage = Usage {
        input: prompt.saturating_sub(cache_read),
        cache_read,
        output,
        reasoning: thoughts,
        audio_input: audio.saturating_sub(count(counters.audio_cache_read)),
        audio_output: count(counters.audio_output),
        image_output: count(counters.image_output),
        ..Usage::default()
    };
    Some(usage.with_parts_in_bounds())
}
