//! The tier under the memory store that outlives the process: a database file, which the processes
//! of a machine may have open at a time.
//!
//! Two threads serve it, one that writes and one that reads; no caller waits for either but by a
//! ticket. What is wrong with the disk is never an error of a lookup: a disk that fails is one that
//! has nothing, and says so where somebody looks.

mod batch;
mod common;
mod database;
mod election;
mod fault;
mod files;
mod heeding;
mod loads;
mod mark;
mod opening;
mod purging;
mod queue;
mod reader;
mod reads;
mod row;
mod shared;
mod ticket;
mod unusable;
#[cfg(all(test, unix, not(loom)))]
pub(crate) mod vfs;
mod writer;
mod writes;

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;

pub use fault::Fault;
pub(crate) use mark::{Mark, Purge};
pub(crate) use row::Kept;
pub use ticket::{Outcome, Ticket};
pub(crate) use unusable::Unusable;

use crate::http::lines::Untold;
use crate::key::Digest;
use crate::memory::Memory;
use crate::response::Stored;
use crate::stats::Counters;
use common::Common;
use loads::Loads;
use opening::Opening;
use queue::{Ordered, Queue, Work};

/// Where an instance is kept, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskOptions {
    /// The folder.
    pub folder: PathBuf,
    /// Bytes that the entries may take.
    pub max_bytes: u64,
}

/// What can be seen of the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskUsage {
    /// Entries in the file.
    pub entries: u64,
    /// Bytes that they take, with everything that the file keeps beside them.
    pub bytes: u64,
    /// Bytes that they may take.
    pub max_bytes: u64,
    /// Entries that left the file to make room, by this process.
    pub evictions: u64,
    /// Puts that were not written because too many waited.
    pub dropped: u64,
    /// How often an entry was found not to be as it was written, which is as good as none.
    pub damaged: u64,
    /// Where what was there before is now, if it was damaged when this process opened it.
    pub set_aside: Option<String>,
    /// Why nothing is read or written, where that is so.
    pub fault: Option<String>,
}

/// The tier.
#[derive(Debug)]
pub(crate) struct Disk {
    common: Arc<Common>,
    queue: Arc<Queue>,
    loads: Arc<Loads>,
    witness: Arc<Witness>,
    set_aside: Option<String>,
}

/// By which a lookup finds out what other processes have purged, until the end.
type Witness = Mutex<Option<Connection>>;

impl Disk {
    /// Opens the file of the instance `identity`, sets one aside that is damaged, and begins one
    /// where there is none.
    ///
    /// # Errors
    /// [`Unusable`] where the file cannot be used.
    pub(crate) fn open(
        options: &DiskOptions,
        identity: &str,
        memory: Arc<Memory>,
        counters: Arc<Counters>,
    ) -> Result<Self, Unusable> {
        let unusable = |fault| Unusable::new(fault, options.max_bytes);
        let opening = Opening::begin(options, identity).map_err(unusable)?;
        opening
            .finish(memory, counters)
            .map_err(|fault| unusable(fault).watching(opening.give_up()))
    }

    /// Sees to it that the memory store knows of everything that other processes have purged. Costs
    /// one read of memory where there is nothing.
    pub(crate) fn catch_up(&self) {
        if self.common.is_behind() {
            self.heed();
        }
    }

    #[cold]
    fn heed(&self) {
        let witness = self.witness.lock();
        let heeded =
            witness.as_ref().filter(|_| self.common.fault().is_none()).is_some_and(|witness| {
                self.common.heed(witness).inspect_err(|error| drop(self.common.fail(error))).is_ok()
            });
        drop(witness);
        if !heeded {
            // Whatever it was, it is not served any longer.
            self.common.heed_blindly();
        }
    }

    /// Whether the caller is the one among all processes to refresh a variant, for which it has
    /// `patience` milliseconds.
    pub(crate) fn elects(&self, variant: &Digest, now: i64, patience: i64) -> bool {
        self.common.shared.elects(variant, now, patience)
    }

    /// Who was to refresh a variant will not.
    pub(crate) fn call_off(&self, variant: &Digest) {
        self.common.shared.end_election(variant);
    }

    /// Has whoever is alone with the database next take it for damaged.
    #[cfg(test)]
    pub(crate) fn note_damage(&self) {
        self.common.shared.note_damage();
    }

    /// Whether an entry was found not to be as it was written.
    pub(crate) fn is_damaged(&self) -> bool {
        self.common.damaged() > 0
    }

    /// Where what was there before is now, if it was damaged when it was opened.
    pub(crate) fn set_aside(&self) -> Option<&str> {
        self.set_aside.as_deref()
    }

    /// Why nothing is read or written, where that is so.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.common.fault()
    }

    /// Writes by and by what `store` puts in memory.
    pub(crate) fn put<E>(&self, store: impl FnOnce() -> Result<Kept, E>) -> Result<Stored, E> {
        let _in_order = self.common.order.lock();
        let since = self.common.since();
        let kept = store()?;
        let stored = kept.stored.clone();
        if self.common.fault().is_none() {
            self.queue.push(Work::Put(Box::new(kept), since));
        }
        Ok(stored)
    }

    /// Removes by and by the variant of a key that `retire` removes from memory, if it does.
    pub(crate) fn retire(&self, key: &str, retire: impl FnOnce() -> Option<Digest>) {
        let _in_order = self.common.order.lock();
        if let Some(variant) = retire() {
            self.queue.push(Work::Retire(key.into(), variant));
        }
    }

    /// Purges, and has `in_memory` purge the memory store at once, which tells how many live
    /// entries it has removed where they count as purged. Done when no process serves any of it and
    /// none will, whatever happens.
    pub(crate) fn purge<T>(
        &self,
        in_memory: impl FnOnce(&Memory) -> Result<(Vec<Purge>, Option<u64>, T), Untold>,
    ) -> Result<(T, Ticket), Untold> {
        let Common { order, heeding, memory, .. } = &*self.common;
        let _in_order = order.lock();
        let since = memory.sequence();
        heeding.lock().begin(since);
        let (purges, in_memory, seen) =
            in_memory(memory).inspect_err(|_| heeding.lock().end(since))?;
        let ticket = self.ask(|ticket| Work::Purge(Ordered { purges, in_memory, since, ticket }));
        Ok((seen, ticket))
    }

    /// Brings the entries of a key into the memory store.
    pub(crate) fn load(&self, key: &str, now: i64) -> Ticket {
        self.loads.ask(key, now)
    }

    /// Removes what is due, by and by.
    pub(crate) fn expire(&self, now: i64) {
        self.queue.push(Work::Expire(now));
    }

    /// Writes all that waits.
    pub(crate) fn flush(&self) -> Ticket {
        self.ask(Work::Flush)
    }

    /// Writes all that waits, and nothing more.
    pub(crate) fn end(&self) -> Ticket {
        self.ask(Work::End)
    }

    fn ask(&self, work: impl FnOnce(Ticket) -> Work) -> Ticket {
        let ticket = Ticket::default();
        self.queue.push(work(ticket.clone()));
        ticket
    }

    /// What all processes have counted.
    pub(crate) fn totals(&self) -> crate::stats::Totals {
        self.common.totals()
    }

    /// What can be seen.
    pub(crate) fn usage(&self) -> DiskUsage {
        let fault = self.common.fault();
        let held = || -> rusqlite::Result<(u64, u64)> {
            let witness = self.witness.lock();
            let Some(witness) = &*witness else { return Ok((0, 0)) };
            let pages = reads::pages(witness)?;
            Ok((reads::entries(witness)?, pages.used() * pages.size))
        };
        let (entries, bytes) = if fault.is_none() { held().unwrap_or_default() } else { (0, 0) };
        DiskUsage {
            entries,
            bytes,
            max_bytes: self.common.bound,
            evictions: self.common.evicted(),
            dropped: self.common.dropped() + self.queue.dropped(),
            damaged: self.common.damaged(),
            set_aside: self.set_aside.clone(),
            fault: fault.map(|fault| fault.to_string()),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.loads.end();
        // Where it has ended already, nobody takes this.
        self.queue.push(Work::End(Ticket::default()));
    }
}
