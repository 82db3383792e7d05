//! Marks for the cache: not more than the API takes, and in an order that it takes.

use super::wire::{Block, Body, Mark, Tool};

/// Marks that one request may have; more are refused.
const MAX_MARKS: usize = 4;

/// Takes out marks that would be too many: the last ones cover the most and stay. Behind a short time to live none may be
/// long.
pub(super) fn bound(body: &mut Body<'_>) {
    // The mark that the provider sets itself counts too.
    let room = MAX_MARKS - usize::from(body.cache_control.is_some());
    let mut total = 0_usize;
    each(body, &mut |_| total += 1);
    let mut spare = total.saturating_sub(room);
    let mut seen_short = false;
    each(body, &mut |slot| {
        if spare > 0 {
            spare -= 1;
            *slot = None;
        } else if let Some(mark) = slot {
            seen_short |= !mark.is_long();
            if seen_short {
                *mark = Mark::of(crate::neutral::CacheMark { long: false });
            }
        }
    });
}

/// Shows every mark that is set, in the order in which the provider reads them: tools, system, messages.
fn each(body: &mut Body<'_>, take: &mut impl FnMut(&mut Option<Mark>)) {
    for tool in &mut body.tools {
        if let Tool::Function(function) = tool
            && function.cache_control.is_some()
        {
            take(&mut function.cache_control);
        }
    }
    blocks(&mut body.system, take);
    for turn in &mut body.messages {
        blocks(&mut turn.content, take);
    }
}

fn blocks(found: &mut [Block<'_>], take: &mut impl FnMut(&mut Option<Mark>)) {
    for block in found {
        if let Block::ToolResult { content, .. } = block {
            blocks(content, take);
        }
        if let Some(slot) = block.mark().filter(|slot| slot.is_some()) {
            take(slot);
        }
    }
}
