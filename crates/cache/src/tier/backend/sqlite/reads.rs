//! Reads of the database.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::log;
use super::row;
use super::times;
use crate::key::Digest;
use crate::policy::Freshness;
use crate::tier::log_cursor::{LogTail, Logged};
use crate::tier::record::Record;
use crate::time::UnixMillis;

/// Rows that one load reads at most, and sets of selecting fields of one key.
const MAX_ROWS: usize = 256;

/// A row of `entries` without its response.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: i64,
    /// Selecting fields, as they are written.
    pub(super) vary: String,
}

/// The sets of selecting fields of a key, as they are written. Costs one step per set.
pub(super) fn sets_of(connection: &Connection, key: &str) -> rusqlite::Result<Vec<String>> {
    let first = "SELECT vary FROM entries WHERE key = ?1 ORDER BY vary LIMIT 1";
    let next = "SELECT vary FROM entries WHERE key = ?1 AND vary > ?2 ORDER BY vary LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| text(row, 0);
    let mut sets = Vec::new();
    let mut set = connection.prepare_cached(first)?.query_row([key], read).optional()?;
    while let Some(vary) = set.filter(|_| sets.len() < MAX_ROWS) {
        set = connection.prepare_cached(next)?.query_row([key, &vary], read).optional()?;
        sets.push(vary);
    }
    Ok(sets)
}

/// The live row of a variant.
pub(super) fn row_of_variant(
    connection: &Connection,
    variant: &Digest,
    now: UnixMillis,
) -> rusqlite::Result<Option<Row>> {
    let select = "SELECT id, vary FROM entries JOIN times ON entry = id WHERE variant = ?1 AND deadline > ?2";
    let values = params![variant.bytes().as_slice(), now];
    connection.prepare_cached(select)?.query_row(values, read_row).optional()
}

/// The live row of a key and a set of selecting fields that was put last.
pub(super) fn latest_of_set(
    connection: &Connection,
    key: &str,
    vary: &str,
    now: UnixMillis,
) -> rusqlite::Result<Option<Row>> {
    let select = "SELECT id, vary FROM entries JOIN times ON entry = id \
         WHERE key = ?1 AND vary = ?2 AND deadline > ?3 ORDER BY id DESC LIMIT 1";
    connection.prepare_cached(select)?.query_row(params![key, vary, now], read_row).optional()
}

/// Live rows of a key that were put after `since` and have other selecting fields. `None` if there
/// are too many to read.
pub(super) fn later_of_other_sets(
    connection: &Connection,
    key: &str,
    since: &Row,
    now: UnixMillis,
) -> rusqlite::Result<Option<Vec<Row>>> {
    let select = "SELECT id, vary FROM entries JOIN times ON entry = id \
         WHERE key = ?1 AND vary <> ?2 AND id > ?3 AND deadline > ?4 LIMIT ?5";
    let values = params![key, since.vary, since.id, now, MAX_ROWS as i64];
    let mut statement = connection.prepare_cached(select)?;
    let rows: Vec<Row> = statement.query_map(values, read_row)?.collect::<rusqlite::Result<_>>()?;
    Ok((rows.len() < MAX_ROWS).then_some(rows))
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row { id: row.get(0)?, vary: text(row, 1)? })
}

/// The text of a column, which is empty if the column has another type.
fn text(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<String> {
    row.get_ref(column).map(|value| value.as_str().unwrap_or_default().to_owned())
}

/// Reads an entry. `None` if it is missing or does not match its checksums.
pub(super) fn record(connection: &Connection, id: i64) -> rusqlite::Result<Option<Record>> {
    connection
        .prepare_cached(&row::select_record())?
        .query_row([id], Record::read)
        .optional()
        .map(Option::flatten)
}

/// Variant and times of an entry. `None` if they are missing or do not match their checksum.
pub(super) fn times_of(
    connection: &Connection,
    id: i64,
) -> rusqlite::Result<Option<(Digest, Freshness)>> {
    let columns = times::SELECTED;
    let select =
        format!("SELECT variant, {columns} FROM entries JOIN times ON entry = id WHERE id = ?1");
    let read = |row: &rusqlite::Row<'_>| {
        let variant = row.get_ref(0)?.as_blob().ok().and_then(Digest::from_bytes);
        let Some(variant) = variant else { return Ok(None) };
        Ok(times::read(row, 1, &variant)?.map(|times| (variant, times)))
    };
    let read = |row: &rusqlite::Row<'_>| row::undamaged(read(row));
    connection.prepare_cached(&select)?.query_row([id], read).optional().map(Option::flatten)
}

/// What the log has after `sequence`.
pub(super) fn log_after(connection: &Connection, sequence: u64) -> rusqlite::Result<LogTail> {
    let last = self::sequence(connection)?;
    if last <= sequence {
        return Ok(LogTail { last, rows: Some(Vec::new()) });
    }
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
    // Rows may have been added since the last sequence was read.
    let last = rows.last().map_or(last, |row| row.sequence);
    Ok(LogTail { last, rows: is_whole.then_some(rows) })
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

/// Number of entries.
pub(super) fn entries(connection: &Connection) -> rusqlite::Result<u64> {
    let count = "SELECT value FROM meta WHERE name = 'entries'";
    let entries: i64 = connection.prepare_cached(count)?.query_row([], |row| row.get(0))?;
    Ok(entries.max(0) as u64)
}
