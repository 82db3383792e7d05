//! SIGTERM, SIGINT and SIGKILL in every phase of an exchange: what its client sees, and what the ledger holds after the next start. The table in
//! `docs/shutdown.md` is made here; `OVTH_WRITE_DOCS=1` writes it, else it is compared.

mod phase;
mod seen;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use self::phase::{Phase, Stage};
use crate::support::{Shape, within_one_day};

/// What ends the process, and what becomes of the exchanges then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// This signal, and all exchanges come to their end within the grace time.
    Drained(&'static str),
    /// This signal, and the grace time passes.
    Late(&'static str),
    /// This signal, and then that one.
    Twice(&'static str, &'static str),
    /// SIGKILL.
    Killed,
}

/// What a client saw and what the ledger holds, in words, for each phase.
type Rows = BTreeMap<Phase, (String, String)>;

/// Takes exchanges to all phases, ends the process, and looks at both sides.
async fn rows(shape: Shape, way: Way) -> Rows {
    let grace = if matches!(way, Way::Late(_)) { "200ms" } else { "10m" };
    let mut rows = Rows::new();
    // A stream that is kept alive needs quick heartbeats, one that is held must have none.
    for (commit_after, phases) in [("1h", Phase::others()), ("50ms", vec![Phase::Heartbeats])] {
        let settings = format!("h2c: true\ncommit_after: {commit_after}\nheartbeat: 1h\nshutdown_grace: {grace}\n");
        let mut stage = Stage::start(shape, &settings).await;
        let mut clients = Vec::new();
        for phase in phases {
            clients.push((phase, stage.reach(phase).await));
        }
        // Its first byte waits for the disk, and so for all that was set aside before.
        stage.marker().await;
        stage.end(way, &mut clients).await;
        for (phase, client) in clients {
            let saw = client.saw(shape, phase).await;
            rows.insert(phase, (saw, String::new()));
        }
        stage.ended(way).await;
        let ledger = stage.ledger().await;
        for (phase, held) in ledger {
            let unsure = way == Way::Killed && matches!(phase, Phase::Settling | Phase::Refused);
            let held = if unsure { phase::unsure(&held) } else { held };
            rows.entry(phase).and_modify(|row| row.1 = held);
        }
    }
    rows
}

#[tokio::test]
async fn every_phase_ends_as_the_table_in_the_documents_says() {
    let mut columns = Vec::new();
    for ways in [
        vec![Way::Drained("TERM"), Way::Drained("INT")],
        vec![Way::Late("TERM"), Way::Twice("INT", "TERM"), Way::Twice("QUIT", "INT")],
        vec![Way::Killed],
    ] {
        let mut same: Option<Rows> = None;
        for (way, shape) in ways.into_iter().zip(Shape::BOTH.into_iter().cycle()) {
            let rows = within_day(shape, way).await;
            match &same {
                None => same = Some(rows),
                Some(same) => {
                    assert_eq!(&rows, same, "{way:?} is as the other signals are, and {shape:?} as the other shape")
                }
            }
        }
        columns.push(same.expect("there is a way"));
    }
    // The other shape of each column that has one run only.
    assert_eq!(within_day(Shape::Messages, Way::Killed).await, columns[2]);
    compare(&table(&columns));
}

/// Sums and entries are looked at by day.
async fn within_day(shape: Shape, way: Way) -> Rows {
    let last = std::cell::RefCell::new(Rows::new());
    within_one_day(async || drop(last.replace(rows(shape, way).await))).await;
    last.into_inner()
}

fn table(columns: &[Rows]) -> String {
    let mut table = String::from(
        "| phase | SIGTERM, SIGINT or SIGQUIT, and it comes to its end in time | `shutdown_grace` is over, or a second signal | SIGKILL, or a crash |\n\
         |---|---|---|---|\n",
    );
    for phase in Phase::ALL {
        write!(table, "| {} |", phase.words()).expect("a string");
        for rows in columns {
            let (saw, held) = &rows[&phase];
            write!(table, " {saw}. *Ledger:* {held} |").expect("a string");
        }
        table.push('\n');
    }
    table
}

/// Where the table stands.
const BEGIN: &str =
    "<!-- the table is made by tests/black_box/phases.rs: OVTH_WRITE_DOCS=1 cargo test --test black_box phases -->\n";
const END: &str = "<!-- end of the table -->";

fn compare(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/shutdown.md");
    let page = std::fs::read_to_string(&path).expect("docs/shutdown.md");
    let (before, rest) = page.split_once(BEGIN).expect("the place of the table");
    let (held, after) = rest.split_once(END).expect("the end of the table");
    if std::env::var_os("OVTH_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).expect("docs/shutdown.md can be written");
        return;
    }
    assert_eq!(table, held, "docs/shutdown.md is not what happens; OVTH_WRITE_DOCS=1 writes what happens");
}

/// What an entry says, in words.
fn held(entries: &[&Value]) -> String {
    match entries {
        [] => "nothing".to_owned(),
        [entry] => {
            let (outcome, source) = (entry["outcome"].as_str(), entry["usage_source"].as_str());
            let charged = entry["charged_tokens"].as_u64().expect("tokens");
            let charge = match source {
                Some("provider") => "the provider's figures",
                Some("estimated") if charged > 0 => "the prompt and what was delivered",
                Some("reserved") => "all that was set aside",
                Some("none") if charged == 0 => "nothing charged",
                other => panic!("{other:?} and {charged} tokens in {entry}"),
            };
            format!("`{}`, {charge}", outcome.expect("an outcome"))
        }
        several => panic!("one exchange, and several entries: {several:?}"),
    }
}
