//! What the lock of the memory store protects.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};
use slab::Slab;

use super::entry::Entry;
use super::eviction::{Eviction, Id, Standing};
use super::memory::{Found, NotStored, Sight, Usage};
use crate::field::lines::{Fields, Untold};
use crate::flight::{Election, Fence, PATIENCE_MS};
use crate::index::{Deadlines, Ordered, TagId, Tags, Variants};
use crate::key::{Digest, Key, Selecting};
use crate::policy::{Freshness, State, Stored};

/// What a place without an entry takes: in the slab, the table and the order of eviction, which shrink only together.
const PLACE_BYTES: u64 = 216;

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) key: Arc<str>,
    pub(super) variant: Digest,
    /// Where the response has selecting fields of its own: the key's digest, and those fields.
    pub(super) varied: Option<Box<(Digest, Selecting)>>,
    pub(super) tags: Box<[TagId]>,
    pub(super) cost: u64,
    /// Counts puts, so that of two variants that answer a request the later one is known.
    pub(super) order: u64,
    pub(super) times: Freshness,
    pub(super) election: Election,
    pub(super) stored: Arc<Stored>,
}

#[derive(Debug)]
pub(super) struct Shelves {
    pub(super) bound: u64,
    pub(super) slots: Slab<Slot>,
    pub(super) by_variant: HashTable<Id>,
    hasher: DefaultHashBuilder,
    pub(super) variants: Variants,
    pub(super) ordered: Ordered,
    pub(super) tags: Tags,
    pub(super) deadlines: Deadlines,
    pub(super) eviction: Eviction,
    pub(super) fence: Fence,
    pub(super) usage: Usage,
    puts: u64,
}

impl Shelves {
    pub(super) fn new(bound: u64) -> Self {
        Self {
            bound,
            slots: Slab::new(),
            by_variant: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            variants: Variants::default(),
            ordered: Ordered::default(),
            tags: Tags::default(),
            deadlines: Deadlines::default(),
            eviction: Eviction::new(bound),
            fence: Fence::new(),
            usage: Usage::default(),
            puts: 0,
        }
    }

    pub(super) fn get(&self, key: &Key, fields: Fields<'_>, now: i64) -> Result<Found, Untold> {
        let since = self.fence.sequence();
        let Some(id) = self.find_served(key, fields, now)? else {
            return Ok(Found::Nothing { since });
        };
        let slot = &self.slots[id as usize];
        let state = slot.times.state(now);
        if state == State::Stale && slot.election.elects(now, PATIENCE_MS) {
            return Ok(Found::Elected { since });
        }
        self.eviction.touch(id);
        Ok(Found::Entry(Arc::clone(&slot.stored), slot.times, state))
    }

    pub(super) fn sequence(&self) -> u64 {
        self.fence.sequence()
    }

    pub(super) fn look(&self, key: &Key, fields: Fields<'_>, now: i64) -> Result<Option<Sight>, Untold> {
        let found = self.find_served(key, fields, now)?.map(|id| &self.slots[id as usize]);
        Ok(found.map(|slot| Sight {
            times: slot.times,
            tags: slot.tags.iter().map(|&tag| self.tags.name(tag).to_owned()).collect(),
            bytes: slot.cost,
        }))
    }

    /// The entry that answers without being validated.
    pub(super) fn find_served(&self, key: &Key, fields: Fields<'_>, now: i64) -> Result<Option<Id>, Untold> {
        self.find(key, fields, |id| self.state(*id, now).is_served())
    }

    /// The entry that answers, be it after it has been validated.
    pub(super) fn find_held(&self, key: &Key, fields: Fields<'_>, now: i64) -> Result<Option<Id>, Untold> {
        self.find(key, fields, |id| self.state(*id, now) != State::Expired)
    }

    /// The entry that the request selects among those that are `live`: of several, the one put last.
    pub(super) fn find(
        &self,
        key: &Key,
        fields: Fields<'_>,
        live: impl Fn(&Id) -> bool + Copy,
    ) -> Result<Option<Id>, Untold> {
        let mut found = self.lookup(&key.digest()).filter(live);
        for vary in self.variants.of_key(key.digest()) {
            let variant = key.variant(vary, fields);
            let variant = variant.map_err(|_| self.variants.untold_of_key(key.digest(), fields))?;
            let variant = self.lookup(&variant).filter(live);
            found = found.into_iter().chain(variant).max_by_key(|&id| self.slots[id as usize].order);
        }
        Ok(found)
    }

    pub(super) fn lookup(&self, variant: &Digest) -> Option<Id> {
        let hash = self.hasher.hash_one(variant);
        self.by_variant.find(hash, |&id| self.slots[id as usize].variant == *variant).copied()
    }

    pub(super) fn state(&self, id: Id, now: i64) -> State {
        self.slots[id as usize].times.state(now)
    }

    pub(super) fn put(&mut self, entry: Entry, cost: u64, since: u64, now: i64) -> Result<(), NotStored> {
        if !self.fence.passes(since, &entry.key, entry.tags.iter().map(String::as_str)) {
            return Err(NotStored::Fenced);
        }
        let known = self.lookup(&entry.variant);
        if let Some(id) = known.filter(|&id| self.footprint_renewed(id, cost) <= self.bound) {
            self.renew(id, entry, cost);
            return Ok(());
        }
        let standing = known.map(|id| self.remove(id));
        while self.footprint_with(cost) > self.bound && (self.expire_one(now) || self.evict_one()) {}
        if self.is_vacant() {
            drop(self.clear());
        }
        self.insert(entry, cost, standing);
        Ok(())
    }

    fn insert(&mut self, entry: Entry, cost: u64, standing: Option<Standing>) {
        let Entry { key, digest, variant, vary, tags, times, stored } = entry;
        let key: Arc<str> = key.into();
        let id = self.vacant_id();
        let tags = tags.iter().map(|tag| self.tags.insert(tag, id)).collect();
        self.ordered.insert(Arc::clone(&key), id);
        self.deadlines.insert(times.deadline(), id);
        self.eviction.insert(id, cost, variant.prefix(), standing);
        let varied = (!vary.is_empty()).then(|| Box::new((digest, vary)));
        if let Some((digest, vary)) = varied.as_deref() {
            self.variants.insert(*digest, vary);
        }
        self.puts += 1;
        let (order, election, stored) = (self.puts, Election::new(), Arc::new(stored));
        self.slots.insert(Slot { key, variant, varied, tags, cost, order, times, election, stored });
        let Self { by_variant, slots, hasher, .. } = self;
        by_variant
            .insert_unique(hasher.hash_one(variant), id, |&id| hasher.hash_one(slots[id as usize].variant));
        self.usage.bytes += cost;
        self.usage.entries += 1;
    }

    /// Puts `entry` in the place of the one of the same variant, whose key and place in most indexes it has.
    fn renew(&mut self, id: Id, entry: Entry, cost: u64) {
        let Self { slots, variants, tags, deadlines, eviction, usage, .. } = self;
        let slot = &mut slots[id as usize];
        let standing = eviction.remove(id);
        eviction.insert(id, cost, entry.variant.prefix(), Some(standing));
        deadlines.remove(slot.times.deadline(), id);
        deadlines.insert(entry.times.deadline(), id);
        if !slot.tags.iter().map(|&tag| tags.name(tag)).eq(&entry.tags) {
            slot.tags.iter().for_each(|&tag| tags.remove(tag, id));
            slot.tags = entry.tags.iter().map(|tag| tags.insert(tag, id)).collect();
        }
        if let Some((digest, vary)) = slot.varied.as_deref_mut() {
            variants.insert(*digest, &entry.vary);
            variants.remove(*digest, vary);
            *vary = entry.vary;
        }
        usage.bytes = usage.bytes - slot.cost + cost;
        self.puts += 1;
        (slot.cost, slot.order, slot.times) = (cost, self.puts, entry.times);
        (slot.election, slot.stored) = (Election::new(), Arc::new(entry.stored));
    }

    /// The id of the next slot. The slab grows by an eighth, so that what it reserves stays in proportion to the bound.
    fn vacant_id(&mut self) -> Id {
        let len = self.slots.len();
        if len == self.slots.capacity() {
            self.slots.reserve_exact(len / 8 + 16);
        }
        self.slots.vacant_key() as Id
    }

    pub(super) fn remove(&mut self, id: Id) -> Standing {
        let slot = self.slots.remove(id as usize);
        let hash = self.hasher.hash_one(slot.variant);
        if let Ok(found) = self.by_variant.find_entry(hash, |&known| known == id) {
            found.remove();
        }
        for tag in &slot.tags {
            self.tags.remove(*tag, id);
        }
        self.ordered.remove(slot.key, id);
        self.deadlines.remove(slot.times.deadline(), id);
        if let Some((digest, vary)) = slot.varied.as_deref() {
            self.variants.remove(*digest, vary);
        }
        self.usage.bytes -= slot.cost;
        self.usage.entries -= 1;
        self.eviction.remove(id)
    }

    fn expire_one(&mut self, now: i64) -> bool {
        let due = self.deadlines.due(now);
        if let Some(id) = due {
            self.remove(id);
            self.usage.expirations += 1;
        }
        due.is_some()
    }

    fn evict_one(&mut self) -> bool {
        let evicted = self.eviction.evict();
        if let Some(id) = evicted {
            self.remove(id);
            self.usage.evictions += 1;
        }
        evicted.is_some()
    }

    /// Whether there are places left and nothing in them.
    pub(super) fn is_vacant(&self) -> bool {
        self.slots.is_empty() && self.eviction.places() > 0
    }

    /// Begins anew with empty containers, and hands the old ones back.
    pub(super) fn clear(&mut self) -> Self {
        let mut old = std::mem::replace(self, Self::new(self.bound));
        std::mem::swap(&mut self.fence, &mut old.fence);
        self.puts = old.puts;
        self.usage = Usage { entries: 0, bytes: 0, ..old.usage };
        old
    }

    pub(super) fn sweep(&mut self, now: i64, most: usize) -> bool {
        for _ in 0..most {
            if !self.expire_one(now) {
                break;
            }
        }
        if self.is_vacant() {
            drop(self.clear());
        }
        self.deadlines.due(now).is_some()
    }

    /// Bytes of the entries, of one more of `cost`, and of the places that entries have left behind and it does not take.
    fn footprint_with(&self, cost: u64) -> u64 {
        let vacant = self.eviction.places() - self.slots.len();
        self.usage.bytes + cost + vacant.saturating_sub(1) as u64 * PLACE_BYTES
    }

    /// The same where the entry of `id` is renewed and costs as much then.
    fn footprint_renewed(&self, id: Id, cost: u64) -> u64 {
        let vacant = self.eviction.places() - self.slots.len();
        self.usage.bytes - self.slots[id as usize].cost + cost + vacant as u64 * PLACE_BYTES
    }

    pub(super) fn usage(&mut self, now: i64) -> Usage {
        while self.expire_one(now) {}
        let oldest = self.slots.iter().map(|(_, slot)| slot.times.stored_at).min();
        Usage {
            tags: self.tags.len() as u64,
            oldest_ms: oldest.map(|stored_at| (now - stored_at).max(0)),
            ..self.usage
        }
    }
}
