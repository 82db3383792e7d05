//! Files with many entries, made without a ledger, at any time of the calendar.

use crate::ledger::journal::{Batch, Done};
use crate::ledger::tables::{self, Charge};
use crate::store::faulty::Random;

use super::*;

/// Noon of a day.
pub(super) fn noon(day: u32) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::from(day) * 86_400 + 43_200)
}

/// A random exchange of that day. Names come from small sets, so that they meet.
pub(super) fn exchange(random: &mut Random, id: u64, day: u32) -> Done {
    let mut pick = |names: &[&str]| {
        let name = names[random.below(names.len() as u64) as usize];
        (!name.is_empty()).then(|| Box::<str>::from(name))
    };
    let (end_user, route) = (pick(&["", "", "ann", "bob"]), pick(&["", "fast", "deep"]));
    let (provider, model) = (pick(&["", "openai", "anthropic"]), pick(&["", "gpt-5", "gpt-5-mini", "claude"]));
    let outcome = pick(&["ok", "ok", "ok", "ok", "client_abort", "rate_limit", "recovered"]).unwrap();
    let tokens = random.below(10_000);
    let usage = Usage {
        input: random.below(9_000),
        cache_read: random.below(2) * random.below(9_000),
        cache_write_1h: random.below(2) * random.below(900),
        output: random.below(3_000),
        reasoning: random.below(2),
        ..Usage::default()
    };
    let usage = (random.below(5) > 0).then_some(usage);
    let cost = (random.below(4) > 0).then(|| PicoDollars(random.below(1 << 40)));
    let entry = Entry {
        id,
        request_id: format!("req_{id:032x}").into(),
        started_at_ms: u64::from(day) * 86_400_000 + random.below(86_400_000),
        key_id: key(random.below(4)).as_str().into(),
        end_user: end_user.clone(),
        route,
        provider,
        model,
        outcome,
        usage,
        charged_tokens: tokens,
        cost,
        duration_ms: random.below(60_000),
        ..entry("", Usage::default())
    };
    let charge = Charge { day, cost: cost.unwrap_or_default().0, end_user };
    Done { entry: Box::new(entry), charge: (random.below(10) > 0).then_some(charge) }
}

/// Writes exchanges as the journal does.
pub(super) fn write(store: &Store, done: Vec<Done>) {
    let batch = Batch { done, ..Batch::default() };
    store
        .write_blocking(move |transaction| {
            tables::create(transaction)?;
            batch.apply(transaction)
        })
        .unwrap();
}

/// A file with so many exchanges on each of these days, and the exchanges.
pub(super) fn filled(folder: &TempDir, days: std::ops::Range<u32>, each: u64) -> (Arc<Store>, Vec<Entry>) {
    let store = Arc::new(Store::open(folder.path()).unwrap());
    let mut random = Random(7);
    let mut all = Vec::new();
    for day in days {
        let first = all.len() as u64 + 1;
        let done: Vec<Done> = (first..first + each).map(|id| exchange(&mut random, id, day)).collect();
        all.extend(done.iter().map(|done| Entry::clone(&done.entry)));
        write(&store, done);
    }
    (store, all)
}

pub(super) fn checked(store: &Store, now: SystemTime) -> CheckReport {
    let report = store.read(|transaction| crate::ledger::upkeep::check_rows(transaction, now)).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    report
}
