//! What is written to the database, each in a transaction that its caller begins and ends.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension as _, Transaction, params, params_from_iter};

use super::mark::{Mark, Purge};
use super::reads::{self, Pages};
use super::row::{COLUMNS, Kept, read_vary};
use crate::field::lines::Fields;
use crate::field::origin;
use crate::key::{Digest, Key};
use crate::policy::State;
use crate::stats::Totals;

/// Purges that are remembered for processes that have not seen them yet.
const MOST_PURGES: u64 = 4_096;

/// Bytes that a purge takes beside its name and digests, about.
const REST_OF_PURGE: i64 = 40;

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
pub(super) fn expire(transaction: &Transaction<'_>, now: i64, most: u32) -> rusqlite::Result<usize> {
    let select = "SELECT id, tags FROM entries WHERE deadline <= ?1 ORDER BY deadline LIMIT ?2";
    let due: Vec<Found> = transaction
        .prepare_cached(select)?
        .query_map(params![now, most], found)?
        .collect::<rusqlite::Result<_>>()?;
    due.iter().try_for_each(|found| remove(transaction, found))?;
    Ok(due.len())
}

/// Removes what was put first until an entry has room, and the database takes no more than `bound` bytes with it. What room there is at least is
/// told from one entry to the next of a transaction.
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

/// Brings a file that is beyond the bound, as after one that was wider, nearer to it. Returns how many entries that has cost.
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

/// Bytes that the purges take that are remembered: a share of `bound`.
fn most_purge_bytes(bound: u64) -> u64 {
    (bound / 32).min(8 << 20)
}

/// Records purges for other processes, `last` being the sequence of the last that is known. Returns the sequence of the last.
pub(super) fn note(
    transaction: &Transaction<'_>,
    purges: &[Purge],
    last: u64,
    bound: u64,
) -> rusqlite::Result<u64> {
    let mut sequence = last;
    let total = "SELECT total FROM purges ORDER BY sequence DESC LIMIT 1";
    let mut total: i64 =
        transaction.prepare_cached(total)?.query_row([], |row| row.get(0)).optional()?.unwrap_or(0);
    let insert = "INSERT INTO purges (total, kind, name, digests, soft, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    for Purge { mark, soft, at } in purges {
        let (kind, name, digests) = mark.written();
        total += REST_OF_PURGE + (name.len() + digests.len()) as i64;
        transaction.prepare_cached(insert)?.execute(params![total, kind, name, digests, soft, at])?;
        sequence = transaction.last_insert_rowid() as u64;
    }
    let first = "SELECT sequence, total FROM purges ORDER BY sequence LIMIT 1";
    let forget = "DELETE FROM purges WHERE sequence = ?1";
    loop {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
        let first = transaction.prepare_cached(first)?.query_row([], read).optional()?;
        // The last one always stays, by which it can be told that others are gone.
        let forgotten = first.filter(|(first, before)| {
            (*first as u64) < sequence
                && (*first as u64 <= sequence.saturating_sub(MOST_PURGES)
                    || total - before >= most_purge_bytes(bound) as i64)
        });
        let Some((first, _)) = forgotten else { return Ok(sequence) };
        transaction.prepare_cached(forget)?.execute([first])?;
    }
}

/// Does what `purges` say, which are all of one kind and moment. Returns how many live entries they concerned, each counted once.
pub(super) fn purge(transaction: &Transaction<'_>, purges: &[Purge]) -> rusqlite::Result<u64> {
    let Some(&Purge { soft, at, .. }) = purges.first() else { return Ok(0) };
    if !soft && purges.iter().any(|purge| purge.mark == Mark::Everything) {
        return clear(transaction, at);
    }
    let mut selected = BTreeSet::new();
    for Purge { mark, .. } in purges {
        selected.extend(ids_of(transaction, mark, at)?);
    }
    selected.into_iter().map(|id| apply(transaction, id, soft, at)).sum()
}

/// Removes every entry, which costs no more than counting them. Returns how many were live.
fn clear(transaction: &Transaction<'_>, at: i64) -> rusqlite::Result<u64> {
    let count = "SELECT count(*) FROM entries WHERE deadline > ?1";
    let live = transaction.prepare_cached(count)?.query_row([at], |row| row.get::<_, i64>(0))?;
    transaction.execute_batch("DELETE FROM tags; DELETE FROM entries")?;
    Ok(live as u64)
}

/// Removes an entry, or makes it stale. Returns 1 if it was live.
fn apply(transaction: &Transaction<'_>, id: i64, soft: bool, at: i64) -> rusqlite::Result<u64> {
    if !soft {
        // What becomes of it does not depend on what it is: that need not be read.
        let is_live = remove_id(transaction, id)?.is_some_and(|deadline| deadline > at);
        return Ok(is_live.into());
    }
    let select = format!("SELECT {COLUMNS} FROM entries WHERE id = ?1");
    let kept = transaction.prepare_cached(&select)?.query_row([id], Kept::read).optional()?.flatten();
    let is_live = kept.as_ref().is_some_and(|kept| kept.times.state(at) != State::Expired);
    match kept {
        Some(kept) => make_stale(transaction, id, kept, at)?,
        None => drop(remove_id(transaction, id)?),
    }
    Ok(is_live.into())
}

fn ids_of(transaction: &Transaction<'_>, mark: &Mark, at: i64) -> rusqlite::Result<Vec<i64>> {
    let ids = |query: &str, value: &dyn rusqlite::ToSql| {
        let mut statement = transaction.prepare_cached(query)?;
        let rows = statement.query_map([value], |row| row.get(0))?;
        rows.collect::<rusqlite::Result<Vec<i64>>>()
    };
    match mark {
        Mark::Key(key) => ids("SELECT id FROM entries WHERE key = ?1", key),
        Mark::Url(url) => with_prefix(transaction, &format!("{url}#")),
        Mark::Tag(tag) => ids("SELECT entry FROM tags WHERE tag = ?1", tag),
        Mark::Prefix(prefix) if prefix.starts_with('/') => with_path_prefix(transaction, prefix),
        Mark::Prefix(prefix) => with_prefix(transaction, prefix),
        Mark::Everything => ids("SELECT id FROM entries WHERE ?1 IS NOT NULL", &0),
        Mark::Variant(_, variant) => {
            ids("SELECT id FROM entries WHERE variant = ?1", &variant.bytes().as_slice())
        }
        Mark::Selected(key, fields) => Ok(selected(transaction, key, fields, at)?.into_iter().collect()),
        Mark::Changed(_) => Ok(Vec::new()),
    }
}

/// The variant of a key that a request with these fields selects, of several the one put last. A field that they do not speak of the request
/// does not have.
fn selected(
    transaction: &Transaction<'_>,
    key: &str,
    fields: &str,
    at: i64,
) -> rusqlite::Result<Option<i64>> {
    let select = "SELECT id, variant, vary FROM entries WHERE key = ?1 AND deadline > ?2 ORDER BY id DESC";
    let known = Key::known(key.to_owned());
    let mut statement = transaction.prepare_cached(select)?;
    let mut rows = statement.query_map(params![key, at], |row| {
        let vary = read_vary(row.get_ref(2)?.as_str().unwrap_or_default());
        let variant = row.get_ref(1)?.as_blob().ok().and_then(Digest::from_bytes);
        let mut told = fields.to_owned();
        for name in vary.names.iter().filter(|name| Fields::new(fields).known(name).is_err()) {
            told.extend(["\n", name]);
        }
        let selects =
            known.variant(&vary, Fields::new(&told)).is_ok_and(|selected| Some(selected) == variant);
        Ok(selects.then_some(row.get(0)?))
    })?;
    rows.find_map(Result::transpose).transpose()
}

/// On every host, each of which costs a step.
fn with_path_prefix(transaction: &Transaction<'_>, prefix: &str) -> rusqlite::Result<Vec<i64>> {
    let next = "SELECT key FROM entries WHERE key >= ?1 ORDER BY key LIMIT 1";
    let (mut from, mut ids) = (String::new(), Vec::new());
    while let Some(key) =
        transaction.prepare_cached(next)?.query_row([&from], |row| row.get::<_, String>(0)).optional()?
    {
        if key < from {
            // The order is not what it was written as.
            break;
        }
        let origin = origin(&key);
        ids.extend(with_prefix(transaction, &format!("{origin}{prefix}"))?);
        // What comes behind all paths of the host, or behind a key without one.
        from = if origin == key { key + "\0" } else { format!("{origin}0") };
    }
    Ok(ids)
}

/// In the order of bytes, which is that of the index.
fn with_prefix(transaction: &Transaction<'_>, prefix: &str) -> rusqlite::Result<Vec<i64>> {
    // No text has this character, and every text that begins with the prefix stands before it.
    let end = format!("{prefix}\u{10ffff}");
    let mut statement = transaction.prepare_cached("SELECT id FROM entries WHERE key >= ?1 AND key < ?2")?;
    let rows = statement.query_map(params![prefix, end], |row| row.get(0))?;
    rows.collect()
}

fn make_stale(transaction: &Transaction<'_>, id: i64, kept: Kept, at: i64) -> rusqlite::Result<()> {
    let times = kept.times.stale_from(at);
    if times.state(at) == State::Expired {
        return remove_id(transaction, id).map(drop);
    }
    let kept = Kept { times, ..kept };
    let update = "UPDATE entries SET lifetime = ?2, deadline = ?3, checksum = ?4 WHERE id = ?1";
    let checksum = kept.checksum();
    let values = params![id, kept.times.lifetime, kept.deadline(), checksum.as_slice()];
    transaction.prepare_cached(update)?.execute(values)?;
    Ok(())
}

/// Removes an entry, if it is there, and tells its deadline.
fn remove_id(transaction: &Transaction<'_>, id: i64) -> rusqlite::Result<Option<i64>> {
    let select = "SELECT id, tags, deadline FROM entries WHERE id = ?1";
    let read = |row: &rusqlite::Row<'_>| Ok((found(row)?, row.get(2)?));
    let Some((found, deadline)) = transaction.prepare_cached(select)?.query_row([id], read).optional()?
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
