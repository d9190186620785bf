//! Bound on the bytes of bodies in flight: received from handlers and callers, and not stored yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Bytes that the bodies in flight of one instance may take together.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicU64,
    max: u64,
}

impl Budget {
    /// A budget of `max` bytes.
    pub(crate) fn new(max: u64) -> Self {
        Self { used: AtomicU64::new(0), max }
    }

    /// Bytes that are reserved.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// Whether no more bytes can be reserved.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.used() >= self.max
    }

    fn is_exceeded(&self) -> bool {
        self.used() > self.max
    }

    fn try_take(&self, bytes: u64) -> bool {
        let taken = self.used.fetch_update(Relaxed, Relaxed, |used| {
            used.checked_add(bytes).filter(|used| *used <= self.max)
        });
        taken.is_ok()
    }
}

/// Bytes of a budget that one body holds. Dropping the reservation returns them.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Reservation {
    /// An empty reservation.
    pub(crate) fn new(budget: &Arc<Budget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reserves `bytes` more. Returns whether the budget has room for them.
    pub(crate) fn try_grow(&mut self, bytes: u64) -> bool {
        let fits = self.budget.try_take(bytes);
        self.bytes += if fits { bytes } else { 0 };
        fits
    }

    /// Counts `bytes` more even if the budget has no room for them.
    pub(crate) fn grow(&mut self, bytes: u64) {
        self.budget.used.fetch_add(bytes, Relaxed);
        self.bytes += bytes;
    }

    /// Returns `bytes` to the budget.
    pub(crate) fn shrink(&mut self, bytes: u64) {
        debug_assert!(bytes <= self.bytes, "no more is given back than is held");
        self.budget.used.fetch_sub(bytes, Relaxed);
        self.bytes -= bytes;
    }

    /// Whether the bodies together hold more than the budget.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.budget.is_exceeded()
    }

    /// Whether the budget has no room for any body.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.budget.is_exhausted()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn reservations_share_the_budget_and_give_back_what_they_hold() {
        let budget = Arc::new(Budget::new(10));
        let (mut one, mut other) = (Reservation::new(&budget), Reservation::new(&budget));
        assert!(one.try_grow(6) && !other.try_grow(5) && other.try_grow(4));
        assert!(budget.is_exhausted());
        assert_eq!((one.bytes(), other.bytes()), (6, 4));
        one.shrink(2);
        other.grow(100);
        assert_eq!(budget.used(), 108);
        drop(other);
        assert!(!one.try_grow(u64::MAX), "no sum overflows");
        drop(one);
        assert_eq!(budget.used(), 0);
    }
}
