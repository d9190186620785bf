//! The memory store: everything under one lock, so that entries, indexes, order and fence agree at
//! every moment anyone can look. Reads share the lock.

use super::outcome::Found;
use super::outcome::NotStored;
use super::outcome::Sight;
use super::usage::Bounds;
use super::usage::Usage;
use crate::invalidation::Selector;
use std::slice;

use super::entry::Entry;
use super::inner::Shelves;
use super::outcome::Held;
use super::selection::Selection;
use crate::http::lines::{Fields, Untold};
use crate::key::{Digest, Key};
use crate::memory::index::MOST_TAGS;
use crate::policy::{Freshness, Refused, Reuse};
use crate::response::{Parts, Stored};
use crate::sync::RwLock;

/// The store.
#[derive(Debug)]
pub struct Memory {
    bounds: Bounds,
    shelves: RwLock<Shelves>,
}

impl Memory {
    /// An empty store.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, shelves: RwLock::new(Shelves::new(bounds.bytes)) }
    }

    /// The store's bounds.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Finds what answers a request with `key` and `fields`, and elects who refreshes it where it
    /// is stale.
    pub(crate) fn get(&self, key: &Key, fields: Fields<'_>, now: i64) -> Result<Found, Untold> {
        self.shelves.read().get(key, fields, now)
    }

    /// Looks at the entry that [`get`](Self::get) would find, and changes nothing.
    pub(crate) fn look(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: i64,
    ) -> Result<Option<Sight>, Untold> {
        self.shelves.read().look(key, fields, now)
    }

    /// Where the sequence of purges stands.
    pub(crate) fn sequence(&self) -> u64 {
        self.shelves.read().sequence()
    }

    /// How many bytes of body `entry` may take.
    pub fn room(&self, entry: &Entry) -> u64 {
        let by_entry = self.bounds.entry_bytes.saturating_sub(entry.payload_bytes());
        by_entry.min(self.bounds.bytes.saturating_sub(entry.cost_without_body()))
    }

    /// Stores `entry` with its body and returns what it is stored as, in place of the same variant
    /// of the same key. `since` is where the sequence of purges stood when its content began to be
    /// computed.
    ///
    /// # Errors
    /// [`NotStored`] where the entry exceeds a bound or was purged since; nothing has changed then.
    pub fn put(
        &self,
        entry: Entry,
        body: Option<Parts<'_>>,
        since: u64,
        now: i64,
    ) -> Result<Stored, NotStored> {
        let cost = self.cost(&entry, body)?;
        let stored = entry.sealed(body);
        self.shelves.write().put(entry, stored.clone(), cost, since, now)?;
        Ok(stored)
    }

    /// The same for a response whose body took its time: it does not take the place of one that
    /// was made later.
    ///
    /// # Errors
    /// As for [`put`](Self::put), and [`Refused::Superseded`].
    pub(crate) fn put_unless_superseded(
        &self,
        entry: Entry,
        body: Option<Parts<'_>>,
        since: u64,
        now: i64,
    ) -> Result<Stored, NotStored> {
        let cost = self.cost(&entry, body)?;
        let stored = entry.sealed(body);
        let mut shelves = self.shelves.write();
        if shelves.has_newer(&entry, now) {
            return Err(NotStored::Refused(Refused::Superseded));
        }
        shelves.put(entry, stored.clone(), cost, since, now)?;
        Ok(stored)
    }

    /// Puts what was stored before as it was, unless there is something of the same name. Tells
    /// whether it did.
    pub(crate) fn restore(&self, entry: Entry, stored: Stored, since: u64, now: i64) -> bool {
        let Ok(cost) = self.cost(&entry, stored.body().as_ref().map(slice::from_ref)) else {
            return false;
        };
        self.shelves.write().restore(entry, stored, cost, since, now)
    }

    fn cost(&self, entry: &Entry, body: Option<Parts<'_>>) -> Result<u64, NotStored> {
        let body: u64 = body.unwrap_or_default().iter().map(|part| part.len() as u64).sum();
        let (payload, cost) = (entry.payload_bytes() + body, entry.cost_without_body() + body);
        let is_too_large = payload > self.bounds.entry_bytes || cost > self.bounds.bytes;
        if is_too_large || entry.tags.len() > MOST_TAGS {
            return Err(NotStored::Refused(Refused::TooLarge));
        }
        Ok(cost)
    }

    /// Selects the entry for a request, be it past serving. See [`Selection`].
    pub(crate) fn select(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: i64,
        patience: i64,
        judge: impl Fn(&Freshness) -> Result<Reuse, Untold>,
    ) -> Result<Selection, Untold> {
        self.shelves.read().select(key, fields, now, patience, judge)
    }

    /// A refresh of the entry has failed: the next is put off.
    pub(crate) fn put_off(&self, held: &Held, now: i64) {
        self.shelves.read().put_off(held, now);
    }

    /// Who has been elected to refresh the entry will not.
    pub(crate) fn call_off(&self, held: &Held) {
        self.shelves.read().call_off(held);
    }

    /// Somebody elsewhere refreshes the entry, and the caller who was elected here does not.
    pub(crate) fn defer(&self, held: &Held, now: i64) {
        self.shelves.read().defer(held, now);
    }

    /// Which variant the entry is, while it is there.
    pub(crate) fn variant(&self, held: &Held) -> Option<Digest> {
        self.shelves.read().variant(held)
    }

    /// Removes the entry, and tells which variant that was.
    pub(crate) fn retire(&self, held: &Held) -> Option<Digest> {
        self.shelves.write().retire(held)
    }

    /// The entries of `key` that a request with `fields` selects, the one put last first, each as
    /// it would be put anew but for its body.
    pub(crate) fn selectable(
        &self,
        key: &Key,
        fields: Fields<'_>,
    ) -> Result<Vec<(Held, Entry)>, Untold> {
        self.shelves.read().selectable(key, fields)
    }

    /// Puts `entry`, with the body that is there, in the place of the one that is `held`, on the
    /// terms of [`put`](Self::put).
    ///
    /// # Errors
    /// As for [`put`](Self::put), and where it is no longer there.
    pub(crate) fn replace(
        &self,
        held: &Held,
        entry: Entry,
        since: u64,
        now: i64,
    ) -> Result<Stored, NotStored> {
        let body = held.stored.body();
        let body = body.as_ref().map(slice::from_ref);
        let cost = self.cost(&entry, body)?;
        let stored = entry.sealed(body);
        self.shelves.write().replace(held, (entry, stored.clone()), cost, since, now)?;
        Ok(stored)
    }

    /// Removes every entry for the canonical `url`, and holds writes back that began before.
    pub(crate) fn invalidate(&self, url: &str) -> u64 {
        self.shelves.write().invalidate(url)
    }

    /// Whether nothing of the content was purged since the sequence stood at `since`.
    pub(crate) fn passes<'a>(
        &self,
        since: u64,
        key: &str,
        tags: impl IntoIterator<Item = &'a str>,
    ) -> bool {
        self.shelves.read().passes(since, key, tags)
    }

    /// Removes the variant that [`get`](Self::get) would find, and holds writes to the key back
    /// that began before. Tells which it was.
    pub(crate) fn delete(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: i64,
    ) -> Result<Vec<Digest>, Untold> {
        self.shelves.write().delete(key, fields, now)
    }

    /// Removes what `selector` selects, or makes it stale, and holds writes back that began before
    /// and that it would have selected. Returns how many entries that had not expired were
    /// selected.
    pub fn purge(&self, selector: &Selector, now: i64) -> u64 {
        let (purged, emptied) = self.shelves.write().purge(selector, now);
        // Taken apart here, where nobody waits for it.
        drop(emptied);
        purged
    }

    /// Removes everything, and holds every write back that began before.
    pub(crate) fn clear(&self) {
        self.purge(&Selector { everything: true, ..Selector::default() }, i64::MIN);
    }

    /// Entries held, expired ones among them.
    pub(crate) fn entries(&self) -> u64 {
        self.shelves.read().usage.entries
    }

    /// Takes all entries out, to be dropped where nobody waits for that.
    pub(crate) fn take_entries(&self) -> impl Send + use<> {
        self.shelves.write().clear()
    }

    /// Whether an entry is to be swept at `now`.
    pub(crate) fn is_due(&self, now: i64) -> bool {
        self.shelves.read().is_due(now)
    }

    /// Removes variants, each told by its key and its digest. Holds nothing back.
    pub(crate) fn evict(&self, variants: &[(String, Digest)]) {
        self.shelves.write().evict(variants);
    }

    /// Removes up to `most` expired entries. Tells whether there are more.
    pub fn sweep(&self, now: i64, most: usize) -> bool {
        self.shelves.write().sweep(now, most)
    }

    /// What the store holds at `now`. Removes expired entries first, and looks at every other.
    pub fn usage(&self, now: i64) -> Usage {
        self.shelves.write().usage(now)
    }

    /// Counts everything anew and panics where an index disagrees with the entries. For tests.
    ///
    /// # Panics
    /// Where the store is not what it should be.
    pub fn validate(&self) {
        self.shelves.read().validate();
    }
}
