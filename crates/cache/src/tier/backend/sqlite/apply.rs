//! Applies invalidations to the database, within a transaction of the caller.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension as _, params};

use super::edit::Edit;
use super::reads;
use super::row::read_vary;
use crate::http::lines::Fields;
use crate::http::origin;
use crate::invalidation::{Effect, Invalidation, Target};
use crate::key::{Digest, Key};
use crate::policy::State;
use crate::time::UnixMillis;

/// Removes the selected entries, or makes them stale at the time `at`. Returns how many live ones
/// there were, each counted once.
pub(super) fn apply(
    edit: &Edit<'_, '_>,
    invalidation: &Invalidation,
    at: UnixMillis,
) -> rusqlite::Result<u64> {
    let is_soft = invalidation.effect == Effect::MakeStale;
    if !is_soft && invalidation.selects_everything() {
        return clear(edit, at);
    }
    let mut selected = BTreeSet::new();
    for target in &invalidation.targets {
        selected.extend(ids_of(edit, target, at)?);
    }
    selected.into_iter().map(|id| apply_to(edit, id, is_soft, at)).sum()
}

/// Removes all entries, at the cost of counting them. Returns how many were live.
fn clear(edit: &Edit<'_, '_>, at: UnixMillis) -> rusqlite::Result<u64> {
    let count = "SELECT count(*) FROM times WHERE deadline > ?1";
    let live = edit.prepare_cached(count)?.query_row([at], |row| row.get::<_, i64>(0))?;
    edit.clear()?;
    Ok(live as u64)
}

/// Removes an entry or makes it stale. Returns 1 if it was live.
fn apply_to(edit: &Edit<'_, '_>, id: i64, soft: bool, at: UnixMillis) -> rusqlite::Result<u64> {
    if !soft {
        // A removal does not need the contents of the entry.
        let is_live = edit.remove_id(id)?.is_some_and(|deadline| deadline > at);
        return Ok(is_live.into());
    }
    let Some((variant, times)) = reads::times_of(edit, id)? else {
        return edit.remove_id(id).map(|_| 0);
    };
    let stale = times.stale_from(at);
    if stale.state(at) == State::Expired {
        edit.remove_id(id)?;
    } else {
        edit.write_times(id, &variant, &stale)?;
    }
    Ok((times.state(at) != State::Expired).into())
}

/// Ids of the entries that a target selects.
fn ids_of(edit: &Edit<'_, '_>, target: &Target, at: UnixMillis) -> rusqlite::Result<Vec<i64>> {
    let ids = |query: &str, value: &dyn rusqlite::ToSql| {
        let mut statement = edit.prepare_cached(query)?;
        let rows = statement.query_map([value], |row| row.get(0))?;
        rows.collect::<rusqlite::Result<Vec<i64>>>()
    };
    match target {
        Target::Key(key) => ids("SELECT id FROM entries WHERE key = ?1", key),
        Target::Url(url) => with_prefix(edit, &format!("{url}#")),
        Target::Tag(tag) => ids("SELECT entry FROM tags WHERE tag = ?1", tag),
        Target::Prefix(prefix) if prefix.starts_with('/') => with_path_prefix(edit, prefix),
        Target::Prefix(prefix) => with_prefix(edit, prefix),
        Target::Everything => ids("SELECT id FROM entries WHERE ?1 IS NOT NULL", &0),
        Target::Variant(_, variant) => {
            ids("SELECT id FROM entries WHERE variant = ?1", &variant.bytes().as_slice())
        }
        Target::Selected { key, fields } => {
            Ok(selected(edit, key, fields, at)?.into_iter().collect())
        }
    }
}

/// The latest variant of a key that a request with these fields selects. Fields that are missing
/// count as absent.
fn selected(
    edit: &Edit<'_, '_>,
    key: &str,
    fields: &str,
    at: UnixMillis,
) -> rusqlite::Result<Option<i64>> {
    let select = "SELECT id, variant, vary FROM entries JOIN times ON entry = id WHERE key = ?1 AND deadline > ?2 ORDER BY id DESC";
    let known = Key::known(key.to_owned());
    let mut statement = edit.prepare_cached(select)?;
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
fn with_path_prefix(edit: &Edit<'_, '_>, prefix: &str) -> rusqlite::Result<Vec<i64>> {
    let next = "SELECT key FROM entries WHERE key >= ?1 ORDER BY key LIMIT 1";
    let (mut from, mut ids) = (String::new(), Vec::new());
    while let Some(key) =
        edit.prepare_cached(next)?.query_row([&from], |row| row.get::<_, String>(0)).optional()?
    {
        if key < from {
            // The index is damaged.
            break;
        }
        let origin = origin(&key);
        ids.extend(with_prefix(edit, &format!("{origin}{prefix}"))?);
        // Continues behind the paths of this host, or behind a key without a host.
        from = if origin == key { key + "\0" } else { format!("{origin}0") };
    }
    Ok(ids)
}

/// Entries whose key begins with `prefix`, by the index on keys.
fn with_prefix(edit: &Edit<'_, '_>, prefix: &str) -> rusqlite::Result<Vec<i64>> {
    // No key contains this character, so all keys with the prefix sort before it.
    let end = format!("{prefix}\u{10ffff}");
    let mut statement =
        edit.prepare_cached("SELECT id FROM entries WHERE key >= ?1 AND key < ?2")?;
    let rows = statement.query_map(params![prefix, end], |row| row.get(0))?;
    rows.collect()
}
