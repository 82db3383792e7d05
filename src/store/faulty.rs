//! A disk for tests that fails as real ones do, and of which only what was synced outlives a crash.
#![expect(clippy::indexing_slicing, reason = "tests")]

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{Database, StorageBackend};

use super::watched::{SyncFailed, Watched};
use super::writer::QuickRepair;
use super::{Store, StoreError, schema};

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is done: `ENOSPC`.
    Full,
    /// A part of a write is done; a sync that fails so loses some of what it was to sync, while reads still show it.
    Short,
    /// redb panics, as it does over a damaged page.
    Panic,
    /// The power is gone: this and everything after it fails.
    Crash,
}

/// What will fail: operations that change the disk are counted from 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// First and last operation, and how they fail.
    pub(crate) faults: Vec<(u64, u64, Fault)>,
    /// Decides what a crash and a failed sync lose.
    pub(crate) seed: u64,
}

/// The disk; clones are the same disk.
#[derive(Clone, Debug)]
pub(crate) struct FaultyDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// What reads see.
    seen: Vec<u8>,
    /// What is safe.
    safe: Vec<u8>,
    /// What was done since the last sync.
    unsynced: Vec<Change>,
    plan: Plan,
    operations: u64,
    dead: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

impl Change {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Change::Write(offset, data) => {
                let start = *offset as usize;
                if image.len() < start + data.len() {
                    image.resize(start + data.len(), 0);
                }
                image[start..start + data.len()].copy_from_slice(data);
            }
            Change::Length(length) => image.resize(*length as usize, 0),
        }
    }

    /// What is left of it when it was under way: sectors are written whole, in any order.
    fn torn(&self, random: &mut Random) -> Vec<Change> {
        const SECTOR: usize = 512;
        match self {
            Change::Write(offset, data) => data
                .chunks(SECTOR)
                .enumerate()
                .filter(|_| random.next().is_multiple_of(2))
                .map(|(number, sector)| Change::Write(offset + (number * SECTOR) as u64, sector.to_vec()))
                .collect(),
            Change::Length(_) => Vec::new(),
        }
    }
}

/// A generator that needs no crate.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

impl FaultyDisk {
    /// A disk with that on it.
    pub(crate) fn new(image: Vec<u8>) -> FaultyDisk {
        FaultyDisk(Arc::new(Mutex::new(State {
            seen: image.clone(),
            safe: image,
            unsynced: Vec::new(),
            plan: Plan::default(),
            operations: 0,
            dead: false,
        })))
    }

    /// Fails by this plan from now on.
    pub(crate) fn plan(&self, plan: Plan) {
        let mut state = self.lock();
        state.plan = plan;
        state.operations = 0;
    }

    /// The power goes now, if it has not yet. Gives what is on the disk then.
    pub(crate) fn crash(&self) -> Vec<u8> {
        let mut state = self.lock();
        state.dead = true;
        let mut random = Random(state.plan.seed ^ state.operations);
        let mut image = std::mem::take(&mut state.safe);
        for change in std::mem::take(&mut state.unsynced) {
            match random.next() % 3 {
                0 => {}
                1 => change.apply(&mut image),
                _ => change.torn(&mut random).iter().for_each(|part| part.apply(&mut image)),
            }
        }
        image
    }

    /// A store on it.
    pub(crate) fn store(&self, quick_repair: bool) -> Result<Store, StoreError> {
        let path = std::path::PathBuf::from("faulty.redb");
        let sync_failed = SyncFailed::default();
        let database = self.open(&sync_failed)?;
        schema::settle(&database, &path)?;
        let disk = self.clone();
        Store::start(path, database, Box::new(move || disk.open(&sync_failed)), QuickRepair::Fixed(quick_repair))
    }

    fn open(&self, sync_failed: &SyncFailed) -> Result<Database, StoreError> {
        let path = std::path::Path::new("faulty.redb");
        let opened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            Database::builder().set_cache_size(1 << 20).create_with_backend(Watched::new(self.clone(), sync_failed))
        }));
        match opened {
            Ok(opened) => opened.map_err(|error| StoreError::from_redb(path, error.into())),
            Err(_) => Err(StoreError::Panicked),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut state = self.lock();
        match state.begin()? {
            None => {
                change.apply(&mut state.seen);
                state.unsynced.push(change);
                Ok(())
            }
            Some(fault) => {
                let mut random = Random(state.plan.seed ^ state.operations);
                if fault != Fault::Full {
                    for part in change.torn(&mut random) {
                        part.apply(&mut state.seen);
                        state.unsynced.push(part);
                    }
                }
                Err(state.error(fault))
            }
        }
    }
}

impl State {
    /// Counts an operation, and tells how it fails.
    fn begin(&mut self) -> io::Result<Option<Fault>> {
        if self.dead {
            return Err(io::Error::other("the power is gone"));
        }
        let number = self.operations;
        self.operations += 1;
        Ok(self.plan.faults.iter().find(|(first, last, _)| (*first..=*last).contains(&number)).map(|fault| fault.2))
    }

    #[expect(clippy::panic, reason = "redb panics too")]
    fn error(&mut self, fault: Fault) -> io::Error {
        match fault {
            Fault::Full => io::ErrorKind::StorageFull.into(),
            Fault::Panic => panic!("this panic is part of the test"),
            Fault::Short => io::Error::other("input/output error"),
            Fault::Crash => {
                self.dead = true;
                io::Error::other("the power is gone")
            }
        }
    }
}

impl StorageBackend for FaultyDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.lock();
        if state.dead {
            return Err(io::Error::other("the power is gone"));
        }
        let start = offset as usize;
        let found = state.seen.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Change::Length(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.lock();
        let fault = state.begin()?;
        match fault {
            None => {
                for change in std::mem::take(&mut state.unsynced) {
                    change.apply(&mut state.safe);
                }
                Ok(())
            }
            Some(Fault::Short) => {
                // As Linux does: what could not be written is taken for written from now on.
                let mut random = Random(state.plan.seed ^ state.operations);
                for change in std::mem::take(&mut state.unsynced) {
                    if random.next().is_multiple_of(2) || matches!(change, Change::Length(_)) {
                        change.apply(&mut state.safe);
                    }
                }
                Err(state.error(Fault::Short))
            }
            Some(fault) => Err(state.error(fault)),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Change::Write(offset, data.to_vec()))
    }
}
