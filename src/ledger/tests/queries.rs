//! Sums and pages, compared with those that a plain loop over all entries makes.

use std::collections::BTreeMap;

use crate::ledger::reading;
use crate::store::faulty::Random;

use super::filled::filled;
use super::*;

const DAYS: std::ops::Range<u32> = 20_770..20_776;

fn text(text: &Option<Box<str>>) -> String {
    text.as_deref().unwrap_or_default().to_owned()
}

fn day(entry: &Entry) -> u32 {
    (entry.started_at_ms / 86_400_000) as u32
}

/// What a query must answer.
fn model(entries: &[Entry], query: &UsageQuery) -> UsageReport {
    let passes = |entry: &&Entry| {
        query.days.as_ref().is_none_or(|days| days.contains(&day(entry)))
            && query.key.as_ref().is_none_or(|key| **key == *entry.key_id)
            && query.model.as_ref().is_none_or(|model| *model == text(&entry.model))
            && query.provider.as_ref().is_none_or(|provider| *provider == text(&entry.provider))
            && query.route.as_ref().is_none_or(|route| *route == text(&entry.route))
            && query.end_user.as_ref().is_none_or(|user| *user == text(&entry.end_user))
    };
    let mut groups: BTreeMap<(Option<u32>, Vec<String>), UsageRow> = BTreeMap::new();
    let mut total = Sums::default();
    for entry in entries.iter().filter(passes) {
        let mut row = UsageRow::default();
        let mut names = Vec::new();
        for group in &query.group_by {
            let name = match group {
                GroupBy::Day => {
                    row.day = Some(day(entry));
                    continue;
                }
                GroupBy::Key => row.key.insert(entry.key_id.to_string()),
                GroupBy::Model => row.model.insert(text(&entry.model)),
                GroupBy::Provider => row.provider.insert(text(&entry.provider)),
                GroupBy::Route => row.route.insert(text(&entry.route)),
                GroupBy::EndUser => row.end_user.insert(text(&entry.end_user)),
            };
            names.push(name.clone());
        }
        let usage = entry.usage.unwrap_or_default();
        for sums in [&mut groups.entry((row.day, names)).or_insert(row).sums, &mut total] {
            sums.requests += 1;
            sums.errors += u64::from(!["ok", "client_abort"].contains(&&*entry.outcome));
            sums.charged_tokens += entry.charged_tokens;
            sums.cost = sums.cost + entry.cost.unwrap_or_default();
            sums.unpriced_requests += u64::from(entry.usage.is_some() && entry.cost.is_none());
            sums.duration_ms += entry.duration_ms;
            sums.usage.input += usage.input;
            sums.usage.cache_read += usage.cache_read;
            sums.usage.cache_write_1h += usage.cache_write_1h;
            sums.usage.output += usage.output;
            sums.usage.reasoning += usage.reasoning;
        }
    }
    let mut rows: Vec<UsageRow> = groups.into_values().collect();
    if rows.is_empty() && query.group_by.is_empty() {
        rows.push(UsageRow::default());
    }
    UsageReport { rows, total }
}

fn maybe(random: &mut Random, names: &[&str]) -> Option<String> {
    (random.below(4) == 0).then(|| names[random.below(names.len() as u64) as usize].to_owned())
}

#[test]
fn sums_are_those_of_the_entries_by_every_grouping_and_filter() {
    let folder = TempDir::new().unwrap();
    let (store, entries) = filled(&folder, DAYS, 500);
    let mut random = Random(1);
    let all = [GroupBy::Day, GroupBy::Key, GroupBy::Model, GroupBy::Provider, GroupBy::Route, GroupBy::EndUser];
    for number in 0..400 {
        let mut group_by = all.to_vec();
        for place in (1..group_by.len()).rev() {
            group_by.swap(place, random.below(place as u64 + 1) as usize);
        }
        // Each of them alone and all together first, then at random.
        match number {
            0 => group_by.clear(),
            1 => {}
            2..8 => group_by = vec![all[number - 2]],
            _ => group_by.truncate(random.below(4) as usize),
        }
        let first = DAYS.start - 1 + random.below(8) as u32;
        let query = UsageQuery {
            days: (random.below(2) == 0).then(|| first..=first + random.below(4) as u32),
            group_by,
            key: maybe(&mut random, &[key(1).as_str(), key(2).as_str(), "key_ffffffffffffffff"]),
            model: maybe(&mut random, &["gpt-5", "gpt-5-mini", "none such"]),
            provider: maybe(&mut random, &["openai", ""]),
            route: maybe(&mut random, &["fast", ""]),
            end_user: maybe(&mut random, &["ann", ""]),
        };
        let report = store.read(|transaction| reading::usage(transaction, &query)).unwrap();
        assert_eq!(report, model(&entries, &query), "{query:?}");
    }
}

#[test]
fn no_days_make_no_rows() {
    let folder = TempDir::new().unwrap();
    let (store, _) = filled(&folder, DAYS, 10);
    let (first, last) = (5, 4);
    let query = UsageQuery { days: Some(first..=last), ..UsageQuery::default() };
    assert_eq!(store.read(|transaction| reading::usage(transaction, &query)).unwrap(), UsageReport::default());
}

#[test]
fn pages_hold_every_entry_that_fits_once_and_in_order() {
    let folder = TempDir::new().unwrap();
    let (store, entries) = filled(&folder, DAYS, 300);
    let mut random = Random(2);
    for number in 0..200 {
        let start = u64::from(DAYS.start) * 86_400_000;
        let mut moment = || (random.below(3) == 0).then(|| start + random.below(6 * 86_400_000));
        let (since_ms, until_ms) = (moment(), moment());
        let filter = EntryFilter {
            limit: 1 + random.below(400) as usize,
            before: None,
            after: (number % 2 == 0).then_some(0),
            since_ms,
            until_ms,
            key: maybe(&mut random, &[key(1).as_str(), key(2).as_str()]),
            model: maybe(&mut random, &["gpt-5", ""]),
            provider: maybe(&mut random, &["openai", "none such"]),
            route: maybe(&mut random, &["fast", ""]),
            end_user: maybe(&mut random, &["ann", ""]),
            outcome: maybe(&mut random, &["ok", "error", "recovered"]),
        };
        let fits =
            |wanted: &Option<String>, is: &Option<Box<str>>| wanted.as_ref().is_none_or(|name| *name == text(is));
        let passes = |entry: &&Entry| {
            filter.since_ms.is_none_or(|since| entry.started_at_ms >= since)
                && filter.until_ms.is_none_or(|until| entry.started_at_ms < until)
                && filter.key.as_ref().is_none_or(|key| **key == *entry.key_id)
                && fits(&filter.model, &entry.model)
                && fits(&filter.provider, &entry.provider)
                && fits(&filter.route, &entry.route)
                && fits(&filter.end_user, &entry.end_user)
                && filter.outcome.as_deref().is_none_or(|outcome| match outcome {
                    "error" => !["ok", "client_abort"].contains(&&*entry.outcome),
                    outcome => outcome == &*entry.outcome,
                })
        };
        let mut expected: Vec<Entry> = entries.iter().filter(passes).cloned().collect();
        if filter.after.is_none() {
            expected.reverse();
        }
        let mut found = Vec::new();
        let mut next = filter.clone();
        loop {
            let page = store.read(|transaction| reading::entries(transaction, &next)).unwrap();
            assert!(page.entries.len() <= filter.limit);
            found.extend(page.entries);
            match (page.next, filter.after) {
                (None, _) => break,
                (cursor, Some(_)) => next.after = cursor,
                (cursor, None) => next.before = cursor,
            }
        }
        assert_eq!(found, expected, "{filter:?}");
    }
}

#[test]
fn an_entry_comes_back_as_it_was_written_and_long_texts_are_cut() {
    let folder = TempDir::new().unwrap();
    let house = house(&folder);
    let payer = payer(1);
    let whole = Entry {
        upstream_request_id: Some("upstream".into()),
        end_user: Some("Zoë \u{1f} \0".into()),
        app: App {
            referer: Some("https://a".into()),
            title: Some("t".into()),
            user_agent: Some("u".repeat(600).into()),
        },
        upstream_shape: Some("messages".into()),
        stream: true,
        attempts: vec![AttemptEntry {
            provider: "p".into(),
            model: "m".into(),
            outcome: "timeout".into(),
            status: Some(504),
        }],
        status: None,
        price_source: Some("config".into()),
        service_class: Some("flex".into()),
        time_to_first_token_ms: Some(0),
        finish_reason: Some("stop".into()),
        bytes_in: u64::MAX,
        bytes_out: 1,
        cache_break: Some("expired".into()),
        usage_source: UsageSource::Estimated,
        ..entry("req_whole", Usage { input: 1, web_searches: 3, image_output: u64::MAX, ..Usage::default() })
    };
    house.ledger.reserve(demand(&payer, "req_whole", 5), SystemTime::now()).unwrap().settle(spent(7, 9), whole.clone());
    let found = house.ledger.entry("req_whole").unwrap().unwrap();
    assert_eq!(found.app.user_agent.as_deref().map(str::len), Some(512));
    let app = App { user_agent: found.app.user_agent.clone(), ..whole.app };
    let key_id = payer.key.as_str().into();
    assert_eq!(found, Entry { id: found.id, key_id, charged_tokens: 7, app, ..whole });
    house.check();
}
