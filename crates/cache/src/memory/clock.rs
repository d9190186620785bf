//! Detection of entries that a clock ahead of the present one has stored. Their deadlines are too
//! late, so expiry alone would keep them for as long as the clock was ahead.

use crate::policy::Freshness;
use crate::time::UnixMillis;

/// Whether there may be entries from the future, and the progress of the search for them.
#[derive(Debug)]
pub(super) struct Clock {
    /// Upper bound of the times at which entries were stored.
    pub(super) latest: UnixMillis,
    /// First slot that the search has not visited; `None` while there is no search.
    pub(super) next: Option<usize>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { latest: UnixMillis::MIN, next: None }
    }

    /// Records that an entry is stored at `at`.
    pub(super) fn note(&mut self, at: UnixMillis) {
        self.latest = self.latest.max(at);
    }

    /// Whether a clock that was ahead of `now` has stored an entry.
    pub(super) fn has_stepped_back(&self, now: UnixMillis) -> bool {
        Freshness { stored_at: self.latest, ..Freshness::default() }.is_from_future(now)
    }
}
