//! The table at the end: medians over the rounds, beside the figures that are to be reached.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::client::Timing;
use crate::subject::BASELINE;
use crate::workload::FIRST_CONTENT;

/// The subject whose figures are judged.
const JUDGED: &str = "gateway";

/// What the gateway's CPU microseconds are to be at most, by workload.
const CPU_TARGETS: [(&str, f64); 6] = [
    ("request, 2 KB", 50.0),
    ("request, 60 KB", 90.0),
    ("request, 1 MB", 700.0),
    ("event, paced 10 ms", 18.0),
    ("event, own writes", 5.0),
    ("event, bursts of 20", 2.5),
];
/// What the gateway may add to the median latency, in microseconds, by workload.
const LATENCY_TARGETS: [(&str, f64); 3] =
    [("one client, 2 KB", 75.0), ("one client, 60 KB", 110.0), ("one client, 1 MB", 350.0)];
/// What the gateway may add to the time to a stream's first content, in microseconds.
const FIRST_CONTENT_TARGET: f64 = 90.0;
/// What the gateway may hold, in MB, idle and after the load.
const MEMORY_TARGETS: (f64, f64) = (25.0, 40.0);

/// One round of one workload through one subject.
pub(crate) struct Sample {
    /// CPU time of the subject.
    pub(crate) cpu: Duration,
    /// Whether the unit is an event instead of a request.
    pub(crate) stream: bool,
    /// Every exchange.
    pub(crate) timings: Vec<Timing>,
}

impl Sample {
    /// CPU microseconds a request, or an event of a stream.
    fn unit_cost(&self) -> f64 {
        let units =
            if self.stream { self.timings.iter().map(|timing| timing.events).sum() } else { self.timings.len() };
        micros(self.cpu) / units as f64
    }
}

/// Everything that was measured; prints as the report.
pub(crate) struct Report<'a> {
    /// The rounds, by workload and subject.
    pub(crate) samples: &'a BTreeMap<(&'static str, &'static str), Vec<Sample>>,
    /// Resident KiB of each subject, idle and after.
    pub(crate) memory: &'a [(&'static str, u64, u64)],
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&'static str> = self.memory.iter().map(|(name, ..)| *name).collect();
        writeln!(f, "\nCPU microseconds of the subject itself (median of the rounds)")?;
        heading(f, &names)?;
        for (workload, target) in CPU_TARGETS {
            let costs =
                |name: &'static str| self.of(workload, name).map(|rounds| median(rounds.iter().map(Sample::unit_cost)));
            line(f, workload, names.iter().map(|name| costs(name)), costs(JUDGED), target)?;
        }

        let others: Vec<&'static str> = names.iter().copied().filter(|name| *name != BASELINE).collect();
        writeln!(f, "\nAdded to the simulator's own latency, microseconds, one client")?;
        heading(f, &others)?;
        for (workload, target) in LATENCY_TARGETS {
            for (label, rank) in [("p50", 0.5), ("p99", 0.99)] {
                let added = |name: &'static str| self.added(workload, name, rank, |timing| timing.whole);
                let name = format!("{workload}, {label}");
                // The tail belongs to the machine as much as to the subject: it is shown and not judged.
                let target = if rank > 0.5 { f64::INFINITY } else { target };
                line(f, &name, others.iter().map(|name| added(name)), added(JUDGED), target)?;
            }
        }
        let added = |name: &'static str| self.added(FIRST_CONTENT, name, 0.5, |timing| timing.first_content);
        line(f, "first content, p50", others.iter().map(|name| added(name)), added(JUDGED), FIRST_CONTENT_TARGET)?;

        writeln!(f, "\nResident memory, MB")?;
        heading(f, &names)?;
        let held = |name: &'static str, after: bool| {
            let found = self.memory.iter().find(|(subject, ..)| *subject == name);
            found.map(|(_, idle, loaded)| if after { *loaded } else { *idle } as f64 / 1024.0)
        };
        for (label, after, target) in [("idle", false, MEMORY_TARGETS.0), ("after the load", true, MEMORY_TARGETS.1)] {
            line(f, label, names.iter().map(|name| held(name, after)), held(JUDGED, after), target)?;
        }
        Ok(())
    }
}

impl Report<'_> {
    fn of(&self, workload: &'static str, subject: &'static str) -> Option<&[Sample]> {
        self.samples.get(&(workload, subject)).map(Vec::as_slice)
    }

    /// What a subject adds to the baseline at that rank, microseconds.
    fn added(
        &self,
        workload: &'static str,
        subject: &'static str,
        rank: f64,
        time: fn(&Timing) -> Duration,
    ) -> Option<f64> {
        let at_rank = |subject: &'static str| {
            let timings = self.of(workload, subject)?.iter().flat_map(|sample| &sample.timings);
            Some(quantile(timings.map(|timing| micros(time(timing))), rank))
        };
        Some(at_rank(subject)? - at_rank(BASELINE)?)
    }
}

fn heading(f: &mut fmt::Formatter<'_>, names: &[&str]) -> fmt::Result {
    write!(f, "{:24}", "")?;
    for name in names {
        write!(f, "{name:>12}")?;
    }
    writeln!(f, "{:>12}", "target")
}

fn line(
    f: &mut fmt::Formatter<'_>,
    label: &str,
    values: impl Iterator<Item = Option<f64>>,
    judged: Option<f64>,
    target: f64,
) -> fmt::Result {
    write!(f, "{label:24}")?;
    for value in values {
        match value {
            Some(value) => write!(f, "{value:>12.1}")?,
            None => write!(f, "{:>12}", "-")?,
        }
    }
    if target.is_infinite() {
        return writeln!(f, "{:>12}", "-");
    }
    let missed = judged.is_some_and(|value| value > target);
    writeln!(f, "{:>12}{}", format!("<= {target}"), if missed { "  missed" } else { "" })
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    quantile(values, 0.5)
}

fn quantile(values: impl Iterator<Item = f64>, rank: f64) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * rank).round() as usize).copied().unwrap_or(f64::NAN)
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
