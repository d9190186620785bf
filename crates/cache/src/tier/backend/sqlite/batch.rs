//! Writes queued work to the database within one transaction.

use std::mem::take;

use rusqlite::Transaction;

use super::edit::Edit;
use super::reads::Pages;
use super::{apply, log, writes};
use crate::invalidation::{Invalidation, Target};
use crate::tier::state::TierState;
use crate::tier::work::{Outdated, QueuedInvalidation, QueuedPut, Work};
use crate::time::UnixMillis;

/// Expired entries removed per transaction.
const MAX_DUE: u32 = 1_000;

/// The writes of one transaction. Counts take effect when it is committed.
pub(super) struct Batch<'a, 'c> {
    edit: Edit<'a, 'c>,
    state: &'a TierState,
    max_bytes: u64,
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
    pub(super) fn new(
        transaction: &'a Transaction<'c>,
        state: &'a TierState,
        max_bytes: u64,
        last: u64,
    ) -> Self {
        Self {
            edit: Edit::new(transaction),
            state,
            max_bytes,
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
            Work::Put(put) => self.put(put),
            Work::Outdate(outdated) => self.outdate(outdated).map(drop),
            Work::Invalidate(queued) => self.invalidate(queued),
            Work::Expire(now) => self.expire(*now),
            Work::Load(_) | Work::Flush(_) | Work::End(_) => Ok(()),
        }
    }

    /// Writes a put, unless another process has put later or invalidated it. The version that it
    /// replaced is outdated in any case.
    fn put(&mut self, put: &QueuedPut) -> rusqlite::Result<()> {
        let QueuedPut { record, seen } = put;
        let has_later = self.outdate(&put.replaced())?;
        if has_later || !self.state.passes(record, *seen) {
            return Ok(());
        }
        let room = writes::make_room(&self.edit, self.max_bytes, record, &mut self.pages)?;
        self.evicted += room.evicted;
        if room.is_enough {
            return self.edit.insert(record);
        }
        self.unwritten += 1;
        Ok(())
    }

    /// Removes an outdated version. Returns whether there is a version that another process has put
    /// later, which stays.
    fn outdate(&self, outdated: &Outdated) -> rusqlite::Result<bool> {
        let Outdated { key, variant, put_at, seen } = outdated;
        // Within this process the order of the queue decides, whatever the clock says.
        let is_compared = self.state.is_put_elsewhere(key, seen.puts);
        self.edit.remove_variant(variant, if is_compared { *put_at } else { UnixMillis::MAX })
    }

    fn invalidate(&mut self, queued: &QueuedInvalidation) -> rusqlite::Result<()> {
        let QueuedInvalidation { invalidation, at, in_memory, .. } = queued;
        // Memory and disk are purged at the same time; few purges have to wait here.
        let counted = in_memory.as_ref().map(|in_memory| in_memory.wait().unwrap_or(0));
        let mut selected = counted.unwrap_or(0);
        if !invalidation.targets.is_empty() {
            self.append(invalidation, *at)?;
            self.is_purge = true;
            // Memory and disk may each have entries that the other lacks.
            selected = selected.max(apply::apply(&self.edit, invalidation, *at)?);
            self.purged += counted.map_or(0, |_| selected);
        }
        self.selected.push(selected);
        Ok(())
    }

    fn append(&mut self, invalidation: &Invalidation, at: UnixMillis) -> rusqlite::Result<()> {
        let bound = self.max_bytes;
        self.sequence = log::append(&self.edit, invalidation, at, self.sequence, bound)?;
        Ok(())
    }

    fn expire(&mut self, now: UnixMillis) -> rusqlite::Result<()> {
        if writes::expire(&self.edit, now, MAX_DUE)? == MAX_DUE as usize {
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
        self.evicted += writes::shrink(&self.edit, self.max_bytes)?;
        self.edit.finish()?;
        Ok((self.sequence, self.is_purge))
    }
}
