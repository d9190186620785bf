//! The thread that writes: takes what waits together, heeds what other processes have purged, and writes in one transaction.

use std::slice;
use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior::Immediate};

use super::Witness;
use super::common::Common;
use super::database::checkpoint;
use super::fault::is_passing;
use super::loads::Loads;
use super::mark::{Mark, Purge};
use super::queue::{Ordered, Queue, Work};
use super::ticket::Outcome;
use super::writes;
use crate::stats::{add, subtract};

/// Entries that are due and go with a transaction, at most.
const MOST_DUE: u32 = 1_000;

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
                    Work::Put(..) | Work::Retire(..) | Work::Clear | Work::Expire(_) => together.push(work),
                    Work::Purge(ordered) => {
                        // What has gone wrong with the puts is told to those who look.
                        let _ = self.write(&std::mem::take(&mut together));
                        self.purge(ordered);
                    }
                    Work::Load(load) => {
                        let _ = self.write(&std::mem::take(&mut together));
                        self.loads.again(load);
                    }
                    Work::Flush(ticket) => ticket.settle(self.flush(&std::mem::take(&mut together))),
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

    /// Closes the database for good. Whoever is alone with it from then on may set it aside, so nobody here has it open when it is given up.
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
        let (mut marks, mut changed, mut evicted, mut unwritten) = (Vec::new(), Vec::new(), 0, 0);
        let mut pages = None;
        for work in together {
            if let Some((key, variant)) = work.entry() {
                // Another process may have it in memory although it is not on the disk.
                changed.push((key.to_owned(), *variant));
            }
            match work {
                Work::Put(kept, since) if common.passes(kept, *since) => {
                    writes::remove_variant(&transaction, &kept.variant, i64::MAX)?;
                    let room = writes::make_room(&transaction, common.bound, kept, &mut pages)?;
                    evicted += room.evicted;
                    if room.is_enough {
                        writes::insert(&transaction, kept)?;
                    } else {
                        unwritten += 1;
                    }
                }
                Work::Put(kept, _) => {
                    // What it was put over is out of date all the same; what another process has put since is not.
                    writes::remove_variant(&transaction, &kept.variant, kept.times.stored_at)?;
                }
                Work::Retire(_, variant) => writes::remove_variant(&transaction, variant, i64::MAX)?,
                Work::Clear => {
                    let everything = Purge::of(Mark::Everything, 0);
                    writes::purge(&transaction, slice::from_ref(&everything))?;
                    marks.push(everything);
                }
                Work::Expire(now) if writes::expire(&transaction, *now, MOST_DUE)? == MOST_DUE as usize => {
                    queue.push(Work::Expire(*now));
                }
                _ => {}
            }
        }
        let changed = Mark::changed(changed).into_iter().map(|mark| Purge::of(mark, 0));
        marks.extend(changed);
        let last = common.heeding.last();
        let sequence = writes::note(&transaction, &marks, last, common.bound)?;
        evicted += writes::shrink(&transaction, common.bound)?;
        let counted = common.count_into(&transaction)?;
        let is_purge = marks.iter().any(|purge| purge.mark == Mark::Everything);
        commit(common, transaction, last, sequence, is_purge)?;
        counted();
        common.count_evicted(evicted);
        common.count_dropped(unwritten);
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

    fn purge_together(&mut self, purges: &[Purge], in_memory: Option<u64>) -> rusqlite::Result<u64> {
        let Self { connection, common, .. } = self;
        let transaction = connection.transaction_with_behavior(Immediate)?;
        common.heed(&transaction)?;
        let last = common.heeding.last();
        let sequence = writes::note(&transaction, purges, last, common.bound)?;
        // What is in one of both is not always in the other.
        let count = writes::purge(&transaction, purges)?.max(in_memory.unwrap_or(0));
        let counted = in_memory.map_or(0, |_| count);
        let evicted = writes::shrink(&transaction, common.bound)?;
        add(&common.counters.purges, counted);
        let committed = common
            .count_into(&transaction)
            .and_then(|written| commit(common, transaction, last, sequence, true).map(|()| written()));
        if committed.is_err() {
            // Where it is tried again, it is counted again.
            subtract(&common.counters.purges, counted);
        }
        committed?;
        common.count_evicted(evicted);
        Ok(count)
    }
}

/// Commits, and makes known that the sequence has come from `last` to `sequence`, where it has.
fn commit(
    common: &Common,
    transaction: Transaction<'_>,
    last: u64,
    sequence: u64,
    is_purge: bool,
) -> rusqlite::Result<()> {
    if sequence == last {
        return transaction.commit();
    }
    common.heeding.lock().write(last + 1..=sequence);
    let outcome = transaction.commit();
    common.heeding.lock().wrote(outcome.is_ok());
    if outcome.is_ok() {
        common.shared.announce(sequence, is_purge);
    }
    outcome
}
