//! Applies invalidations to the database, within a transaction of the caller.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::record::{COLUMNS, Record, read_vary};
use super::writes::remove_id;
use crate::http::lines::Fields;
use crate::http::origin;
use crate::invalidation::{Effect, Invalidation, Target};
use crate::key::{Digest, Key};
use crate::policy::State;
use crate::time::UnixMillis;

/// Removes the selected entries, or makes them stale at the time `at`. Returns how many live ones
/// there were, each counted once.
pub(super) fn apply(
    transaction: &Transaction<'_>,
    invalidation: &Invalidation,
    at: UnixMillis,
) -> rusqlite::Result<u64> {
    let is_soft = invalidation.effect == Effect::MakeStale;
    if !is_soft && invalidation.selects_everything() {
        return clear(transaction, at);
    }
    let mut selected = BTreeSet::new();
    for target in &invalidation.targets {
        selected.extend(ids_of(transaction, target, at)?);
    }
    selected.into_iter().map(|id| apply_to(transaction, id, is_soft, at)).sum()
}

/// Removes all entries, at the cost of counting them. Returns how many were live.
fn clear(transaction: &Transaction<'_>, at: UnixMillis) -> rusqlite::Result<u64> {
    let count = "SELECT count(*) FROM entries WHERE deadline > ?1";
    let live = transaction.prepare_cached(count)?.query_row([at], |row| row.get::<_, i64>(0))?;
    transaction.execute_batch("DELETE FROM tags; DELETE FROM entries")?;
    Ok(live as u64)
}

/// Removes an entry or makes it stale. Returns 1 if it was live.
fn apply_to(
    transaction: &Transaction<'_>,
    id: i64,
    soft: bool,
    at: UnixMillis,
) -> rusqlite::Result<u64> {
    if !soft {
        // A removal does not need the contents of the entry.
        let is_live = remove_id(transaction, id)?.is_some_and(|deadline| deadline > at);
        return Ok(is_live.into());
    }
    let select = format!("SELECT {COLUMNS} FROM entries WHERE id = ?1");
    let record =
        transaction.prepare_cached(&select)?.query_row([id], Record::read).optional()?.flatten();
    let is_live = record.as_ref().is_some_and(|record| record.times.state(at) != State::Expired);
    match record {
        Some(record) => make_stale(transaction, id, record, at)?,
        None => drop(remove_id(transaction, id)?),
    }
    Ok(is_live.into())
}

/// Ids of the entries that a target selects.
fn ids_of(
    transaction: &Transaction<'_>,
    target: &Target,
    at: UnixMillis,
) -> rusqlite::Result<Vec<i64>> {
    let ids = |query: &str, value: &dyn rusqlite::ToSql| {
        let mut statement = transaction.prepare_cached(query)?;
        let rows = statement.query_map([value], |row| row.get(0))?;
        rows.collect::<rusqlite::Result<Vec<i64>>>()
    };
    match target {
        Target::Key(key) => ids("SELECT id FROM entries WHERE key = ?1", key),
        Target::Url(url) => with_prefix(transaction, &format!("{url}#")),
        Target::Tag(tag) => ids("SELECT entry FROM tags WHERE tag = ?1", tag),
        Target::Prefix(prefix) if prefix.starts_with('/') => with_path_prefix(transaction, prefix),
        Target::Prefix(prefix) => with_prefix(transaction, prefix),
        Target::Everything => ids("SELECT id FROM entries WHERE ?1 IS NOT NULL", &0),
        Target::Variant(_, variant) => {
            ids("SELECT id FROM entries WHERE variant = ?1", &variant.bytes().as_slice())
        }
        Target::Selected { key, fields } => {
            Ok(selected(transaction, key, fields, at)?.into_iter().collect())
        }
    }
}

/// The latest variant of a key that a request with these fields selects. Fields that are missing
/// count as absent.
fn selected(
    transaction: &Transaction<'_>,
    key: &str,
    fields: &str,
    at: UnixMillis,
) -> rusqlite::Result<Option<i64>> {
    let select =
        "SELECT id, variant, vary FROM entries WHERE key = ?1 AND deadline > ?2 ORDER BY id DESC";
    let known = Key::known(key.to_owned());
    let mut statement = transaction.prepare_cached(select)?;
    let mut rows = statement.query_map(params![key, at], |row| {
        let vary = read_vary(row.get_ref(2)?.as_str().unwrap_or_default());
        let variant = row.get_ref(1)?.as_blob().ok().and_then(Digest::from_bytes);
        let mut sent = fields.to_owned();
        for name in vary.names.iter().filter(|name| Fields::new(fields).known(name).is_err()) {
            sent.extend(["\n", name]);
        }
        let selects = known
            .variant(&vary, Fields::new(&sent))
            .is_ok_and(|selected| Some(selected) == variant);
        Ok(selects.then_some(row.get(0)?))
    })?;
    rows.find_map(Result::transpose).transpose()
}

/// Entries whose path begins with `prefix`, on every host. Costs one step per host.
fn with_path_prefix(transaction: &Transaction<'_>, prefix: &str) -> rusqlite::Result<Vec<i64>> {
    let next = "SELECT key FROM entries WHERE key >= ?1 ORDER BY key LIMIT 1";
    let (mut from, mut ids) = (String::new(), Vec::new());
    while let Some(key) = transaction
        .prepare_cached(next)?
        .query_row([&from], |row| row.get::<_, String>(0))
        .optional()?
    {
        if key < from {
            // The index is damaged.
            break;
        }
        let origin = origin(&key);
        ids.extend(with_prefix(transaction, &format!("{origin}{prefix}"))?);
        // Continues behind the paths of this host, or behind a key without a host.
        from = if origin == key { key + "\0" } else { format!("{origin}0") };
    }
    Ok(ids)
}

/// Entries whose key begins with `prefix`, by the index on keys.
fn with_prefix(transaction: &Transaction<'_>, prefix: &str) -> rusqlite::Result<Vec<i64>> {
    // No key contains this character, so all keys with the prefix sort before it.
    let end = format!("{prefix}\u{10ffff}");
    let mut statement =
        transaction.prepare_cached("SELECT id FROM entries WHERE key >= ?1 AND key < ?2")?;
    let rows = statement.query_map(params![prefix, end], |row| row.get(0))?;
    rows.collect()
}

fn make_stale(
    transaction: &Transaction<'_>,
    id: i64,
    record: Record,
    at: UnixMillis,
) -> rusqlite::Result<()> {
    let times = record.times.stale_from(at);
    if times.state(at) == State::Expired {
        return remove_id(transaction, id).map(drop);
    }
    let record = Record { times, ..record };
    let update = "UPDATE entries SET lifetime = ?2, deadline = ?3, checksum = ?4 WHERE id = ?1";
    let checksum = record.checksum();
    let values = params![id, record.times.lifetime, record.deadline(), checksum.as_slice()];
    transaction.prepare_cached(update)?.execute(values)?;
    Ok(())
}
