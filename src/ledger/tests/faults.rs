//! Crashes and failing disks at any moment: whatever was promised is there afterwards, once.

use std::collections::HashMap;

use crate::store::faulty::{Fault, FaultyDisk, Plan, Random};

use super::*;

/// What is known of a request from outside.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The most that was acknowledged as set aside.
    acknowledged: Option<u64>,
    settled: Option<u64>,
    dropped: bool,
    /// Whether a flush was acknowledged after it was over.
    proved: bool,
}

/// Several lives of one file, each ended by a crash.
struct Lives {
    random: Random,
    image: Vec<u8>,
    known: HashMap<String, Known>,
    requests: u64,
    quick_repair: bool,
}

impl Lives {
    fn begin(seed: u64) -> Lives {
        let disk = FaultyDisk::new(Vec::new());
        disk.store(false).unwrap().shutdown().unwrap();
        let quick_repair = seed.is_multiple_of(2);
        Lives { random: Random(seed), image: disk.crash(), known: HashMap::new(), requests: 0, quick_repair }
    }

    /// Some faults, and a crash in the end or before.
    fn plan(&mut self) -> Plan {
        let mut faults = Vec::new();
        for _ in 0..self.random.below(3) {
            let first = self.random.below(300);
            let fault = if self.random.below(2) == 0 { Fault::Full } else { Fault::Short };
            faults.push((first, first + self.random.below(8), fault));
        }
        if self.random.below(3) > 0 {
            let crash = self.random.below(400);
            faults.insert(0, (crash, crash, Fault::Crash));
        }
        Plan { faults, seed: self.random.next() }
    }

    fn live(&mut self) {
        let disk = FaultyDisk::new(std::mem::take(&mut self.image));
        let plan = self.plan();
        disk.plan(plan);
        if let Ok(store) = disk.store(self.quick_repair) {
            let store = Arc::new(store);
            if let Ok(ledger) = Ledger::open(Arc::clone(&store), LedgerSettings::default()) {
                self.work(&ledger);
                self.image = disk.crash();
                drop(ledger);
                return;
            }
        }
        self.image = disk.crash();
    }

    fn work(&mut self, ledger: &Ledger) {
        let payers = [payer(1), payer(2), with_user(2, "ann"), with_user(2, "bob")];
        let mut open: Vec<(String, Reservation)> = Vec::new();
        for _ in 0..self.random.below(60) {
            match self.random.below(10) {
                0..=3 => {
                    self.requests += 1;
                    let request = format!("req_{}", self.requests);
                    let payer = &payers[self.random.below(4) as usize];
                    let demand = demand(payer, &request, 1 + self.random.below(1_000));
                    match ledger.reserve(demand, SystemTime::now()) {
                        Ok(reservation) => open.push((request, reservation)),
                        Err(Refusal::Storage(_)) => {}
                        Err(refusal) => panic!("{refusal:?}"),
                    }
                }
                4 | 5 if !open.is_empty() => {
                    let chosen = self.random.below(open.len() as u64) as usize;
                    let (request, reservation) = &mut open[chosen];
                    if block_on(reservation.durable()).is_ok() {
                        let tokens = reservation.grant.as_ref().unwrap().reserved.tokens;
                        self.known.entry(request.clone()).or_default().acknowledged = Some(tokens);
                    }
                }
                6 if !open.is_empty() => {
                    let chosen = self.random.below(open.len() as u64) as usize;
                    open[chosen].1.cover(spent(self.random.below(3_000), 0));
                }
                7 if !open.is_empty() => {
                    let (request, reservation) = open.swap_remove(self.random.below(open.len() as u64) as usize);
                    let known = self.known.entry(request.clone()).or_default();
                    if self.random.below(4) == 0 {
                        known.dropped = true;
                    } else {
                        let tokens = self.random.below(2_000);
                        known.settled = Some(tokens);
                        reservation.settle(spent(tokens, tokens * 3), entry(&request, Usage::default()));
                    }
                }
                8 => ledger.note(entry("noted", Usage::default())),
                9 if ledger.flush().is_ok() => {
                    for known in self.known.values_mut() {
                        known.proved |= known.settled.is_some() || known.dropped;
                    }
                }
                _ => {}
            }
        }
        // A process that dies drops nothing in order: what is open stays open on disk.
        open.into_iter().for_each(|(_, reservation)| reservation.forget());
    }

    /// Opens the file on a disk that works, and holds it to what was promised.
    fn judge(&mut self) {
        let disk = FaultyDisk::new(std::mem::take(&mut self.image));
        let store = Arc::new(disk.store(self.quick_repair).unwrap());
        let ledger = Ledger::open(Arc::clone(&store), LedgerSettings::default()).unwrap();
        let house = House { store, ledger };
        house.check();
        let mut entries: HashMap<String, Vec<Entry>> = HashMap::new();
        for entry in house.all() {
            entries.entry(entry.request_id.to_string()).or_default().push(entry);
        }
        entries.remove("noted");
        for (request, entries) in &entries {
            assert_eq!(entries.len(), 1, "{request} is there twice: {entries:?}");
        }
        for (request, known) in &self.known {
            let found = entries.get(request).and_then(|entries| entries.first());
            let recovered = found.is_some_and(|entry| &*entry.outcome == "recovered");
            let charged = found.map(|entry| entry.charged_tokens);
            let is_settled = !recovered && known.settled.is_some() && charged == known.settled;
            let is_recovered = recovered && charged.unwrap() >= known.acknowledged.unwrap_or(0);
            let right = match known {
                Known { settled: Some(_), proved: true, .. } => is_settled,
                Known { dropped: true, proved: true, .. } => found.is_none(),
                Known { dropped: true, .. } => found.is_none() || is_recovered,
                Known { acknowledged: Some(_), .. } => is_settled || is_recovered,
                _ => found.is_none() || is_settled || is_recovered,
            };
            assert!(right, "{request}: {known:?}, found {found:?}");
        }
        let charged: u64 = entries.values().flatten().map(|entry| entry.charged_tokens).sum();
        let rows = house.ledger.quotas(&|_| None, SystemTime::now());
        assert_eq!(rows.first().map(|row| (row.key.clone(), row.today.tokens)), Some((None, charged)));
        // What is so now stays so: the next life may not change it.
        for (request, known) in &mut self.known {
            let found = entries.get(request).and_then(|entries| entries.first());
            known.settled = found.map(|entry| entry.charged_tokens).filter(|_| known.settled.is_some());
            let recovered = found.is_some_and(|entry| &*entry.outcome == "recovered");
            if recovered {
                *known = Known { acknowledged: found.map(|entry| entry.charged_tokens), ..Known::default() };
            } else {
                known.proved = true;
                known.dropped |= known.settled.is_none();
            }
        }
        drop(house);
        self.image = disk.crash();
    }
}

impl Reservation {
    /// As if the process were gone: nobody is told.
    fn forget(mut self) {
        self.grant = None;
    }
}

fn with_user(number: u64, name: &str) -> Payer {
    let end_user = Some(EndUser { name: name.into(), limits: Allowance::default() });
    Payer { end_user, ..payer(number) }
}

fn run(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| {
            let mut lives = Lives::begin(seed);
            for _ in 0..4 {
                lives.live();
                lives.judge();
            }
        });
        assert!(outcome.is_ok(), "seed {seed}");
    }
}

#[test]
fn no_crash_and_no_failing_disk_loses_or_doubles_what_was_promised() {
    run(0..150);
}

#[test]
#[ignore = "takes minutes; run by make test-long"]
fn no_crash_and_no_failing_disk_loses_or_doubles_what_was_promised_at_length() {
    run(1_000..6_000);
}
