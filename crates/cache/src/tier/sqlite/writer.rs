//! The thread that writes: takes what waits together, heeds what other processes have purged, and
//! writes in one transaction.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior::Immediate};

use super::Witness;
use super::batch::Batch;
use super::common::Common;
use super::database::checkpoint;
use super::fault::is_passing;
use super::loads::Loads;
use super::mark::Purge;
use super::queue::{Ordered, Queue, Work};
use super::ticket::Outcome;
use super::{purging, writes};
use crate::stats::{add, subtract};

/// How often a transaction is begun again that others have kept waiting for too long.
const MOST_ATTEMPTS: u32 = 3;

/// What the thread has.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) common: Arc<Common>,
    pub(super) queue: Arc<Queue>,
    pub(super) loads: Arc<Loads>,
    /// The thread that reads.
    pub(super) reader: JoinHandle<()>,
    pub(super) witness: Arc<Witness>,
}

impl Writer {
    /// Works until it is told to end.
    pub(super) fn run(mut self) {
        loop {
            let mut together = Vec::new();
            for work in self.queue.take() {
                match work {
                    Work::Put(..) | Work::Retire(..) | Work::Clear | Work::Expire(_) => {
                        together.push(work)
                    }
                    Work::Purge(ordered) => {
                        // What has gone wrong with the puts is told to those who look.
                        let _ = self.write(&std::mem::take(&mut together));
                        self.purge(ordered);
                    }
                    Work::Load(load) => {
                        let _ = self.write(&std::mem::take(&mut together));
                        self.loads.again(load);
                    }
                    Work::Flush(ticket) => {
                        ticket.settle(self.flush(&std::mem::take(&mut together)))
                    }
                    Work::End(ticket) => {
                        let outcome = self.flush(&together);
                        self.end();
                        return ticket.settle(outcome);
                    }
                }
            }
            let _ = self.write(&together);
        }
    }

    /// Closes the database for good. Whoever is alone with it from then on may set it aside, so
    /// nobody here has it open when it is given up.
    fn end(self) {
        let Self { connection, common, loads, reader, witness, .. } = self;
        loads.end();
        // Where it has failed, it reads no longer.
        let _ = reader.join();
        drop(witness.lock().take());
        // Where that cannot be had, whoever opens it next has it.
        let _ = checkpoint(&connection);
        drop(connection);
        common.shared.release();
    }

    /// Writes what there is, and the counters.
    fn flush(&mut self, together: &[Work]) -> Outcome {
        let outcome = match self.common.fault() {
            Some(fault) => Err(fault),
            None => self.attempt(|writer| writer.write_together(together)),
        };
        if outcome.is_err() {
            self.give_up(together);
        }
        self.queue.done(together);
        outcome.map(|()| 0)
    }

    /// What the disk has of puts that cannot be written is out of date.
    fn give_up(&self, together: &[Work]) {
        if self.common.fault().is_some() {
            // Nobody reads there any longer.
            let puts = together.iter().filter(|work| matches!(work, Work::Put(..))).count();
            return self.common.count_dropped(puts as u64);
        }
        for work in together {
            match work {
                Work::Put(kept, _) => {
                    self.queue.push(Work::Retire(kept.key().into(), kept.variant));
                    self.common.count_dropped(1);
                }
                Work::Retire(key, variant) => self.queue.push(Work::Retire(key.clone(), *variant)),
                Work::Clear => self.queue.push(Work::Clear),
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
    ) -> Result<T, super::Fault> {
        let mut attempts = 1;
        loop {
            match write(self) {
                Err(error) if is_passing(&error) && attempts < MOST_ATTEMPTS => attempts += 1,
                outcome => return outcome.map_err(|error| self.common.fail(&error)),
            }
        }
    }

    fn write_together(&mut self, together: &[Work]) -> rusqlite::Result<()> {
        let Self { connection, common, queue, .. } = self;
        let transaction = connection.transaction_with_behavior(Immediate)?;
        // Nobody else purges anything from here on until this is written.
        common.heed(&transaction)?;
        let last = common.heeding.last();
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
            common.shared.end_election(variant);
        }
        Ok(())
    }

    /// Purges, and is done when that is on the disk and in no memory.
    fn purge(&mut self, Ordered { purges, in_memory, since, ticket }: Ordered) {
        let outcome = match self.common.fault() {
            Some(fault) => Err(fault),
            None => self.attempt(|writer| writer.purge_durably(&purges, in_memory)),
        };
        if purges.iter().any(|purge| purge.soft) {
            // What they would bring is held back.
            self.common.shared.end_elections();
        }
        self.common.heeding.lock().end(since);
        ticket.settle(outcome);
    }

    fn purge_durably(&mut self, purges: &[Purge], in_memory: Option<u64>) -> rusqlite::Result<u64> {
        if purges.is_empty() {
            return Ok(in_memory.unwrap_or(0));
        }
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        let outcome = self.purge_together(purges, in_memory);
        self.connection.pragma_update(None, "synchronous", "NORMAL")?;
        outcome
    }

    fn purge_together(
        &mut self,
        purges: &[Purge],
        in_memory: Option<u64>,
    ) -> rusqlite::Result<u64> {
        let Self { connection, common, .. } = self;
        let transaction = connection.transaction_with_behavior(Immediate)?;
        common.heed(&transaction)?;
        let last = common.heeding.last();
        let sequence = purging::note(&transaction, purges, last, common.bound)?;
        // What is in one of both is not always in the other.
        let count = purging::purge(&transaction, purges)?.max(in_memory.unwrap_or(0));
        let counted = in_memory.map_or(0, |_| count);
        let evicted = writes::shrink(&transaction, common.bound)?;
        add(&common.counters.purges, counted);
        let committed = common.count_into(&transaction).and_then(|written| {
            commit(common, transaction, last..=sequence, true).map(|()| written())
        });
        if committed.is_err() {
            // Where it is tried again, it is counted again.
            subtract(&common.counters.purges, counted);
        }
        committed?;
        common.count_evicted(evicted);
        Ok(count)
    }
}

/// Commits, and makes known that the sequence has come from one end of these to the other, where it
/// has.
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
    common.heeding.lock().write(before + 1..=last);
    let outcome = transaction.commit();
    common.heeding.lock().wrote(outcome.is_ok());
    if outcome.is_ok() {
        common.shared.announce(last, is_purge);
    }
    outcome
}
