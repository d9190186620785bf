//! The memory store. Entries, indexes, queues and fence are under one lock, so that they agree at
//! all times. Reads share the lock.

use super::outcome::EntryInfo;
use super::outcome::Found;
use super::outcome::Restored;
use super::outcome::StoreError;
use super::usage::Bounds;
use super::usage::Usage;
use crate::invalidation::Invalidation;
use crate::time::{Millis, UnixMillis};
use std::{slice, thread};

use super::inner::Inner;
use super::new_entry::NewEntry;
use super::outcome::EntryRef;
use super::purge::{Applied, Continuation, Progress};
use super::selection::Selection;
use crate::http::lines::{Fields, MissingFields};
use crate::key::{Digest, Key};
use crate::memory::index::MAX_TAGS;
use crate::policy::{Freshness, Reuse, Uncacheable};
use crate::response::{Parts, Stored};
use crate::sync::{RwLock, unlock_fair};

/// The memory store.
#[derive(Debug)]
pub struct Memory {
    bounds: Bounds,
    inner: RwLock<Inner>,
}

impl Memory {
    /// An empty store.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, inner: RwLock::new(Inner::new(bounds.bytes)) }
    }

    /// Bounds of the store.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Finds the entry that answers a request. If it is stale, tries to acquire its refresh lease.
    pub(crate) fn get(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: UnixMillis,
    ) -> Result<Found, MissingFields> {
        self.inner.read().get(key, fields, now)
    }

    /// The entry that [`get`](Self::get) would find, without any effect.
    pub(crate) fn peek(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: UnixMillis,
    ) -> Result<Option<EntryInfo>, MissingFields> {
        self.inner.read().peek(key, fields, now)
    }

    /// Current fence sequence.
    pub(crate) fn sequence(&self) -> u64 {
        self.inner.read().sequence()
    }

    /// Bytes of body that `entry` may take.
    pub fn room(&self, entry: &NewEntry) -> u64 {
        let by_entry = self.bounds.entry_bytes.saturating_sub(entry.payload_bytes());
        by_entry.min(self.bounds.bytes.saturating_sub(entry.cost_without_body()))
    }

    /// Stores `entry` with its body in place of the same variant, and returns the stored response.
    /// `since` is the fence sequence at which the computation of its content began.
    ///
    /// # Errors
    /// [`StoreError`] if the entry exceeds a bound or was invalidated since. Nothing has changed
    /// then.
    pub fn put(
        &self,
        entry: NewEntry,
        body: Option<Parts<'_>>,
        since: u64,
        now: UnixMillis,
    ) -> Result<Stored, StoreError> {
        let cost = self.cost(&entry, body)?;
        let stored = entry.sealed(body);
        self.inner.write().put(entry, stored.clone(), cost, since, now)?;
        Ok(stored)
    }

    /// [`put`](Self::put) for a response whose body took time: it does not replace one that was
    /// made later.
    ///
    /// # Errors
    /// As for [`put`](Self::put), and [`Uncacheable::Superseded`].
    pub(crate) fn put_unless_superseded(
        &self,
        entry: NewEntry,
        body: Option<Parts<'_>>,
        since: u64,
        now: UnixMillis,
    ) -> Result<Stored, StoreError> {
        let cost = self.cost(&entry, body)?;
        let stored = entry.sealed(body);
        let mut inner = self.inner.write();
        if inner.has_newer(&entry, now) {
            return Err(StoreError::Uncacheable(Uncacheable::Superseded));
        }
        inner.put(entry, stored.clone(), cost, since, now)?;
        Ok(stored)
    }

    /// Inserts an entry loaded from the tier, unless its variant is in memory. Entries of one key
    /// are restored from the latest one on.
    pub(crate) fn restore(
        &self,
        entry: NewEntry,
        stored: Stored,
        since: u64,
        now: UnixMillis,
    ) -> Restored {
        let Ok(cost) = self.cost(&entry, stored.body().as_ref().map(slice::from_ref)) else {
            return Restored::NoRoom;
        };
        self.inner.write().restore(entry, stored, cost, since, now)
    }

    fn cost(&self, entry: &NewEntry, body: Option<Parts<'_>>) -> Result<u64, StoreError> {
        let body: u64 = body.unwrap_or_default().iter().map(|part| part.len() as u64).sum();
        let (payload, cost) = (entry.payload_bytes() + body, entry.cost_without_body() + body);
        let is_too_large = payload > self.bounds.entry_bytes || cost > self.bounds.bytes;
        if is_too_large || entry.tags.len() > MAX_TAGS {
            return Err(StoreError::Uncacheable(Uncacheable::TooLarge));
        }
        Ok(cost)
    }

    /// Selects the entry for a request, including entries that need validation. See [`Selection`].
    pub(crate) fn select(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: UnixMillis,
        timeout: Millis,
        judge: impl Fn(&Freshness) -> Result<Reuse, MissingFields>,
    ) -> Result<Selection, MissingFields> {
        self.inner.read().select(key, fields, now, timeout, judge)
    }

    /// Releases the refresh lease after a failed refresh, for a growing pause.
    pub(crate) fn back_off(&self, held: &EntryRef, now: UnixMillis) {
        self.inner.read().back_off(held, now);
    }

    /// Releases the refresh lease.
    pub(crate) fn release_lease(&self, held: &EntryRef) {
        self.inner.read().release_lease(held);
    }

    /// Leaves the entry to the lease of another process.
    pub(crate) fn defer(&self, held: &EntryRef, now: UnixMillis) {
        self.inner.read().defer(held, now);
    }

    /// The variant of the entry, if it has not been replaced or removed.
    pub(crate) fn variant(&self, held: &EntryRef) -> Option<Digest> {
        self.inner.read().variant(held)
    }

    /// The variant of the entry and when it was stored, if it has not been replaced or removed.
    pub(crate) fn version(&self, held: &EntryRef) -> Option<(Digest, UnixMillis)> {
        self.inner.read().version(held)
    }

    /// Removes an outdated entry, if it has not been replaced. Returns its variant, and when it was
    /// stored.
    pub(crate) fn outdate(&self, held: &EntryRef) -> Option<(Digest, UnixMillis)> {
        self.inner.write().outdate(held)
    }

    /// Entries of `key` that a request with `fields` selects, as they would be put again, the
    /// latest one first.
    pub(crate) fn selectable(
        &self,
        key: &Key,
        fields: Fields<'_>,
    ) -> Result<Vec<(EntryRef, NewEntry)>, MissingFields> {
        self.inner.read().selectable(key, fields)
    }

    /// Replaces the entry `held` by `entry` with the same body.
    ///
    /// # Errors
    /// As for [`put`](Self::put), and if the entry was replaced or removed.
    pub(crate) fn replace(
        &self,
        held: &EntryRef,
        entry: NewEntry,
        since: u64,
        now: UnixMillis,
    ) -> Result<Stored, StoreError> {
        let body = held.stored.body();
        let body = body.as_ref().map(slice::from_ref);
        let cost = self.cost(&entry, body)?;
        let stored = entry.sealed(body);
        self.inner.write().replace(held, (entry, stored.clone()), cost, since, now)?;
        Ok(stored)
    }

    /// Whether content computed at the fence sequence `since` may be stored.
    pub(crate) fn passes<'a>(
        &self,
        since: u64,
        key: &str,
        tags: impl IntoIterator<Item = &'a str>,
    ) -> bool {
        self.inner.read().passes(since, key, tags)
    }

    /// Removes the variant that [`get`](Self::get) finds, and drops older writes to the key.
    /// Returns what was invalidated.
    pub(crate) fn delete(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: UnixMillis,
    ) -> Result<Invalidation, MissingFields> {
        self.inner.write().delete(key, fields, now)
    }

    /// Applies an invalidation, fence included, to all entries that it selects. Returns how many of
    /// them were live. Holds the lock for one slice at a time.
    pub fn apply(&self, invalidation: &Invalidation, now: UnixMillis) -> u64 {
        let mut progress = self.begin(invalidation, now);
        loop {
            match progress {
                Progress::Done(live) => return live,
                Progress::Continues(continuation) => progress = self.resume(continuation),
            }
        }
    }

    /// Applies an invalidation, fence included: from now on, nothing that it selects is found. If
    /// it selects many entries, most of them are left to be removed.
    pub(crate) fn begin(&self, invalidation: &Invalidation, now: UnixMillis) -> Progress {
        let Applied { progress, emptied } = self.inner.write().apply(invalidation, now);
        discard(emptied);
        progress
    }

    /// Removes some more of the entries that an invalidation selects.
    pub(crate) fn resume(&self, Continuation(number): Continuation) -> Progress {
        let mut inner = self.inner.write();
        let Applied { progress, emptied } = inner.step(number);
        // Otherwise the next slice would come before the lookups that wait.
        unlock_fair(inner);
        discard(emptied);
        progress
    }

    /// Removes every entry, and drops all older writes.
    pub(crate) fn clear(&self) {
        self.apply(&Invalidation::everything(), i64::MIN);
    }

    /// Whether there are entries of a key that have selecting fields.
    pub(crate) fn has_variants(&self, key: &Key) -> bool {
        self.inner.read().variants.of_key(key).next().is_some()
    }

    /// Takes all entries out.
    pub(crate) fn empty(&self) {
        let emptied = self.inner.write().clear();
        discard(Some(emptied));
    }

    /// Whether a sweep at `now` finds something.
    pub(crate) fn is_due(&self, now: UnixMillis) -> bool {
        self.inner.read().is_due(now)
    }

    /// Removes at most `most` expired entries. Returns whether there are more.
    pub fn sweep(&self, now: UnixMillis, most: usize) -> bool {
        self.inner.write().sweep(now, most)
    }

    /// Size of the store at `now`. Removes expired entries, and visits all others.
    pub fn usage(&self, now: UnixMillis) -> Usage {
        self.inner.write().usage(now)
    }

    /// Checks the store against its indexes. For tests.
    ///
    /// # Panics
    /// If they disagree.
    pub fn validate(&self) {
        self.inner.read().validate();
    }
}

/// Drops the old contents of a store without its lock; many entries on a thread of their own, so
/// that no event loop waits for it.
fn discard(emptied: Option<Inner>) {
    const MANY_ENTRIES: usize = 10_000;
    if emptied.as_ref().is_some_and(|emptied| emptied.entries.places() > MANY_ENTRIES) {
        // If no thread can be started, the closure and its entries are dropped here.
        let _ = thread::Builder::new().spawn(move || emptied.map(Inner::drop_in_slices));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    impl Memory {
        /// Number of entries, including expired ones.
        pub(crate) fn entries(&self) -> u64 {
            self.inner.read().usage.entries
        }
    }
}
