//! A consistent copy of all tables in a new file, while the database goes on.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use redb::{
    Database, Key, ReadTransaction, ReadableTable, TableDefinition, TableError, TableHandle, Value, WriteTransaction,
};

use super::{Store, StoreError, file};

impl Store {
    /// Writes everything that is committed to a new file that only its owner may read, and tells its size in bytes and what
    /// `look` says of what was copied. The file gets its name when it is whole. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// The database cannot be read, or the file cannot be made; it must not exist.
    pub fn copy<T>(
        &self,
        to: &Path,
        look: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<(u64, T), StoreError> {
        let fail = |error| StoreError::from_io(to, error);
        if to.symlink_metadata().is_ok() {
            return Err(fail(ErrorKind::AlreadyExists.into()));
        }
        let mut partial = to.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let outcome =
            self.copy_whole(&partial, look).and_then(|seen| publish(&partial, to).map(|()| seen).map_err(fail));
        if outcome.is_err() {
            // It may not even have been made.
            let _ = fs::remove_file(&partial);
        }
        let seen = outcome?;
        Ok((to.metadata().map_err(fail)?.len(), seen))
    }

    fn copy_whole<T>(
        &self,
        to: &Path,
        look: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        // What an earlier copy that was cut short has left.
        let _ = fs::remove_file(to);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)
            .map_err(|error| StoreError::from_io(to, error))?;
        let fail = |error| StoreError::from_redb(to, error);
        let copy = file::builder().create(to).map_err(|error| fail(error.into()))?;
        let (copied, seen) = self.read(|transaction| Ok((copy_tables(transaction, &copy), look(transaction)?)))?;
        copied.map_err(fail)?;
        copy.close().map_err(|error| fail(error.into()))?;
        Ok(seen)
    }
}

/// Gives a whole file its name, unless there is one by that name.
fn publish(partial: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(partial, to) {
        Ok(()) => fs::remove_file(partial)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
        // Not every file system has links.
        Err(_) => fs::rename(partial, to)?,
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn copy_tables(from: &ReadTransaction, copy: &Database) -> Result<(), redb::Error> {
    let to = copy.begin_write()?;
    for table in from.list_tables()? {
        copy_table(table.name(), from, &to)?;
    }
    if let Some(table) = from.list_multimap_tables()?.next() {
        return Err(unknown(redb::MultimapTableHandle::name(&table)));
    }
    Ok(to.commit()?)
}

/// Copies a table, whatever of the types in use it has.
fn copy_table(name: &str, from: &ReadTransaction, to: &WriteTransaction) -> Result<(), redb::Error> {
    let done = copy_as::<&str, u64>(name, from, to)?
        || copy_as::<&str, &[u8]>(name, from, to)?
        || copy_as::<&[u8; 32], (&[u8; 32], &str, &[u8; 16], &[u8; 32], u64)>(name, from, to)?
        || copy_as::<(u64, &[u8; 32]), ()>(name, from, to)?
        || copy_as::<u64, &[u8]>(name, from, to)?
        || copy_as::<(u64, u64), ()>(name, from, to)?
        || copy_as::<u32, (u64, u64)>(name, from, to)?
        || copy_as::<(u32, &str, &str), (u64, u64, u64)>(name, from, to)?
        || copy_as::<(u32, &str, &str, &str, &str), &[u8]>(name, from, to)?
        || copy_as::<(u32, &str, &str, &str, &str, &str), &[u8]>(name, from, to)?;
    if done { Ok(()) } else { Err(unknown(name)) }
}

fn unknown(table: &str) -> redb::Error {
    redb::Error::Corrupted(format!("table {table} is none that can be copied"))
}

/// Copies a table if it has these types.
fn copy_as<K: Key + 'static, V: Value + 'static>(
    name: &str,
    from: &ReadTransaction,
    to: &WriteTransaction,
) -> Result<bool, redb::Error> {
    let definition = TableDefinition::<K, V>::new(name);
    let from = match from.open_table(definition) {
        Ok(table) => table,
        Err(TableError::TableTypeMismatch { .. } | TableError::TypeDefinitionChanged { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let mut to = to.open_table(definition)?;
    for row in from.iter()? {
        let (key, value) = row?;
        to.insert(key.value(), value.value())?;
    }
    Ok(true)
}
