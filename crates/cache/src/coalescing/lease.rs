//! Refresh leases: one caller at a time refreshes a stale entry.

use std::sync::atomic::AtomicU32;

use crate::backoff::Pauses;
use crate::key::Digest;
use crate::sync::AtomicI64;
use crate::sync::Ordering::Relaxed;
use crate::time::{Millis, UnixMillis};

/// How long a caller that got a miss may take to refresh an entry, in milliseconds.
pub(crate) const REFRESH_LEASE_MS: Millis = 30_000;

const NOBODY: i64 = i64::MIN;

/// Pauses after failed refreshes.
const PAUSES: Pauses = Pauses { first_ms: 1_000, longest_ms: 60_000 };

/// How long this process leaves an entry to the lease of another process, in milliseconds.
const DEFERRED_MS: u32 = 1_000;

/// Refresh leases of the processes that share a tier, each for a variant of a key.
pub(crate) trait ProcessLeases {
    /// Acquires the lease of a variant for this process and `timeout` milliseconds, unless another
    /// process holds it. Never blocks.
    fn try_acquire(&self, variant: &Digest, now: UnixMillis, timeout: Millis) -> bool;

    /// Releases the lease of a variant, if this process holds it.
    fn release(&self, variant: &Digest);
}

/// The refresh lease of one entry among the callers of this process. It is part of the entry, so it
/// ends when the entry is replaced or removed.
#[derive(Debug)]
pub(crate) struct EntryLease {
    /// When the lease was acquired or a refresh failed, in milliseconds since 1970.
    at: AtomicI64,
    /// How long the lease lasts, in milliseconds. Stored after `at`: a reader in between sees
    /// another duration, none of which has passed at once. One atomic for both would be simpler for
    /// readers; two keep the number of interleavings small for the model checker.
    timeout: AtomicU32,
    failures: AtomicU32,
}

impl EntryLease {
    pub(crate) fn new() -> Self {
        Self {
            at: AtomicI64::new(NOBODY),
            timeout: AtomicU32::new(REFRESH_LEASE_MS as u32),
            failures: AtomicU32::new(0),
        }
    }

    /// Acquires the lease for `timeout` milliseconds, unless another caller holds it. A clock that
    /// is a little behind does not release it; one that was set back further does.
    pub(crate) fn try_acquire(&self, now: UnixMillis, timeout: Millis) -> bool {
        let acquired_at = self.at.load(Relaxed);
        let is_held = acquired_at != NOBODY
            && (now - acquired_at).abs() < i64::from(self.timeout.load(Relaxed));
        let is_acquired =
            !is_held && self.at.compare_exchange(acquired_at, now, Relaxed, Relaxed).is_ok();
        if is_acquired {
            self.timeout.store(timeout as u32, Relaxed);
        }
        is_acquired
    }

    /// Releases the lease: the response that its holder is computing will not be stored.
    pub(crate) fn release(&self) {
        self.at.store(NOBODY, Relaxed);
    }

    /// Leaves the entry to the lease of another process for a moment.
    pub(crate) fn defer(&self, now: UnixMillis) {
        self.timeout.store(DEFERRED_MS, Relaxed);
        self.at.store(now, Relaxed);
    }

    /// Releases the lease after a failed refresh, for a pause that grows with each failure in a
    /// row.
    pub(crate) fn fail(&self, now: UnixMillis) {
        let failures = self.failures.fetch_add(1, Relaxed) + 1;
        self.timeout.store(PAUSES.after(failures) as u32, Relaxed);
        self.at.store(now, Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn try_acquire(lease: &EntryLease, now: UnixMillis) -> bool {
        lease.try_acquire(now, REFRESH_LEASE_MS)
    }

    #[test]
    fn one_caller_holds_the_lease_until_half_a_minute_has_passed() {
        let lease = EntryLease::new();
        assert!(try_acquire(&lease, 1_000));
        assert!(!try_acquire(&lease, 1_000));
        assert!(!try_acquire(&lease, 999), "a clock that is behind");
        assert!(!try_acquire(&lease, 30_999));
        assert!(try_acquire(&lease, 31_000));
        assert!(!try_acquire(&lease, 31_000));
        assert!(try_acquire(&lease, 1_000), "the clock was set back by 30 s");
    }

    #[test]
    fn a_released_lease_can_be_acquired_again() {
        let lease = EntryLease::new();
        assert!(try_acquire(&lease, 0));
        lease.release();
        assert!(try_acquire(&lease, 0));
    }

    #[test]
    fn a_caller_is_waited_for_as_long_as_it_asked_for() {
        let lease = EntryLease::new();
        assert!(lease.try_acquire(0, 50));
        assert!(!try_acquire(&lease, 49) && try_acquire(&lease, 50));
    }

    #[test]
    fn pauses_grow_with_each_failure_in_a_row() {
        let lease = EntryLease::new();
        let mut now = 0;
        for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            assert!(try_acquire(&lease, now));
            lease.fail(now);
            assert!(!try_acquire(&lease, now + pause - 1), "{pause}");
            now += pause;
        }
    }
}
