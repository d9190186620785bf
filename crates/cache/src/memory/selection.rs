//! What a wrapped handler needs of the store beyond a lookup: entries that are past serving, to
//! validate them, and what becomes of them then.

use super::entry::Entry;
use super::eviction::Id;
use super::inner::{Name, Shelves};
use super::outcome::Held;
use super::outcome::NotStored;
use super::slots::Slot;
use crate::http::FieldIndex;
use crate::http::lines::{Fields, Untold};
use crate::key::{Digest, Key, Selecting};
use crate::policy::{Freshness, Reuse};
use crate::response::Stored;

/// What a request selects.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Where the sequence of purges stands.
    pub(crate) since: u64,
    /// The entry.
    pub(crate) selected: Option<Selected>,
    /// The fields that select the variant of the key that was stored last, where the handler is
    /// run. `None` if the key has no variants.
    pub(crate) vary: Option<Selecting>,
}

/// An entry that a request selects, and what is to be done with it.
#[derive(Clone, Debug)]
pub(crate) struct Selected {
    pub(crate) held: Held,
    pub(crate) times: Freshness,
    pub(crate) reuse: Reuse,
    /// Whether the caller is the one to refresh it.
    pub(crate) elected: bool,
}

impl Selected {
    /// Whether it answers the request, and nothing else is to be done.
    fn is_served(&self) -> bool {
        !self.elected && !matches!(self.reuse, Reuse::Validate(_))
    }
}

impl Shelves {
    /// Selects the entry for a request, be it past serving, and elects who refreshes it where
    /// `judge` finds that somebody should. The one elected has `patience` milliseconds.
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
        let is_served = selected.as_ref().is_some_and(Selected::is_served);
        let vary = if is_served { None } else { self.variants.latest(key).cloned() };
        Ok(Selection { since: self.fence.sequence(), selected, vary })
    }

    fn judged(
        &self,
        id: Id,
        now: i64,
        patience: i64,
        judge: impl Fn(&Freshness) -> Result<Reuse, Untold>,
    ) -> Result<Selected, Untold> {
        let slot = &self.slots[id];
        slot.place.touch();
        let reuse = judge(&slot.times)?;
        let elected = reuse == Reuse::ServeAndRefresh && slot.election.elects(now, patience);
        let held = Held { stored: slot.stored.clone(), id };
        Ok(Selected { held, times: slot.times, reuse, elected })
    }

    fn still(&self, held: &Held) -> Option<&Slot> {
        self.slots.get(held.id).filter(|slot| slot.stored.is(&held.stored))
    }

    /// A refresh of the entry has failed.
    pub(super) fn put_off(&self, held: &Held, now: i64) {
        if let Some(slot) = self.still(held) {
            slot.election.fail(now);
        }
    }

    /// Who has been elected to refresh the entry will not.
    pub(super) fn call_off(&self, held: &Held) {
        if let Some(slot) = self.still(held) {
            slot.election.call_off();
        }
    }

    /// Somebody elsewhere refreshes the entry.
    pub(super) fn defer(&self, held: &Held, now: i64) {
        if let Some(slot) = self.still(held) {
            slot.election.defer(now);
        }
    }

    pub(super) fn variant(&self, held: &Held) -> Option<Digest> {
        self.still(held).map(Slot::variant)
    }

    /// Removes the entry, and tells which variant that was.
    pub(super) fn retire(&mut self, held: &Held) -> Option<Digest> {
        let variant = self.still(held)?.variant();
        self.remove(held.id);
        Some(variant)
    }

    /// The entries of `key` that a request with `fields` selects, expired or not, each as it would
    /// be put anew but for its body, the one put last first. Costs a lookup for each set of
    /// selecting fields, however many variants the key has.
    pub(super) fn selectable(
        &self,
        key: &Key,
        fields: Fields<'_>,
    ) -> Result<Vec<(Held, Entry)>, Untold> {
        let slots = &self.slots;
        let mut ids: Vec<Id> = self.lookup(Name::Key(key.text())).into_iter().collect();
        let fields = FieldIndex::new(fields);
        for vary in self.variants.of_key(key) {
            let variant = key.variant_in(vary, &fields);
            let variant = variant.map_err(|_| self.variants.untold_of_key(key, &fields))?;
            ids.extend(self.lookup(Name::Variant(&variant)));
        }
        ids.sort_unstable_by_key(|&id| (std::cmp::Reverse(slots[id].recency()), id));
        ids.dedup();
        let held = |id: Id| Held { stored: slots[id].stored.clone(), id };
        Ok(ids.into_iter().map(|id| (held(id), entry_of(&slots[id], key))).collect())
    }

    /// Puts `entry`, whose response is `stored`, in the place of the one that is `held`, which may
    /// be another variant.
    pub(super) fn replace(
        &mut self,
        held: &Held,
        (entry, stored): (Entry, Stored),
        cost: u64,
        since: u64,
        now: i64,
    ) -> Result<(), NotStored> {
        let passes = self.passes(since, &entry.key, entry.tags.iter().map(String::as_str));
        let Some(slot) = self.still(held).filter(|_| passes) else {
            return Err(NotStored::Fenced);
        };
        if slot.variant() != entry.variant {
            // Under its new name it would not take the place of the old one.
            self.remove(held.id);
        }
        self.put(entry, stored, cost, since, now)
    }

    /// Whether content passes that was computed when the sequence stood at `since`.
    pub(super) fn passes<'a>(
        &self,
        since: u64,
        key: &str,
        tags: impl IntoIterator<Item = &'a str>,
    ) -> bool {
        self.fence.passes(since, key, tags)
    }
}

fn entry_of(slot: &Slot, key: &Key) -> Entry {
    let digest = key.digest();
    let varied = slot.varied.as_deref();
    Entry {
        key: key.text().to_owned(),
        digest,
        variant: varied.map_or(digest, |varied| varied.variant),
        vary: varied.map(|varied| varied.vary.clone()).unwrap_or_default(),
        tags: slot.tags(),
        times: slot.times,
        head: Stored::new(slot.stored.status(), slot.stored.head()),
    }
}
