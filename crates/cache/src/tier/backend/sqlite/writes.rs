//! Expiry, eviction and counters. All functions run within a transaction of their caller.

use rusqlite::{Transaction, params};

use super::edit::Edit;
use super::log::max_log_bytes;
use super::reads::{self, Pages};
use crate::stats::Totals;
use crate::tier::record::Record;
use crate::time::UnixMillis;

/// Result of making room.
pub(super) struct Room {
    pub(super) is_enough: bool,
    pub(super) evicted: u64,
}

/// Removes at most `most` expired entries. Returns how many.
pub(super) fn expire(edit: &Edit<'_, '_>, now: UnixMillis, most: u32) -> rusqlite::Result<usize> {
    let select = "SELECT id, tags FROM times JOIN entries ON id = entry \
         WHERE deadline <= ?1 ORDER BY deadline LIMIT ?2";
    edit.remove_selected(select, params![now, most])
}

/// Evicts the entries that were put first until the database has room for another one within
/// `bound` bytes. `known` carries the known room from one entry of a transaction to the next.
pub(super) fn make_room(
    edit: &Edit<'_, '_>,
    bound: u64,
    record: &Record,
    known: &mut Option<Pages>,
) -> rusqlite::Result<Room> {
    let mut evicted = 0;
    loop {
        let (pages, is_exact) = match known.take() {
            Some(pages) => (pages, false),
            None => (reads::pages(edit)?, true),
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
        if !remove_oldest(edit)? {
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

fn remove_oldest(edit: &Edit<'_, '_>) -> rusqlite::Result<bool> {
    let removed = edit.remove_selected("SELECT id, tags FROM entries ORDER BY id LIMIT 1", [])?;
    Ok(removed > 0)
}

/// Shrinks a file that exceeds its bound by some pages. Returns the number of evicted entries.
pub(super) fn shrink(edit: &Edit<'_, '_>, bound: u64) -> rusqlite::Result<u64> {
    /// Pages, and entries, per transaction.
    const MAX: u64 = 256;
    let mut pages = reads::pages(edit)?;
    let most = bound / pages.size;
    let beyond = pages.all.saturating_sub(most).min(MAX);
    if beyond == 0 {
        return Ok(0);
    }
    let mut evicted = 0;
    while evicted < MAX && pages.used() > most && remove_oldest(edit)? {
        evicted += 1;
        pages = reads::pages(edit)?;
    }
    let mut vacuum = edit.prepare(&format!("PRAGMA incremental_vacuum({beyond})"))?;
    let mut steps = vacuum.query([])?;
    while steps.next()?.is_some() {}
    Ok(evicted)
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
