//! The tables of `docs/matrix.md`.

use std::fmt::Write as _;
use std::path::Path;

use super::exchanges::SHAPES;
use super::feature::{Feature, Way};
use super::way::Cell;

/// Where the tables stand.
const BEGIN: &str = "<!-- the tables are made by filters/tests/matrix: OVTH_WRITE_DOCS=1 cargo test -p ovth-filters --test matrix -->\n";
const END: &str = "<!-- end of the tables -->";

pub(crate) fn tables(page: &[(Way, Feature, Cell)]) -> String {
    let mut out = String::new();
    for client in SHAPES {
        write!(out, "### A client of `{client}`\n\n| |").unwrap();
        SHAPES.iter().for_each(|upstream| write!(out, " to `{upstream}` |").unwrap());
        out.push_str("\n|---|---|---|---|---|\n");
        for feature in Feature::ALL {
            write!(out, "| {} |", feature.words().0).unwrap();
            for (way, of, cell) in page {
                if way.client == client && *of == feature {
                    match cell {
                        Cell::Passes => out.push_str(" passes |"),
                        Cell::Told(losses) if losses.is_empty() => out.push_str(" yes |"),
                        Cell::Told(losses) => write!(out, " yes; `{losses}` |").unwrap(),
                        Cell::Refused(param, message) => write!(out, " 400 `{param}`: {message} |").unwrap(),
                    }
                }
            }
            out.push('\n');
        }
        out.push('\n');
    }
    out.push_str("### What each row looks for\n\n| | |\n|---|---|\n");
    for (name, words) in Feature::ALL.map(Feature::words) {
        writeln!(out, "| {name} | {words} |").unwrap();
    }
    out.push('\n');
    out
}

pub(crate) fn compare(tables: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/matrix.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (held, after) = rest.split_once(END).unwrap();
    if std::env::var_os("OVTH_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{tables}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(tables, held, "docs/matrix.md is not what holds; OVTH_WRITE_DOCS=1 writes what holds");
}
