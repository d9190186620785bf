//! Entries that were stored by a clock that was ahead of the present one. Their deadlines are too late, so that expiry alone
//! would keep them for as long as the clock was ahead.

use super::eviction::Id;
use super::shelves::Shelves;
use crate::policy::Freshness;

/// Tells when there may be entries from the future, and how far the search for them has come.
#[derive(Debug)]
pub(super) struct Clock {
    /// No entry was stored later than this.
    latest: i64,
    /// The first place that the search has not reached; `None` where no search is under way.
    next: Option<usize>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { latest: i64::MIN, next: None }
    }

    /// Notes that an entry is stored at `at`.
    pub(super) fn note(&mut self, at: i64) {
        self.latest = self.latest.max(at);
    }

    fn has_stepped_back(&self, now: i64) -> bool {
        Freshness { stored_at: self.latest, ..Freshness::default() }.is_from_future(now)
    }
}

impl Shelves {
    /// Whether an entry may be from the future at `now`.
    pub(super) fn may_be_ahead(&self, now: i64) -> bool {
        self.clock.next.is_some() || self.clock.has_stepped_back(now)
    }

    /// Searches at most `most` places for entries from the future, and has their stale windows begin at `now`. Returns whether
    /// there are places left to search. Costs nothing unless the clock has stepped back.
    pub(super) fn restart_ahead(&mut self, now: i64, most: usize) -> bool {
        if self.clock.next.is_none() && self.clock.has_stepped_back(now) {
            // What is stored from here on is noted again, and searched for after this search.
            self.clock = Clock { latest: now, next: Some(0) };
        }
        let Some(first) = self.clock.next else { return false };
        let end = self.slots.places().min(first.saturating_add(most));
        for id in first..end {
            self.restart(id as Id, now);
        }
        self.clock.next = (end < self.slots.places()).then_some(end);
        self.clock.next.is_some()
    }

    fn restart(&mut self, id: Id, now: i64) {
        let Some(slot) = self.slots.get(id) else { return };
        let times = slot.times;
        if !times.is_from_future(now) {
            self.clock.note(times.stored_at);
            return;
        }
        self.deadlines.remove(id, &self.slots);
        self.slots[id].times = times.restarted(now);
        self.deadlines.insert(id, &self.slots);
    }
}
