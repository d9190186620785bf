//! Changes of entries within one transaction.

use std::cell::Cell;
use std::ops::Deref;

use rusqlite::{OptionalExtension as _, Transaction, params, params_from_iter};

use super::row::ENTRY_COLUMNS;
use super::times;
use crate::key::Digest;
use crate::policy::Freshness;
use crate::tier::record::Record;
use crate::time::{Millis, UnixMillis};

/// A version that was put longer after another one was put by a clock that has been set back since.
const MAX_AHEAD: Millis = 60_000;

/// A transaction that counts the entries which it adds and removes.
pub(super) struct Edit<'a, 'c> {
    transaction: &'a Transaction<'c>,
    added: Cell<i64>,
}

/// The columns that removing an entry needs.
pub(super) struct Found {
    id: i64,
    tags: String,
}

impl<'c> Deref for Edit<'_, 'c> {
    type Target = Transaction<'c>;

    fn deref(&self) -> &Transaction<'c> {
        self.transaction
    }
}

impl<'a, 'c> Edit<'a, 'c> {
    pub(super) fn new(transaction: &'a Transaction<'c>) -> Self {
        Self { transaction, added: Cell::new(0) }
    }

    /// Inserts an entry whose variant has no row.
    pub(super) fn insert(&self, record: &Record) -> rusqlite::Result<()> {
        let insert =
            format!("INSERT INTO entries ({ENTRY_COLUMNS}) VALUES (?1,?2,?3,?4,?5,?6,?7,?8)");
        record.entry_values(|values| {
            self.prepare_cached(&insert)?.execute(params_from_iter(values))
        })?;
        let id = self.last_insert_rowid();
        self.write_times(id, &record.variant, &record.times)?;
        let mut tag = self.prepare_cached("INSERT INTO tags (tag, entry) VALUES (?1, ?2)")?;
        for name in record.tags().split_terminator('\n') {
            tag.execute(params![name, id])?;
        }
        self.added.update(|added| added + 1);
        Ok(())
    }

    /// Writes the times of a variant, whose entry has this id.
    pub(super) fn write_times(
        &self,
        id: i64,
        variant: &Digest,
        times: &Freshness,
    ) -> rusqlite::Result<()> {
        let columns = times::COLUMNS;
        let replace = format!(
            "INSERT OR REPLACE INTO times ({columns}) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)"
        );
        times::values(id, variant, times, |values| {
            self.prepare_cached(&replace)?.execute(params_from_iter(values)).map(drop)
        })
    }

    /// Removes a variant if it was put by `until`. Returns whether there is a later one.
    pub(super) fn remove_variant(
        &self,
        variant: &Digest,
        until: UnixMillis,
    ) -> rusqlite::Result<bool> {
        let select = "SELECT id, tags, stored_at FROM entries LEFT JOIN times ON entry = id WHERE variant = ?1";
        let read = |row: &rusqlite::Row<'_>| Ok((found(row)?, row.get::<_, Option<i64>>(2)?));
        let known = self.prepare_cached(select)?.query_row([variant.bytes().as_slice()], read);
        let Some((known, stored_at)) = known.optional()? else { return Ok(false) };
        let is_later = |at: UnixMillis| at > until && at.saturating_sub(until) <= MAX_AHEAD;
        if stored_at.is_some_and(is_later) {
            return Ok(true);
        }
        self.remove(&known).map(|()| false)
    }

    /// Removes an entry, if it exists, and returns its deadline.
    pub(super) fn remove_id(&self, id: i64) -> rusqlite::Result<Option<UnixMillis>> {
        let select =
            "SELECT id, tags, deadline FROM entries LEFT JOIN times ON entry = id WHERE id = ?1";
        let read = |row: &rusqlite::Row<'_>| Ok((found(row)?, row.get::<_, Option<i64>>(2)?));
        let Some((known, deadline)) =
            self.prepare_cached(select)?.query_row([id], read).optional()?
        else {
            return Ok(None);
        };
        self.remove(&known)?;
        Ok(deadline)
    }

    /// Removes the first entries that a query of id and tags selects. Returns how many.
    pub(super) fn remove_selected(
        &self,
        query: &str,
        values: impl rusqlite::Params,
    ) -> rusqlite::Result<usize> {
        let selected: Vec<Found> = self
            .prepare_cached(query)?
            .query_map(values, found)?
            .collect::<rusqlite::Result<_>>()?;
        selected.iter().try_for_each(|found| self.remove(found))?;
        Ok(selected.len())
    }

    /// Removes all entries.
    pub(super) fn clear(&self) -> rusqlite::Result<()> {
        let removed = self.transaction.execute("DELETE FROM entries", [])?;
        self.execute_batch("DELETE FROM tags; DELETE FROM times")?;
        self.added.update(|added| added - removed as i64);
        Ok(())
    }

    fn remove(&self, Found { id, tags }: &Found) -> rusqlite::Result<()> {
        self.prepare_cached("DELETE FROM entries WHERE id = ?1")?.execute([id])?;
        self.prepare_cached("DELETE FROM times WHERE entry = ?1")?.execute([id])?;
        let mut tag = self.prepare_cached("DELETE FROM tags WHERE tag = ?1 AND entry = ?2")?;
        for name in tags.split_terminator('\n') {
            tag.execute(params![name, id])?;
        }
        self.added.update(|added| added - 1);
        Ok(())
    }

    /// Adds the changes to the number of entries.
    pub(super) fn finish(&self) -> rusqlite::Result<()> {
        match self.added.take() {
            0 => Ok(()),
            added => {
                let add = "UPDATE meta SET value = value + ?1 WHERE name = 'entries'";
                self.prepare_cached(add)?.execute([added]).map(drop)
            }
        }
    }
}

fn found(row: &rusqlite::Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found { id: row.get(0)?, tags: row.get(1)? })
}
