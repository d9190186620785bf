//! What a wrapped handler needs of the store beyond a lookup: entries that are past serving, to validate them, and what
//! becomes of them then.

use std::sync::Arc;

use super::entry::Entry;
use super::eviction::Id;
use super::memory::NotStored;
use super::shelves::{Shelves, Slot};
use crate::field::lines::{Fields, Untold};
use crate::key::{Digest, Key};
use crate::policy::{Freshness, Reuse, Stored};

/// What a request selects.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Where the sequence of purges stands.
    pub(crate) since: u64,
    /// The entry.
    pub(crate) selected: Option<Selected>,
    /// Whether the key has variants, be they selected or not.
    pub(crate) varies: bool,
}

/// An entry that a request selects, and what is to be done with it.
#[derive(Clone, Debug)]
pub(crate) struct Selected {
    pub(crate) stored: Arc<Stored>,
    pub(crate) times: Freshness,
    pub(crate) variant: Digest,
    pub(crate) reuse: Reuse,
    /// Whether the caller is the one to refresh it.
    pub(crate) elected: bool,
}

impl Shelves {
    /// Selects the entry for a request, be it past serving, and elects who refreshes it where `judge` finds that somebody should.
    /// The one elected has `patience` milliseconds.
    pub(super) fn select(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: i64,
        patience: i64,
        judge: impl Fn(&Freshness) -> Result<Reuse, Untold>,
    ) -> Result<Selection, Untold> {
        let found = self.find_held(key, fields, now)?;
        let selected = found.map(|id| self.judged(id, now, patience, judge)).transpose()?;
        let varies = self.variants.of_key(key.digest()).next().is_some();
        Ok(Selection { since: self.fence.sequence(), selected, varies })
    }

    fn judged(
        &self,
        id: Id,
        now: i64,
        patience: i64,
        judge: impl Fn(&Freshness) -> Result<Reuse, Untold>,
    ) -> Result<Selected, Untold> {
        self.eviction.touch(id);
        let slot = &self.slots[id as usize];
        let reuse = judge(&slot.times)?;
        let elected = reuse == Reuse::ServeAndRefresh && slot.election.elects(now, patience);
        let (stored, times, variant) = (Arc::clone(&slot.stored), slot.times, slot.variant);
        Ok(Selected { stored, times, variant, reuse, elected })
    }

    fn slot_of(&self, variant: &Digest, stored: &Arc<Stored>) -> Option<&Slot> {
        let slot = &self.slots[self.lookup(variant)? as usize];
        Arc::ptr_eq(&slot.stored, stored).then_some(slot)
    }

    /// A refresh of the entry has failed.
    pub(super) fn put_off(&self, variant: &Digest, stored: &Arc<Stored>, now: i64) {
        if let Some(slot) = self.slot_of(variant, stored) {
            slot.election.fail(now);
        }
    }

    /// Who has been elected to refresh the entry will not.
    pub(super) fn call_off(&self, variant: &Digest, stored: &Arc<Stored>) {
        if let Some(slot) = self.slot_of(variant, stored) {
            slot.election.call_off();
        }
    }

    /// Removes the entry if it is still the same.
    pub(super) fn retire(&mut self, variant: &Digest, stored: &Arc<Stored>) {
        if self.slot_of(variant, stored).is_some()
            && let Some(id) = self.lookup(variant)
        {
            self.remove(id);
        }
    }

    /// Entries of the key that have this text, as they would be put anew but for their bodies, the one put last first.
    pub(super) fn standing(&self, key: &Key) -> Vec<(Arc<Stored>, Entry)> {
        let mut slots: Vec<&Slot> =
            self.ordered.of_key(key.text()).into_iter().map(|id| &self.slots[id as usize]).collect();
        slots.sort_unstable_by_key(|slot| std::cmp::Reverse(slot.order));
        slots.into_iter().map(|slot| (Arc::clone(&slot.stored), self.entry_of(slot, key.digest()))).collect()
    }

    fn entry_of(&self, slot: &Slot, digest: Digest) -> Entry {
        Entry {
            key: slot.key.to_string(),
            digest,
            variant: slot.variant,
            vary: slot.varied.as_deref().map(|(_, vary)| vary.clone()).unwrap_or_default(),
            tags: slot.tags.iter().map(|&tag| self.tags.name(tag).to_owned()).collect(),
            times: slot.times,
            stored: Stored::new(slot.stored.status, slot.stored.head().to_owned()),
        }
    }

    /// Puts `entry` in the place of the one that has `stored`, if that is still there.
    pub(super) fn replace(
        &mut self,
        stored: &Arc<Stored>,
        entry: Entry,
        cost: u64,
        since: u64,
        now: i64,
    ) -> Result<(), NotStored> {
        if self.slot_of(&entry.variant, stored).is_none() {
            return Err(NotStored::Fenced);
        }
        self.put(entry, cost, since, now)
    }

    /// Whether content passes that was computed when the sequence stood at `since`.
    pub(super) fn passes(&self, since: u64, key: &str, tags: &[String]) -> bool {
        self.fence.passes(since, key, tags.iter().map(String::as_str))
    }
}
