//! The writer thread: takes a batch, applies the invalidation log of other processes, and writes
//! the batch in one transaction.

use std::sync::Arc;

use super::backend::{Backend, Commit, Committed, Opened, Opener};
use super::completion::{Outcome, Promise};
use super::error::TierError;
use super::load_queue::Loads;
use super::readers::{Readers, Witness};
use super::retry::Retry;
use super::state::TierState;
use super::work::{QueuedInvalidation, Work};
use super::write_behind::Queue;
use crate::invalidation::Effect;
use crate::key::Digest;

/// Attempts of a transaction that other processes delay.
const MAX_ATTEMPTS: u32 = 3;

/// State of the writer thread.
pub(super) struct Writer {
    pub(super) opener: Box<dyn Opener>,
    /// `None` until the backend is open.
    pub(super) backend: Option<Box<dyn Backend>>,
    pub(super) state: Arc<TierState>,
    pub(super) queue: Arc<Queue>,
    pub(super) loads: Arc<Loads>,
    pub(super) readers: Arc<Readers>,
    pub(super) witness: Arc<Witness>,
    pub(super) retry: Retry,
}

impl Writer {
    /// Runs until the queue is closed, or another thread has panicked.
    pub(super) fn run(mut self) {
        loop {
            let is_retry = self.state.error().is_some_and(|error| !error.is_permanent());
            let batch = if is_retry {
                self.queue.take_after(self.retry.pause())
            } else {
                self.queue.take()
            };
            if self.queue.is_aborted() {
                return self.end();
            }
            let outcome = if self.has_nothing_to_write(&batch) {
                Ok(Vec::new())
            } else {
                self.attempt(&batch, is_retry)
            };
            let end = match &outcome {
                Ok(selected) => {
                    self.queue.done(&batch);
                    self.complete(batch, selected)
                }
                Err(error) => self.give_up(batch, error),
            };
            if let Some(promise) = end {
                self.end();
                return promise.complete(outcome.map(|_| 0));
            }
        }
    }

    /// Whether the tier closes before its backend was open, and nothing waits for it.
    fn has_nothing_to_write(&self, batch: &[Work]) -> bool {
        let is_nothing = |work: &Work| matches!(work, Work::End(_) | Work::Expire(_));
        let ends = batch.iter().any(|work| matches!(work, Work::End(_)));
        self.backend.is_none() && ends && batch.iter().all(is_nothing)
    }

    /// Closes the backend. Another process may quarantine it afterwards, so no connection may be
    /// left open.
    fn end(self) {
        let Self { backend, state, loads, readers, witness, .. } = self;
        loads.end();
        readers.join();
        drop(witness.lock().take());
        if let (Some(backend), Some(coordinator)) = (backend, state.coordinator()) {
            backend.close();
            coordinator.leave();
        }
    }

    /// Writes a batch, unless the tier has failed. A retry writes in any case, and decides whether
    /// the tier works again.
    fn attempt(&mut self, batch: &[Work], is_retry: bool) -> Result<Vec<u64>, TierError> {
        if !is_retry {
            if let Some(error) = self.state.error() {
                // Another thread has met it.
                self.retry.fail();
                return Err(error);
            }
            if batch.iter().all(|work| matches!(work, Work::Load(_))) {
                return Ok(Vec::new());
            }
        }
        let outcome = self.open().and_then(|()| self.write(batch, is_retry));
        match &outcome {
            Ok(_) if is_retry => {
                self.retry.succeed();
                self.state.recover();
            }
            Err(error) if !error.is_transient() => self.retry.fail(),
            Ok(_) | Err(_) => {}
        }
        outcome
    }

    /// Opens the backend, unless it is open.
    fn open(&mut self) -> Result<(), TierError> {
        if self.backend.is_none() {
            let opened = self.opener.open(true).map_err(|error| self.state.fail_to_open(error))?;
            self.backend = Some(attach(opened, &self.state, &self.readers, &self.witness)?);
        }
        Ok(())
    }

    /// Writes a batch and the counters in one commit. Returns how many entries each of its
    /// invalidations has selected.
    fn write(&mut self, work: &[Work], is_retry: bool) -> Result<Vec<u64>, TierError> {
        let Self { backend, state, queue, .. } = self;
        let Some(backend) = backend else { return Ok(Vec::new()) };
        let mut attempts = 1;
        loop {
            let counts = state.uncounted();
            let commit = Commit { work, counts: &counts, is_retry };
            match backend.commit(commit, state) {
                Ok(committed) => {
                    let Committed { selected, purged, evicted, unwritten, due, totals } = committed;
                    state.record_counts(&counts, purged, totals);
                    state.count_evicted(evicted);
                    state.count_dropped(unwritten);
                    if let Some(now) = due {
                        queue.push(Work::Expire(now));
                    }
                    return Ok(selected);
                }
                Err(error) if error.is_transient() && attempts < MAX_ATTEMPTS => attempts += 1,
                Err(error) => {
                    if error.is_removal() {
                        self.abandon();
                    }
                    return Err(self.state.fail(error));
                }
            }
        }
    }

    /// Leaves a backend whose files were removed. The next attempt opens another one.
    fn abandon(&mut self) {
        self.witness.lock().take();
        self.backend = None;
        if let Some(coordinator) = self.state.coordinator() {
            coordinator.leave();
        }
    }

    /// Completes a batch that has been written. Returns the promise of the end, if it has one.
    fn complete(&self, batch: Vec<Work>, selected: &[u64]) -> Option<Promise> {
        let mut selected = selected.iter();
        let mut end = None;
        for work in batch {
            if let Some((_, variant)) = work.entry() {
                self.release(variant);
            }
            match work {
                Work::Invalidate(queued) => {
                    let count = selected.next().copied().unwrap_or(0);
                    self.end_invalidation(queued, Ok(count));
                }
                Work::Load(load) => self.loads.again(load),
                Work::Flush(promise) => promise.complete(Ok(0)),
                Work::End(promise) => end = Some(promise),
                Work::Put(..) | Work::Outdate(_) | Work::Expire(_) => {}
            }
        }
        end
    }

    /// Completes a batch that cannot be written with `error`. Unless the tier has failed for good,
    /// its invalidations are put back, and what its puts replaced is outdated.
    fn give_up(&self, batch: Vec<Work>, error: &TierError) -> Option<Promise> {
        let (mut unawaited, mut end) = (Vec::new(), None);
        for work in batch {
            match work {
                Work::Invalidate(mut queued) => {
                    if let Some(promise) = queued.promise.take() {
                        promise.complete(Err(error.clone()));
                    }
                    unawaited.push(Work::Invalidate(queued));
                }
                Work::Load(load) => self.loads.again(load),
                Work::Flush(promise) => promise.complete(Err(error.clone())),
                Work::End(promise) => end = Some(promise),
                Work::Put(..) | Work::Outdate(_) | Work::Expire(_) => unawaited.push(work),
            }
        }
        if self.state.has_stopped() {
            // No thread reads the database any longer.
            self.queue.done(&unawaited);
            let puts = unawaited.iter().filter(|work| matches!(work, Work::Put(..))).count();
            self.state.count_dropped(puts as u64);
        } else {
            self.state.count_dropped(self.queue.put_back(unawaited));
        }
        end
    }

    fn release(&self, variant: &Digest) {
        if let Some(coordinator) = self.state.coordinator() {
            coordinator.release(variant);
        }
    }

    fn end_invalidation(&self, queued: QueuedInvalidation, outcome: Outcome) {
        let QueuedInvalidation { invalidation, since, promise, .. } = queued;
        if invalidation.effect == Effect::MakeStale {
            // The responses of refreshes in progress will be fenced.
            if let Some(coordinator) = self.state.coordinator() {
                coordinator.release_all_leases();
            }
        }
        for since in since {
            self.state.log.lock().end(since);
        }
        if let Some(promise) = promise {
            promise.complete(outcome);
        }
    }
}

/// Begins to use a backend that was opened.
pub(super) fn attach(
    opened: Opened,
    state: &TierState,
    readers: &Readers,
    witness: &Witness,
) -> Result<Box<dyn Backend>, TierError> {
    let Opened { backend, coordinator, sequence, totals, quarantined } = opened;
    state.watch(coordinator);
    state.begin(sequence, totals, quarantined);
    let connector = backend.connector();
    *witness.lock() = Some(connector()?);
    readers.connect.set(connector);
    Ok(backend)
}
