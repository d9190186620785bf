//! The memory store: entries, their indexes and their order of eviction under one lock, so that they agree at
//! every moment anyone can look. Reads share the lock.

use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashMap, HashSet, HashTable};
use parking_lot::RwLock;
use slab::Slab;
use std::hash::BuildHasher as _;

use super::entry::{Entry, Stored};
use super::eviction::{Eviction, Id, Standing};
use crate::field::Names;
use crate::field::lines::Fields;
use crate::index::{Deadlines, Ordered, TagId, Tags};
use crate::key::{Digest, Key, Untold};
use crate::policy::{Refused, State};

/// What an entry costs beyond its key, head, body and tags, in bytes: its place in the slab, the tables, the
/// order and the indexes, and what the allocator adds. A test compares it with what is really allocated.
const ENTRY_OVERHEAD: u64 = 480;

/// What a tag of an entry costs beyond its name.
const TAG_OVERHEAD: u64 = 192;

/// How much a store may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// All entries with everything that belongs to them, in bytes.
    pub bytes: u64,
    /// Body, header fields, key and tags of one entry, in bytes.
    pub entry_bytes: u64,
}

/// What a purge selects. Several selectors select what any of them does.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    /// All variants of one key.
    pub key: Option<String>,
    /// Every entry that has one of these tags.
    pub tags: Vec<String>,
    /// Every entry whose key begins so; beginning with `/`, that path on every host.
    pub prefix: Option<String>,
    /// Every entry.
    pub everything: bool,
}

/// What a store holds, and what left it without being asked to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Entries held.
    pub entries: u64,
    /// Bytes held.
    pub bytes: u64,
    /// Entries that left to make room.
    pub evictions: u64,
    /// Entries that left because they had expired.
    pub expirations: u64,
}

#[derive(Debug)]
struct Slot {
    key: Arc<str>,
    variant: Digest,
    /// Where the response has selecting fields of its own: the key's digest, and those fields.
    varied: Option<Box<(Digest, Names)>>,
    tags: Box<[TagId]>,
    cost: u64,
    /// Counts puts, so that of two variants that answer a request the later one is known.
    sequence: u64,
    stored: Arc<Stored>,
}

/// The store.
#[derive(Debug)]
pub struct Memory {
    bounds: Bounds,
    shelves: RwLock<Shelves>,
}

#[derive(Debug)]
struct Shelves {
    slots: Slab<Slot>,
    by_variant: HashTable<Id>,
    hasher: DefaultHashBuilder,
    /// For each key with variants, the sets of fields that select among them, and how many entries use each.
    selecting: HashMap<Digest, Vec<(Names, usize)>>,
    ordered: Ordered,
    tags: Tags,
    deadlines: Deadlines,
    eviction: Eviction,
    usage: Usage,
    sequence: u64,
}

impl Memory {
    /// An empty store.
    pub fn new(bounds: Bounds) -> Self {
        let shelves = Shelves {
            slots: Slab::new(),
            by_variant: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            selecting: HashMap::new(),
            ordered: Ordered::default(),
            tags: Tags::default(),
            deadlines: Deadlines::default(),
            eviction: Eviction::new(bounds.bytes),
            usage: Usage::default(),
            sequence: 0,
        };
        Self { bounds, shelves: RwLock::new(shelves) }
    }

    /// The store's bounds.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The response that answers a request with `key` and `fields`, if it has not expired, and how it stands.
    ///
    /// # Errors
    /// [`Untold`] where it takes a field to tell that `fields` does not speak of.
    pub fn get(&self, key: &Key, fields: Fields<'_>, now: i64) -> Result<Option<(Arc<Stored>, State)>, Untold> {
        let shelves = self.shelves.read();
        let Some(id) = shelves.find(key, fields, now)? else {
            return Ok(None);
        };
        shelves.eviction.touch(id);
        let stored = Arc::clone(&shelves.slots[id as usize].stored);
        drop(shelves);
        let state = stored.times.state(now);
        Ok(Some((stored, state)))
    }

    /// How many bytes of body `entry`, which has none yet, may still take.
    pub fn room(&self, entry: &Entry) -> u64 {
        let payload = payload_bytes(entry);
        let by_entry = self.bounds.entry_bytes.saturating_sub(payload);
        by_entry.min(self.bounds.bytes.saturating_sub(payload + overhead_bytes(entry)))
    }

    /// Stores `entry`, in place of the same variant of the same key.
    ///
    /// # Errors
    /// [`Refused::TooLarge`] where it exceeds a bound, [`Refused::Expired`] where it has no time left; nothing has
    /// changed then.
    pub fn put(&self, entry: Entry, now: i64) -> Result<(), Refused> {
        if entry.stored.times.state(now) == State::Expired {
            return Err(Refused::Expired);
        }
        let payload = payload_bytes(&entry);
        let cost = payload + overhead_bytes(&entry);
        if payload > self.bounds.entry_bytes || cost > self.bounds.bytes {
            return Err(Refused::TooLarge);
        }
        self.shelves.write().put(entry, cost, self.bounds.bytes, now);
        Ok(())
    }

    /// Removes the variant that [`get`](Self::get) would find. Tells whether there was one.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn delete(&self, key: &Key, fields: Fields<'_>, now: i64) -> Result<bool, Untold> {
        let mut shelves = self.shelves.write();
        let found = shelves.find(key, fields, now)?;
        if let Some(id) = found {
            shelves.remove(id);
        }
        Ok(found.is_some())
    }

    /// Removes what `selector` selects and returns how many entries that had not expired were among it.
    pub fn purge(&self, selector: &Selector, now: i64) -> u64 {
        let mut shelves = self.shelves.write();
        let selected = shelves.selected(selector);
        let live = |shelves: &Shelves, id: Id| shelves.slots[id as usize].stored.times.state(now) != State::Expired;
        let purged = selected.iter().filter(|&&id| live(&shelves, id)).count() as u64;
        for id in selected {
            shelves.remove(id);
        }
        purged
    }

    /// Removes up to `most` expired entries. Tells whether entries are left that will expire.
    pub fn sweep(&self, now: i64, most: usize) -> bool {
        let mut shelves = self.shelves.write();
        for _ in 0..most {
            if !shelves.expire_one(now) {
                break;
            }
        }
        !shelves.slots.is_empty()
    }

    /// What the store holds at `now`, expired entries left out.
    pub fn usage(&self, now: i64) -> Usage {
        let mut shelves = self.shelves.write();
        while shelves.expire_one(now) {}
        shelves.usage
    }

    /// Counts everything anew and panics where an index disagrees with the entries. For tests.
    ///
    /// # Panics
    /// Where the store is not what it should be.
    pub fn validate(&self) {
        self.shelves.read().validate(self.bounds.bytes);
    }
}

/// What the caller gave: key, head, body, tags.
fn payload_bytes(entry: &Entry) -> u64 {
    let tags: usize = entry.tags.iter().map(String::len).sum();
    (entry.key.len() + entry.stored.payload_bytes() + tags) as u64
}

fn overhead_bytes(entry: &Entry) -> u64 {
    // A variant may be the only one of its kind, and then the fields that select it are held twice.
    let varied = if entry.vary.is_empty() { 0 } else { ENTRY_OVERHEAD + 2 * entry.vary.heap_bytes() as u64 };
    ENTRY_OVERHEAD + varied + entry.tags.len() as u64 * TAG_OVERHEAD
}

impl Shelves {
    fn find(&self, key: &Key, fields: Fields<'_>, now: i64) -> Result<Option<Id>, Untold> {
        let live = |id: &Id| self.slots[*id as usize].stored.times.state(now) != State::Expired;
        let mut found = self.lookup(&key.digest()).filter(live);
        if self.selecting.is_empty() {
            return Ok(found);
        }
        for (vary, _) in self.selecting.get(&key.digest()).into_iter().flatten() {
            let variant = self.lookup(&key.variant(vary, fields)?).filter(live);
            found = found.into_iter().chain(variant).max_by_key(|&id| self.slots[id as usize].sequence);
        }
        Ok(found)
    }

    fn lookup(&self, variant: &Digest) -> Option<Id> {
        let hash = self.hasher.hash_one(variant);
        self.by_variant.find(hash, |&id| self.slots[id as usize].variant == *variant).copied()
    }

    fn put(&mut self, entry: Entry, cost: u64, bound: u64, now: i64) {
        let standing = self.lookup(&entry.variant).map(|id| self.remove(id));
        while self.usage.bytes + cost > bound && (self.expire_one(now) || self.evict_one()) {}
        self.insert(entry, cost, standing);
    }

    fn insert(&mut self, entry: Entry, cost: u64, standing: Option<Standing>) {
        let Entry { key, digest, variant, vary, tags, stored } = entry;
        let key: Arc<str> = key.into();
        let id = self.slots.vacant_key() as Id;
        let tags = tags.iter().map(|tag| self.tags.insert(tag, id)).collect();
        self.ordered.insert(Arc::clone(&key), id);
        self.deadlines.insert(stored.times.deadline(), id);
        self.eviction.insert(id, cost, variant.prefix(), standing);
        let varied = (!vary.is_empty()).then(|| Box::new((digest, vary)));
        if let Some((digest, vary)) = varied.as_deref() {
            self.select_by(*digest, vary);
        }
        self.sequence += 1;
        let sequence = self.sequence;
        self.slots.insert(Slot { key, variant, varied, tags, cost, sequence, stored: Arc::new(stored) });
        let Self { by_variant, slots, hasher, .. } = self;
        by_variant.insert_unique(hasher.hash_one(variant), id, |&id| hasher.hash_one(slots[id as usize].variant));
        self.usage.bytes += cost;
        self.usage.entries += 1;
    }

    fn select_by(&mut self, digest: Digest, vary: &Names) {
        let kinds = self.selecting.entry(digest).or_default();
        match kinds.iter_mut().find(|(known, _)| known == vary) {
            Some((_, entries)) => *entries += 1,
            None => kinds.push((vary.clone(), 1)),
        }
    }

    fn unselect_by(&mut self, digest: Digest, vary: &Names) {
        let Some(kinds) = self.selecting.get_mut(&digest) else { return };
        kinds.retain_mut(|(known, entries)| {
            *entries -= usize::from(known == vary);
            *entries > 0
        });
        if kinds.is_empty() {
            self.selecting.remove(&digest);
        }
    }

    fn remove(&mut self, id: Id) -> Standing {
        let slot = self.slots.remove(id as usize);
        let hash = self.hasher.hash_one(slot.variant);
        if let Ok(found) = self.by_variant.find_entry(hash, |&known| known == id) {
            found.remove();
        }
        for tag in &slot.tags {
            self.tags.remove(*tag, id);
        }
        self.ordered.remove(slot.key, id);
        self.deadlines.remove(slot.stored.times.deadline(), id);
        if let Some((digest, vary)) = slot.varied.as_deref() {
            self.unselect_by(*digest, vary);
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

    fn selected(&self, selector: &Selector) -> HashSet<Id> {
        if selector.everything {
            return self.slots.iter().map(|(id, _)| id as Id).collect();
        }
        let mut selected: HashSet<Id> = selector.tags.iter().flat_map(|tag| self.tags.entries(tag)).collect();
        selected.extend(selector.key.iter().flat_map(|key| self.ordered.of_key(key)));
        selected.extend(selector.prefix.iter().flat_map(|prefix| self.ordered.with_prefix(prefix)));
        selected
    }

    fn validate(&self, bound: u64) {
        let entries = self.slots.len();
        let bytes: u64 = self.slots.iter().map(|(_, slot)| slot.cost).sum();
        let postings: usize = self.slots.iter().map(|(_, slot)| slot.tags.len()).sum();
        assert_eq!((self.usage.entries, self.usage.bytes), (entries as u64, bytes), "usage");
        assert!(bytes <= bound, "{bytes} bytes held of {bound}");
        assert_eq!(self.by_variant.len(), entries, "table");
        assert_eq!((self.ordered.len(), self.deadlines.len()), (entries, entries), "orders");
        assert_eq!(self.eviction.recount(), (entries, bytes), "eviction");
        assert_eq!(self.tags.postings(), postings, "postings");
        let names: HashSet<_> = self.slots.iter().flat_map(|(_, slot)| slot.tags.iter()).collect();
        assert_eq!(self.tags.len(), names.len(), "tags");
        let mut kinds: HashMap<(Digest, &Names), usize> = HashMap::new();
        for (id, slot) in &self.slots {
            assert_eq!(self.lookup(&slot.variant), Some(id as Id), "{} is found", slot.key);
            assert!(self.ordered.of_key(&slot.key).contains(&(id as Id)), "{} is in order", slot.key);
            for tag in &slot.tags {
                assert!(self.tags.entries(self.tags.name(*tag)).contains(&(id as Id)), "{} is tagged", slot.key);
            }
            if let Some((digest, vary)) = slot.varied.as_deref() {
                *kinds.entry((*digest, vary)).or_default() += 1;
            }
        }
        let known: usize = self.selecting.values().map(Vec::len).sum();
        assert_eq!(known, kinds.len(), "selecting fields");
    }
}
