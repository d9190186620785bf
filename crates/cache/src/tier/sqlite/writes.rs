//! What is written to the database of entries and counters, each in a transaction that its caller
//! begins and ends.

use rusqlite::{OptionalExtension as _, Transaction, params, params_from_iter};

use super::mark::most_purge_bytes;
use super::reads::{self, Pages};
use super::row::{COLUMNS, Kept};
use crate::key::Digest;
use crate::stats::Totals;

/// A row, as far as removing it needs it.
struct Found {
    id: i64,
    tags: String,
}

/// What came of making room.
pub(super) struct Room {
    pub(super) is_enough: bool,
    pub(super) evicted: u64,
}

/// Puts an entry, of whose variant there is none.
pub(super) fn insert(transaction: &Transaction<'_>, kept: &Kept) -> rusqlite::Result<()> {
    let insert = format!(
        "INSERT INTO entries ({COLUMNS}, deadline) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)"
    );
    kept.written(|columns| {
        let deadline = kept.deadline();
        let values = columns.iter().copied().chain([&deadline as &dyn rusqlite::ToSql]);
        transaction.prepare_cached(&insert)?.execute(params_from_iter(values))
    })?;
    let id = transaction.last_insert_rowid();
    let mut tag = transaction.prepare_cached("INSERT INTO tags (tag, entry) VALUES (?1, ?2)")?;
    for name in kept.tags().split_terminator('\n') {
        tag.execute(params![name, id])?;
    }
    Ok(())
}

/// Removes a variant, if it is there and was put by this moment.
pub(super) fn remove_variant(
    transaction: &Transaction<'_>,
    variant: &Digest,
    until: i64,
) -> rusqlite::Result<()> {
    let select = "SELECT id, tags FROM entries WHERE variant = ?1 AND stored_at <= ?2";
    let values = params![variant.bytes().as_slice(), until];
    let known = transaction.prepare_cached(select)?.query_row(values, found).optional()?;
    known.map_or(Ok(()), |known| remove(transaction, &known))
}

/// Removes entries whose deadline has come, at most so many. Returns how many they were.
pub(super) fn expire(
    transaction: &Transaction<'_>,
    now: i64,
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

/// Removes what was put first until an entry has room, and the database takes no more than `bound`
/// bytes with it. What room there is at least is told from one entry to the next of a transaction.
pub(super) fn make_room(
    transaction: &Transaction<'_>,
    bound: u64,
    kept: &Kept,
    known: &mut Option<Pages>,
) -> rusqlite::Result<Room> {
    let mut evicted = 0;
    loop {
        let (pages, is_exact) = match known.take() {
            Some(pages) => (pages, false),
            None => (reads::pages(transaction)?, true),
        };
        let needed = kept.most_bytes(pages.size).div_ceil(pages.size);
        if needed > most_entry_pages(bound, pages.size) {
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

/// Pages that an entry finds where it is the only one.
fn most_entry_pages(bound: u64, page: u64) -> u64 {
    /// What the tables take that are empty, and the counters.
    const EMPTY: u64 = 16;
    // A record of purges takes more than it has in bytes.
    ((bound - 2 * most_purge_bytes(bound)) / page).saturating_sub(EMPTY)
}

fn remove_oldest(transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
    let select = "SELECT id, tags FROM entries ORDER BY id LIMIT 1";
    let oldest = transaction.prepare_cached(select)?.query_row([], found).optional()?;
    oldest.as_ref().map_or(Ok(()), |oldest| remove(transaction, oldest))?;
    Ok(oldest.is_some())
}

/// Brings a file that is beyond the bound, as after one that was wider, nearer to it. Returns how
/// many entries that has cost.
pub(super) fn shrink(transaction: &Transaction<'_>, bound: u64) -> rusqlite::Result<u64> {
    /// Pages, and entries, that go with a transaction.
    const MOST: u64 = 256;
    let mut pages = reads::pages(transaction)?;
    let most = bound / pages.size;
    let beyond = pages.all.saturating_sub(most).min(MOST);
    if beyond == 0 {
        return Ok(0);
    }
    let mut evicted = 0;
    while evicted < MOST && pages.used() > most && remove_oldest(transaction)? {
        evicted += 1;
        pages = reads::pages(transaction)?;
    }
    let mut vacuum = transaction.prepare(&format!("PRAGMA incremental_vacuum({beyond})"))?;
    let mut steps = vacuum.query([])?;
    while steps.next()?.is_some() {}
    Ok(evicted)
}

/// Removes an entry, if it is there, and tells its deadline.
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

/// Adds to counters.
pub(super) fn count(transaction: &Transaction<'_>, counted: &Totals) -> rusqlite::Result<()> {
    let add = "INSERT INTO counters (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value";
    let mut statement = transaction.prepare_cached(add)?;
    for (name, value) in counted.named().filter(|(_, value)| *value > 0) {
        statement.execute(params![name, value as i64])?;
    }
    Ok(())
}
