//! S3-FIFO eviction (Yang et al., SOSP 2023).
//!
//! New entries enter a small queue with a tenth of the bytes. An entry that is read while it is
//! there moves to the main queue; one that is not is evicted, and its fingerprint enters the ghost
//! queue: if the key returns, its entry goes to the main queue at once. A hit costs one atomic
//! store and changes no order, so reads share a lock.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use super::ghosts::Ghosts;

/// Id of an entry in its store.
pub(crate) type Id = u32;

const NONE: Id = Id::MAX;
const MAX_USED: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Nowhere,
    Small,
    Main,
}

/// Links of an entry in its queue.
#[derive(Debug)]
pub(crate) struct Place {
    newer: Id,
    older: Id,
    at: At,
    used: AtomicU8,
}

/// The data that the queues read from the entries, and the links that they write.
pub(crate) trait Queued {
    fn place(&self, id: Id) -> &Place;
    fn place_mut(&mut self, id: Id) -> &mut Place;
    /// Bytes that the entry takes. They do not change while it is in a queue.
    fn weight(&self, id: Id) -> u64;
}

#[derive(Debug)]
struct Queue {
    newest: Id,
    oldest: Id,
    weight: u64,
    len: usize,
}

/// The queues.
#[derive(Debug)]
pub(crate) struct Eviction {
    small: Queue,
    main: Queue,
    small_share: u64,
    ghosts: Ghosts,
}

/// Queue and read bit of an entry, for the one that replaces it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    at: At,
    used: u8,
}

impl Place {
    /// The links of an entry in no queue.
    pub(crate) fn nowhere() -> Self {
        Self { newer: NONE, older: NONE, at: At::Nowhere, used: AtomicU8::new(0) }
    }

    /// Queue and read bit of the entry, for the one that replaces it.
    pub(crate) fn standing(&self) -> Standing {
        Standing { at: self.at, used: self.used.load(Relaxed) }
    }

    /// Records a read of the entry.
    pub(crate) fn touch(&self) {
        let times = self.used.load(Relaxed);
        if times < MAX_USED {
            self.used.store(times + 1, Relaxed);
        }
    }
}

impl Eviction {
    /// Empty queues for a store of `bound` bytes.
    pub(crate) fn new(bound: u64) -> Self {
        let queue = || Queue { newest: NONE, oldest: NONE, weight: 0, len: 0 };
        Self { small: queue(), main: queue(), small_share: bound / 10, ghosts: Ghosts::default() }
    }

    /// Inserts `id`; `fingerprint` identifies its key in the ghost queue.
    pub(crate) fn insert(&mut self, id: Id, fingerprint: u64, entries: &mut impl Queued) {
        let at = if self.ghosts.forget(fingerprint) { At::Main } else { At::Small };
        self.link(id, at, entries);
    }

    /// Inserts `id` in place of an entry that it replaces.
    pub(crate) fn succeed(
        &mut self,
        id: Id,
        Standing { at, used }: Standing,
        entries: &mut impl Queued,
    ) {
        *entries.place_mut(id).used.get_mut() = used.saturating_add(1).min(MAX_USED);
        self.link(id, at, entries);
    }

    /// Removes `id` from its queue.
    pub(crate) fn remove(&mut self, id: Id, entries: &mut impl Queued) {
        self.unlink(id, entries);
    }

    /// Removes the next entry to evict, and remembers its fingerprint in the ghost queue if it was
    /// never read.
    pub(crate) fn evict<E: Queued>(
        &mut self,
        entries: &mut E,
        fingerprint: impl Fn(&E, Id) -> u64,
    ) -> Option<Id> {
        loop {
            let from_small = self.small.weight > self.small_share || self.main.len == 0;
            let id = if from_small { self.small.oldest } else { self.main.oldest };
            if id == NONE {
                return None;
            }
            let used = entries.place_mut(id).used.get_mut();
            let times = *used;
            *used = if from_small { 0 } else { times.saturating_sub(1) };
            self.unlink(id, entries);
            if times > 0 {
                self.link(id, At::Main, entries);
                continue;
            }
            if from_small {
                self.ghosts.remember(fingerprint(entries, id), self.small.len + self.main.len);
            }
            return Some(id);
        }
    }

    fn queue(&mut self, at: At) -> Option<&mut Queue> {
        match at {
            At::Nowhere => None,
            At::Small => Some(&mut self.small),
            At::Main => Some(&mut self.main),
        }
    }

    fn link(&mut self, id: Id, at: At, entries: &mut impl Queued) {
        let weight = entries.weight(id);
        let Some(queue) = self.queue(at) else { return };
        let second = std::mem::replace(&mut queue.newest, id);
        queue.weight += weight;
        queue.len += 1;
        if second == NONE {
            queue.oldest = id;
        } else {
            entries.place_mut(second).newer = id;
        }
        let place = entries.place_mut(id);
        (place.older, place.newer, place.at) = (second, NONE, at);
    }

    fn unlink(&mut self, id: Id, entries: &mut impl Queued) {
        let weight = entries.weight(id);
        let &Place { newer, older, at, .. } = entries.place(id);
        let Some(queue) = self.queue(at) else { return };
        queue.weight -= weight;
        queue.len -= 1;
        if newer == NONE {
            queue.newest = older;
        }
        if older == NONE {
            queue.oldest = newer;
        }
        if newer != NONE {
            entries.place_mut(newer).older = older;
        }
        if older != NONE {
            entries.place_mut(older).newer = newer;
        }
        entries.place_mut(id).at = At::Nowhere;
    }

    /// Counts entries and bytes in the queues.
    pub(crate) fn recount(&self, entries: &impl Queued) -> (usize, u64) {
        let (mut len, mut weight) = (0, 0);
        for oldest in [self.small.oldest, self.main.oldest] {
            let mut id = oldest;
            while id != NONE {
                len += 1;
                weight += entries.weight(id);
                id = entries.place(id).newer;
            }
        }
        (len, weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Links and weights by id.
    struct Entries(Vec<(Place, u64)>);

    impl Queued for Entries {
        fn place(&self, id: Id) -> &Place {
            &self.0[id as usize].0
        }

        fn place_mut(&mut self, id: Id) -> &mut Place {
            &mut self.0[id as usize].0
        }

        fn weight(&self, id: Id) -> u64 {
            self.0[id as usize].1
        }
    }

    /// Queues for 100 bytes, and their entries.
    struct Filled(Eviction, Entries);

    impl Filled {
        fn evict(&mut self) -> Option<Id> {
            self.0.evict(&mut self.1, |_, id| u64::from(id))
        }

        fn insert(&mut self, id: Id) {
            self.0.insert(id, u64::from(id), &mut self.1);
        }

        fn remove(&mut self, id: Id) {
            self.0.remove(id, &mut self.1);
        }
    }

    fn filled(weights: &[u64]) -> Filled {
        let entries = weights.iter().map(|&weight| (Place::nowhere(), weight)).collect();
        let mut order = Filled(Eviction::new(100), Entries(entries));
        (0..weights.len() as Id).for_each(|id| order.insert(id));
        order
    }

    #[test]
    fn the_oldest_unread_entry_leaves_first() {
        let mut order = filled(&[20, 20, 20]);
        order.1.place(0).touch();
        assert_eq!(order.evict(), Some(1));
        assert_eq!(order.evict(), Some(2));
        assert_eq!(order.evict(), Some(0));
        assert_eq!(order.evict(), None);
    }

    #[test]
    fn an_entry_that_returns_soon_is_kept_before_new_ones() {
        let mut order = filled(&[20, 20, 20]);
        order.remove(2);
        assert_eq!(order.evict(), Some(0));
        order.insert(0);
        order.insert(2);
        assert_eq!([order.evict(), order.evict()], [Some(1), Some(2)]);
        assert_eq!(order.evict(), Some(0));
    }

    #[test]
    fn a_replacing_entry_keeps_the_state_of_the_replaced_one() {
        let mut order = filled(&[20, 20]);
        let standing = order.1.place(0).standing();
        order.remove(0);
        order.1.0[0].1 = 30;
        order.0.succeed(0, standing, &mut order.1);
        assert_eq!(order.0.recount(&order.1), (2, 50));
        assert_eq!(order.evict(), Some(1));
    }

    #[test]
    fn removal_from_the_middle_leaves_the_order_whole() {
        let mut order = filled(&[1, 2, 3]);
        order.remove(1);
        assert_eq!(order.0.recount(&order.1), (2, 4));
        assert_eq!([order.evict(), order.evict(), order.evict()], [Some(0), Some(2), None]);
    }
}
