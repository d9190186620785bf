//! The refresh lease of an entry: one caller at a time refreshes a stale entry.

use std::sync::atomic::AtomicU32;

use crate::backoff::Pauses;
use crate::sync::AtomicI64;
use crate::sync::Ordering::Relaxed;

/// How long a caller that got a miss may take to refresh an entry, in milliseconds.
pub(crate) const REFRESH_LEASE_MS: i64 = 30_000;

const NOBODY: i64 = i64::MIN;

/// Pauses after failed refreshes.
const PAUSES: Pauses = Pauses { first_ms: 1_000, longest_ms: 60_000 };

/// How long this process leaves an entry to the lease of another process, in milliseconds.
const DEFERRED_MS: u32 = 1_000;

/// The refresh lease of one entry. It is part of the entry, so it ends when the entry is replaced
/// or removed.
#[derive(Debug)]
pub(crate) struct RefreshLease {
    /// When the lease was acquired or a refresh failed, in milliseconds since 1970.
    at: AtomicI64,
    /// How long the lease lasts, in milliseconds. Stored after `at`: a reader in between sees
    /// another duration, none of which has passed at once. One atomic for both would be simpler for
    /// readers; two keep the number of interleavings small for the model checker.
    timeout: AtomicU32,
    failures: AtomicU32,
}

impl RefreshLease {
    pub(crate) fn new() -> Self {
        Self {
            at: AtomicI64::new(NOBODY),
            timeout: AtomicU32::new(REFRESH_LEASE_MS as u32),
            failures: AtomicU32::new(0),
        }
    }

    /// Acquires the lease for `timeout` milliseconds, unless another caller holds it. A clock that
    /// is a little behind does not release it; one that was set back further does.
    pub(crate) fn try_acquire(&self, now: i64, timeout: i64) -> bool {
        let elected_at = self.at.load(Relaxed);
        let held = elected_at != NOBODY
            && (now - elected_at).abs() < i64::from(self.timeout.load(Relaxed));
        let elected = !held && self.at.compare_exchange(elected_at, now, Relaxed, Relaxed).is_ok();
        if elected {
            self.timeout.store(timeout as u32, Relaxed);
        }
        elected
    }

    /// Releases the lease: the response that its holder is computing will not be stored.
    pub(crate) fn release_lease(&self) {
        self.at.store(NOBODY, Relaxed);
    }

    /// Leaves the entry to the lease of another process for a moment.
    pub(crate) fn defer(&self, now: i64) {
        self.timeout.store(DEFERRED_MS, Relaxed);
        self.at.store(now, Relaxed);
    }

    /// Releases the lease after a failed refresh, for a pause that grows with each failure in a
    /// row.
    pub(crate) fn fail(&self, now: i64) {
        let failures = self.failures.fetch_add(1, Relaxed) + 1;
        self.timeout.store(PAUSES.after(failures) as u32, Relaxed);
        self.at.store(now, Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn try_acquire(refresh_lease: &RefreshLease, now: i64) -> bool {
        refresh_lease.try_acquire(now, REFRESH_LEASE_MS)
    }

    #[test]
    fn one_caller_holds_the_lease_until_half_a_minute_has_passed() {
        let refresh_lease = RefreshLease::new();
        assert!(try_acquire(&refresh_lease, 1_000));
        assert!(!try_acquire(&refresh_lease, 1_000));
        assert!(
            !try_acquire(&refresh_lease, 999),
            "a clock that is behind try_acquire nobody else"
        );
        assert!(!try_acquire(&refresh_lease, 30_999));
        assert!(try_acquire(&refresh_lease, 31_000));
        assert!(!try_acquire(&refresh_lease, 31_000));
        assert!(try_acquire(&refresh_lease, 1_000), "the clock was set back by 30 s");
    }

    #[test]
    fn a_released_lease_can_be_acquired_again() {
        let refresh_lease = RefreshLease::new();
        assert!(try_acquire(&refresh_lease, 0));
        refresh_lease.release_lease();
        assert!(try_acquire(&refresh_lease, 0));
    }

    #[test]
    fn a_caller_is_waited_for_as_long_as_it_asked_for() {
        let refresh_lease = RefreshLease::new();
        assert!(refresh_lease.try_acquire(0, 50));
        assert!(!try_acquire(&refresh_lease, 49) && try_acquire(&refresh_lease, 50));
    }

    #[test]
    fn pauses_grow_with_each_failure_in_a_row() {
        let refresh_lease = RefreshLease::new();
        let mut now = 0;
        for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            assert!(try_acquire(&refresh_lease, now));
            refresh_lease.fail(now);
            assert!(!try_acquire(&refresh_lease, now + pause - 1), "{pause}");
            now += pause;
        }
    }
}
