//! Applies invalidations to the memory store.

use super::eviction::Id;
use super::inner::{Inner, Name};
use crate::http::lines::{Fields, MissingFields};
use crate::invalidation::{Effect, Invalidation, Target};
use crate::key::{Digest, Key};
use crate::policy::State;
use crate::time::UnixMillis;

/// How far an invalidation has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It has reached all entries, of which this many were live.
    Done(u64),
    /// It has taken effect, and entries are left to be removed.
    Continues(Continuation),
}

/// An invalidation of many entries that has to be continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Continuation(pub(super) u64);

/// Result of a part of an invalidation.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) progress: Progress,
    /// Old contents of the store, to be dropped without the lock.
    pub(super) emptied: Option<Inner>,
}

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

    /// Applies an invalidation: raises the fence, and removes the selected entries or makes them
    /// stale. If there are many, it has taken effect, and [`step`](Self::step) continues.
    pub(super) fn apply(&mut self, invalidation: &Invalidation, now: UnixMillis) -> Applied {
        let Invalidation { targets, effect } = invalidation;
        if *effect != Effect::Outdate {
            self.fence.raise(targets);
        }
        let is_clear = *effect == Effect::Remove && invalidation.selects_everything();
        if is_clear && self.pending.is_empty() {
            return Applied {
                progress: Progress::Done(self.live(now)),
                emptied: Some(self.clear()),
            };
        }
        let is_variant =
            |target: &Target| matches!(target, Target::Variant(..) | Target::Selected { .. });
        if targets.iter().all(is_variant) {
            return self.apply_to_variants(targets, *effect, now);
        }
        let number = self.begin(invalidation.clone(), now);
        self.step(number)
    }

    /// Applies an invalidation of variants, which are few.
    fn apply_to_variants(
        &mut self,
        targets: &[Target],
        effect: Effect,
        now: UnixMillis,
    ) -> Applied {
        let selected = self.selected(targets, effect);
        let is_live = |&&id: &&Id| self.state(id, now) != State::Expired;
        let live = selected.iter().filter(is_live).count();
        match effect {
            Effect::MakeStale => {
                for id in selected {
                    self.make_stale(id, now, false);
                }
            }
            Effect::Remove | Effect::Outdate => self.remove_all(&selected),
        }
        self.applied(Progress::Done(live as u64))
    }

    /// A result, with the old contents of a store that is empty now.
    pub(super) fn applied(&mut self, progress: Progress) -> Applied {
        Applied { progress, emptied: self.is_vacant().then(|| self.clear()) }
    }

    /// Number of live entries.
    fn live(&self, now: UnixMillis) -> u64 {
        let live = if self.may_be_ahead(now) {
            // Deadlines of entries from the future are wrong.
            let is_live = |id| self.state(id, now) != State::Expired;
            self.entries.iter().filter(|&(id, _)| is_live(id)).count()
        } else {
            self.entries.len() - self.deadlines.count_due(now, &self.entries)
        };
        live as u64
    }

    /// The entries that the targets select, each once.
    fn selected(&self, targets: &[Target], effect: Effect) -> Vec<Id> {
        let mut selected: Vec<Id> = Vec::new();
        for target in targets {
            match target {
                Target::Variant(key, variant) if effect == Effect::Outdate => {
                    selected.extend(self.outdated_by(key, variant));
                }
                Target::Variant(key, variant) => selected.extend(self.find_variant(key, variant)),
                // Memory has been searched already.
                _ => {}
            }
        }
        selected.sort_unstable();
        selected.dedup();
        selected
    }

    pub(super) fn find_variant(&self, key: &str, variant: &Digest) -> Option<Id> {
        let is_only = *variant == Digest::of(key);
        self.lookup(if is_only { Name::Key(key) } else { Name::Variant(variant) })
    }

    /// Ends the freshness of an entry at `at`, and removes one without a stale window. Releases its
    /// refresh lease unless that was acquired since.
    pub(super) fn make_stale(&mut self, id: Id, at: UnixMillis, is_leased_since: bool) {
        self.deadlines.remove(id, &self.entries);
        let known = &mut self.entries[id];
        if !is_leased_since {
            known.refresh_lease.release();
        }
        known.times = known.times.stale_from(at);
        let state = known.times.state(at);
        self.deadlines.insert(id, &self.entries);
        if state == State::Expired {
            self.remove(id);
        }
    }
}
