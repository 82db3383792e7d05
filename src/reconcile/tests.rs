//! Exports in the providers' layouts against a ledger.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::date;

use super::*;
use crate::catalog::Catalog;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::embedded().unwrap());

/// As OpenAI's dashboard writes it: buckets of a day, counts with a point, a day without usage, two rows of one model.
const OPENAI: &str = "\
start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,service_tier,\
input_tokens,output_tokens,input_cached_tokens,input_uncached_tokens,input_text_tokens,output_text_tokens
1790812800,1790899200,2026-10-01T00:00:00+00:00,2026-10-02T00:00:00+00:00,proj_a,8.0,user-a,key_gateway,gpt-5-2025-08-07,FALSE,default,46264.0,60000.0,8192.0,38072.0,38072.0,60000.0
1790812800,1790899200,2026-10-01T00:00:00+00:00,2026-10-02T00:00:00+00:00,proj_a,1.0,user-a,key_gateway,gpt-5,FALSE,default,5783.0,16000.0,0.0,5783.0,5783.0,16000.0
1790899200,1790985600,2026-10-02T00:00:00+00:00,2026-10-03T00:00:00+00:00,,,,,,,,,,,,,
1790985600,1791072000,2026-10-03T00:00:00+00:00,2026-10-04T00:00:00+00:00,proj_a,11.0,user-a,key_other,gpt-5-mini-2025-08-07,FALSE,default,124784.0,154852.0,0.0,124784.0,124784.0,154852.0
";

/// As Anthropic's console writes it.
const ANTHROPIC: &str = "\
usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,\
usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,\
web_search_count,inference_geo,speed
2026-10-05,claude-sonnet-4-5-20250929,Gateway,Default,standard,≤ 200k,46981,15969,100,900000,16932,0,global,
2026-10-05,claude-sonnet-4-5-20250929,Gateway,Default,standard,> 200k,19,0,0,0,68,0,global,
2026-10-06,claude-haiku-4-5-20251001,\"Notes, old\",Default,standard,≤ 200k,50000,0,0,0,2000,0,not_available,
";

fn read(text: &str) -> Result<Export, ExportError> {
    read_of(text, &[])
}

fn read_of(text: &str, api_keys: &[&str]) -> Result<Export, ExportError> {
    let api_keys: Vec<String> = api_keys.iter().map(|key| (*key).to_owned()).collect();
    Export::read(text.as_bytes(), &api_keys, &CATALOG)
}

fn told(export: &Export) -> Vec<(String, &str, Counts)> {
    export.cells.iter().map(|(cell, counts)| (cell.day.to_string(), cell.model.as_str(), *counts)).collect()
}

#[test]
fn openai_s_input_is_split_and_rows_of_a_day_and_model_are_one() {
    let export = read(OPENAI).unwrap();
    assert_eq!(export.layout, Layout::OpenAi);
    assert_eq!(export.kinds, Kinds { requests: true, cache_read: true, ..Kinds::default() });
    assert_eq!(export.days, Some(date(2026, 10, 1)..=date(2026, 10, 3)));
    assert_eq!((export.rows, export.skipped_rows), (4, 0));
    let first = Counts { requests: 9, input: 43_855, cache_read: 8192, output: 76_000, ..Counts::default() };
    let last = Counts { requests: 11, input: 124_784, output: 154_852, ..Counts::default() };
    assert_eq!(
        told(&export),
        [("2026-10-01".to_owned(), "gpt-5", first), ("2026-10-03".to_owned(), "gpt-5-mini", last)]
    );
}

#[test]
fn columns_of_the_usage_api_are_read_in_any_order() {
    let export = read(
        "model,input_cache_write_tokens,input_tokens,input_cached_tokens,output_tokens,start_time\n\
         gpt-9-2027-01-01,100,1000,300,50,1790812861\n",
    )
    .unwrap();
    assert_eq!(export.kinds, Kinds { cache_read: true, cache_write: true, ..Kinds::default() });
    let counts = Counts { input: 600, cache_read: 300, cache_write: 100, output: 50, ..Counts::default() };
    assert_eq!(told(&export), [("2026-10-01".to_owned(), "gpt-9", counts)], "a model that nobody knows is undated too");
}

#[test]
fn anthropic_s_kinds_are_taken_as_they_are() {
    let export = read(ANTHROPIC).unwrap();
    assert_eq!(export.layout, Layout::Anthropic);
    assert_eq!(export.kinds, Kinds { requests: false, cache_read: true, cache_write: true, cache_write_1h: true });
    let sonnet = Counts {
        input: 47_000,
        cache_write: 15_969,
        cache_write_1h: 100,
        cache_read: 900_000,
        output: 17_000,
        ..Counts::default()
    };
    let haiku = Counts { input: 50_000, output: 2000, ..Counts::default() };
    assert_eq!(
        told(&export),
        [("2026-10-05".to_owned(), "claude-sonnet-4-5", sonnet), ("2026-10-06".to_owned(), "claude-haiku-4-5", haiku)]
    );
}

#[test]
fn older_files_of_anthropic_have_one_column_of_cache_writes() {
    let export = read(
        "usage_date_utc,model_version,usage_input_tokens_no_cache,usage_input_tokens_cache_write,\
         usage_input_tokens_cache_read,usage_output_tokens\n2025-06-01 15:00,claude-opus-4-20250514,1,2,3,4\n",
    )
    .unwrap();
    assert_eq!(export.kinds, Kinds { cache_read: true, cache_write: true, ..Kinds::default() });
    let counts = Counts { input: 1, cache_write: 2, cache_read: 3, output: 4, ..Counts::default() };
    assert_eq!(told(&export), [("2025-06-01".to_owned(), "claude-opus-4-0", counts)]);
}

#[test]
fn what_spreadsheets_make_of_a_file_is_read_as_well() {
    let expected = told(&read(OPENAI).unwrap()).len();
    for text in [
        format!("\u{feff}{}", OPENAI.replace('\n', "\r\n")),
        OPENAI.replace(',', "\t"),
        OPENAI.replace(',', ";"),
        format!("{OPENAI}\n,,,\n"),
    ] {
        assert_eq!(told(&read(&text).unwrap()).len(), expected, "{text}");
    }
}

#[test]
fn only_rows_of_the_chosen_api_keys_are_taken() {
    let export = read_of(OPENAI, &["key_gateway"]).unwrap();
    assert_eq!((export.cells.len(), export.skipped_rows), (1, 1));
    let export = read_of(ANTHROPIC, &["Notes, old", "nobody"]).unwrap();
    assert_eq!((export.cells.len(), export.skipped_rows), (1, 2));
    let none = read_of("usage_date_utc,model_version,usage_input_tokens_no_cache,usage_output_tokens\n", &["x"]);
    assert!(matches!(none, Err(ExportError::NoApiKeys)), "{none:?}");
}

#[test]
fn an_export_without_usage_still_has_its_days() {
    let text = "start_time,end_time,start_time_iso,end_time_iso\n\
                1790812800,1790899200,2026-10-01T00:00:00+00:00,2026-10-02T00:00:00+00:00\n";
    let export = read(text).unwrap();
    assert!(export.cells.is_empty());
    assert_eq!(export.days, Some(date(2026, 10, 1)..=date(2026, 10, 1)));
    assert_eq!(read("start_time,end_time\n").unwrap().days, None);
}

#[test]
fn an_unknown_header_is_told_with_both_layouts() {
    let error = read("date,model,tokens\u{1b}[31m\n2026-01-01,x,1\n").unwrap_err().to_string();
    for part in
        ["OpenAI's has start_time", "num_model_requests", "usage_date_utc", "This file has: date, model, tokens"]
    {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(!error.contains('\u{1b}'), "{error:?}");
    assert!(read("").is_err());
    let cost = read("start_time,end_time,amount_value,amount_currency\n");
    assert!(matches!(cost, Err(ExportError::CostExport)), "{cost:?}");
    let ungrouped = read("start_time,end_time,input_tokens,output_tokens\n");
    assert!(matches!(ungrouped, Err(ExportError::NoModels)), "{ungrouped:?}");
}

#[test]
fn what_makes_no_sense_is_told_with_its_place() {
    let header = "start_time,end_time,model,input_tokens,output_tokens\n";
    for (row, expected) in [
        ("1790812800,1790899200,gpt-5,1.2E+06,1", "line 2, column input_tokens: `1.2E+06` is no whole number"),
        ("soon,,gpt-5,1,1", "line 2, column start_time: `soon` is no UTC day"),
        ("1790812800,1791417600,gpt-5,1,1", "line 2: its time is not within one UTC day"),
        ("1790812800,1790899200,,1,1", "not told by model"),
    ] {
        let error = read(&format!("{header}{row}\n")).unwrap_err().to_string();
        assert!(error.contains(expected), "{row}: {error}");
    }
}

#[test]
fn the_size_is_bounded() {
    let endless = std::io::Read::chain(OPENAI.as_bytes(), std::io::repeat(b'\n'));
    let read = Export::read(endless, &[], &CATALOG);
    assert!(matches!(read, Err(ExportError::TooLarge)), "{read:?}");
}

fn cells(rows: &[(i8, &str, Counts)]) -> BTreeMap<Cell, Counts> {
    rows.iter()
        .map(|(day, model, counts)| (Cell { day: date(2026, 10, *day), model: (*model).into() }, *counts))
        .collect()
}

const ALL: Kinds = Kinds { requests: true, cache_read: true, cache_write: true, cache_write_1h: true };

#[test]
fn equal_figures_agree() {
    let rows = cells(&[(1, "gpt-5", Counts { requests: 3, input: 10, output: 5, ..Counts::default() })]);
    let found = compare(&rows, &rows, ALL, Tolerance::default());
    assert_eq!((found.cells, found.differences), (1, Vec::new()));
    assert_eq!(found.ledger, found.provider);
}

#[test]
fn each_difference_is_named() {
    let ours = Counts { requests: 3, input: 1000, cache_read: 50, output: 5, ..Counts::default() };
    let theirs = Counts { requests: 3, input: 800, cache_read: 50, output: 6, ..Counts::default() };
    let found = compare(&cells(&[(1, "a", ours)]), &cells(&[(1, "a", theirs)]), ALL, Tolerance::default());
    let named: Vec<_> = found
        .differences
        .iter()
        .map(|difference| (difference.kind, difference.amount(), difference.basis_points()))
        .collect();
    assert_eq!(named, [(Kind::Input, 200, Some(2500)), (Kind::Output, -1, Some(-1667))]);
    let tolerant = compare(&cells(&[(1, "a", ours)]), &cells(&[(1, "a", theirs)]), ALL, "20%".parse().unwrap());
    assert!(tolerant.differences.is_empty(), "{tolerant:?}");
}

#[test]
fn what_only_one_side_has_is_named_by_kind() {
    let counts = Counts { requests: 1, input: 10, ..Counts::default() };
    let found = compare(&cells(&[(1, "a", counts)]), &cells(&[(2, "b", counts)]), ALL, "100%".parse().unwrap());
    assert!(found.differences.is_empty(), "everything may differ");
    let found = compare(&cells(&[(1, "a", counts)]), &cells(&[(2, "b", counts)]), ALL, Tolerance::default());
    let named: Vec<_> = found
        .differences
        .iter()
        .map(|found| (found.model.as_str(), found.kind, found.ledger, found.provider, found.basis_points()))
        .collect();
    assert_eq!(
        named,
        [
            ("a", Kind::Requests, Some(1), None, None),
            ("a", Kind::Input, Some(10), None, None),
            ("b", Kind::Requests, None, Some(1), Some(-10_000)),
            ("b", Kind::Input, None, Some(10), Some(-10_000)),
        ]
    );
}

#[test]
fn kinds_that_the_export_does_not_tell_apart_are_put_together() {
    let ours = Counts { input: 1, cache_read: 2, cache_write: 4, cache_write_1h: 8, output: 16, ..Counts::default() };
    for (kinds, theirs) in [
        (Kinds::default(), Counts { input: 15, output: 16, ..Counts::default() }),
        (
            Kinds { cache_read: true, ..Kinds::default() },
            Counts { input: 13, cache_read: 2, output: 16, ..Counts::default() },
        ),
        (
            Kinds { cache_read: true, cache_write: true, ..Kinds::default() },
            Counts { input: 1, cache_read: 2, cache_write: 12, output: 16, ..Counts::default() },
        ),
    ] {
        let found = compare(&cells(&[(1, "a", ours)]), &cells(&[(1, "a", theirs)]), kinds, Tolerance::default());
        assert!(found.differences.is_empty(), "{found:?}");
    }
}

#[test]
fn failed_requests_may_be_counted_or_not() {
    let ours = Counts { requests: 10, failed_requests: 2, input: 1, ..Counts::default() };
    for (told, agree) in [(9, false), (10, true), (11, true), (12, true), (13, false)] {
        let theirs = Counts { requests: told, input: 1, ..Counts::default() };
        let found = compare(&cells(&[(1, "a", ours)]), &cells(&[(1, "a", theirs)]), ALL, Tolerance::default());
        assert_eq!(found.differences.is_empty(), agree, "{told}");
    }
    let failed = cells(&[(1, "a", Counts { failed_requests: 3, ..Counts::default() })]);
    assert_eq!(compare(&failed, &BTreeMap::new(), ALL, Tolerance::default()), Comparison::default());
}

proptest::proptest! {
    #[test]
    fn no_file_is_too_strange_to_be_refused(
        layout in proptest::sample::select(vec![OPENAI, ANTHROPIC, ""]),
        kept in 0_usize..600,
        rest in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        cells in "[0-9.,;:TZ\"\n\t -]{0,120}",
    ) {
        let mut bytes: Vec<u8> = layout.bytes().take(kept).collect();
        bytes.extend(cells.bytes());
        bytes.extend(rest);
        // Read or refused: both are well, a panic is not.
        let _ = Export::read(bytes.as_slice(), &[], &CATALOG);
    }
}
