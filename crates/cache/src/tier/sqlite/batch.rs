//! Writes queued work to the database within one transaction.

use std::mem::take;

use rusqlite::Transaction;

use super::common::Common;
use super::reads::Pages;
use super::record::Record;
use super::work::{QueuedInvalidation, Work};
use super::{apply, log, writes};
use crate::invalidation::{Invalidation, Target};
use crate::time::UnixMillis;

/// Expired entries removed per transaction.
const MAX_DUE: u32 = 1_000;

/// The writes of one transaction. Counts take effect when it is committed.
pub(super) struct Batch<'a, 'c> {
    transaction: &'a Transaction<'c>,
    common: &'a Common,
    /// Variants of which other processes may have older versions in memory.
    changed: Vec<Target>,
    /// Last sequence of the invalidation log.
    sequence: u64,
    /// Whether the log has more than puts.
    is_purge: bool,
    /// Entries that each invalidation of the batch has selected, in order.
    pub(super) selected: Vec<u64>,
    /// Entries that count as purged.
    pub(super) purged: u64,
    /// Size of the file, if it is known.
    pages: Option<Pages>,
    /// Entries evicted to make room.
    pub(super) evicted: u64,
    /// Puts that found no room.
    pub(super) unwritten: u64,
    /// A time by which more entries may have expired.
    pub(super) due: Option<UnixMillis>,
}

impl<'a, 'c> Batch<'a, 'c> {
    /// A batch that appends to the invalidation log after sequence `last`.
    pub(super) fn new(transaction: &'a Transaction<'c>, common: &'a Common, last: u64) -> Self {
        Self {
            transaction,
            common,
            changed: Vec::new(),
            sequence: last,
            is_purge: false,
            selected: Vec::new(),
            purged: 0,
            pages: None,
            evicted: 0,
            unwritten: 0,
            due: None,
        }
    }

    pub(super) fn write(&mut self, work: &Work) -> rusqlite::Result<()> {
        if let Some((key, variant)) = work.entry() {
            // Another process may have an older version in memory, even if the disk has none.
            self.changed.push(Target::Variant(key.to_owned(), *variant));
        }
        match work {
            Work::Put(record, since) if self.common.passes(record, *since) => self.put(record),
            // The version that the put replaced is outdated; what another process has put since is
            // not.
            Work::Put(record, _) => {
                writes::remove_variant(self.transaction, &record.variant, record.times.stored_at)
            }
            Work::Outdate(invalidation) => {
                apply::apply(self.transaction, invalidation, 0).map(drop)
            }
            Work::Invalidate(queued) => self.invalidate(queued),
            Work::Expire(now) => self.expire(*now),
            Work::Load(_) | Work::Flush(_) | Work::End(_) => Ok(()),
        }
    }

    fn put(&mut self, record: &Record) -> rusqlite::Result<()> {
        writes::remove_variant(self.transaction, &record.variant, i64::MAX)?;
        let room = writes::make_room(self.transaction, self.common.bound, record, &mut self.pages)?;
        self.evicted += room.evicted;
        if room.is_enough {
            return writes::insert(self.transaction, record);
        }
        self.unwritten += 1;
        Ok(())
    }

    fn invalidate(&mut self, queued: &QueuedInvalidation) -> rusqlite::Result<()> {
        let QueuedInvalidation { invalidation, at, in_memory, .. } = queued;
        let mut selected = in_memory.unwrap_or(0);
        if !invalidation.targets.is_empty() {
            self.append(invalidation, *at)?;
            self.is_purge = true;
            // Memory and disk may each have entries that the other lacks.
            selected = selected.max(apply::apply(self.transaction, invalidation, *at)?);
            self.purged += in_memory.map_or(0, |_| selected);
        }
        self.selected.push(selected);
        Ok(())
    }

    fn append(&mut self, invalidation: &Invalidation, at: UnixMillis) -> rusqlite::Result<()> {
        let bound = self.common.bound;
        self.sequence = log::append(self.transaction, invalidation, at, self.sequence, bound)?;
        Ok(())
    }

    fn expire(&mut self, now: UnixMillis) -> rusqlite::Result<()> {
        if writes::expire(self.transaction, now, MAX_DUE)? == MAX_DUE as usize {
            self.due = Some(now);
        }
        Ok(())
    }

    /// Adds the changed variants to the invalidation log, and shrinks the file to its bound.
    /// Returns the last sequence of the log, and whether the log has more than puts.
    pub(super) fn finish(&mut self) -> rusqlite::Result<(u64, bool)> {
        let changed = Invalidation::outdate(take(&mut self.changed));
        if !changed.targets.is_empty() {
            self.append(&changed, 0)?;
        }
        self.evicted += writes::shrink(self.transaction, self.common.bound)?;
        Ok((self.sequence, self.is_purge))
    }
}
