//! What the threads of a disk and those who call it have in common.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use rusqlite::Connection;

use super::fault::{Fault, is_damage, is_passing};
use super::heeding::Heeding;
use super::mark::{Mark, Purge};
use super::row::Kept;
use super::shared::Shared;
use super::{reads, writes};
use crate::invalidation::Fence;
use crate::invalidation::Selector;
use crate::memory::Memory;
use crate::stats::{Counters, Totals, add, read};
use crate::sync::Mutex;

/// See the module.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) memory: Arc<Memory>,
    pub(super) counters: Arc<Counters>,
    pub(super) shared: Arc<Shared>,
    /// Bytes that the database may take.
    pub(super) bound: u64,
    /// Held while something is done to the memory store and asked of the writer: both do it in the
    /// same order. Taken before [`heeding`](Self::heeding).
    pub(super) order: Mutex<()>,
    pub(super) heeding: Heeding,
    /// What other processes have purged. The purges of this one are in the queue, among the puts
    /// that they concern.
    purged_elsewhere: Mutex<Fence>,
    /// What of the counters is in the database.
    counted: Mutex<Counted>,
    evicted: AtomicU64,
    dropped: AtomicU64,
    damaged: AtomicU64,
    fault: Mutex<Option<Fault>>,
}

#[derive(Debug, Default)]
struct Counted {
    /// Of this process.
    own: Totals,
    /// Of all processes, of this one as far as it is in the database.
    all: Totals,
}

impl Common {
    pub(super) fn new(
        memory: Arc<Memory>,
        counters: Arc<Counters>,
        shared: Arc<Shared>,
        bound: u64,
        connection: &Connection,
    ) -> rusqlite::Result<Self> {
        let sequence = reads::sequence(connection)?;
        shared.announce(sequence, false);
        let all = Totals::of(reads::counters(connection)?);
        Ok(Self {
            memory,
            counters,
            shared,
            bound,
            order: Mutex::default(),
            heeding: Heeding::new(sequence),
            purged_elsewhere: Mutex::new(Fence::new()),
            counted: Mutex::new(Counted { own: Totals::default(), all }),
            evicted: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
            fault: Mutex::default(),
        })
    }

    /// Whether another process has purged something that the memory store does not know of.
    pub(super) fn is_behind(&self) -> bool {
        self.shared.sequence() > self.heeding.last()
    }

    /// Tells the memory store of all purges in the database.
    pub(super) fn heed(&self, connection: &Connection) -> rusqlite::Result<()> {
        // A put is measured in memory and on the disk by the same purges.
        let _in_order = self.order.lock();
        let mut told = self.heeding.lock();
        let last = reads::sequence(connection)?;
        if last <= told.last() {
            return Ok(());
        }
        let Some(purges) = reads::purges_after(connection, told.last())? else {
            self.purge_memory(&Purge::of(Mark::Everything, 0));
            told.advance(last);
            return Ok(());
        };
        let unknown = purges.iter().filter(|(sequence, _)| !told.knew(*sequence));
        unknown.for_each(|(_, purge)| self.purge_memory(purge));
        // There may be more of them than a moment ago, and none is to be heeded twice.
        told.advance(purges.last().map_or(last, |(sequence, _)| *sequence));
        Ok(())
    }

    /// Does what [`heed`](Self::heed) does where the database cannot be read: nothing in memory is
    /// served any longer, unless it was puts alone.
    pub(super) fn heed_blindly(&self) {
        let _in_order = self.order.lock();
        let mut told = self.heeding.lock();
        let last = self.shared.sequence();
        if self.shared.purged() > told.last() {
            self.purge_memory(&Purge::of(Mark::Everything, 0));
        }
        told.advance(last);
    }

    fn purge_memory(&self, purge: &Purge) {
        self.purge_entries(purge);
        // A put that has seen this comes after what has just been done, and was measured by it.
        purge.mark.fence_off(&mut self.purged_elsewhere.lock());
    }

    fn purge_entries(&self, Purge { mark, soft, at }: &Purge) {
        let mut selector = Selector { soft: *soft, ..Selector::default() };
        match mark.clone() {
            Mark::Key(key) | Mark::Variant(key, _) | Mark::Selected(key, _) => {
                selector.key = Some(key)
            }
            Mark::Tag(tag) => selector.tags.push(tag),
            Mark::Prefix(prefix) => selector.prefixes.push(prefix),
            Mark::Everything => selector.everything = true,
            Mark::Url(url) => {
                self.memory.invalidate(&url);
                return;
            }
            Mark::Changed(variants) => return self.memory.evict(&variants),
        }
        self.memory.purge(&selector, *at);
    }

    /// Where the sequence of what other processes purge stands.
    pub(super) fn since(&self) -> u64 {
        self.purged_elsewhere.lock().sequence()
    }

    /// Whether nothing of an entry was purged by another process after this point.
    pub(super) fn passes(&self, kept: &Kept, since: u64) -> bool {
        let label = kept.stored.label();
        self.purged_elsewhere.lock().passes(since, label.name, label.notes.split_terminator('\n'))
    }

    /// Adds what has been counted to what is in the database. Returns what is there then, for
    /// [`counted`](Self::counted).
    pub(super) fn count_into(
        &self,
        transaction: &rusqlite::Transaction<'_>,
    ) -> rusqlite::Result<impl FnOnce() + '_> {
        let own = self.counters.totals();
        writes::count(transaction, &own.since(&self.counted.lock().own))?;
        let all = Totals::of(reads::counters(transaction)?);
        // Only the thread that writes gets here.
        Ok(move || *self.counted.lock() = Counted { own, all })
    }

    /// What all processes have counted, as far as is known here.
    pub(super) fn totals(&self) -> Totals {
        let counted = self.counted.lock();
        counted.all.plus(&self.counters.totals().since(&counted.own))
    }

    pub(super) fn count_evicted(&self, entries: u64) {
        add(&self.evicted, entries);
    }

    pub(super) fn evicted(&self) -> u64 {
        read(&self.evicted)
    }

    /// Counts entries that were found not to be as they were written.
    pub(super) fn count_damaged(&self, entries: u64) {
        add(&self.damaged, entries);
    }

    pub(super) fn damaged(&self) -> u64 {
        read(&self.damaged)
    }

    /// Counts puts that are not written.
    pub(super) fn count_dropped(&self, entries: u64) {
        add(&self.dropped, entries);
    }

    pub(super) fn dropped(&self) -> u64 {
        read(&self.dropped)
    }

    /// What an error comes to. But for one that passes, nothing more is read or written.
    pub(super) fn fail(&self, error: &rusqlite::Error) -> Fault {
        let fault = Fault::from(error.to_string());
        if is_passing(error) {
            return fault;
        }
        if is_damage(error) {
            self.shared.note_damage();
        }
        self.fault.lock().get_or_insert(fault).clone()
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault.lock().clone()
    }
}
