//! The state that the lock of the memory store protects.

use std::hash::{BuildHasher as _, RandomState};

use super::clock::Clock;
use super::entries::{Entries, Entry, Varied};
use super::eviction::{Eviction, Id, Place, Standing};
use super::new_entry::NewEntry;
use super::outcome::EntryRef;
use super::outcome::{EntryInfo, Found, Restored, StoreError};
use super::pending::Pending;
use super::usage::Usage;
use crate::coalescing::{EntryLease, REFRESH_LEASE_MS};
use crate::http::FieldIndex;
use crate::http::lines::{Fields, MissingFields};
use crate::invalidation::Fence;
use crate::key::{Digest, Key};
use crate::memory::index::{Deadlines, Link, Ordered, Table, Tags, Variants};
use crate::policy::State;
use crate::response::Stored;
use crate::time::UnixMillis;

/// Bytes of a free slot: in slab, table and queues, which shrink only together.
const PLACE_BYTES: u64 = 152;

/// Distance between the numbers of two puts.
const ORDER_STEP: u64 = 1 << 16;

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) bound: u64,
    pub(super) entries: Entries,
    pub(super) by_key: Table<Id>,
    hasher: RandomState,
    pub(super) variants: Variants,
    pub(super) ordered: Ordered,
    pub(super) tags: Tags,
    pub(super) deadlines: Deadlines,
    pub(super) eviction: Eviction,
    pub(super) fence: Fence,
    pub(super) usage: Usage,
    pub(super) clock: Clock,
    /// Invalidations that have not reached all of their entries, in order.
    pub(super) pending: Vec<Pending>,
    /// Number of the last invalidation.
    pub(super) invalidations: u64,
    puts: u64,
}

/// What an entry is found by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name<'a> {
    /// Text of the key, for an entry without selecting fields of its own.
    Key(&'a str),
    /// Digest of the variant.
    Variant(&'a Digest),
}

impl Name<'_> {
    fn hash(self, hasher: &RandomState) -> u64 {
        match self {
            Self::Key(key) => hasher.hash_one(key),
            Self::Variant(variant) => hasher.hash_one(variant),
        }
    }
}

impl Entry {
    pub(super) fn name(&self) -> Name<'_> {
        match self.varied.as_deref() {
            None => Name::Key(self.key()),
            Some(varied) => Name::Variant(&varied.variant),
        }
    }

    fn is(&self, name: Name<'_>) -> bool {
        match (self.varied.as_deref(), name) {
            (None, Name::Key(key)) => self.key() == key,
            (Some(varied), Name::Variant(variant)) => varied.variant == *variant,
            (None, Name::Variant(_)) | (Some(_), Name::Key(_)) => false,
        }
    }
}

impl NewEntry {
    pub(super) fn name(&self) -> Name<'_> {
        if self.vary.is_empty() { Name::Key(&self.key) } else { Name::Variant(&self.variant) }
    }
}

impl Inner {
    pub(super) fn new(bound: u64) -> Self {
        Self {
            bound,
            entries: Entries::default(),
            by_key: Table::default(),
            hasher: RandomState::new(),
            variants: Variants::default(),
            ordered: Ordered::default(),
            tags: Tags::default(),
            deadlines: Deadlines::default(),
            eviction: Eviction::new(bound),
            fence: Fence::new(),
            usage: Usage::default(),
            clock: Clock::new(),
            pending: Vec::new(),
            invalidations: 0,
            puts: 0,
        }
    }

    pub(super) fn get(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: UnixMillis,
    ) -> Result<Found, MissingFields> {
        let since = self.fence.sequence();
        let Some(id) = self.find_served(key, fields, now)? else {
            return Ok(Found::Miss { since });
        };
        let slot = &self.entries[id];
        let times = self.effective_times(id).unwrap_or(slot.times);
        let state = times.state(now);
        if state == State::Stale && slot.refresh_lease.try_acquire(now, REFRESH_LEASE_MS) {
            self.note_lease(id);
            return Ok(Found::Refresh { since, held: EntryRef::new(slot.stored.clone(), id) });
        }
        slot.place.touch();
        Ok(Found::Entry(slot.stored.clone(), times, state))
    }

    pub(super) fn sequence(&self) -> u64 {
        self.fence.sequence()
    }

    pub(super) fn peek(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: UnixMillis,
    ) -> Result<Option<EntryInfo>, MissingFields> {
        let found = self.find_served(key, fields, now)?;
        Ok(found.map(|id| {
            let slot = &self.entries[id];
            let times = self.effective_times(id).unwrap_or(slot.times);
            EntryInfo { times, tags: slot.tags(), bytes: slot.cost() }
        }))
    }

    /// The entry that answers a request without validation.
    pub(super) fn find_served(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: UnixMillis,
    ) -> Result<Option<Id>, MissingFields> {
        self.find(key, fields, |id| self.state(*id, now).is_served())
    }

    /// The entry that answers a request, possibly after validation.
    pub(super) fn find_held(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: UnixMillis,
    ) -> Result<Option<Id>, MissingFields> {
        self.find(key, fields, |id| self.state(*id, now) != State::Expired)
    }

    /// The latest entry that the request selects among those for which `live` holds.
    pub(super) fn find(
        &self,
        key: &Key,
        fields: Fields<'_>,
        live: impl Fn(&Id) -> bool + Copy,
    ) -> Result<Option<Id>, MissingFields> {
        let mut found = self.lookup(Name::Key(key.text())).filter(live);
        let mut sets = self.variants.of_key(key).peekable();
        if sets.peek().is_none() {
            return Ok(found);
        }
        let fields = FieldIndex::new(fields);
        for vary in sets {
            let variant = key.variant_in(vary, &fields);
            let variant = variant.map_err(|_| self.variants.missing_of_key(key, &fields))?;
            let variant = self.lookup(Name::Variant(&variant)).filter(live);
            found = found.into_iter().chain(variant).max_by_key(|&id| self.entries[id].recency());
        }
        Ok(found)
    }

    pub(super) fn lookup(&self, name: Name<'_>) -> Option<Id> {
        let hash = self.hash(name);
        self.by_key.find(hash, |&id| self.entries[id].is(name)).copied()
    }

    fn hash(&self, name: Name<'_>) -> u64 {
        name.hash(&self.hasher)
    }

    /// State of an entry. One that an invalidation will remove has expired.
    pub(super) fn state(&self, id: Id, now: UnixMillis) -> State {
        self.effective_times(id).map_or(State::Expired, |times| times.state(now))
    }

    /// Order of the last put.
    pub(super) fn last_order(&self) -> u64 {
        self.puts
    }

    /// Stores `entry` with the response `stored`, which takes `cost` bytes.
    pub(super) fn put(
        &mut self,
        entry: NewEntry,
        stored: Stored,
        cost: u64,
        since: u64,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        if !self.fence.passes(since, &entry.key, entry.tags.iter().map(String::as_str)) {
            return Err(StoreError::Fenced);
        }
        self.make_room_for_variant(&entry);
        self.clock.note(entry.times.stored_at);
        // In steps, so that a restored entry fits between two puts.
        self.puts += ORDER_STEP;
        let known = self.lookup(entry.name());
        if let Some(id) = known.filter(|&id| self.footprint_renewed(id, cost) <= self.bound) {
            self.renew(id, entry, stored);
            return Ok(());
        }
        let standing = known.map(|id| self.remove(id));
        while self.footprint_with(cost) > self.bound && (self.expire_one(now) || self.evict_one()) {
        }
        if self.is_vacant() {
            drop(self.clear());
        }
        self.insert(entry, stored, standing);
        Ok(())
    }

    /// Whether a later response would be replaced by `entry`. An entry from the future does not
    /// count.
    pub(super) fn has_newer(&self, entry: &NewEntry, now: UnixMillis) -> bool {
        self.lookup(entry.name()).is_some_and(|id| {
            let known = self.entries[id].times.stored_at;
            known > entry.times.stored_at && known <= now && self.state(id, now) != State::Expired
        })
    }

    /// Inserts an entry loaded from the tier, unless its variant is in memory. It stays older than
    /// the entries of the key that were put at the same time or later.
    pub(super) fn restore(
        &mut self,
        entry: NewEntry,
        stored: Stored,
        cost: u64,
        since: u64,
        now: UnixMillis,
    ) -> Restored {
        let known = self.lookup(entry.name()).filter(|&id| self.state(id, now) != State::Expired);
        if known.is_some() {
            return Restored::Present;
        }
        if !self.has_room_for_variant(&entry) {
            return Restored::NoRoom;
        }
        let (key, put_at) = (Key::known(entry.key.clone()), entry.times.stored_at);
        if self.put(entry, stored, cost, since, now).is_err() {
            return Restored::Fenced;
        }
        self.order_restored(key.text(), put_at);
        Restored::Inserted
    }

    /// Orders the entry that was put last before the entries of its key that were put at `put_at`
    /// or later.
    fn order_restored(&mut self, key: &str, put_at: UnixMillis) {
        let restored = self.puts;
        let Self { entries, ordered, .. } = self;
        let of_key = ordered.of_key(key, entries);
        let is_later =
            |id: &&Id| entries[**id].times.stored_at >= put_at && entries[**id].order != restored;
        if let Some(first) = of_key.iter().filter(is_later).map(|&id| entries[id].order).min()
            && let Some(&own) = of_key.iter().find(|&&id| entries[id].order == restored)
        {
            entries[own].order = first - 1;
        }
    }

    fn insert(&mut self, entry: NewEntry, stored: Stored, standing: Option<Standing>) {
        let hash = self.hash(entry.name());
        let NewEntry { digest, variant, vary, tags, times, .. } = entry;
        let varied = (!vary.is_empty()).then(|| Box::new(Varied { variant, key: digest, vary }));
        if let Some(Varied { key, vary, .. }) = varied.as_deref() {
            self.variants.insert(*key, vary, times.stored_at);
        }
        let Self { entries, ordered, deadlines, eviction, by_key, hasher, usage, .. } = self;
        let id = entries.insert(Entry {
            stored,
            varied,
            links: vec![Link::NONE; tags.len()].into(),
            order: self.puts,
            times,
            refresh_lease: EntryLease::new(),
            place: Place::nowhere(),
        });
        self.tags.insert(id, entries);
        ordered.insert(id, entries);
        deadlines.insert(id, entries);
        match standing {
            Some(standing) => eviction.succeed(id, standing, entries),
            None => eviction.insert(id, hash, entries),
        }
        by_key.insert(hash, id, |&id| entries[id].name().hash(hasher));
        usage.bytes += entries[id].cost();
        usage.entries += 1;
    }

    /// Replaces the entry of the same variant, which keeps its place in the indexes by key.
    fn renew(&mut self, id: Id, entry: NewEntry, stored: Stored) {
        self.settle(id, usize::MAX);
        self.forget_reached(id);
        let Self { entries, variants, tags, deadlines, eviction, usage, .. } = self;
        let standing = entries[id].place.standing();
        eviction.remove(id, entries);
        deadlines.remove(id, entries);
        usage.bytes -= entries[id].cost();
        let retagged = !entries[id].tag_list().iter().eq(entry.tags.iter().map(String::as_str));
        if retagged {
            tags.remove(id, entries);
        }
        if retagged {
            entries.retag(id, stored, entry.tags.len());
            tags.insert(id, entries);
        } else {
            entries[id].stored = stored;
        }
        let slot = &mut entries[id];
        if let Some(Varied { key, vary, .. }) = slot.varied.as_deref_mut() {
            variants.insert(*key, &entry.vary, entry.times.stored_at);
            variants.remove(*key, vary);
            *vary = entry.vary;
        }
        (slot.order, slot.times, slot.refresh_lease) = (self.puts, entry.times, EntryLease::new());
        usage.bytes += entries[id].cost();
        deadlines.insert(id, entries);
        eviction.succeed(id, standing, entries);
    }

    /// Removes an entry. Returns its state in the queues.
    pub(super) fn remove(&mut self, id: Id) -> Standing {
        let standing = self.entries[id].place.standing();
        self.remove_all(&[id]);
        standing
    }

    /// Removes entries from one index after the other, which is faster for many than one entry
    /// after the other.
    pub(super) fn remove_all(&mut self, ids: &[Id]) {
        for &id in ids {
            self.settle(id, usize::MAX);
            self.forget_reached(id);
        }
        let Self {
            entries,
            variants,
            tags,
            ordered,
            deadlines,
            eviction,
            by_key,
            hasher,
            usage,
            ..
        } = self;
        for &id in ids {
            by_key.remove(entries[id].name().hash(hasher), |&known| known == id);
        }
        for &id in ids {
            tags.remove(id, entries);
        }
        for &id in ids {
            ordered.remove(id, entries);
        }
        for &id in ids {
            deadlines.remove(id, entries);
        }
        for &id in ids {
            if let Some(Varied { key, vary, .. }) = entries[id].varied.as_deref() {
                variants.remove(*key, vary);
            }
            usage.bytes -= entries[id].cost();
            usage.entries -= 1;
            eviction.remove(id, entries);
            entries.remove(id);
        }
    }

    fn expire_one(&mut self, now: UnixMillis) -> bool {
        let due = self.deadlines.due(now, &self.entries);
        if let Some(id) = due {
            self.remove(id);
            self.usage.expirations += 1;
        }
        due.is_some()
    }

    fn evict_one(&mut self) -> bool {
        let evicted = self
            .eviction
            .evict(&mut self.entries, |entries, id| entries[id].name().hash(&self.hasher));
        if let Some(id) = evicted {
            let mut ids = self.older_siblings(id);
            ids.push(id);
            self.usage.evictions += ids.len() as u64;
            self.remove_all(&ids);
        }
        evicted.is_some()
    }

    /// Whether there are slots and no entries.
    pub(super) fn is_vacant(&self) -> bool {
        self.entries.len() == 0 && self.entries.places() > 0
    }

    /// Replaces all containers by empty ones, and returns the old ones.
    pub(super) fn clear(&mut self) -> Self {
        let mut old = std::mem::replace(self, Self::new(self.bound));
        std::mem::swap(&mut self.fence, &mut old.fence);
        std::mem::swap(&mut self.pending, &mut old.pending);
        self.end_walks();
        self.invalidations = old.invalidations;
        self.puts = old.puts;
        self.usage = Usage { entries: 0, bytes: 0, ..old.usage };
        old
    }

    pub(super) fn sweep(&mut self, now: UnixMillis, most: usize) -> bool {
        let is_searching = self.restart_ahead(now, most);
        for _ in 0..most {
            if !self.expire_one(now) {
                break;
            }
        }
        if self.is_vacant() {
            drop(self.clear());
        }
        is_searching || self.is_due(now)
    }

    /// Whether an entry has expired or may be from the future, or free slots can be released.
    pub(super) fn is_due(&self, now: UnixMillis) -> bool {
        self.deadlines.due(now, &self.entries).is_some()
            || self.is_vacant()
            || self.may_be_ahead(now)
    }

    /// Bytes of the entries with one more of `cost`, and of the remaining free slots.
    fn footprint_with(&self, cost: u64) -> u64 {
        self.usage.bytes + cost + self.entries.vacant().saturating_sub(1) as u64 * PLACE_BYTES
    }

    /// Bytes of the entries if the entry `id` takes `cost`, and of the free slots.
    fn footprint_renewed(&self, id: Id, cost: u64) -> u64 {
        self.usage.bytes - self.entries[id].cost()
            + cost
            + self.entries.vacant() as u64 * PLACE_BYTES
    }

    pub(super) fn usage(&mut self, now: UnixMillis) -> Usage {
        while self.restart_ahead(now, usize::MAX) {}
        while self.expire_one(now) {}
        let oldest = self.entries.iter().map(|(_, slot)| slot.times.stored_at).min();
        Usage {
            tags: self.tags.len() as u64,
            oldest_ms: oldest.map(|stored_at| (now - stored_at).max(0)),
            ..self.usage
        }
    }
}
