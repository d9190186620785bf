//! What the lock of the memory store protects.

use std::hash::{BuildHasher as _, RandomState};

use super::clock::Clock;
use super::entry::Entry;
use super::eviction::{Eviction, Id, Place, Standing};
use super::outcome::Held;
use super::outcome::{Found, NotStored, Sight};
use super::slots::{Slot, Slots, Varied};
use super::usage::Usage;
use crate::http::FieldIndex;
use crate::http::lines::{Fields, Untold};
use crate::invalidation::Fence;
use crate::key::{Digest, Key};
use crate::lease::{Election, PATIENCE_MS};
use crate::memory::index::{Deadlines, Link, Ordered, Table, Tags, Variants};
use crate::policy::State;
use crate::response::Stored;

/// What a place without an entry takes: in the slab, the table and the order of eviction, which
/// shrink only together.
const PLACE_BYTES: u64 = 152;

/// What lies between two puts in their order.
const ORDER_STEP: u64 = 1 << 16;

#[derive(Debug)]
pub(super) struct Shelves {
    pub(super) bound: u64,
    pub(super) slots: Slots,
    pub(super) by_name: Table<Id>,
    hasher: RandomState,
    pub(super) variants: Variants,
    pub(super) ordered: Ordered,
    pub(super) tags: Tags,
    pub(super) deadlines: Deadlines,
    pub(super) eviction: Eviction,
    pub(super) fence: Fence,
    pub(super) usage: Usage,
    pub(super) clock: Clock,
    puts: u64,
}

/// What an entry is found by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name<'a> {
    /// The text of its key, for the one entry that answers whatever the request's other fields say.
    Key(&'a str),
    /// The digest of its variant.
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

impl Slot {
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

impl Entry {
    pub(super) fn name(&self) -> Name<'_> {
        if self.vary.is_empty() { Name::Key(&self.key) } else { Name::Variant(&self.variant) }
    }
}

impl Shelves {
    pub(super) fn new(bound: u64) -> Self {
        Self {
            bound,
            slots: Slots::default(),
            by_name: Table::default(),
            hasher: RandomState::new(),
            variants: Variants::default(),
            ordered: Ordered::default(),
            tags: Tags::default(),
            deadlines: Deadlines::default(),
            eviction: Eviction::new(bound),
            fence: Fence::new(),
            usage: Usage::default(),
            clock: Clock::new(),
            puts: 0,
        }
    }

    pub(super) fn get(&self, key: &Key, fields: Fields<'_>, now: i64) -> Result<Found, Untold> {
        let since = self.fence.sequence();
        let Some(id) = self.find_served(key, fields, now)? else {
            return Ok(Found::Nothing { since });
        };
        let slot = &self.slots[id];
        let state = slot.times.state(now);
        if state == State::Stale && slot.election.elects(now, PATIENCE_MS) {
            return Ok(Found::Elected { since, held: Held::new(slot.stored.clone(), id) });
        }
        slot.place.touch();
        Ok(Found::Entry(slot.stored.clone(), slot.times, state))
    }

    pub(super) fn sequence(&self) -> u64 {
        self.fence.sequence()
    }

    pub(super) fn look(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: i64,
    ) -> Result<Option<Sight>, Untold> {
        let found = self.find_served(key, fields, now)?.map(|id| &self.slots[id]);
        Ok(found.map(|slot| Sight { times: slot.times, tags: slot.tags(), bytes: slot.cost() }))
    }

    /// The entry that answers without being validated.
    pub(super) fn find_served(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: i64,
    ) -> Result<Option<Id>, Untold> {
        self.find(key, fields, |id| self.state(*id, now).is_served())
    }

    /// The entry that answers, be it after it has been validated.
    pub(super) fn find_held(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: i64,
    ) -> Result<Option<Id>, Untold> {
        self.find(key, fields, |id| self.state(*id, now) != State::Expired)
    }

    /// The entry that the request selects among those that are `live`: of several, the one put
    /// last.
    pub(super) fn find(
        &self,
        key: &Key,
        fields: Fields<'_>,
        live: impl Fn(&Id) -> bool + Copy,
    ) -> Result<Option<Id>, Untold> {
        let mut found = self.lookup(Name::Key(key.text())).filter(live);
        let mut sets = self.variants.of_key(key).peekable();
        if sets.peek().is_none() {
            return Ok(found);
        }
        let fields = FieldIndex::new(fields);
        for vary in sets {
            let variant = key.variant_in(vary, &fields);
            let variant = variant.map_err(|_| self.variants.untold_of_key(key, &fields))?;
            let variant = self.lookup(Name::Variant(&variant)).filter(live);
            found = found.into_iter().chain(variant).max_by_key(|&id| self.slots[id].recency());
        }
        Ok(found)
    }

    pub(super) fn lookup(&self, name: Name<'_>) -> Option<Id> {
        let hash = self.hash(name);
        self.by_name.find(hash, |&id| self.slots[id].is(name)).copied()
    }

    fn hash(&self, name: Name<'_>) -> u64 {
        name.hash(&self.hasher)
    }

    pub(super) fn state(&self, id: Id, now: i64) -> State {
        self.slots[id].times.state(now)
    }

    /// Stores `entry`, whose response is `stored`, which costs `cost`.
    pub(super) fn put(
        &mut self,
        entry: Entry,
        stored: Stored,
        cost: u64,
        since: u64,
        now: i64,
    ) -> Result<(), NotStored> {
        if !self.fence.passes(since, &entry.key, entry.tags.iter().map(String::as_str)) {
            return Err(NotStored::Fenced);
        }
        self.make_room_for_variant(&entry);
        self.clock.note(entry.times.stored_at);
        // In steps, so that what is restored finds a place between two puts.
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

    /// Whether what `entry` would replace was made later, by a clock that was not ahead.
    pub(super) fn has_newer(&self, entry: &Entry, now: i64) -> bool {
        self.lookup(entry.name()).is_some_and(|id| {
            let known = self.slots[id].times.stored_at;
            known > entry.times.stored_at && known <= now && self.state(id, now) != State::Expired
        })
    }

    /// Puts what was stored before, unless there is something of the same name. It stays older than
    /// what is of the same key and was put later.
    pub(super) fn restore(
        &mut self,
        entry: Entry,
        stored: Stored,
        cost: u64,
        since: u64,
        now: i64,
    ) -> bool {
        let known = self.lookup(entry.name()).filter(|&id| self.state(id, now) != State::Expired);
        let (key, put_at) = (Key::known(entry.key.clone()), entry.times.stored_at);
        if known.is_some()
            || !self.has_room_for_variant(&entry)
            || self.put(entry, stored, cost, since, now).is_err()
        {
            return false;
        }
        let restored = self.puts;
        let Self { slots, ordered, .. } = self;
        let of_key = ordered.of_key(key.text(), slots);
        let is_later =
            |id: &&Id| slots[**id].times.stored_at > put_at && slots[**id].order != restored;
        if let Some(first) = of_key.iter().filter(is_later).map(|&id| slots[id].order).min()
            && let Some(&own) = of_key.iter().find(|&&id| slots[id].order == restored)
        {
            slots[own].order = first - 1;
        }
        true
    }

    fn insert(&mut self, entry: Entry, stored: Stored, standing: Option<Standing>) {
        let hash = self.hash(entry.name());
        let Entry { digest, variant, vary, tags, times, .. } = entry;
        let varied = (!vary.is_empty()).then(|| Box::new(Varied { variant, key: digest, vary }));
        if let Some(Varied { key, vary, .. }) = varied.as_deref() {
            self.variants.insert(*key, vary, times.stored_at);
        }
        let Self { slots, ordered, deadlines, eviction, by_name, hasher, usage, .. } = self;
        let id = slots.insert(Slot {
            stored,
            varied,
            links: vec![Link::NONE; tags.len()].into(),
            order: self.puts,
            times,
            election: Election::new(),
            place: Place::nowhere(),
        });
        self.tags.insert(id, slots);
        ordered.insert(id, slots);
        deadlines.insert(id, slots);
        match standing {
            Some(standing) => eviction.succeed(id, standing, slots),
            None => eviction.insert(id, hash, slots),
        }
        by_name.insert(hash, id, |&id| slots[id].name().hash(hasher));
        usage.bytes += slots[id].cost();
        usage.entries += 1;
    }

    /// Puts `entry` in the place of the one of the same name, which stays in the orders that go by
    /// name.
    fn renew(&mut self, id: Id, entry: Entry, stored: Stored) {
        let Self { slots, variants, tags, deadlines, eviction, usage, .. } = self;
        let standing = slots[id].place.standing();
        eviction.remove(id, slots);
        deadlines.remove(id, slots);
        usage.bytes -= slots[id].cost();
        let retagged = !slots[id].tag_list().iter().eq(entry.tags.iter().map(String::as_str));
        if retagged {
            tags.remove(id, slots);
        }
        if retagged {
            slots.retag(id, stored, entry.tags.len());
            tags.insert(id, slots);
        } else {
            slots[id].stored = stored;
        }
        let slot = &mut slots[id];
        if let Some(Varied { key, vary, .. }) = slot.varied.as_deref_mut() {
            variants.insert(*key, &entry.vary, entry.times.stored_at);
            variants.remove(*key, vary);
            *vary = entry.vary;
        }
        (slot.order, slot.times, slot.election) = (self.puts, entry.times, Election::new());
        usage.bytes += slots[id].cost();
        deadlines.insert(id, slots);
        eviction.succeed(id, standing, slots);
    }

    /// Removes the entry, and tells how it stood in the order of eviction.
    pub(super) fn remove(&mut self, id: Id) -> Standing {
        let standing = self.slots[id].place.standing();
        self.remove_all(&[id]);
        standing
    }

    /// Removes the entries, from one index after the other: of many, what is to be looked for in
    /// one index does not wait for what lies far away in another.
    pub(super) fn remove_all(&mut self, ids: &[Id]) {
        let Self {
            slots,
            variants,
            tags,
            ordered,
            deadlines,
            eviction,
            by_name,
            hasher,
            usage,
            ..
        } = self;
        for &id in ids {
            by_name.remove(slots[id].name().hash(hasher), |&known| known == id);
        }
        for &id in ids {
            tags.remove(id, slots);
        }
        for &id in ids {
            ordered.remove(id, slots);
        }
        for &id in ids {
            deadlines.remove(id, slots);
        }
        for &id in ids {
            if let Some(Varied { key, vary, .. }) = slots[id].varied.as_deref() {
                variants.remove(*key, vary);
            }
            usage.bytes -= slots[id].cost();
            usage.entries -= 1;
            eviction.remove(id, slots);
            slots.remove(id);
        }
    }

    fn expire_one(&mut self, now: i64) -> bool {
        let due = self.deadlines.due(now, &self.slots);
        if let Some(id) = due {
            self.remove(id);
            self.usage.expirations += 1;
        }
        due.is_some()
    }

    fn evict_one(&mut self) -> bool {
        let evicted =
            self.eviction.evict(&mut self.slots, |slots, id| slots[id].name().hash(&self.hasher));
        if let Some(id) = evicted {
            self.remove(id);
            self.usage.evictions += 1;
        }
        evicted.is_some()
    }

    /// Whether there are places left and nothing in them.
    pub(super) fn is_vacant(&self) -> bool {
        self.slots.len() == 0 && self.slots.places() > 0
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

    /// Whether an entry has expired or may be from the future, or places are left that hold
    /// nothing.
    pub(super) fn is_due(&self, now: i64) -> bool {
        self.deadlines.due(now, &self.slots).is_some() || self.is_vacant() || self.may_be_ahead(now)
    }

    /// Bytes of the entries, of one more of `cost`, and of the places that entries have left behind
    /// and it does not take.
    fn footprint_with(&self, cost: u64) -> u64 {
        self.usage.bytes + cost + self.slots.vacant().saturating_sub(1) as u64 * PLACE_BYTES
    }

    /// The same where the entry of `id` is renewed and costs as much then.
    fn footprint_renewed(&self, id: Id, cost: u64) -> u64 {
        self.usage.bytes - self.slots[id].cost() + cost + self.slots.vacant() as u64 * PLACE_BYTES
    }

    pub(super) fn usage(&mut self, now: i64) -> Usage {
        while self.restart_ahead(now, usize::MAX) {}
        while self.expire_one(now) {}
        let oldest = self.slots.iter().map(|(_, slot)| slot.times.stored_at).min();
        Usage {
            tags: self.tags.len() as u64,
            oldest_ms: oldest.map(|stored_at| (now - stored_at).max(0)),
            ..self.usage
        }
    }
}
