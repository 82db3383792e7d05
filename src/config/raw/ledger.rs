//! `durability`, `on_ledger_error` and `retention`: how the ledger works, as the file has it.

use std::ops::RangeInclusive;

use crate::config::node::{Fields, Node};
use crate::config::{Durability, LedgerSettings, OnLedgerError, Retention};

const DAYS: RangeInclusive<u64> = 1..=3650;
const BYTES: RangeInclusive<u64> = 16 << 20..=1 << 40;

/// Reads the ledger's settings, which stand at the top of the file.
pub(super) fn ledger(top: &mut Fields<'_>) -> LedgerSettings {
    let defaults = LedgerSettings::default();
    LedgerSettings {
        durability: top.read("durability", durability).unwrap_or(defaults.durability),
        on_error: top.read("on_ledger_error", on_error).unwrap_or(defaults.on_error),
        retention: retention(top.section("retention"), defaults.retention),
    }
}

fn durability(node: &Node<'_>) -> Option<Durability> {
    node.word(&[("strict", Durability::Strict), ("relaxed", Durability::Relaxed)])
}

fn on_error(node: &Node<'_>) -> Option<OnLedgerError> {
    node.word(&[("refuse", OnLedgerError::Refuse), ("serve", OnLedgerError::Serve)])
}

fn retention(mut fields: Fields<'_>, defaults: Retention) -> Retention {
    let days = |node: &Node<'_>| u32::try_from(node.whole(DAYS)?).ok();
    let read = Retention {
        entry_days: fields.read("entry_days", days).unwrap_or(defaults.entry_days),
        entry_bytes: fields
            .read("entry_bytes", |node| u64::try_from(node.size(BYTES)?).ok())
            .unwrap_or(defaults.entry_bytes),
        usage_days: fields.read("usage_days", days).unwrap_or(defaults.usage_days),
    };
    fields.finish();
    read
}
