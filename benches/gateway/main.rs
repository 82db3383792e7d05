//! What the gateway costs: CPU a request and a streamed event, added latency and memory, against the simulator alone and
//! a plain nginx, in one run. `cargo bench --bench gateway`; `-- --quick` for a tenth of the work.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement that cannot be taken ends the run, and its result is what it prints"
)]

mod client;
#[path = "../process/mod.rs"]
mod process;
mod report;
mod subject;
mod workload;

use std::collections::BTreeMap;

use crate::report::{Report, Sample};
use crate::subject::Stage;
use crate::workload::Workload;

/// Each subject gets a turn in each round, so that a change of the machine's mood hits all of them.
const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs this file too, and is not to be kept waiting.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let divisor = if arguments.iter().any(|argument| argument == "--quick") { 10 } else { 1 };

    let stage = Stage::start();
    let subjects = stage.subjects();
    let idle: Vec<u64> = subjects.iter().map(|subject| subject.resident_kib()).collect();
    let mut samples: BTreeMap<(&'static str, &'static str), Vec<Sample>> = BTreeMap::new();
    for workload in Workload::all() {
        for subject in &subjects {
            // Opens the connections on both sides, and fills what is filled on first use.
            workload.run(subject, (workload.turns / 20).max(1));
        }
        for round in 1..=ROUNDS {
            for subject in &subjects {
                eprintln!("round {round}: {} through {}", workload.name, subject.name);
                let sample = workload.run(subject, (workload.turns / divisor).max(1));
                samples.entry((workload.name, subject.name)).or_default().push(sample);
            }
        }
    }
    let memory: Vec<(&'static str, u64, u64)> =
        subjects.iter().zip(idle).map(|(subject, idle)| (subject.name, idle, subject.resident_kib())).collect();
    print!("{}", Report { samples: &samples, memory: &memory });
}
