//! The times of an entry, as a row of their own with a checksum.

use std::hash::Hasher as _;

use rusqlite::{Row, ToSql};
use twox_hash::xxhash3_64::Hasher as Xxh3;

use crate::key::Digest;
use crate::policy::Freshness;

/// Columns of `times`, in order.
pub(super) const COLUMNS: &str = "entry, stored_at, initial_age, lifetime, stale_window, error_window, kept, strict, \
     checksum, deadline";

/// The columns that [`read`] reads, in order, of a statement that joins `entries` and `times`.
pub(super) const SELECTED: &str =
    "stored_at, initial_age, lifetime, stale_window, error_window, kept, strict, times.checksum";

/// Passes the values of [`COLUMNS`] for a variant, whose entry has this id, to `write`.
pub(super) fn values<T>(
    id: i64,
    variant: &Digest,
    times: &Freshness,
    write: impl FnOnce(&[&dyn ToSql]) -> T,
) -> T {
    let Freshness { stored_at, initial_age, lifetime, stale_window, error_window, kept, strict } =
        *times;
    write(&[
        &id,
        &stored_at,
        &initial_age,
        &lifetime,
        &stale_window,
        &error_window,
        &kept,
        &strict,
        &checksum(variant, times),
        &times.deadline(),
    ])
}

/// Reads [`SELECTED`] of a variant, from column `first` on. `None` if it does not match its
/// checksum.
pub(super) fn read(
    row: &Row<'_>,
    first: usize,
    variant: &Digest,
) -> rusqlite::Result<Option<Freshness>> {
    let times = Freshness {
        stored_at: row.get(first)?,
        initial_age: row.get(first + 1)?,
        lifetime: row.get(first + 2)?,
        stale_window: row.get(first + 3)?,
        error_window: row.get(first + 4)?,
        kept: row.get(first + 5)?,
        strict: row.get(first + 6)?,
    };
    Ok((row.get::<_, i64>(first + 7)? == checksum(variant, &times)).then_some(times))
}

fn checksum(variant: &Digest, times: &Freshness) -> i64 {
    let Freshness { stored_at, initial_age, lifetime, stale_window, error_window, kept, strict } =
        *times;
    let mut hash = Xxh3::new();
    hash.write(variant.bytes());
    for number in [stored_at, initial_age, lifetime] {
        hash.write(&number.to_le_bytes());
    }
    for number in [stale_window, error_window, kept, strict.into()] {
        hash.write(&number.to_le_bytes());
    }
    hash.finish().cast_signed()
}
