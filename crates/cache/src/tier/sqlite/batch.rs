//! What goes into the database in one transaction, put by put.

use std::slice;

use rusqlite::Transaction;

use super::common::Common;
use super::mark::{Mark, Purge};
use super::queue::Work;
use super::reads::Pages;
use super::row::Kept;
use super::{purging, writes};
use crate::key::Digest;

/// Entries that are due and go with a transaction, at most.
const MOST_DUE: u32 = 1_000;

/// See the module. What is counted counts once the transaction is committed.
pub(super) struct Batch<'a, 'c> {
    transaction: &'a Transaction<'c>,
    common: &'a Common,
    /// Variants that other processes may have in memory as they were.
    changed: Vec<(String, Digest)>,
    is_cleared: bool,
    /// Of the file, as far as that is known.
    pages: Option<Pages>,
    /// Entries that had to go.
    pub(super) evicted: u64,
    /// Puts that found no room.
    pub(super) unwritten: u64,
    /// By when entries are due of which there may be more.
    pub(super) due: Option<i64>,
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
            // Another process may have it in memory although it is not on the disk.
            self.changed.push((key.to_owned(), *variant));
        }
        match work {
            Work::Put(kept, since) if self.common.passes(kept, *since) => self.put(kept),
            // What it was put over is out of date all the same; what another process has put since
            // is not.
            Work::Put(kept, _) => {
                writes::remove_variant(self.transaction, &kept.variant, kept.times.stored_at)
            }
            Work::Retire(_, variant) => writes::remove_variant(self.transaction, variant, i64::MAX),
            Work::Clear => self.clear(),
            Work::Expire(now) => self.expire(*now),
            Work::Purge(_) | Work::Load(_) | Work::Flush(_) | Work::End(_) => Ok(()),
        }
    }

    fn put(&mut self, kept: &Kept) -> rusqlite::Result<()> {
        writes::remove_variant(self.transaction, &kept.variant, i64::MAX)?;
        let room = writes::make_room(self.transaction, self.common.bound, kept, &mut self.pages)?;
        self.evicted += room.evicted;
        if room.is_enough {
            return writes::insert(self.transaction, kept);
        }
        self.unwritten += 1;
        Ok(())
    }

    fn clear(&mut self) -> rusqlite::Result<()> {
        self.is_cleared = true;
        purging::purge(self.transaction, slice::from_ref(&Purge::of(Mark::Everything, 0))).map(drop)
    }

    fn expire(&mut self, now: i64) -> rusqlite::Result<()> {
        if writes::expire(self.transaction, now, MOST_DUE)? == MOST_DUE as usize {
            self.due = Some(now);
        }
        Ok(())
    }

    /// Tells other processes what has changed, `last` being the sequence of the last purge, and
    /// brings the file to its bound. Returns the sequence then, and whether it is about more than
    /// puts.
    pub(super) fn finish(&mut self, last: u64) -> rusqlite::Result<(u64, bool)> {
        let cleared = self.is_cleared.then_some(Mark::Everything);
        let changed = Mark::changed(std::mem::take(&mut self.changed));
        let purges: Vec<_> =
            cleared.into_iter().chain(changed).map(|mark| Purge::of(mark, 0)).collect();
        let sequence = purging::note(self.transaction, &purges, last, self.common.bound)?;
        self.evicted += writes::shrink(self.transaction, self.common.bound)?;
        Ok((sequence, self.is_cleared))
    }
}
