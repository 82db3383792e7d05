//! Naming each difference between the ledger and an export.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::counts::{Cell, Counts, Kind, Kinds};
use super::tolerance::Tolerance;

/// One figure that the two sides do not agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The UTC day.
    pub day: Date,
    /// The model.
    pub model: String,
    /// What was counted.
    pub kind: Kind,
    /// The ledger's figure; absent when it knows nothing of that model on that day.
    pub ledger: Option<u64>,
    /// The provider's figure; absent when its export says nothing of that model on that day.
    pub provider: Option<u64>,
}

impl Difference {
    /// The ledger's figure less the provider's.
    #[must_use]
    pub fn amount(&self) -> i128 {
        i128::from(self.ledger.unwrap_or(0)) - i128::from(self.provider.unwrap_or(0))
    }

    /// That as a share of the provider's figure, in hundredths of a percent, rounded; absent when that figure is 0.
    #[must_use]
    pub fn basis_points(&self) -> Option<i128> {
        let provider = i128::from(self.provider.filter(|provider| *provider > 0)?);
        let scaled = self.amount() * 10_000;
        Some((scaled + scaled.signum() * (provider / 2)) / provider)
    }
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Models on days that were compared.
    pub cells: usize,
    /// Each figure that does not agree, by day, model and kind.
    pub differences: Vec<Difference>,
    /// The ledger's figures in all.
    pub ledger: Counts,
    /// The provider's figures in all.
    pub provider: Counts,
}

/// Compares the ledger's figures with those of an export. The ledger's requests agree when the export counts those that went
/// well, those that failed too, or anything between: providers count failed requests or not.
#[must_use]
pub fn compare(
    ledger: &BTreeMap<Cell, Counts>,
    provider: &BTreeMap<Cell, Counts>,
    kinds: Kinds,
    tolerance: Tolerance,
) -> Comparison {
    let mut found = Comparison::default();
    let cells: BTreeSet<&Cell> = ledger.keys().chain(provider.keys()).collect();
    for cell in cells {
        let ours = ledger.get(cell).map(|counts| counts.folded(kinds)).filter(|counts| is_something(counts, kinds));
        let theirs = provider.get(cell).map(|counts| counts.folded(kinds));
        if ours.is_none() && theirs.is_none() {
            continue;
        }
        found.cells += 1;
        let (our_counts, their_counts) = (ours.unwrap_or_default(), theirs.unwrap_or_default());
        found.ledger.add(&our_counts);
        found.provider.add(&their_counts);
        for kind in kinds.list() {
            let (mine, told) = (our_counts.of(kind), their_counts.of(kind));
            let failed = if kind == Kind::Requests { our_counts.failed_requests } else { 0 };
            let nearest = told.clamp(mine, mine.saturating_add(failed));
            if tolerance.covers(nearest, told) {
                continue;
            }
            found.differences.push(Difference {
                day: cell.day,
                model: cell.model.clone(),
                kind,
                ledger: ours.map(|_| mine),
                provider: theirs.map(|_| told),
            });
        }
    }
    found
}

/// Whether there is something that an export would have told: failed requests without tokens are nothing.
fn is_something(counts: &Counts, kinds: Kinds) -> bool {
    kinds.list().any(|kind| counts.of(kind) > 0)
}
