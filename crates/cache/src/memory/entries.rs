//! The entries of a store, and the data that indexes read from them.

use hashbrown::HashMap;
use slab::Slab;

use super::eviction::{Id, Place, Queued};
use super::new_entry::cost;
use super::tag_list::{FEW_TAGS, TagList};
use crate::coalescing::EntryLease;
use crate::key::{Digest, Selecting};
use crate::memory::index::{Expiring, Keyed, Link, Tagged};
use crate::policy::Freshness;
use crate::response::Stored;
use crate::time::UnixMillis;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) stored: Stored,
    /// Selecting fields and variant, if the response has selecting fields of its own.
    pub(super) varied: Option<Box<Varied>>,
    /// One link for each tag.
    pub(super) links: Box<[Link]>,
    /// Number of the put, which orders the variants that answer a request.
    pub(super) order: u64,
    pub(super) times: Freshness,
    pub(super) refresh_lease: EntryLease,
    pub(super) place: Place,
}

/// Tells a variant from the others of its key.
#[derive(Debug)]
pub(super) struct Varied {
    pub(super) variant: Digest,
    /// Digest of the key.
    pub(super) key: Digest,
    pub(super) vary: Selecting,
}

impl Entry {
    pub(super) fn key(&self) -> &str {
        self.stored.label().key
    }

    /// Order of puts, the later the larger.
    pub(super) fn recency(&self) -> (u64, UnixMillis) {
        (self.order, self.times.stored_at)
    }

    /// Digest of the variant; that of the key if the response has no selecting fields.
    pub(super) fn variant(&self) -> Digest {
        self.varied.as_deref().map_or_else(|| Digest::of(self.key()), |varied| varied.variant)
    }

    pub(super) fn tag_list(&self) -> TagList<'_> {
        TagList(self.stored.label().tags)
    }

    pub(super) fn tags(&self) -> Vec<String> {
        self.tag_list().iter().map(str::to_owned).collect()
    }

    pub(super) fn cost(&self) -> u64 {
        cost(self.stored.len(), self.links.len(), self.varied.as_deref().map(|varied| &varied.vary))
    }
}

#[derive(Debug, Default)]
pub(super) struct Entries {
    slab: Slab<Entry>,
    /// Slots of the slab, used and free.
    places: usize,
    /// Where the tags start in the lists of entries with more than [`FEW_TAGS`] tags.
    starts: HashMap<Id, Box<[u32]>>,
}

impl Entries {
    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn places(&self) -> usize {
        self.places
    }

    /// Free slots.
    pub(super) fn vacant(&self) -> usize {
        self.places - self.slab.len()
    }

    pub(super) fn get(&self, id: Id) -> Option<&Entry> {
        self.slab.get(id as usize)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Id, &Entry)> {
        self.slab.iter().map(|(id, entry)| (id as Id, entry))
    }

    /// Inserts an entry. The slab grows by an eighth, so that its spare capacity stays in
    /// proportion to the bound.
    pub(super) fn insert(&mut self, entry: Entry) -> Id {
        let len = self.slab.len();
        if len == self.slab.capacity() {
            self.slab.reserve_exact(len / 8 + 16);
        }
        let id = self.slab.insert(entry);
        self.places = self.places.max(id + 1);
        self.note_starts(id as Id);
        id as Id
    }

    /// Replaces the response of an entry, and gives it `tags` links that are in no list.
    pub(super) fn retag(&mut self, id: Id, stored: Stored, tags: usize) {
        let entry = &mut self[id];
        (entry.stored, entry.links) = (stored, vec![Link::NONE; tags].into());
        self.note_starts(id);
    }

    pub(super) fn remove(&mut self, id: Id) {
        self.slab.remove(id as usize);
        self.starts.remove(&id);
    }

    /// Drops the entry in a slot of a store that is no longer used.
    pub(super) fn drop_slot(&mut self, id: Id) {
        self.slab.try_remove(id as usize);
    }

    fn note_starts(&mut self, id: Id) {
        let entry = &self.slab[id as usize];
        if entry.links.len() > FEW_TAGS {
            self.starts.insert(id, entry.tag_list().starts());
        } else {
            self.starts.remove(&id);
        }
    }
}

impl std::ops::Index<Id> for Entries {
    type Output = Entry;

    fn index(&self, id: Id) -> &Entry {
        &self.slab[id as usize]
    }
}

impl std::ops::IndexMut<Id> for Entries {
    fn index_mut(&mut self, id: Id) -> &mut Entry {
        &mut self.slab[id as usize]
    }
}

impl Keyed for Entries {
    fn key(&self, id: Id) -> &str {
        self[id].key()
    }
}

impl Expiring for Entries {
    fn deadline(&self, id: Id) -> UnixMillis {
        self[id].times.deadline()
    }
}

impl Tagged for Entries {
    fn tag(&self, id: Id, nth: u16) -> &str {
        let entry = &self[id];
        if entry.links.len() <= FEW_TAGS {
            return entry.tag_list().iter().nth(nth as usize).unwrap_or_default();
        }
        self.starts.get(&id).map_or("", |starts| entry.tag_list().at(starts[nth as usize]))
    }

    fn links(&self, id: Id) -> &[Link] {
        &self[id].links
    }

    fn links_mut(&mut self, id: Id) -> &mut [Link] {
        &mut self[id].links
    }
}

impl Queued for Entries {
    fn place(&self, id: Id) -> &Place {
        &self[id].place
    }

    fn place_mut(&mut self, id: Id) -> &mut Place {
        &mut self[id].place
    }

    fn weight(&self, id: Id) -> u64 {
        self[id].cost()
    }
}
