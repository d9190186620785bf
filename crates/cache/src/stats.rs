//! Counters of an instance.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::policy::Refused;

/// Counters, written by every thread.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: AtomicU64,
    pub(crate) stale_hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) puts: AtomicU64,
    pub(crate) deletes: AtomicU64,
    pub(crate) purges: AtomicU64,
    pub(crate) bypasses: AtomicU64,
    pub(crate) elections: AtomicU64,
    pub(crate) fenced: AtomicU64,
    pub(crate) error_hits: AtomicU64,
    pub(crate) collapsed: AtomicU64,
    pub(crate) revalidations: AtomicU64,
    pub(crate) failed_refreshes: AtomicU64,
    pub(crate) invalidations: AtomicU64,
    refused: [AtomicU64; Refused::ALL.len()],
}

/// The documented counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Lookups that found an entry.
    pub hits: u64,
    /// Lookups that found none.
    pub misses: u64,
    /// Responses stored.
    pub puts: u64,
    /// Deletes attempted.
    pub deletes: u64,
    /// Entries removed by purges.
    pub purges: u64,
}

pub(crate) fn count(counter: &AtomicU64) {
    add(counter, 1);
}

pub(crate) fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Relaxed);
}

pub(crate) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}

impl Counters {
    pub(crate) fn refuse(&self, reason: Refused) {
        count(&self.refused[reason as usize]);
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            hits: read(&self.hits),
            misses: read(&self.misses),
            puts: read(&self.puts),
            deletes: read(&self.deletes),
            purges: read(&self.purges),
        }
    }

    /// Refused writes by reason, each reason once.
    pub(crate) fn refused(&self) -> Vec<(Refused, u64)> {
        Refused::ALL.into_iter().zip(&self.refused).map(|(reason, count)| (reason, read(count))).collect()
    }
}
