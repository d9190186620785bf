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

/// What was counted of everything but refusals, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals([u64; NAMES.len()]);

/// The names of counters, as they are kept.
const NAMES: [&str; 14] = [
    "hits",
    "stale_hits",
    "misses",
    "puts",
    "deletes",
    "purges",
    "bypasses",
    "elections",
    "fenced",
    "error_hits",
    "collapsed",
    "revalidations",
    "failed_refreshes",
    "invalidations",
];

impl Totals {
    /// Of numbers by name; what has another name is left out.
    pub(crate) fn of(named: impl IntoIterator<Item = (String, u64)>) -> Self {
        let mut totals = Self::default();
        for (name, number) in named {
            if let Some(at) = NAMES.iter().position(|known| *known == name) {
                totals.0[at] = number;
            }
        }
        totals
    }

    /// Each number by its name.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.into_iter().zip(self.0)
    }

    /// What has been added since `earlier`.
    #[must_use]
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at].saturating_sub(earlier.0[at])))
    }

    #[must_use]
    pub(crate) fn plus(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at].saturating_add(other.0[at])))
    }

    /// All of them, in the order of [`NAMES`].
    pub(crate) fn numbers(&self) -> [u64; NAMES.len()] {
        self.0
    }

    /// The documented ones.
    pub(crate) fn stats(&self) -> Stats {
        let [hits, _, misses, puts, deletes, purges, ..] = self.0;
        Stats { hits, misses, puts, deletes, purges }
    }
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

/// Takes back what was added.
pub(crate) fn subtract(counter: &AtomicU64, number: u64) {
    counter.fetch_sub(number, Relaxed);
}

pub(crate) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}

impl Counters {
    pub(crate) fn refuse(&self, reason: Refused) {
        count(&self.refused[reason as usize]);
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals(
            [
                &self.hits,
                &self.stale_hits,
                &self.misses,
                &self.puts,
                &self.deletes,
                &self.purges,
                &self.bypasses,
                &self.elections,
                &self.fenced,
                &self.error_hits,
                &self.collapsed,
                &self.revalidations,
                &self.failed_refreshes,
                &self.invalidations,
            ]
            .map(read),
        )
    }

    /// Refused writes by reason, each reason once.
    pub(crate) fn refused(&self) -> Vec<(Refused, u64)> {
        Refused::ALL
            .into_iter()
            .zip(&self.refused)
            .map(|(reason, count)| (reason, read(count)))
            .collect()
    }
}
