//! Writes queued puts to the database within one transaction.

use std::mem::take;

use rusqlite::Transaction;

use super::common::Common;
use super::reads::Pages;
use super::record::Record;
use super::write_behind::Work;
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
    is_cleared: bool,
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
    pub(super) fn new(transaction: &'a Transaction<'c>, common: &'a Common) -> Self {
        Self {
            transaction,
            common,
            changed: Vec::new(),
            is_cleared: false,
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
            Work::Put(kept, since) if self.common.passes(kept, *since) => self.put(kept),
            // The version that the put replaced is outdated; what another process has put since is
            // not.
            Work::Put(kept, _) => {
                writes::remove_variant(self.transaction, &kept.variant, kept.times.stored_at)
            }
            Work::Invalidate(invalidation) => self.invalidate(invalidation),
            Work::Expire(now) => self.expire(*now),
            Work::InvalidateDurably(_) | Work::Load(_) | Work::Flush(_) | Work::End(_) => Ok(()),
        }
    }

    fn put(&mut self, kept: &Record) -> rusqlite::Result<()> {
        writes::remove_variant(self.transaction, &kept.variant, i64::MAX)?;
        let room = writes::make_room(self.transaction, self.common.bound, kept, &mut self.pages)?;
        self.evicted += room.evicted;
        if room.is_enough {
            return writes::insert(self.transaction, kept);
        }
        self.unwritten += 1;
        Ok(())
    }

    fn invalidate(&mut self, invalidation: &Invalidation) -> rusqlite::Result<()> {
        self.is_cleared |= invalidation.selects_everything();
        apply::apply(self.transaction, invalidation, 0).map(drop)
    }

    fn expire(&mut self, now: UnixMillis) -> rusqlite::Result<()> {
        if writes::expire(self.transaction, now, MAX_DUE)? == MAX_DUE as usize {
            self.due = Some(now);
        }
        Ok(())
    }

    /// Adds the changed variants to the invalidation log, after sequence `last`, and shrinks the
    /// file to its bound. Returns the new sequence, and whether the log has more than puts.
    pub(super) fn finish(&mut self, last: u64) -> rusqlite::Result<(u64, bool)> {
        let bound = self.common.bound;
        let mut sequence = last;
        if self.is_cleared {
            let everything = Invalidation::everything();
            sequence = log::append(self.transaction, &everything, 0, sequence, bound)?;
        }
        let changed = Invalidation::outdate(take(&mut self.changed));
        if !changed.targets.is_empty() {
            sequence = log::append(self.transaction, &changed, 0, sequence, bound)?;
        }
        self.evicted += writes::shrink(self.transaction, self.common.bound)?;
        Ok((sequence, self.is_cleared))
    }
}
