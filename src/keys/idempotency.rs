//! Requests with an `Idempotency-Key`: the same request within a day gets the same secret again, which is kept nowhere.
//!
//! The secret is derived from the master key, the idempotency key, the body and a random salt. Only the salt and hashes are
//! stored, so that the file tells no secret to those who do not have the master key; and with the salt the same request
//! gives another secret once it is forgotten.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use redb::{ReadableTable, ReadableTableMetadata, Table, TableDefinition, WriteTransaction};
use sha2::{Digest as _, Sha256};

use crate::config::Secret;

use super::KeyId;
use super::secret::{self, Digest};

/// How long a request is remembered, in seconds.
const KEEP: u64 = 24 * 60 * 60;

/// How many requests are remembered at most; the oldest make room.
const MAX_ROWS: u64 = 10_000;

/// How many rows a new one clears away at most, so that no write takes long.
const SWEEP: usize = 64;

const SALT_BYTES: usize = 16;

/// Hash of the idempotency key -> hash of the request, id of the key, salt, hash of the secret, second since 1970.
type Row = (&'static [u8; 32], &'static str, &'static [u8; SALT_BYTES], &'static [u8; 32], u64);

const ROWS: TableDefinition<'static, &'static [u8; 32], Row> = TableDefinition::new("idempotency");
type Times<'a> = Table<'a, (u64, &'static [u8; 32]), ()>;

const TIMES: TableDefinition<'static, (u64, &'static [u8; 32]), ()> = TableDefinition::new("idempotency_times");

/// A request that its sender may repeat, and wants done once. Holds no key that could be read from it.
#[derive(Clone)]
pub struct IdempotentRequest {
    name: Digest,
    request: Digest,
    /// What secrets are derived with.
    seed: [u8; 32],
}

impl IdempotentRequest {
    /// A request with that `Idempotency-Key` and that body, as they were sent.
    #[must_use]
    pub fn new(master_key: &Secret, idempotency_key: &[u8], body: &[u8]) -> IdempotentRequest {
        let name = hash(b"ovth idempotency key v1", &[idempotency_key]);
        let request = hash(b"ovth idempotent body v1", &[body]);
        let seed = derive(master_key.expose().as_bytes(), b"ovth idempotent seed v1", &[name.bytes()]);
        IdempotentRequest { name, request, seed }
    }

    /// The same for one operation, so that a request cannot be taken for one of another kind.
    pub(super) fn of(&self, operation: &str) -> IdempotentRequest {
        let request = hash(b"ovth idempotent request v1", &[operation.as_bytes(), self.request.bytes()]);
        IdempotentRequest { request, ..self.clone() }
    }

    /// The secret of this request with that salt.
    pub(super) fn secret(&self, salt: &Salt) -> Secret {
        secret::from_bytes(derive(&self.seed, b"ovth key secret v1", &[salt, self.request.bytes()]))
    }
}

impl fmt::Debug for IdempotentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotentRequest(..)")
    }
}

pub(super) type Salt = [u8; SALT_BYTES];

/// A new salt.
pub(super) fn salt() -> Result<Salt, getrandom::Error> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt)?;
    Ok(salt)
}

/// What a request led to.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) id: KeyId,
    pub(super) salt: Salt,
    pub(super) digest: Digest,
}

/// What is known of a request.
pub(super) enum Seen {
    /// Nothing, or nothing any more.
    Never,
    /// It was answered.
    Same(Answer),
    /// Another request had this idempotency key.
    Other,
}

pub(super) fn create_tables(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(ROWS)?;
    transaction.open_table(TIMES)?;
    Ok(())
}

/// Looks a request up.
pub(super) fn look(transaction: &WriteTransaction, request: &IdempotentRequest, now: u64) -> Result<Seen, redb::Error> {
    let rows = transaction.open_table(ROWS)?;
    let Some(row) = rows.get(request.name.bytes())? else { return Ok(Seen::Never) };
    let (same, id, salt, digest, at) = row.value();
    if is_over(at, now) {
        return Ok(Seen::Never);
    }
    if same != request.request.bytes() {
        return Ok(Seen::Other);
    }
    let answer = KeyId::parse(id).map(|id| Answer { id, salt: *salt, digest: Digest::from_bytes(*digest) });
    Ok(answer.map_or(Seen::Other, Seen::Same))
}

/// Remembers a request, and clears away some that are over.
pub(super) fn remember(
    transaction: &WriteTransaction,
    request: &IdempotentRequest,
    answer: &Answer,
    now: u64,
) -> Result<(), redb::Error> {
    let mut rows = transaction.open_table(ROWS)?;
    let mut times = transaction.open_table(TIMES)?;
    for _ in 0..SWEEP {
        let is_full = rows.len()? >= MAX_ROWS;
        let Some((at, name)) = removable(&times, is_full, now)? else { break };
        times.remove((at, &name))?;
        rows.remove(&name)?;
    }
    let name = request.name.bytes();
    let row = (request.request.bytes(), answer.id.as_str(), &answer.salt, answer.digest.bytes(), now);
    let former = rows.insert(name, row)?.map(|former| former.value().4);
    if let Some(at) = former {
        times.remove((at, name))?;
    }
    times.insert((now, name), ())?;
    Ok(())
}

/// The oldest row if it has to go, or the newest if it is over, which it is only when the clock was far ahead once.
fn removable(times: &Times<'_>, is_full: bool, now: u64) -> Result<Option<(u64, [u8; 32])>, redb::Error> {
    for (end, must_go) in [(times.first()?, is_full), (times.last()?, false)] {
        let Some((key, _)) = end else { continue };
        let (at, name) = key.value();
        if must_go || is_over(at, now) {
            return Ok(Some((at, *name)));
        }
    }
    Ok(None)
}

fn is_over(at: u64, now: u64) -> bool {
    now.abs_diff(at) >= KEEP
}

/// SHA-256 over parts, each with its length, for one purpose.
fn hash(purpose: &[u8], parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    each_with_length(purpose, parts, |bytes| hash.update(bytes));
    Digest::from_bytes(hash.finalize().into())
}

/// HMAC-SHA-256 over parts, each with its length, for one purpose.
fn derive(key: &[u8], purpose: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut hmac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    each_with_length(purpose, parts, |bytes| hmac.update(bytes));
    hmac.finalize().into_bytes().into()
}

fn each_with_length(purpose: &[u8], parts: &[&[u8]], mut feed: impl FnMut(&[u8])) {
    for part in std::iter::once(&purpose).chain(parts) {
        feed(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        feed(part);
    }
}

/// How many rows both tables have.
#[cfg(test)]
pub(super) fn lens(transaction: &WriteTransaction) -> Result<(u64, u64), redb::Error> {
    Ok((transaction.open_table(ROWS)?.len()?, transaction.open_table(TIMES)?.len()?))
}
