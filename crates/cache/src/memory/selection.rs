//! Operations of wrapped handlers: selecting entries that may need validation, and updating them.

use super::entries::Entry;
use super::eviction::Id;
use super::inner::{Inner, Name};
use super::new_entry::NewEntry;
use super::outcome::EntryRef;
use super::outcome::StoreError;
use crate::http::FieldIndex;
use crate::http::lines::{Fields, MissingFields};
use crate::key::{Digest, Key, Selecting};
use crate::policy::{Freshness, Reuse};
use crate::response::Stored;
use crate::time::{Millis, UnixMillis};

/// Result of a selection.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Fence sequence.
    pub(crate) since: u64,
    /// The selected entry.
    pub(crate) selected: Option<Selected>,
    /// Selecting fields of the latest variant of the key, if the handler has to run. `None` if the
    /// key has no variants.
    pub(crate) vary: Option<Selecting>,
}

/// A selected entry, and what to do with it.
#[derive(Clone, Debug)]
pub(crate) struct Selected {
    pub(crate) held: EntryRef,
    pub(crate) times: Freshness,
    pub(crate) reuse: Reuse,
    /// Whether the caller holds its refresh lease.
    pub(crate) holds_lease: bool,
}

impl Selected {
    /// Whether it answers the request as it is.
    fn is_served(&self) -> bool {
        !self.holds_lease && !matches!(self.reuse, Reuse::Validate(_))
    }
}

impl Inner {
    /// Selects the entry for a request, including entries that need validation. Acquires the
    /// refresh lease for `timeout` milliseconds if `judge` asks for a refresh.
    pub(super) fn select(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: UnixMillis,
        timeout: Millis,
        judge: impl Fn(&Freshness) -> Result<Reuse, MissingFields>,
    ) -> Result<Selection, MissingFields> {
        let found = self.find_held(key, fields, now)?;
        let selected = found.map(|id| self.judged(id, now, timeout, judge)).transpose()?;
        let is_served = selected.as_ref().is_some_and(Selected::is_served);
        let vary = if is_served { None } else { self.variants.latest(key).cloned() };
        Ok(Selection { since: self.fence.sequence(), selected, vary })
    }

    fn judged(
        &self,
        id: Id,
        now: UnixMillis,
        timeout: Millis,
        judge: impl Fn(&Freshness) -> Result<Reuse, MissingFields>,
    ) -> Result<Selected, MissingFields> {
        let entry = &self.entries[id];
        entry.place.touch();
        let times = self.effective_times(id).unwrap_or(entry.times);
        let reuse = judge(&times)?;
        let holds_lease =
            reuse == Reuse::ServeAndRefresh && entry.refresh_lease.try_acquire(now, timeout);
        if holds_lease {
            self.note_lease(id);
        }
        let held = EntryRef { stored: entry.stored.clone(), id };
        Ok(Selected { held, times, reuse, holds_lease })
    }

    fn current(&self, held: &EntryRef) -> Option<&Entry> {
        self.entries.get(held.id).filter(|entry| entry.stored.is(&held.stored))
    }

    /// Releases the refresh lease after a failed refresh, for a growing pause.
    pub(super) fn back_off(&self, held: &EntryRef, now: UnixMillis) {
        if let Some(entry) = self.current(held) {
            entry.refresh_lease.fail(now);
        }
    }

    /// Releases the refresh lease.
    pub(super) fn release_lease(&self, held: &EntryRef) {
        if let Some(entry) = self.current(held) {
            entry.refresh_lease.release();
        }
    }

    /// Leaves the entry to the lease of another process.
    pub(super) fn defer(&self, held: &EntryRef, now: UnixMillis) {
        if let Some(entry) = self.current(held) {
            entry.refresh_lease.defer(now);
        }
    }

    pub(super) fn variant(&self, held: &EntryRef) -> Option<Digest> {
        self.current(held).map(Entry::variant)
    }

    /// The variant of the entry, and when it was stored.
    pub(super) fn version(&self, held: &EntryRef) -> Option<(Digest, UnixMillis)> {
        self.current(held).map(|entry| (entry.variant(), entry.times.stored_at))
    }

    /// Removes the entry. Returns its variant, and when it was stored.
    pub(super) fn outdate(&mut self, held: &EntryRef) -> Option<(Digest, UnixMillis)> {
        let version = self.version(held);
        if version.is_some() {
            self.remove(held.id);
        }
        version
    }

    /// Entries of `key` that a request with `fields` selects, expired ones included, as they would
    /// be put again, the latest one first. Costs a lookup per set of selecting fields.
    pub(super) fn selectable(
        &self,
        key: &Key,
        fields: Fields<'_>,
    ) -> Result<Vec<(EntryRef, NewEntry)>, MissingFields> {
        let entries = &self.entries;
        let mut ids: Vec<Id> = self.lookup(Name::Key(key.text())).into_iter().collect();
        let fields = FieldIndex::new(fields);
        for vary in self.variants.of_key(key) {
            let variant = key.variant_in(vary, &fields);
            let variant = variant.map_err(|_| self.variants.missing_of_key(key, &fields))?;
            ids.extend(self.lookup(Name::Variant(&variant)));
        }
        ids.sort_unstable_by_key(|&id| (std::cmp::Reverse(entries[id].recency()), id));
        ids.dedup();
        let held = |id: Id| EntryRef { stored: entries[id].stored.clone(), id };
        Ok(ids.into_iter().map(|id| (held(id), entry_of(&entries[id], key))).collect())
    }

    /// Replaces the entry `held` by `entry`, which may be another variant.
    pub(super) fn replace(
        &mut self,
        held: &EntryRef,
        (entry, stored): (NewEntry, Stored),
        cost: u64,
        since: u64,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let passes = self.passes(since, &entry.key, entry.tags.iter().map(String::as_str));
        let Some(replaced) = self.current(held).filter(|_| passes) else {
            return Err(StoreError::Fenced);
        };
        if replaced.variant() != entry.variant {
            // Under its new variant it would not replace the old one.
            self.remove(held.id);
        }
        self.put(entry, stored, cost, since, now)
    }

    /// Whether content computed at the fence sequence `since` may be stored.
    pub(super) fn passes<'a>(
        &self,
        since: u64,
        key: &str,
        tags: impl IntoIterator<Item = &'a str>,
    ) -> bool {
        self.fence.passes(since, key, tags)
    }
}

fn entry_of(entry: &Entry, key: &Key) -> NewEntry {
    let digest = key.digest();
    let varied = entry.varied.as_deref();
    NewEntry {
        key: key.text().to_owned(),
        digest,
        variant: varied.map_or(digest, |varied| varied.variant),
        vary: varied.map(|varied| varied.vary.clone()).unwrap_or_default(),
        tags: entry.tags(),
        times: entry.times,
        head: Stored::new(entry.stored.status(), entry.stored.head()),
    }
}
