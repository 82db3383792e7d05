//! What translation costs beside the path of one shape: time, allocations and, with `--instructions` (needs valgrind), instructions.
//!
//! `cargo bench -p ovth-filters --bench translate -- [--instructions]`
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints a table")]

mod cases;
mod inputs;

use std::alloc::System;
use std::process::Command;
use std::time::{Duration, Instant};

use cases::Case;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many samples are taken of each case, and how long one takes at least.
const SAMPLES: usize = 40;
const SAMPLE: Duration = Duration::from_millis(10);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let cases = cases::all();
    if let Some(name) = arguments.iter().skip_while(|argument| *argument != "--once").nth(1) {
        // What callgrind runs.
        if let Some(case) = cases.iter().find(|case| case.name == *name) {
            counted(case);
        }
        return;
    }
    let with_instructions = arguments.iter().any(|argument| argument == "--instructions");
    println!(
        "{:<52}{:>9}{:>11}{:>11}{:>8}{:>11}{:>14}",
        "case", "bytes", "median us", "best us", "allocs", "allocated", "instructions"
    );
    for case in &cases {
        let (median, best) = timed(case);
        let (allocations, allocated) = allocated(case);
        let instructions = with_instructions.then(|| instructions(case)).flatten();
        let instructions = instructions.map_or_else(|| "-".to_owned(), |count| count.to_string());
        println!(
            "{:<52}{:>9}{:>11.1}{:>11.1}{allocations:>8}{allocated:>11}{instructions:>14}",
            case.name,
            case.bytes,
            median.as_secs_f64() * 1e6,
            best.as_secs_f64() * 1e6,
        );
    }
}

/// Median and best time of one run.
fn timed(case: &Case) -> (Duration, Duration) {
    let mut rounds = 1_u32;
    loop {
        let started = Instant::now();
        (0..rounds).for_each(|_| (case.run)());
        if started.elapsed() >= SAMPLE {
            break;
        }
        rounds = rounds.saturating_mul(2);
    }
    let mut samples: Vec<Duration> = (0..SAMPLES)
        .map(|_| {
            let started = Instant::now();
            (0..rounds).for_each(|_| (case.run)());
            started.elapsed() / rounds
        })
        .collect();
    samples.sort_unstable();
    (samples.get(SAMPLES / 2).copied().unwrap_or_default(), samples.first().copied().unwrap_or_default())
}

/// Allocations of one run, growing ones included, and their bytes.
fn allocated(case: &Case) -> (usize, usize) {
    let region = Region::new(ALLOCATOR);
    (case.run)();
    let change = region.change();
    (change.allocations + change.reallocations, change.bytes_allocated)
}

/// One run, under a name that callgrind can find.
#[inline(never)]
fn counted(case: &Case) {
    (case.run)();
}

/// Instructions of one run as callgrind counts them; `None` when valgrind is not there.
fn instructions(case: &Case) -> Option<u64> {
    let run = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--collect-atstart=no",
            "--toggle-collect=translate::counted*",
        ])
        .arg(std::env::current_exe().ok()?)
        .args(["--once", &case.name])
        .output()
        .map_err(|error| eprintln!("valgrind does not run: {error}"))
        .ok()?;
    let report = String::from_utf8_lossy(&run.stderr).into_owned();
    let collected = report.lines().find_map(|line| line.split_once("Collected :"))?.1;
    collected.trim().parse().ok()
}
