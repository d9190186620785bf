//! The entries of a store, each with all that is known of it, and what the indexes read there.

use hashbrown::HashMap;
use slab::Slab;

use super::entry::cost;
use super::eviction::{Id, Place, Queued};
use super::tag_list::{FEW_TAGS, TagList};
use crate::key::{Digest, Selecting};
use crate::lease::Election;
use crate::memory::index::{Expiring, Keyed, Link, Tagged};
use crate::policy::Freshness;
use crate::response::Stored;

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) stored: Stored,
    /// Where the response has selecting fields of its own.
    pub(super) varied: Option<Box<Varied>>,
    /// One for each tag.
    pub(super) links: Box<[Link]>,
    /// Counts puts, so that of two variants that answer a request the later one is known.
    pub(super) order: u64,
    pub(super) times: Freshness,
    pub(super) election: Election,
    pub(super) place: Place,
}

/// What tells a variant from the others of its key.
#[derive(Debug)]
pub(super) struct Varied {
    pub(super) variant: Digest,
    /// The digest of the key.
    pub(super) key: Digest,
    pub(super) vary: Selecting,
}

impl Slot {
    pub(super) fn key(&self) -> &str {
        self.stored.label().name
    }

    /// By which the one put last is told from others.
    pub(super) fn recency(&self) -> (u64, i64) {
        (self.order, self.times.stored_at)
    }

    /// The digest of the variant; the key's own where it is the only one of its kind.
    pub(super) fn variant(&self) -> Digest {
        self.varied.as_deref().map_or_else(|| Digest::of(self.key()), |varied| varied.variant)
    }

    pub(super) fn tag_list(&self) -> TagList<'_> {
        TagList(self.stored.label().notes)
    }

    pub(super) fn tags(&self) -> Vec<String> {
        self.tag_list().iter().map(str::to_owned).collect()
    }

    pub(super) fn cost(&self) -> u64 {
        cost(self.stored.len(), self.links.len(), self.varied.as_deref().map(|varied| &varied.vary))
    }
}

#[derive(Debug, Default)]
pub(super) struct Slots {
    slab: Slab<Slot>,
    /// Places there are, taken and vacant.
    places: usize,
    /// Where the tags begin in the lists of entries with more than [`FEW_TAGS`].
    starts: HashMap<Id, Box<[u32]>>,
}

impl Slots {
    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn places(&self) -> usize {
        self.places
    }

    /// Places that entries have left behind.
    pub(super) fn vacant(&self) -> usize {
        self.places - self.slab.len()
    }

    pub(super) fn get(&self, id: Id) -> Option<&Slot> {
        self.slab.get(id as usize)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Id, &Slot)> {
        self.slab.iter().map(|(id, slot)| (id as Id, slot))
    }

    /// The slab grows by an eighth, so that what it reserves stays in proportion to the bound.
    pub(super) fn insert(&mut self, slot: Slot) -> Id {
        let len = self.slab.len();
        if len == self.slab.capacity() {
            self.slab.reserve_exact(len / 8 + 16);
        }
        let id = self.slab.insert(slot);
        self.places = self.places.max(id + 1);
        self.note_starts(id as Id);
        id as Id
    }

    /// Gives the entry another response, with a link for each tag, none of which is entered.
    pub(super) fn retag(&mut self, id: Id, stored: Stored, tags: usize) {
        let slot = &mut self[id];
        (slot.stored, slot.links) = (stored, vec![Link::NONE; tags].into());
        self.note_starts(id);
    }

    pub(super) fn remove(&mut self, id: Id) {
        self.slab.remove(id as usize);
        self.starts.remove(&id);
    }

    fn note_starts(&mut self, id: Id) {
        let slot = &self.slab[id as usize];
        if slot.links.len() > FEW_TAGS {
            self.starts.insert(id, slot.tag_list().starts());
        } else {
            self.starts.remove(&id);
        }
    }
}

impl std::ops::Index<Id> for Slots {
    type Output = Slot;

    fn index(&self, id: Id) -> &Slot {
        &self.slab[id as usize]
    }
}

impl std::ops::IndexMut<Id> for Slots {
    fn index_mut(&mut self, id: Id) -> &mut Slot {
        &mut self.slab[id as usize]
    }
}

impl Keyed for Slots {
    fn key(&self, id: Id) -> &str {
        self[id].key()
    }
}

impl Expiring for Slots {
    fn deadline(&self, id: Id) -> i64 {
        self[id].times.deadline()
    }
}

impl Tagged for Slots {
    fn tag(&self, id: Id, nth: u16) -> &str {
        let slot = &self[id];
        if slot.links.len() <= FEW_TAGS {
            return slot.tag_list().iter().nth(nth as usize).unwrap_or_default();
        }
        self.starts.get(&id).map_or("", |starts| slot.tag_list().at(starts[nth as usize]))
    }

    fn links(&self, id: Id) -> &[Link] {
        &self[id].links
    }

    fn links_mut(&mut self, id: Id) -> &mut [Link] {
        &mut self[id].links
    }
}

impl Queued for Slots {
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
