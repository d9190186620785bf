//! What purges are in the database: the record of them, and what they remove. Each is a part of a
//! transaction that its caller begins and ends.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::mark::{Mark, Purge, most_purge_bytes};
use super::row::{COLUMNS, Kept, read_vary};
use super::writes::remove_id;
use crate::http::lines::Fields;
use crate::http::origin;
use crate::key::{Digest, Key};
use crate::policy::State;

/// Purges that are remembered for processes that have not seen them yet.
const MOST_PURGES: u64 = 4_096;

/// Bytes that a purge takes beside its name and digests, about.
const REST_OF_PURGE: i64 = 40;

/// Records purges for other processes, `last` being the sequence of the last that is known. Returns
/// the sequence of the last.
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
    let insert =
        "INSERT INTO purges (total, kind, name, digests, soft, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    for Purge { mark, soft, at } in purges {
        let (kind, name, digests) = mark.written();
        total += REST_OF_PURGE + (name.len() + digests.len()) as i64;
        transaction
            .prepare_cached(insert)?
            .execute(params![total, kind, name, digests, soft, at])?;
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

/// Does what `purges` say, which are all of one kind and moment. Returns how many live entries they
/// concerned, each counted once.
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
    let kept =
        transaction.prepare_cached(&select)?.query_row([id], Kept::read).optional()?.flatten();
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
        Mark::Selected(key, fields) => {
            Ok(selected(transaction, key, fields, at)?.into_iter().collect())
        }
        Mark::Changed(_) => Ok(Vec::new()),
    }
}

/// The variant of a key that a request with these fields selects, of several the one put last. A
/// field that they do not speak of the request does not have.
fn selected(
    transaction: &Transaction<'_>,
    key: &str,
    fields: &str,
    at: i64,
) -> rusqlite::Result<Option<i64>> {
    let select =
        "SELECT id, variant, vary FROM entries WHERE key = ?1 AND deadline > ?2 ORDER BY id DESC";
    let known = Key::known(key.to_owned());
    let mut statement = transaction.prepare_cached(select)?;
    let mut rows = statement.query_map(params![key, at], |row| {
        let vary = read_vary(row.get_ref(2)?.as_str().unwrap_or_default());
        let variant = row.get_ref(1)?.as_blob().ok().and_then(Digest::from_bytes);
        let mut told = fields.to_owned();
        for name in vary.names.iter().filter(|name| Fields::new(fields).known(name).is_err()) {
            told.extend(["\n", name]);
        }
        let selects = known
            .variant(&vary, Fields::new(&told))
            .is_ok_and(|selected| Some(selected) == variant);
        Ok(selects.then_some(row.get(0)?))
    })?;
    rows.find_map(Result::transpose).transpose()
}

/// On every host, each of which costs a step.
fn with_path_prefix(transaction: &Transaction<'_>, prefix: &str) -> rusqlite::Result<Vec<i64>> {
    let next = "SELECT key FROM entries WHERE key >= ?1 ORDER BY key LIMIT 1";
    let (mut from, mut ids) = (String::new(), Vec::new());
    while let Some(key) = transaction
        .prepare_cached(next)?
        .query_row([&from], |row| row.get::<_, String>(0))
        .optional()?
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
    let mut statement =
        transaction.prepare_cached("SELECT id FROM entries WHERE key >= ?1 AND key < ?2")?;
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
