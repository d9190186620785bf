//! Disk tier: an `SQLite` database that survives the process and that all processes of a machine
//! may open.
//!
//! A writer and a reader thread serve it; callers wait for them through completions. An error of
//! the disk is never an error of a lookup: a tier that fails has no entries, and `inspect()` says
//! why.

mod apply;
mod batch;
mod common;
mod database;
mod edit;
mod error;
mod files;
mod lease_word;
mod load_queue;
mod log;
mod log_cursor;
mod open;
mod panic_guard;
mod reader;
mod readers;
mod reads;
mod record;
mod retry;
mod select;
mod shared_memory;
mod times;
mod unavailable;
#[cfg(all(test, unix, not(loom)))]
pub(crate) mod vfs;
mod work;
mod write_behind;
mod writer;
mod writes;

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;

pub(crate) use record::Record;
pub(crate) use unavailable::Unavailable;

use crate::coalescing::ProcessLeases;
use crate::http::lines::MissingFields;
use crate::invalidation::Invalidation;
use crate::key::Digest;
use crate::memory::Memory;
use crate::response::Stored;
use crate::stats::Counters;
use crate::tier::completion::{Completion, Promise};
use crate::tier::error::TierError;
use crate::time::{Millis, UnixMillis};
use common::Common;
use load_queue::Loads;
use open::Opening;
use readers::Readers;
use work::{Outdated, QueuedInvalidation, QueuedPut, Work};
use write_behind::Queue;

/// Options of the disk tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// Folder of the database.
    pub folder: PathBuf,
    /// Bound of the file in bytes.
    pub max_bytes: u64,
    /// How long the tier waits after an error of the disk before it tries again. Doubles with each
    /// further error, up to a minute.
    pub retry_after: Millis,
}

/// Size and state of the disk tier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqliteUsage {
    /// Entries in the file.
    pub entries: u64,
    /// Bytes in use in the file.
    pub bytes: u64,
    /// Bound of the file in bytes.
    pub max_bytes: u64,
    /// Entries that this process has evicted from the file.
    pub evictions: u64,
    /// Puts that were not written because the queue was full.
    pub dropped: u64,
    /// Reads of entries that did not match their checksum.
    pub damaged: u64,
    /// New name of a damaged database, if this process found one.
    pub quarantined: Option<String>,
    /// The error because of which the tier neither reads nor writes at present.
    pub error: Option<TierError>,
}

/// The disk tier of an instance.
#[derive(Debug)]
pub(crate) struct SqliteTier {
    common: Arc<Common>,
    queue: Arc<Queue>,
    loads: Arc<Loads>,
    readers: Arc<Readers>,
    witness: Arc<Witness>,
    quarantined: Option<String>,
}

/// Connection on which lookups read the invalidation log, until the tier is closed.
type Witness = Mutex<Option<Connection>>;

impl SqliteTier {
    /// Opens the database of the instance `identity`, creates it, or quarantines a damaged one and
    /// creates a new one.
    ///
    /// # Errors
    /// [`Unavailable`] if the file cannot be used.
    pub(crate) fn open(
        options: &SqliteOptions,
        identity: &str,
        memory: Arc<Memory>,
        counters: Arc<Counters>,
    ) -> Result<Self, Unavailable> {
        let unusable = |fault| Unavailable::new(fault, options.max_bytes);
        let opening = Opening::begin(options, identity).map_err(unusable)?;
        opening
            .finish(memory, counters)
            .map_err(|fault| unusable(fault).watching(opening.give_up()))
    }

    /// Applies invalidations of other processes to memory. Costs one atomic read if there are none.
    pub(crate) fn catch_up(&self) {
        if self.common.is_behind() {
            self.apply_log();
        }
    }

    #[cold]
    fn apply_log(&self) {
        let witness = self.witness.lock();
        let is_applied =
            witness.as_ref().filter(|_| self.common.error().is_none()).is_some_and(|witness| {
                self.common
                    .apply_log(witness)
                    .inspect_err(|error| drop(self.common.fail(error)))
                    .is_ok()
            });
        drop(witness);
        if !is_applied {
            // The log cannot be read, so anything may have been purged.
            self.common.apply_without_log();
        }
    }

    /// Refresh leases among the processes that use the file.
    pub(crate) fn leases(&self) -> &impl ProcessLeases {
        &*self.common.shared
    }

    /// Whether an entry did not match its checksum.
    pub(crate) fn is_damaged(&self) -> bool {
        self.common.damaged() > 0
    }

    /// New name of a damaged database, if there was one.
    pub(crate) fn quarantined(&self) -> Option<&str> {
        self.quarantined.as_deref()
    }

    /// The error because of which the tier neither reads nor writes at present.
    pub(crate) fn error(&self) -> Option<TierError> {
        self.common.error()
    }

    /// Puts an entry into memory by `store`, and queues it.
    pub(crate) fn put<E>(&self, store: impl FnOnce() -> Result<Record, E>) -> Result<Stored, E> {
        let _in_order = self.common.order.lock();
        let seen = self.common.seen();
        let record = store()?;
        let stored = record.stored.clone();
        if !self.common.has_stopped() {
            self.queue.push(Work::Put(Box::new(QueuedPut { record, seen })));
        }
        Ok(stored)
    }

    /// Removes an outdated entry of `key` from memory by `remove`, which returns its variant and
    /// when it was put, and queues the same for the disk.
    pub(crate) fn outdate(&self, key: &str, remove: impl FnOnce() -> Option<(Digest, UnixMillis)>) {
        let _in_order = self.common.order.lock();
        let seen = self.common.seen();
        if let Some((variant, put_at)) = remove() {
            let key = key.to_owned();
            self.queue.push(Work::Outdate(Outdated { key, variant, put_at, seen }));
        }
    }

    /// Invalidates memory by `in_memory` and queues the same for the disk. `in_memory` returns a
    /// completion with the number of live entries that it removes, if they count as purged. The
    /// completion of the result is done once no process serves what was invalidated, or ever will,
    /// and all of it is removed.
    pub(crate) fn invalidate<T>(
        &self,
        at: UnixMillis,
        in_memory: impl FnOnce(&Memory) -> Result<(Invalidation, Option<Completion>, T), MissingFields>,
    ) -> Result<(T, Completion), MissingFields> {
        if let Some(error) = self.common.error() {
            // It is written later, if the tier works again.
            let value = self.queue_invalidation(at, None, in_memory)?;
            return Ok((value, Completion::completed(Err(error))));
        }
        let promise = Promise::new();
        let completion = promise.completion();
        let value = self.queue_invalidation(at, Some(promise), in_memory)?;
        Ok((value, completion))
    }

    /// [`invalidate`](Self::invalidate) for a caller that does not wait, and without a sync: a
    /// failure of the power may undo it on disk.
    pub(crate) fn invalidate_unawaited<T>(
        &self,
        at: UnixMillis,
        in_memory: impl FnOnce(&Memory) -> (Invalidation, T),
    ) -> T {
        let in_memory = |memory: &Memory| {
            let (invalidation, value) = in_memory(memory);
            Ok::<_, Infallible>((invalidation, None, value))
        };
        match self.queue_invalidation(at, None, in_memory) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    fn queue_invalidation<T, E>(
        &self,
        at: UnixMillis,
        promise: Option<Promise>,
        in_memory: impl FnOnce(&Memory) -> Result<(Invalidation, Option<Completion>, T), E>,
    ) -> Result<T, E> {
        let Common { order, log, memory, .. } = &*self.common;
        let _in_order = order.lock();
        let since = memory.sequence();
        log.lock().begin(since);
        let (invalidation, in_memory, value) =
            in_memory(memory).inspect_err(|_| log.lock().end(since))?;
        let since = vec![since];
        let queued = QueuedInvalidation { invalidation, at, in_memory, since, promise };
        self.queue.push(Work::Invalidate(queued));
        Ok(value)
    }

    /// Loads what a lookup of `key` by a request with `fields` needs into memory.
    pub(crate) fn load(&self, key: &str, fields: &str, now: UnixMillis) -> Completion {
        let (completion, needs_reader) = self.loads.ask(key, fields, now);
        if needs_reader {
            // Without it, the load waits for another reader.
            let _ = self.readers.start(None);
        }
        completion
    }

    /// Queues the removal of expired entries.
    pub(crate) fn expire(&self, now: UnixMillis) {
        self.queue.push(Work::Expire(now));
    }

    /// Writes all that is queued.
    pub(crate) fn flush(&self) -> Completion {
        match self.common.error() {
            Some(error) => Completion::completed(Err(error)),
            None => self.ask(Work::Flush),
        }
    }

    /// Writes all that is queued, and closes the tier.
    pub(crate) fn end(&self) -> Completion {
        self.ask(Work::End)
    }

    fn ask(&self, work: impl FnOnce(Promise) -> Work) -> Completion {
        let promise = Promise::new();
        let completion = promise.completion();
        self.queue.push(work(promise));
        completion
    }

    /// Counters of all processes.
    pub(crate) fn totals(&self) -> crate::stats::Totals {
        self.common.totals()
    }

    /// Size and state of the tier.
    pub(crate) fn usage(&self) -> SqliteUsage {
        let error = self.common.error();
        let held = || -> rusqlite::Result<(u64, u64)> {
            let witness = self.witness.lock();
            let Some(witness) = &*witness else { return Ok((0, 0)) };
            let pages = reads::pages(witness)?;
            Ok((reads::entries(witness)?, pages.used() * pages.size))
        };
        let (entries, bytes) = if error.is_none() { held().unwrap_or_default() } else { (0, 0) };
        SqliteUsage {
            entries,
            bytes,
            max_bytes: self.common.bound,
            evictions: self.common.evicted(),
            dropped: self.common.dropped() + self.queue.dropped(),
            damaged: self.common.damaged(),
            quarantined: self.quarantined.clone(),
            error,
        }
    }
}

impl Drop for SqliteTier {
    fn drop(&mut self) {
        self.loads.end();
        // Ignored if the tier has been closed already.
        self.queue.push(Work::End(Promise::new()));
    }
}

#[cfg(all(test, unix, not(loom)))]
mod tests {
    use super::*;

    impl SqliteTier {
        /// Makes the next process that has the file to itself treat the database as damaged.
        pub(crate) fn note_damage(&self) {
            self.common.shared.note_damage();
        }
    }
}
