//! The lower tier: a backend with its threads and queues.
//!
//! A writer thread and some reader threads serve it; callers wait for them through completions.

use std::convert::Infallible;
use std::sync::Arc;

use super::backend::Opener;
use super::completion::{Completion, Promise};
use super::coordinator::OpenError;
use super::error::TierError;
use super::load_queue::Loads;
use super::panic_guard::{PanicGuard, spawn};
use super::readers::{Readers, Witness};
use super::record::Record;
use super::retry::Retry;
use super::state::TierState;
use super::usage::TierUsage;
use super::work::{Outdated, QueuedInvalidation, QueuedPut, Work};
use super::write_behind::Queue;
use super::writer::{Writer, attach};
use crate::coalescing::ProcessLeases;
use crate::http::lines::MissingFields;
use crate::invalidation::Invalidation;
use crate::key::Digest;
use crate::memory::Memory;
use crate::response::Stored;
use crate::stats::{Counters, Totals};
use crate::time::{Millis, UnixMillis};

/// Bound of the write-behind queue in bytes.
const MAX_WAITING_BYTES: usize = 64 << 20;

/// What an invalidation of memory returns: what was invalidated, a completion with the number of
/// live entries that it removes, if they count as purged, and a value for the caller.
type InMemory<T> = (Invalidation, Option<Completion>, T);

/// The lower tier of an instance.
#[derive(Debug)]
pub(crate) struct LowerTier {
    pub(super) state: Arc<TierState>,
    pub(super) queue: Arc<Queue>,
    pub(super) loads: Arc<Loads>,
    readers: Arc<Readers>,
    witness: Arc<Witness>,
    max_bytes: u64,
}

impl LowerTier {
    /// Opens the backend, and starts the threads. If it cannot be opened at once, the writer thread
    /// tries again, and memory alone is used until then.
    pub(crate) fn open(
        mut opener: Box<dyn Opener>,
        retry_after: Millis,
        max_bytes: u64,
        memory: Arc<Memory>,
        counters: Arc<Counters>,
    ) -> Self {
        let state = Arc::new(TierState::new(memory, counters));
        let (queue, loads) = (Arc::new(Queue::new(MAX_WAITING_BYTES)), Arc::<Loads>::default());
        let guard = PanicGuard {
            state: Arc::clone(&state),
            queue: Arc::clone(&queue),
            loads: Arc::clone(&loads),
        };
        let readers = Arc::new(Readers::new(guard.clone()));
        let witness: Arc<Witness> = Arc::default();
        let mut retry = Retry::new(retry_after);
        let backend = opener.open(false).and_then(|backend| {
            let attached = attach(backend, &state, &readers, &witness);
            attached.map_err(|error| OpenError { error, coordinator: None })
        });
        let backend = backend.map_err(|error| {
            if !state.fail_to_open(error).is_transient() {
                retry.fail();
            }
        });
        let writer = Writer {
            opener,
            backend: backend.ok(),
            state: Arc::clone(&state),
            queue: Arc::clone(&queue),
            loads: Arc::clone(&loads),
            readers: Arc::clone(&readers),
            witness: Arc::clone(&witness),
            retry,
        };
        if let Err(error) = spawn("writer", guard, move || writer.run()) {
            state.stop(error.into());
            loads.end();
            queue.abort();
        }
        Self { state, queue, loads, readers, witness, max_bytes }
    }

    /// Applies invalidations of other processes to memory. Costs one atomic read if there are none.
    pub(crate) fn catch_up(&self) {
        if self.state.is_behind() {
            self.apply_log();
        }
    }

    #[cold]
    fn apply_log(&self) {
        let witness = self.witness.lock();
        let is_applied =
            witness.as_ref().filter(|_| self.state.error().is_none()).is_some_and(|witness| {
                let applied = self.state.apply_log(|from| witness.log_after(from));
                applied.map_err(|error| self.state.fail(error)).is_ok()
            });
        drop(witness);
        if !is_applied {
            // The log cannot be read, so anything may have been purged.
            self.state.apply_without_log();
        }
    }

    /// Refresh leases among the processes that use the file.
    pub(crate) fn leases(&self) -> Option<Arc<dyn ProcessLeases>> {
        self.state.coordinator().map(|coordinator| coordinator as Arc<dyn ProcessLeases>)
    }

    /// Whether an entry did not match its checksum.
    pub(crate) fn is_damaged(&self) -> bool {
        self.state.damaged() > 0
    }

    /// New name of a damaged database, if there was one.
    pub(crate) fn quarantined(&self) -> Option<&str> {
        self.state.quarantined()
    }

    /// The error because of which the tier neither reads nor writes at present.
    pub(crate) fn error(&self) -> Option<TierError> {
        self.state.error()
    }

    /// Puts an entry into memory by `store`, and queues it.
    pub(crate) fn put<E>(&self, store: impl FnOnce() -> Result<Record, E>) -> Result<Stored, E> {
        let _in_order = self.state.order.lock();
        let seen = self.state.seen();
        let record = store()?;
        let stored = record.stored.clone();
        let put = QueuedPut { record, seen };
        if self.state.has_stopped() {
            self.state.count_dropped(1);
        } else if self.state.is_open() || self.state.refusal().is_none() {
            self.queue.push(Work::Put(Box::new(put)));
        } else {
            // The queue does not hold bodies for a backend that may never open.
            self.state.count_dropped(1);
            self.queue.push(Work::Outdate(put.replaced()));
        }
        Ok(stored)
    }

    /// Removes an outdated entry of `key` from memory by `remove`, which returns its variant and
    /// when it was put, and queues the same for the disk.
    pub(crate) fn outdate(&self, key: &str, remove: impl FnOnce() -> Option<(Digest, UnixMillis)>) {
        let _in_order = self.state.order.lock();
        let seen = self.state.seen();
        if let Some((variant, put_at)) = remove() {
            let key = key.to_owned();
            self.queue.push(Work::Outdate(Outdated { key, variant, put_at, seen }));
        }
    }

    /// Invalidates memory by `in_memory` and queues the same for the disk. The completion of the
    /// result is done once no process serves what was invalidated, or ever will, and all of it is
    /// removed.
    pub(crate) fn invalidate<T>(
        &self,
        at: UnixMillis,
        in_memory: impl FnOnce(&Memory) -> Result<InMemory<T>, MissingFields>,
    ) -> Result<(T, Completion), MissingFields> {
        if let Some(error) = self.state.refusal() {
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
        in_memory: impl FnOnce(&Memory) -> Result<InMemory<T>, E>,
    ) -> Result<T, E> {
        let TierState { order, log, memory, .. } = &*self.state;
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
            let _ = self.readers.start();
        }
        completion
    }

    /// Queues the removal of expired entries.
    pub(crate) fn expire(&self, now: UnixMillis) {
        self.queue.push(Work::Expire(now));
    }

    /// Writes all that is queued.
    pub(crate) fn flush(&self) -> Completion {
        match self.state.refusal() {
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
    pub(crate) fn totals(&self) -> Totals {
        self.state.totals()
    }

    /// Size and state of the tier.
    pub(crate) fn usage(&self) -> TierUsage {
        let error = self.state.error();
        let witness = self.witness.lock();
        let size = witness.as_ref().filter(|_| error.is_none()).map(|witness| witness.size());
        let (entries, bytes) = size.and_then(Result::ok).unwrap_or_default();
        TierUsage {
            entries,
            bytes,
            max_bytes: self.max_bytes,
            evictions: self.state.evicted(),
            dropped: self.state.dropped() + self.queue.dropped(),
            damaged: self.state.damaged(),
            quarantined: self.state.quarantined().map(str::to_owned),
            error,
        }
    }
}

impl Drop for LowerTier {
    fn drop(&mut self) {
        self.loads.end();
        // Ignored if the tier has been closed already.
        self.queue.push(Work::End(Promise::new()));
    }
}

#[cfg(all(test, unix, not(loom)))]
mod tests {
    use super::*;

    impl LowerTier {
        /// Makes the next process that has the file to itself treat the database as damaged.
        pub(crate) fn note_damage(&self) {
            self.state.note_damage();
        }
    }
}
