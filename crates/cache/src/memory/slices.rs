//! Applies invalidations of many entries slice by slice.

use std::mem::take;
use std::thread;
use std::time::Duration;

use super::eviction::Id;
use super::index::Walked;
use super::inner::Inner;
use super::pending::{Pending, Walk};
use super::purge::{Applied, Continuation, Progress};
use crate::invalidation::{Effect, Invalidation, Target};
use crate::policy::{Freshness, State};
use crate::time::UnixMillis;

/// Entries that one slice visits. Removing as many takes one to three milliseconds.
pub(super) const SLICE: usize = 1_024;

/// Pause between slices of a store that is dropped.
const PAUSE: Duration = Duration::from_micros(50);

impl Inner {
    /// Begins an invalidation, which has taken effect when this returns. Returns its number.
    pub(super) fn begin(&mut self, invalidation: Invalidation, at: UnixMillis) -> u64 {
        self.invalidations += 1;
        let number = self.invalidations;
        let last_order = self.last_order();
        self.pending.push(Pending::new(number, invalidation, at, last_order));
        number
    }

    /// Applies an invalidation that [`begin`](Self::begin) began to about [`SLICE`] more entries.
    pub(super) fn step(&mut self, number: u64) -> Applied {
        let Some(index) = self.pending.iter().position(|pending| pending.number == number) else {
            return self.applied(Progress::Done(0));
        };
        let mut visited = 0;
        while visited < SLICE {
            let Some(ids) = self.next_slice(index, SLICE - visited) else {
                let live = self.pending.remove(index).live;
                return self.applied(Progress::Done(live));
            };
            visited += ids.len().max(1);
            self.reach(index, &ids);
        }
        Applied { progress: Progress::Continues(Continuation(number)), emptied: None }
    }

    /// The next entries of the current target, at most `most`; `None` if there are no targets left.
    fn next_slice(&mut self, index: usize, most: usize) -> Option<Vec<Id>> {
        let Self { pending, entries, tags, ordered, .. } = self;
        let Pending { invalidation, target, walk, .. } = &mut pending[index];
        let wanted = invalidation.targets.get(*target)?;
        let after = if let Walk::Ordered(walked) = &*walk { Some(walked) } else { None };
        let ids = match wanted {
            Target::Tag(name) => {
                if matches!(walk, Walk::Start) {
                    *walk = Walk::Tag(tags.walk(name, entries));
                }
                let Walk::Tag(walk) = walk else { return None };
                tags.step(walk, most, entries)
            }
            Target::Key(key) => ordered.of_key_after(key, after, most, entries),
            Target::Url(url) => ordered.with_prefix(&format!("{url}#"), after, most, entries),
            Target::Prefix(prefix) => ordered.with_prefix(prefix, after, most, entries),
            Target::Everything => return Some(self.next_slots(index, most)),
            // They select few entries, and are applied at once.
            Target::Variant(..) | Target::Selected { .. } => Vec::new(),
        };
        match ids.last() {
            None => self.next_target(index),
            Some(_) if matches!(walk, Walk::Tag(_)) => {}
            Some(&id) => {
                *walk = Walk::Ordered(Walked { key: entries[id].key().to_owned(), id });
            }
        }
        Some(ids)
    }

    /// The entries in the next `most` slots.
    fn next_slots(&mut self, index: usize, most: usize) -> Vec<Id> {
        let walk = &mut self.pending[index].walk;
        let first = if let Walk::Slot(slot) = *walk { slot } else { 0 };
        let end = self.entries.places().min(first + most);
        *walk = Walk::Slot(end);
        if first == end {
            self.next_target(index);
        }
        let slots = (first..end).map(|slot| slot as Id);
        slots.filter(|&id| self.entries.get(id).is_some()).collect()
    }

    fn next_target(&mut self, index: usize) {
        let pending = &mut self.pending[index];
        pending.target += 1;
        if let Walk::Tag(walk) = take(&mut pending.walk) {
            self.tags.end_walk(&walk);
        }
    }

    /// Ends all walks: the store was emptied.
    pub(super) fn end_walks(&mut self) {
        for pending in &mut self.pending {
            (pending.target, pending.walk) = (usize::MAX, Walk::Start);
        }
    }

    /// Applies the invalidation at `index` to the entries among `ids` that were put before it.
    fn reach(&mut self, index: usize, ids: &[Id]) {
        let Pending { last_order, at, .. } = self.pending[index];
        let effect = self.pending[index].invalidation.effect;
        let older = ids.iter().copied().filter(|&id| self.entries[id].order <= last_order);
        let selected: Vec<Id> = older.collect();
        match effect {
            Effect::MakeStale => {
                for id in selected {
                    // One that an earlier invalidation removes is left to that.
                    if !self.will_be_removed(id, index) {
                        let is_leased = self.pending[index].leased.lock().remove(&id);
                        self.settle(id, index + 1);
                        self.make_stale(id, at, is_leased);
                    }
                }
            }
            Effect::Remove | Effect::Outdate => self.remove_all(&selected),
        }
    }

    /// Whether one of the first `most` invalidations removes the entry.
    fn will_be_removed(&self, id: Id, most: usize) -> bool {
        let removes = |pending: &Pending| pending.invalidation.effect != Effect::MakeStale;
        self.pending[..most]
            .iter()
            .any(|pending| removes(pending) && pending.selects(&self.entries[id]))
    }

    /// Drops the contents of a store that was emptied, with pauses in which other threads may
    /// allocate memory.
    pub(super) fn drop_in_slices(mut self) {
        for slot in 0..self.entries.places() {
            self.entries.drop_slot(slot as Id);
            if slot.is_multiple_of(SLICE / 8) {
                thread::sleep(PAUSE);
            }
        }
    }

    /// Counts an entry for the invalidations among the first `most` that select it and have not
    /// reached it: it leaves the store, or they reach it now.
    pub(super) fn settle(&mut self, id: Id, most: usize) {
        if self.pending.is_empty() {
            return;
        }
        let mut times = self.entries[id].times;
        for index in 0..most.min(self.pending.len()) {
            let pending = &self.pending[index];
            if !pending.selects(&self.entries[id]) {
                continue;
            }
            let is_live = times.state(pending.at) != State::Expired;
            let (effect, at) = (pending.invalidation.effect, pending.at);
            let pending = &mut self.pending[index];
            let is_first = effect != Effect::MakeStale || pending.reached.insert(id);
            pending.live += u64::from(is_live && is_first);
            if effect != Effect::MakeStale {
                return;
            }
            times = times.stale_from(at);
        }
    }

    /// Forgets that soft invalidations have reached a slot, whose entry is removed or replaced.
    pub(super) fn forget_reached(&mut self, id: Id) {
        for pending in &mut self.pending {
            pending.reached.remove(&id);
            pending.leased.lock().remove(&id);
        }
    }

    /// Records that the refresh lease of an entry was acquired: invalidations that have begun and
    /// not reached the entry do not release it.
    pub(super) fn note_lease(&self, id: Id) {
        for pending in &self.pending {
            if pending.selects(&self.entries[id]) && !pending.reached.contains(&id) {
                pending.leased.lock().insert(id);
            }
        }
    }

    /// The times of an entry under the invalidations that have not reached it; `None` if one of
    /// them removes it.
    pub(super) fn effective_times(&self, id: Id) -> Option<Freshness> {
        let times = self.entries[id].times;
        if self.pending.is_empty() {
            return Some(times);
        }
        self.pending_times(id, times)
    }

    #[cold]
    fn pending_times(&self, id: Id, times: Freshness) -> Option<Freshness> {
        self.pending.iter().filter(|pending| pending.selects(&self.entries[id])).try_fold(
            times,
            |times, pending| match pending.invalidation.effect {
                Effect::MakeStale => Some(times.stale_from(pending.at)),
                Effect::Remove | Effect::Outdate => None,
            },
        )
    }
}
