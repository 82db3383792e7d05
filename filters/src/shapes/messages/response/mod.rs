//! Whole messages answers, read and written, and what the stream has in common with them.

mod blocks;
mod decode;
mod encode;
mod finish;
mod ids;
mod usage;
mod wire;

use blocks::sealed;
pub(super) use blocks::{citation, citations, citations_of, input_of, input_text, replaced};
pub(super) use decode::{call, decode, native};
pub(super) use encode::{call_state, encode, has_block_of_text, state_of};
pub(super) use finish::{StopReason, Told};
pub(super) use ids::{ToolIds, message_id};
pub(super) use usage::{Counts, FirstCounts, read_usage, service_class};
pub(super) use wire::{Block, Message};
