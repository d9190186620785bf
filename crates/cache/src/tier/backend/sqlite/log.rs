//! The invalidation log: invalidations of all processes, in rows of the database.

use std::borrow::Cow;

use rusqlite::{OptionalExtension as _, Transaction, params};

use crate::invalidation::{Effect, Invalidation, Target};
use crate::key::Digest;
use crate::time::UnixMillis;

/// Rows that the log keeps for other processes.
const MAX_ROWS: u64 = 4_096;

/// Bytes that a row takes beside its name and digests, approximately.
const ROW_OVERHEAD: i64 = 40;

/// Bytes of keys and digests in one row of outdated variants.
const MAX_VARIANT_BYTES: usize = 8 << 10;

/// Bound of the log in bytes: a share of the bound of the file.
pub(super) fn max_log_bytes(bound: u64) -> u64 {
    (bound / 32).min(8 << 20)
}

/// A row of the log, without its sequence and time.
struct Row<'a> {
    kind: &'static str,
    name: Cow<'a, str>,
    digests: Vec<u8>,
}

/// Appends an invalidation of the time `at` to the log, after sequence `last`, and removes rows
/// that exceed the bounds. Returns the new last sequence. Runs within a transaction of the caller.
pub(super) fn append(
    transaction: &Transaction<'_>,
    invalidation: &Invalidation,
    at: UnixMillis,
    last: u64,
    bound: u64,
) -> rusqlite::Result<u64> {
    let mut sequence = last;
    let total = "SELECT total FROM purges ORDER BY sequence DESC LIMIT 1";
    let mut total: i64 =
        transaction.prepare_cached(total)?.query_row([], |row| row.get(0)).optional()?.unwrap_or(0);
    let is_soft = invalidation.effect == Effect::MakeStale;
    let insert =
        "INSERT INTO purges (total, kind, name, digests, soft, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    for Row { kind, name, digests } in rows_of(invalidation) {
        total += ROW_OVERHEAD + (name.len() + digests.len()) as i64;
        let values = params![total, kind, name, digests, is_soft, at];
        transaction.prepare_cached(insert)?.execute(values)?;
        sequence = transaction.last_insert_rowid() as u64;
    }
    trim(transaction, sequence, total, bound)?;
    Ok(sequence)
}

/// Removes the oldest rows of a log that exceeds its bounds.
fn trim(transaction: &Transaction<'_>, last: u64, total: i64, bound: u64) -> rusqlite::Result<()> {
    let first = "SELECT sequence, total FROM purges ORDER BY sequence LIMIT 1";
    let remove = "DELETE FROM purges WHERE sequence = ?1";
    loop {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
        let first = transaction.prepare_cached(first)?.query_row([], read).optional()?;
        // The last row stays: it tells that older ones are gone.
        let surplus = first.filter(|(first, before)| {
            (*first as u64) < last
                && (*first as u64 <= last.saturating_sub(MAX_ROWS)
                    || total - before >= max_log_bytes(bound) as i64)
        });
        let Some((first, _)) = surplus else { return Ok(()) };
        transaction.prepare_cached(remove)?.execute([first])?;
    }
}

/// The rows of an invalidation: one for each target, several outdated variants together.
fn rows_of(invalidation: &Invalidation) -> Vec<Row<'_>> {
    let Invalidation { targets, effect } = invalidation;
    if *effect != Effect::Outdate {
        return targets.iter().map(row_of).collect();
    }
    let variants = targets.iter().filter_map(|target| match target {
        Target::Variant(key, digest) => Some((key.as_str(), digest)),
        _ => None,
    });
    let others = targets.iter().filter(|target| !matches!(target, Target::Variant(..)));
    others.map(row_of).chain(rows_of_outdated(variants)).collect()
}

/// The row of one target.
fn row_of(target: &Target) -> Row<'_> {
    let (kind, name) = match target {
        Target::Key(key) => ("key", key.as_str()),
        Target::Url(url) => ("url", url.as_str()),
        Target::Tag(tag) => ("tag", tag.as_str()),
        Target::Prefix(prefix) => ("prefix", prefix.as_str()),
        Target::Everything => ("everything", ""),
        // Other processes load the other variants of the key from disk again.
        Target::Variant(key, _) | Target::Selected { key, .. } => ("selected", key.as_str()),
    };
    Row { kind, name: name.into(), digests: Vec::new() }
}

/// Rows of outdated variants, as many in each as its bound allows.
fn rows_of_outdated<'a>(variants: impl Iterator<Item = (&'a str, &'a Digest)>) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for (key, digest) in variants {
        let bytes = key.len() + Digest::BYTES;
        match rows.last_mut() {
            Some(row) if row.name.len() + row.digests.len() + bytes <= MAX_VARIANT_BYTES => {
                row.name.to_mut().push('\n');
                row.name.to_mut().push_str(key);
                row.digests.extend(digest.bytes());
            }
            _ => {
                let digests = digest.bytes().to_vec();
                rows.push(Row { kind: "changed", name: key.into(), digests });
            }
        }
    }
    rows
}

/// Parses a row. An unknown kind counts as everything.
pub(super) fn parse(kind: &str, name: String, digests: &[u8], is_soft: bool) -> Invalidation {
    let target = match kind {
        "changed" => return parse_outdated(&name, digests),
        "key" | "selected" => Target::Key(name),
        "url" => Target::Url(name),
        "tag" => Target::Tag(name),
        "prefix" => Target::Prefix(name),
        _ => Target::Everything,
    };
    if is_soft { Invalidation::make_stale([target]) } else { Invalidation::remove([target]) }
}

/// Parses keys, one per line, and their digests. A key contains no line feed.
fn parse_outdated(keys: &str, digests: &[u8]) -> Invalidation {
    let (digests, rest) = digests.as_chunks::<{ Digest::BYTES }>();
    let keys: Vec<_> = keys.split('\n').map(str::to_owned).collect();
    if !rest.is_empty() || keys.len() != digests.len() {
        return Invalidation::everything();
    }
    let digests = digests.iter().copied().map(Digest::from);
    Invalidation::outdate(
        keys.into_iter().zip(digests).map(|(key, digest)| Target::Variant(key, digest)),
    )
}
