//! What removes entries because their content is out of date, and holds back the writes that do not
//! know it yet.

use super::eviction::Id;
use super::inner::{Name, Shelves};
use crate::http::lines::{Fields, Untold};
use crate::invalidation::Purged;
use crate::invalidation::Selector;
use crate::key::{Digest, Key};
use crate::policy::State;

impl Shelves {
    /// Removes what a lookup would find, and what would be validated for the request. Tells which
    /// variants they were.
    pub(super) fn delete(
        &mut self,
        key: &Key,
        fields: Fields<'_>,
        now: i64,
    ) -> Result<Vec<Digest>, Untold> {
        let (served, held) =
            (self.find_served(key, fields, now)?, self.find_held(key, fields, now)?);
        self.fence.advance();
        self.fence.mark(Purged::Key(key.text()));
        let mut deleted: Vec<Id> = served.into_iter().chain(held).collect();
        deleted.dedup();
        let variants = deleted.iter().map(|&id| self.slots[id].variant()).collect();
        self.remove_all(&deleted);
        Ok(variants)
    }

    /// Removes variants, each told by its key and its digest.
    pub(super) fn evict(&mut self, variants: &[(String, Digest)]) {
        for (key, variant) in variants {
            self.evict_variant(key, variant);
        }
    }

    fn evict_variant(&mut self, key: &str, variant: &Digest) {
        let is_only = *variant == Digest::of(key);
        if let Some(id) = self.lookup(if is_only { Name::Key(key) } else { Name::Variant(variant) })
        {
            self.remove(id);
        }
    }

    /// Purges, and hands back what is to be dropped once the lock is given up.
    pub(super) fn purge(&mut self, selector: &Selector, now: i64) -> (u64, Option<Self>) {
        self.fence_off(selector);
        if selector.everything && !selector.soft {
            return (self.live(now) as u64, Some(self.clear()));
        }
        let selected = self.selected(selector);
        let purged = selected.iter().filter(|&&id| self.state(id, now) != State::Expired).count();
        if selector.soft {
            for id in selected {
                self.make_stale(id, now);
            }
        } else {
            self.remove_all(&selected);
        }
        (purged as u64, self.is_vacant().then(|| self.clear()))
    }

    /// How many entries have not expired.
    fn live(&self, now: i64) -> usize {
        if self.may_be_ahead(now) {
            // Deadlines tell nothing of entries from the future.
            return self
                .slots
                .iter()
                .filter(|&(id, _)| self.state(id, now) != State::Expired)
                .count();
        }
        self.slots.len() - self.deadlines.count_due(now, &self.slots)
    }

    fn fence_off(&mut self, selector: &Selector) {
        let Selector { key, tags, prefixes, everything, .. } = selector;
        self.fence.advance();
        if let Some(key) = key {
            self.fence.mark(Purged::Key(key));
        }
        for tag in tags {
            self.fence.mark(Purged::Tag(tag));
        }
        for prefix in prefixes {
            self.fence.mark_prefix(prefix);
        }
        if *everything {
            self.fence.mark_everything();
        }
    }

    /// In the order in which they lie in memory, where entries that came together lie together.
    fn selected(&self, selector: &Selector) -> Vec<Id> {
        let Self { slots, tags, ordered, .. } = self;
        if selector.everything {
            return slots.iter().map(|(id, _)| id).collect();
        }
        let mut selected: Vec<Id> =
            selector.tags.iter().flat_map(|tag| tags.entries(tag, slots)).collect();
        selected.extend(selector.key.iter().flat_map(|key| ordered.of_key(key, slots)));
        selected
            .extend(selector.prefixes.iter().flat_map(|prefix| ordered.with_prefix(prefix, slots)));
        selected.sort_unstable();
        selected.dedup();
        selected
    }

    /// Removes every entry for the canonical `url`, and holds writes back that began before.
    /// Returns how many they were.
    pub(super) fn invalidate(&mut self, url: &str) -> u64 {
        self.fence.advance();
        self.fence.mark(Purged::Url(url));
        let stored = self.ordered.with_prefix(&format!("{url}#"), &self.slots);
        self.remove_all(&stored);
        stored.len() as u64
    }

    /// Ends the entry's freshness now. One without a stale window is gone with it.
    fn make_stale(&mut self, id: Id, now: i64) {
        self.deadlines.remove(id, &self.slots);
        let slot = &mut self.slots[id];
        slot.election.call_off();
        slot.times = slot.times.stale_from(now);
        let state = slot.times.state(now);
        self.deadlines.insert(id, &self.slots);
        if state == State::Expired {
            self.remove(id);
        }
    }
}
