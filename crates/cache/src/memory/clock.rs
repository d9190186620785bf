//! Entries that were stored by a clock that was ahead of the present one. Their deadlines are too
//! late, so that expiry alone would keep them for as long as the clock was ahead.

use crate::policy::Freshness;

/// Tells when there may be entries from the future, and how far the search for them has come.
#[derive(Debug)]
pub(super) struct Clock {
    /// No entry was stored later than this.
    pub(super) latest: i64,
    /// The first place that the search has not reached; `None` where no search is under way.
    pub(super) next: Option<usize>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { latest: i64::MIN, next: None }
    }

    /// Notes that an entry is stored at `at`.
    pub(super) fn note(&mut self, at: i64) {
        self.latest = self.latest.max(at);
    }

    /// Whether an entry was stored by a clock that was ahead of `now`.
    pub(super) fn has_stepped_back(&self, now: i64) -> bool {
        Freshness { stored_at: self.latest, ..Freshness::default() }.is_from_future(now)
    }
}
