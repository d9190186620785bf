//! Applies invalidations to the memory store.

use super::eviction::Id;
use super::inner::{Inner, Name};
use crate::http::lines::{Fields, MissingFields};
use crate::invalidation::{Effect, Invalidation, Target};
use crate::key::{Digest, Key};
use crate::policy::State;
use crate::time::UnixMillis;

impl Inner {
    /// Removes the entry that a lookup finds, and the one that would be validated for the request.
    /// Returns what was invalidated.
    pub(super) fn delete(
        &mut self,
        key: &Key,
        fields: Fields<'_>,
        now: UnixMillis,
    ) -> Result<Invalidation, MissingFields> {
        let served = self.find_served(key, fields, now)?;
        let validated = self.find_held(key, fields, now)?;
        let mut found: Vec<Id> = served.into_iter().chain(validated).collect();
        found.dedup();
        let variant = |&id: &Id| Target::Variant(key.text().to_owned(), self.entries[id].variant());
        let deleted = if found.is_empty() {
            // The fence drops older writes of the key even if it has no entry.
            let (key, fields) = (key.text().to_owned(), fields.text().to_owned());
            Invalidation::remove([Target::Selected { key, fields }])
        } else {
            Invalidation::remove(found.iter().map(variant))
        };
        self.apply(&deleted, now);
        Ok(deleted)
    }

    /// Removes the selected entries or makes them stale, and raises the fence. Returns how many of
    /// them were live, and the old contents of a store that is empty now, to be dropped without the
    /// lock.
    pub(super) fn apply(
        &mut self,
        invalidation: &Invalidation,
        now: UnixMillis,
    ) -> (u64, Option<Self>) {
        let Invalidation { targets, effect } = invalidation;
        if *effect != Effect::Outdate {
            self.fence.raise(targets);
        }
        if *effect == Effect::Remove && invalidation.selects_everything() {
            return (self.live(now) as u64, Some(self.clear()));
        }
        let selected = self.selected(targets, *effect);
        let is_live = |&&id: &&Id| self.state(id, now) != State::Expired;
        let live = selected.iter().filter(is_live).count();
        match effect {
            Effect::MakeStale => selected.into_iter().for_each(|id| self.make_stale(id, now)),
            Effect::Remove | Effect::Outdate => self.remove_all(&selected),
        }
        (live as u64, self.is_vacant().then(|| self.clear()))
    }

    /// Number of live entries.
    fn live(&self, now: UnixMillis) -> usize {
        if self.may_be_ahead(now) {
            // Deadlines of entries from the future are wrong.
            return self
                .entries
                .iter()
                .filter(|&(id, _)| self.state(id, now) != State::Expired)
                .count();
        }
        self.entries.len() - self.deadlines.count_due(now, &self.entries)
    }

    /// The entries that the targets select, each once, in the order in which they lie in memory:
    /// entries that were put together lie together.
    fn selected(&self, targets: &[Target], effect: Effect) -> Vec<Id> {
        let mut selected: Vec<Id> = Vec::new();
        for target in targets {
            match target {
                Target::Variant(key, variant) if effect == Effect::Outdate => {
                    selected.extend(self.outdated_by(key, variant));
                }
                _ => self.select_target(target, &mut selected),
            }
        }
        selected.sort_unstable();
        selected.dedup();
        selected
    }

    fn select_target(&self, target: &Target, selected: &mut Vec<Id>) {
        let Self { entries, tags, ordered, .. } = self;
        match target {
            Target::Key(key) => selected.extend(ordered.of_key(key, entries)),
            Target::Url(url) => selected.extend(ordered.with_prefix(&format!("{url}#"), entries)),
            Target::Tag(tag) => selected.extend(tags.entries(tag, entries)),
            Target::Prefix(prefix) => selected.extend(ordered.with_prefix(prefix, entries)),
            Target::Everything => selected.extend(entries.iter().map(|(id, _)| id)),
            Target::Variant(key, variant) => selected.extend(self.find_variant(key, variant)),
            Target::Selected { .. } => {}
        }
    }

    pub(super) fn find_variant(&self, key: &str, variant: &Digest) -> Option<Id> {
        let is_only = *variant == Digest::of(key);
        self.lookup(if is_only { Name::Key(key) } else { Name::Variant(variant) })
    }

    /// Ends the freshness of an entry now, and removes one without a stale window.
    fn make_stale(&mut self, id: Id, now: UnixMillis) {
        self.deadlines.remove(id, &self.entries);
        let known = &mut self.entries[id];
        known.refresh_lease.release();
        known.times = known.times.stale_from(now);
        let state = known.times.state(now);
        self.deadlines.insert(id, &self.entries);
        if state == State::Expired {
            self.remove(id);
        }
    }
}
