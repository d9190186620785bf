//! The writer thread: takes a batch, applies the invalidation log of other processes, and writes
//! the batch in one transaction.

use std::ops::RangeInclusive;
use std::sync::Arc;

use rusqlite::{Connection, Transaction, TransactionBehavior::Immediate};

use super::Witness;
use super::batch::Batch;
use super::common::Common;
use super::database::checkpoint;
use super::load_queue::Loads;
use super::readers::Readers;
use super::retry::Retry;
use super::work::{QueuedInvalidation, Work};
use super::write_behind::Queue;
use super::writes;
use crate::coalescing::ProcessLeases as _;
use crate::invalidation::Effect;
use crate::stats::Counter;
use crate::tier::completion::{Outcome, Promise};
use crate::tier::error::TierError;

/// Attempts of a transaction that other processes delay.
const MAX_ATTEMPTS: u32 = 3;

/// State of the writer thread.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) common: Arc<Common>,
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
            let is_retry = self.common.error().is_some_and(|error| !error.is_permanent());
            let batch = if is_retry {
                self.queue.take_after(self.retry.pause())
            } else {
                self.queue.take()
            };
            if self.queue.is_aborted() {
                return self.end();
            }
            let outcome = self.attempt(&batch, is_retry);
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

    /// Closes the database. Another process may quarantine it afterwards, so no connection may be
    /// left open.
    fn end(self) {
        let Self { connection, common, loads, readers, witness, .. } = self;
        loads.end();
        readers.join();
        drop(witness.lock().take());
        // If it fails, the next process that opens the file does it.
        let _ = checkpoint(&connection);
        drop(connection);
        common.shared.leave();
    }

    /// Writes a batch, unless the tier has failed. A retry writes in any case, and decides whether
    /// the tier works again.
    fn attempt(&mut self, batch: &[Work], is_retry: bool) -> Result<Vec<u64>, TierError> {
        if !is_retry {
            if let Some(error) = self.common.error() {
                // Another thread has met it.
                self.retry.fail();
                return Err(error);
            }
            if batch.iter().all(|work| matches!(work, Work::Load(_))) {
                return Ok(Vec::new());
            }
        }
        let outcome = self.write(batch, is_retry);
        match &outcome {
            Ok(_) if is_retry => {
                self.retry.succeed();
                self.common.recover();
            }
            Err(error) if !error.is_transient() => self.retry.fail(),
            Ok(_) | Err(_) => {}
        }
        outcome
    }

    /// Writes a batch and the counters in one transaction. Returns how many entries each of its
    /// invalidations has selected.
    fn write(&mut self, batch: &[Work], is_retry: bool) -> Result<Vec<u64>, TierError> {
        let mut attempts = 1;
        loop {
            match self.write_synced(batch, is_retry) {
                Err(error) if TierError::from(&error).is_transient() && attempts < MAX_ATTEMPTS => {
                    attempts += 1;
                }
                outcome => return outcome.map_err(|error| self.common.fail(&error)),
            }
        }
    }

    /// Writes a batch; syncs it to disk if a caller waits for an invalidation, or to learn whether
    /// the disk works again.
    fn write_synced(&mut self, batch: &[Work], is_retry: bool) -> rusqlite::Result<Vec<u64>> {
        if !is_retry && !batch.iter().any(Work::is_durable) {
            return self.write_in_transaction(batch, false);
        }
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        let outcome = self.write_in_transaction(batch, is_retry);
        self.connection.pragma_update(None, "synchronous", "NORMAL")?;
        outcome
    }

    fn write_in_transaction(
        &mut self,
        work: &[Work],
        is_retry: bool,
    ) -> rusqlite::Result<Vec<u64>> {
        let Self { connection, common, queue, .. } = self;
        let transaction = connection.transaction_with_behavior(Immediate)?;
        // No other process invalidates anything until the commit.
        common.apply_log(&transaction)?;
        if is_retry {
            writes::touch(&transaction)?;
        }
        let last = common.log.last();
        let mut batch = Batch::new(&transaction, common, last);
        work.iter().try_for_each(|work| batch.write(work))?;
        let (sequence, is_purge) = batch.finish()?;
        let Batch { selected, purged, evicted, unwritten, due, .. } = batch;
        common.counters.add(Counter::Purges, purged);
        let committed = common.count_into(&transaction).and_then(|written| {
            commit(common, transaction, last..=sequence, is_purge).map(|()| written())
        });
        if committed.is_err() {
            // A retry counts them again.
            common.counters.subtract(Counter::Purges, purged);
        }
        committed?;
        common.count_evicted(evicted);
        common.count_dropped(unwritten);
        if let Some(now) = due {
            queue.push(Work::Expire(now));
        }
        Ok(selected)
    }

    /// Completes a batch that has been written. Returns the promise of the end, if it has one.
    fn complete(&self, batch: Vec<Work>, selected: &[u64]) -> Option<Promise> {
        let mut selected = selected.iter();
        let mut end = None;
        for work in batch {
            if let Some((_, variant)) = work.entry() {
                self.common.shared.release(variant);
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
        if self.common.has_stopped() {
            // No thread reads the database any longer.
            self.queue.done(&unawaited);
            let puts = unawaited.iter().filter(|work| matches!(work, Work::Put(..))).count();
            self.common.count_dropped(puts as u64);
        } else {
            self.common.count_dropped(self.queue.put_back(unawaited));
        }
        end
    }

    fn end_invalidation(&self, queued: QueuedInvalidation, outcome: Outcome) {
        let QueuedInvalidation { invalidation, since, promise, .. } = queued;
        if invalidation.effect == Effect::MakeStale {
            // The responses of refreshes in progress will be fenced.
            self.common.shared.release_all_leases();
        }
        for since in since {
            self.common.log.lock().end(since);
        }
        if let Some(promise) = promise {
            promise.complete(outcome);
        }
    }
}

/// Commits, and publishes the sequences of new log rows.
fn commit(
    common: &Common,
    transaction: Transaction<'_>,
    sequence: RangeInclusive<u64>,
    is_purge: bool,
) -> rusqlite::Result<()> {
    let (before, last) = sequence.into_inner();
    if before == last {
        return transaction.commit();
    }
    common.log.lock().write(before + 1..=last);
    let outcome = transaction.commit();
    common.log.lock().wrote(outcome.is_ok());
    if outcome.is_ok() {
        common.shared.announce(last, is_purge);
    }
    outcome
}
