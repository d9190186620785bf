//! Search for entries that a clock ahead of the present one has stored.

use super::clock::Clock;
use super::eviction::Id;
use super::inner::Inner;
use crate::time::UnixMillis;

impl Inner {
    /// Whether an entry may be from the future at `now`.
    pub(super) fn may_be_ahead(&self, now: UnixMillis) -> bool {
        self.clock.next.is_some() || self.clock.has_stepped_back(now)
    }

    /// Searches at most `most` slots for entries from the future and starts their stale windows at
    /// `now`. Returns whether there are slots left. Costs nothing unless the clock has been set
    /// back.
    pub(super) fn restart_ahead(&mut self, now: UnixMillis, most: usize) -> bool {
        if self.clock.next.is_none() && self.clock.has_stepped_back(now) {
            // Entries that are stored from here on are searched after this search.
            self.clock = Clock { latest: now, next: Some(0) };
        }
        let Some(first) = self.clock.next else { return false };
        let end = self.entries.places().min(first.saturating_add(most));
        for id in first..end {
            self.restart(id as Id, now);
        }
        self.clock.next = (end < self.entries.places()).then_some(end);
        self.clock.next.is_some()
    }

    fn restart(&mut self, id: Id, now: UnixMillis) {
        let Some(slot) = self.entries.get(id) else { return };
        let times = slot.times;
        if !times.is_from_future(now) {
            self.clock.note(times.stored_at);
            return;
        }
        self.deadlines.remove(id, &self.entries);
        self.entries[id].times = times.restarted(now);
        self.deadlines.insert(id, &self.entries);
    }
}
