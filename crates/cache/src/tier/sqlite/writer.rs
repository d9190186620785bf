//! The writer thread: takes a batch, applies the invalidation log of other processes, and writes in
//! one transaction.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior::Immediate};

use super::Witness;
use super::batch::Batch;
use super::common::Common;
use super::completion::Outcome;
use super::database::checkpoint;
use super::error::TierError;
use super::load_queue::Loads;
use super::write_behind::{DurableInvalidation, Queue, Work};
use super::{apply, log, writes};
use crate::coalescing::ProcessLeases as _;
use crate::invalidation::Effect;
use crate::stats::Counter;

/// Attempts of a transaction that other processes delay.
const MAX_ATTEMPTS: u32 = 3;

/// State of the writer thread.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) common: Arc<Common>,
    pub(super) queue: Arc<Queue>,
    pub(super) loads: Arc<Loads>,
    /// The reader thread.
    pub(super) reader: JoinHandle<()>,
    pub(super) witness: Arc<Witness>,
}

impl Writer {
    /// Runs until the queue is closed.
    pub(super) fn run(mut self) {
        loop {
            let mut together = Vec::new();
            for work in self.queue.take() {
                match work {
                    Work::Put(..) | Work::Invalidate(_) | Work::Expire(_) => together.push(work),
                    Work::InvalidateDurably(durable) => {
                        // An error of the puts is recorded in the shared state.
                        let _ = self.write(&std::mem::take(&mut together));
                        self.invalidate(&durable);
                    }
                    Work::Load(load) => {
                        let _ = self.write(&std::mem::take(&mut together));
                        self.loads.again(load);
                    }
                    Work::Flush(completion) => {
                        completion.complete(self.flush(&std::mem::take(&mut together)));
                    }
                    Work::End(completion) => {
                        let outcome = self.flush(&together);
                        self.end();
                        return completion.complete(outcome);
                    }
                }
            }
            let _ = self.write(&together);
        }
    }

    /// Closes the database. Another process may quarantine it afterwards, so no connection may be
    /// left open.
    fn end(self) {
        let Self { connection, common, loads, reader, witness, .. } = self;
        loads.end();
        // A reader that panicked reads no longer.
        let _ = reader.join();
        drop(witness.lock().take());
        // If it fails, the next process that opens the file does it.
        let _ = checkpoint(&connection);
        drop(connection);
        common.shared.leave();
    }

    /// Writes a batch and the counters.
    fn flush(&mut self, together: &[Work]) -> Outcome {
        let outcome = match self.common.error() {
            Some(error) => Err(error),
            None => self.attempt(|writer| writer.write_together(together)),
        };
        if outcome.is_err() {
            self.give_up(together);
        }
        self.queue.done(together);
        outcome.map(|()| 0)
    }

    /// Drops a batch that cannot be written. What the puts replaced on disk is outdated.
    fn give_up(&self, together: &[Work]) {
        if self.common.error().is_some() {
            // No thread reads the database any longer.
            let puts = together.iter().filter(|work| matches!(work, Work::Put(..))).count();
            return self.common.count_dropped(puts as u64);
        }
        for work in together {
            match work {
                Work::Put(kept, _) => {
                    self.queue.push(Work::outdate(kept.key(), kept.variant));
                    self.common.count_dropped(1);
                }
                Work::Invalidate(invalidation) => {
                    self.queue.push(Work::Invalidate(invalidation.clone()));
                }
                _ => {}
            }
        }
    }

    fn write(&mut self, together: &[Work]) -> Outcome {
        if together.is_empty() { Ok(0) } else { self.flush(together) }
    }

    fn attempt<T>(
        &mut self,
        mut write: impl FnMut(&mut Self) -> rusqlite::Result<T>,
    ) -> Result<T, TierError> {
        let mut attempts = 1;
        loop {
            match write(self) {
                Err(error) if TierError::from(&error).is_transient() && attempts < MAX_ATTEMPTS => {
                    attempts += 1;
                }
                outcome => return outcome.map_err(|error| self.common.fail(&error)),
            }
        }
    }

    fn write_together(&mut self, together: &[Work]) -> rusqlite::Result<()> {
        let Self { connection, common, queue, .. } = self;
        let transaction = connection.transaction_with_behavior(Immediate)?;
        // No other process invalidates anything until the commit.
        common.apply_log(&transaction)?;
        let last = common.log.last();
        let mut batch = Batch::new(&transaction, common);
        together.iter().try_for_each(|work| batch.write(work))?;
        let (sequence, is_purge) = batch.finish(last)?;
        let Batch { evicted, unwritten, due, .. } = batch;
        let counted = common.count_into(&transaction)?;
        commit(common, transaction, last..=sequence, is_purge)?;
        counted();
        common.count_evicted(evicted);
        common.count_dropped(unwritten);
        if let Some(now) = due {
            queue.push(Work::Expire(now));
        }
        for (_, variant) in together.iter().filter_map(Work::entry) {
            common.shared.release(variant);
        }
        Ok(())
    }

    /// Writes an invalidation that a caller waits for.
    fn invalidate(&mut self, durable: &DurableInvalidation) {
        let DurableInvalidation { invalidation, since, completion, .. } = durable;
        let outcome = match self.common.error() {
            Some(error) => Err(error),
            None => self.attempt(|writer| writer.invalidate_durably(durable)),
        };
        if invalidation.effect == Effect::MakeStale {
            // The responses of refreshes in progress will be fenced.
            self.common.shared.release_all_leases();
        }
        self.common.log.lock().end(*since);
        completion.complete(outcome);
    }

    fn invalidate_durably(&mut self, durable: &DurableInvalidation) -> rusqlite::Result<u64> {
        if durable.invalidation.targets.is_empty() {
            return Ok(durable.in_memory.unwrap_or(0));
        }
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        let outcome = self.invalidate_in_transaction(durable);
        self.connection.pragma_update(None, "synchronous", "NORMAL")?;
        outcome
    }

    fn invalidate_in_transaction(
        &mut self,
        &DurableInvalidation { ref invalidation, at, in_memory, .. }: &DurableInvalidation,
    ) -> rusqlite::Result<u64> {
        let Self { connection, common, .. } = self;
        let transaction = connection.transaction_with_behavior(Immediate)?;
        common.apply_log(&transaction)?;
        let last = common.log.last();
        let sequence = log::append(&transaction, invalidation, at, last, common.bound)?;
        // Memory and disk may each have entries that the other lacks.
        let count = apply::apply(&transaction, invalidation, at)?.max(in_memory.unwrap_or(0));
        let counted = in_memory.map_or(0, |_| count);
        let evicted = writes::shrink(&transaction, common.bound)?;
        common.counters.add(Counter::Purges, counted);
        let committed = common.count_into(&transaction).and_then(|written| {
            commit(common, transaction, last..=sequence, true).map(|()| written())
        });
        if committed.is_err() {
            // A retry counts them again.
            common.counters.subtract(Counter::Purges, counted);
        }
        committed?;
        common.count_evicted(evicted);
        Ok(count)
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
