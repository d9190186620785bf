//! Counters of an instance.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::policy::Uncacheable;

/// What an instance counts. The name of a counter on disk is the variant in snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Counter {
    /// Lookups that found an entry.
    Hits,
    /// Hits on stale entries.
    StaleHits,
    /// Lookups that found no entry.
    Misses,
    /// Responses stored.
    Puts,
    /// Deletes attempted.
    Deletes,
    /// Live entries removed by purges.
    Purges,
    /// Calls that a rule made skip the cache.
    Bypasses,
    /// Refresh leases acquired.
    Elections,
    /// Puts dropped by the fence.
    Fenced,
    /// Stale responses served in place of an error.
    ErrorHits,
    /// Requests that waited for the handler run of another.
    Collapsed,
    /// Stored responses that a 304 of the handler has validated.
    Revalidations,
    /// Failed background refreshes.
    FailedRefreshes,
    /// Entries removed after a request with an unsafe method.
    Invalidations,
}

/// Counters of one process. Every thread adds to them.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    counts: [AtomicU64; Counter::COUNT],
    uncacheable: [AtomicU64; Uncacheable::COUNT],
}

impl Counters {
    pub(crate) fn count(&self, counter: Counter) {
        self.add(counter, 1);
    }

    pub(crate) fn add(&self, counter: Counter, number: u64) {
        self.counts[counter as usize].fetch_add(number, Relaxed);
    }

    pub(crate) fn count_uncacheable(&self, reason: Uncacheable) {
        self.uncacheable[reason as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals(self.counts.each_ref().map(|count| count.load(Relaxed)))
    }

    /// Uncacheable responses by reason, each reason once.
    pub(crate) fn uncacheable(&self) -> Vec<(Uncacheable, u64)> {
        let counts = self.uncacheable.iter().map(|count| count.load(Relaxed));
        Uncacheable::VARIANTS.iter().copied().zip(counts).collect()
    }
}

/// Values of all counters at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals([u64; Counter::COUNT]);

impl Totals {
    /// Reads values by name. Unknown names are ignored.
    pub(crate) fn from_names(named: impl IntoIterator<Item = (String, u64)>) -> Self {
        let mut totals = Self::default();
        for (name, number) in named {
            let known = Counter::VARIANTS.iter().find(|&&counter| name == <&str>::from(counter));
            if let Some(&counter) = known {
                totals.0[counter as usize] = number;
            }
        }
        totals
    }

    /// `number` in one counter.
    pub(crate) fn of(counter: Counter, number: u64) -> Self {
        let mut totals = Self::default();
        totals.0[counter as usize] = number;
        totals
    }

    /// The value of a counter.
    pub fn get(&self, counter: Counter) -> u64 {
        self.0[counter as usize]
    }

    /// Every value with its name.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Counter::VARIANTS.iter().map(|&counter| (counter.into(), self.get(counter)))
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
}
