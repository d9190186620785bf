//! What is read from the database.

use rusqlite::{Connection, params};

use super::mark::{Mark, Purge};
use super::row::{COLUMNS, Kept};

/// Variants of one key that are read at a time, the last put first.
const MOST_VARIANTS: u32 = 256;

/// The entries of a key, the one put first first, and how many there are that are not as they were
/// written.
pub(super) fn entries_of(connection: &Connection, key: &str) -> rusqlite::Result<(Vec<Kept>, u64)> {
    let query = format!(
        "SELECT {COLUMNS} FROM entries WHERE key = ?1 ORDER BY id DESC LIMIT {MOST_VARIANTS}"
    );
    let mut statement = connection.prepare_cached(&query)?;
    let rows = statement.query_map([key], Kept::read)?;
    let found: Vec<Option<Kept>> = rows.collect::<rusqlite::Result<_>>()?;
    let damaged = found.iter().filter(|kept| kept.is_none()).count();
    Ok((found.into_iter().rev().flatten().collect(), damaged as u64))
}

/// Purges after `sequence`, of which there are some, in order, each with its own sequence; `None`
/// where not all of them are known any longer.
pub(super) fn purges_after(
    connection: &Connection,
    sequence: u64,
) -> rusqlite::Result<Option<Vec<(u64, Purge)>>> {
    let mut statement = connection.prepare_cached(
        "SELECT sequence, kind, name, digests, soft, at FROM purges WHERE sequence > ?1 ORDER BY sequence",
    )?;
    let rows = statement.query_map([sequence as i64], |row| {
        let kind = row.get_ref(1)?.as_str().unwrap_or_default().to_owned();
        let mark = Mark::read(&kind, row.get(2)?, row.get_ref(3)?.as_blob().unwrap_or_default());
        Ok((row.get::<_, i64>(0)? as u64, Purge { mark, soft: row.get(4)?, at: row.get(5)? }))
    })?;
    let purges: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    let is_whole = purges.first().is_some_and(|(first, _)| *first == sequence + 1);
    Ok(is_whole.then_some(purges))
}

/// The last purge.
pub(super) fn sequence(connection: &Connection) -> rusqlite::Result<u64> {
    // What AUTOINCREMENT has given out, be the row gone or not.
    let last = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'purges'";
    let sequence = connection.prepare_cached(last)?.query_row([], |row| row.get::<_, i64>(0))?;
    Ok(sequence as u64)
}

/// Every counter; one that is no number is 0.
pub(super) fn counters(connection: &Connection) -> rusqlite::Result<Vec<(String, u64)>> {
    let mut statement = connection.prepare_cached("SELECT name, value FROM counters")?;
    let rows = statement.query_map(params![], |row| {
        Ok((row.get(0)?, row.get_ref(1)?.as_i64().unwrap_or(0).max(0) as u64))
    })?;
    rows.collect()
}

/// The pages of a database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pages {
    pub(super) size: u64,
    /// In the file.
    pub(super) all: u64,
    /// Those of them that hold nothing.
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

/// How many pages there are, what has not been committed included. Costs a few microseconds.
pub(super) fn pages(connection: &Connection) -> rusqlite::Result<Pages> {
    let pragma = |query: &str| -> rusqlite::Result<u64> {
        let number = connection.prepare_cached(query)?.query_row([], |row| row.get::<_, i64>(0))?;
        Ok(number as u64)
    };
    let (size, all) = (pragma("PRAGMA page_size")?, pragma("PRAGMA page_count")?);
    Ok(Pages { size, all, free: pragma("PRAGMA freelist_count")?.min(all) })
}

/// How many entries there are. Looks at all of an index.
pub(super) fn entries(connection: &Connection) -> rusqlite::Result<u64> {
    let count = "SELECT count(*) FROM entries";
    connection.query_row(count, [], |row| row.get::<_, i64>(0)).map(|entries| entries as u64)
}
