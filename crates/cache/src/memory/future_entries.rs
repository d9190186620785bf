//! The search for entries that were stored by a clock that was ahead of the present one.

use super::clock::Clock;
use super::eviction::Id;
use super::inner::Shelves;

impl Shelves {
    /// Whether an entry may be from the future at `now`.
    pub(super) fn may_be_ahead(&self, now: i64) -> bool {
        self.clock.next.is_some() || self.clock.has_stepped_back(now)
    }

    /// Searches at most `most` places for entries from the future, and has their stale windows
    /// begin at `now`. Returns whether there are places left to search. Costs nothing unless the
    /// clock has stepped back.
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
