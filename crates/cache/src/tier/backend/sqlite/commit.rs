//! Commits a batch in one transaction.

use std::ops::RangeInclusive;

use rusqlite::{Transaction, TransactionBehavior::Immediate};

use super::batch::Batch;
use super::shared_memory::Shared;
use super::{SqliteBackend, reads, writes};
use crate::stats::{Counter, Totals};
use crate::tier::backend::{Commit, Committed};
use crate::tier::state::TierState;
use crate::tier::work::Work;

impl SqliteBackend {
    /// Commits a batch; syncs it to disk if a caller waits for an invalidation, or to learn whether
    /// the disk works again.
    pub(super) fn commit_synced(
        &mut self,
        commit: Commit<'_>,
        state: &TierState,
    ) -> rusqlite::Result<Committed> {
        if !commit.is_retry && !commit.work.iter().any(Work::is_durable) {
            return self.commit_batch(commit, state);
        }
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        let outcome = self.commit_batch(commit, state);
        self.connection.pragma_update(None, "synchronous", "NORMAL")?;
        outcome
    }

    fn commit_batch(
        &mut self,
        Commit { work, counts, is_retry }: Commit<'_>,
        state: &TierState,
    ) -> rusqlite::Result<Committed> {
        let Self { connection, shared, max_bytes, .. } = self;
        let transaction = connection.transaction_with_behavior(Immediate)?;
        // No other process invalidates anything until the commit.
        state.apply_log(|from| reads::log_after(&transaction, from))?;
        if is_retry {
            writes::touch(&transaction)?;
        }
        let last = state.log.last();
        let mut batch = Batch::new(&transaction, state, *max_bytes, last);
        work.iter().try_for_each(|work| batch.write(work))?;
        let (sequence, is_purge) = batch.finish()?;
        let Batch { selected, purged, evicted, unwritten, due, .. } = batch;
        writes::count(&transaction, &counts.plus(&Totals::of(Counter::Purges, purged)))?;
        let totals = Totals::from_names(reads::counters(&transaction)?);
        finish(transaction, state, shared, last..=sequence, is_purge)?;
        Ok(Committed { selected, purged, evicted, unwritten, due, totals })
    }
}

/// Commits, and publishes the sequences of new log rows.
fn finish(
    transaction: Transaction<'_>,
    state: &TierState,
    shared: &Shared,
    sequence: RangeInclusive<u64>,
    is_purge: bool,
) -> rusqlite::Result<()> {
    let (before, last) = sequence.into_inner();
    if before == last {
        return transaction.commit();
    }
    state.log.lock().write(before + 1..=last);
    let outcome = transaction.commit();
    state.log.lock().wrote(outcome.is_ok());
    if outcome.is_ok() {
        shared.announce(last, is_purge);
    }
    outcome
}
