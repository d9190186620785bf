//! Reads of the database.

use rusqlite::{Connection, params};

use super::log;
use super::record::{COLUMNS, Record};
use crate::invalidation::Invalidation;
use crate::time::UnixMillis;

/// Variants of one key that are read, the latest ones first.
const MAX_VARIANTS: u32 = 256;

/// Entries of a key in the order in which they were put, and the number of damaged ones.
pub(super) fn entries_of(
    connection: &Connection,
    key: &str,
) -> rusqlite::Result<(Vec<Record>, u64)> {
    let query = format!(
        "SELECT {COLUMNS} FROM entries WHERE key = ?1 ORDER BY id DESC LIMIT {MAX_VARIANTS}"
    );
    let mut statement = connection.prepare_cached(&query)?;
    let rows = statement.query_map([key], Record::read)?;
    let found: Vec<Option<Record>> = rows.collect::<rusqlite::Result<_>>()?;
    let damaged = found.iter().filter(|record| record.is_none()).count();
    Ok((found.into_iter().rev().flatten().collect(), damaged as u64))
}

/// A row of the invalidation log.
pub(super) struct Logged {
    pub(super) sequence: u64,
    pub(super) invalidation: Invalidation,
    /// When it was made, in milliseconds since 1970.
    pub(super) at: UnixMillis,
}

/// Log rows after `sequence`, in order; `None` if some of them have been removed.
pub(super) fn log_after(
    connection: &Connection,
    sequence: u64,
) -> rusqlite::Result<Option<Vec<Logged>>> {
    let mut statement = connection.prepare_cached(
        "SELECT sequence, kind, name, digests, soft, at FROM purges WHERE sequence > ?1 ORDER BY sequence",
    )?;
    let rows = statement.query_map([sequence as i64], |row| {
        let kind = row.get_ref(1)?.as_str().unwrap_or_default();
        let digests = row.get_ref(3)?.as_blob().unwrap_or_default();
        let invalidation = log::parse(kind, row.get(2)?, digests, row.get(4)?);
        Ok(Logged { sequence: row.get::<_, i64>(0)? as u64, invalidation, at: row.get(5)? })
    })?;
    let rows: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    let is_whole = rows.first().is_some_and(|first| first.sequence == sequence + 1);
    Ok(is_whole.then_some(rows))
}

/// Last sequence of the log.
pub(super) fn sequence(connection: &Connection) -> rusqlite::Result<u64> {
    // AUTOINCREMENT keeps the last value even if its row has been removed.
    let last = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'purges'";
    let sequence = connection.prepare_cached(last)?.query_row([], |row| row.get::<_, i64>(0))?;
    Ok(sequence as u64)
}

/// All counters; a value that is no number counts as 0.
pub(super) fn counters(connection: &Connection) -> rusqlite::Result<Vec<(String, u64)>> {
    let mut statement = connection.prepare_cached("SELECT name, value FROM counters")?;
    let rows = statement.query_map(params![], |row| {
        Ok((row.get(0)?, row.get_ref(1)?.as_i64().unwrap_or(0).max(0) as u64))
    })?;
    rows.collect()
}

/// Size of a database in pages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pages {
    pub(super) size: u64,
    /// Pages of the file.
    pub(super) all: u64,
    /// Free pages.
    pub(super) free: u64,
}

impl Pages {
    pub(super) fn bytes(self) -> u64 {
        self.all * self.size
    }

    pub(super) fn used(self) -> u64 {
        self.all - self.free
    }
}

/// Size of the database, including uncommitted pages. Costs a few microseconds.
pub(super) fn pages(connection: &Connection) -> rusqlite::Result<Pages> {
    let pragma = |query: &str| -> rusqlite::Result<u64> {
        let number = connection.prepare_cached(query)?.query_row([], |row| row.get::<_, i64>(0))?;
        Ok(number as u64)
    };
    let (size, all) = (pragma("PRAGMA page_size")?, pragma("PRAGMA page_count")?);
    Ok(Pages { size, all, free: pragma("PRAGMA freelist_count")?.min(all) })
}

/// Number of entries. Scans an index.
pub(super) fn entries(connection: &Connection) -> rusqlite::Result<u64> {
    let count = "SELECT count(*) FROM entries";
    connection.query_row(count, [], |row| row.get::<_, i64>(0)).map(|entries| entries as u64)
}
