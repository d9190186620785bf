//! Writes of entries and counters. All functions run within a transaction of their caller.

use rusqlite::{OptionalExtension as _, Transaction, params, params_from_iter};

use super::log::max_log_bytes;
use super::reads::{self, Pages};
use super::record::{COLUMNS, Record};
use crate::key::Digest;
use crate::stats::Totals;
use crate::time::UnixMillis;

/// The columns that removing a row needs.
struct Found {
    id: i64,
    tags: String,
}

/// Result of making room.
pub(super) struct Room {
    pub(super) is_enough: bool,
    pub(super) evicted: u64,
}

/// Inserts an entry whose variant has no row.
pub(super) fn insert(transaction: &Transaction<'_>, record: &Record) -> rusqlite::Result<()> {
    let insert = format!(
        "INSERT INTO entries ({COLUMNS}, deadline) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)"
    );
    record.written(|columns| {
        let deadline = record.deadline();
        let values = columns.iter().copied().chain([&deadline as &dyn rusqlite::ToSql]);
        transaction.prepare_cached(&insert)?.execute(params_from_iter(values))
    })?;
    let id = transaction.last_insert_rowid();
    let mut tag = transaction.prepare_cached("INSERT INTO tags (tag, entry) VALUES (?1, ?2)")?;
    for name in record.tags().split_terminator('\n') {
        tag.execute(params![name, id])?;
    }
    Ok(())
}

/// Removes a variant if it was put by `until`.
pub(super) fn remove_variant(
    transaction: &Transaction<'_>,
    variant: &Digest,
    until: UnixMillis,
) -> rusqlite::Result<()> {
    let select = "SELECT id, tags FROM entries WHERE variant = ?1 AND stored_at <= ?2";
    let values = params![variant.bytes().as_slice(), until];
    let known = transaction.prepare_cached(select)?.query_row(values, found).optional()?;
    known.map_or(Ok(()), |known| remove(transaction, &known))
}

/// Removes at most `most` expired entries. Returns how many.
pub(super) fn expire(
    transaction: &Transaction<'_>,
    now: UnixMillis,
    most: u32,
) -> rusqlite::Result<usize> {
    let select = "SELECT id, tags FROM entries WHERE deadline <= ?1 ORDER BY deadline LIMIT ?2";
    let due: Vec<Found> = transaction
        .prepare_cached(select)?
        .query_map(params![now, most], found)?
        .collect::<rusqlite::Result<_>>()?;
    due.iter().try_for_each(|found| remove(transaction, found))?;
    Ok(due.len())
}

/// Evicts the entries that were put first until the database has room for another one within
/// `bound` bytes. `known` carries the known room from one entry of a transaction to the next.
pub(super) fn make_room(
    transaction: &Transaction<'_>,
    bound: u64,
    record: &Record,
    known: &mut Option<Pages>,
) -> rusqlite::Result<Room> {
    let mut evicted = 0;
    loop {
        let (pages, is_exact) = match known.take() {
            Some(pages) => (pages, false),
            None => (reads::pages(transaction)?, true),
        };
        let needed = record.max_bytes(pages.size).div_ceil(pages.size);
        if needed > max_entry_pages(bound, pages.size) {
            return Ok(Room { is_enough: false, evicted });
        }
        if pages.used() + needed <= bound / pages.size {
            *known = Some(Pages { all: pages.all + needed, ..pages });
            return Ok(Room { is_enough: true, evicted });
        }
        if !is_exact {
            continue;
        }
        if !remove_oldest(transaction)? {
            return Ok(Room { is_enough: false, evicted });
        }
        evicted += 1;
    }
}

/// Pages that an entry can take at most, as the only one.
fn max_entry_pages(bound: u64, page: u64) -> u64 {
    /// Pages of empty tables and counters.
    const EMPTY: u64 = 16;
    // The log takes more than the bytes of its rows.
    ((bound - 2 * max_log_bytes(bound)) / page).saturating_sub(EMPTY)
}

fn remove_oldest(transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
    let select = "SELECT id, tags FROM entries ORDER BY id LIMIT 1";
    let oldest = transaction.prepare_cached(select)?.query_row([], found).optional()?;
    oldest.as_ref().map_or(Ok(()), |oldest| remove(transaction, oldest))?;
    Ok(oldest.is_some())
}

/// Shrinks a file that exceeds its bound by some pages. Returns the number of evicted entries.
pub(super) fn shrink(transaction: &Transaction<'_>, bound: u64) -> rusqlite::Result<u64> {
    /// Pages, and entries, per transaction.
    const MAX: u64 = 256;
    let mut pages = reads::pages(transaction)?;
    let most = bound / pages.size;
    let beyond = pages.all.saturating_sub(most).min(MAX);
    if beyond == 0 {
        return Ok(0);
    }
    let mut evicted = 0;
    while evicted < MAX && pages.used() > most && remove_oldest(transaction)? {
        evicted += 1;
        pages = reads::pages(transaction)?;
    }
    let mut vacuum = transaction.prepare(&format!("PRAGMA incremental_vacuum({beyond})"))?;
    let mut steps = vacuum.query([])?;
    while steps.next()?.is_some() {}
    Ok(evicted)
}

/// Removes an entry, if it exists, and returns its deadline.
pub(super) fn remove_id(transaction: &Transaction<'_>, id: i64) -> rusqlite::Result<Option<i64>> {
    let select = "SELECT id, tags, deadline FROM entries WHERE id = ?1";
    let read = |row: &rusqlite::Row<'_>| Ok((found(row)?, row.get(2)?));
    let Some((found, deadline)) =
        transaction.prepare_cached(select)?.query_row([id], read).optional()?
    else {
        return Ok(None);
    };
    remove(transaction, &found)?;
    Ok(Some(deadline))
}

fn remove(transaction: &Transaction<'_>, Found { id, tags }: &Found) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM entries WHERE id = ?1")?.execute([id])?;
    let mut tag = transaction.prepare_cached("DELETE FROM tags WHERE tag = ?1 AND entry = ?2")?;
    for name in tags.split_terminator('\n') {
        tag.execute(params![name, id])?;
    }
    Ok(())
}

fn found(row: &rusqlite::Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found { id: row.get(0)?, tags: row.get(1)? })
}

/// Writes a page whose contents stay as they are.
pub(super) fn touch(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let touch = "UPDATE meta SET value = value WHERE name = 'max_bytes'";
    transaction.prepare_cached(touch)?.execute([]).map(drop)
}

/// Adds to the counters.
pub(super) fn count(transaction: &Transaction<'_>, counted: &Totals) -> rusqlite::Result<()> {
    let add = "INSERT INTO counters (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value";
    let mut statement = transaction.prepare_cached(add)?;
    for (name, value) in counted.named().filter(|(_, value)| *value > 0) {
        statement.execute(params![name, value as i64])?;
    }
    Ok(())
}
