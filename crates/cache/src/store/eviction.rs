//! S3-FIFO (Yang et al., SOSP 2023): which entry leaves when room is needed.
//!
//! New entries enter a small queue of a tenth of the bytes. One that is read while it is there moves on to the
//! main queue, one that is not leaves, and only its fingerprint stays for a while: should it return, it goes to
//! the main queue at once. A hit costs one atomic store and no order changes, so reads share a lock.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use hashbrown::HashSet;

/// Names an entry in its store.
pub(crate) type Id = u32;

const NONE: Id = Id::MAX;
const MOST_USED: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Nowhere,
    Small,
    Main,
}

#[derive(Debug)]
struct Node {
    newer: Id,
    older: Id,
    weight: u64,
    fingerprint: u64,
    place: Place,
    used: AtomicU8,
}

#[derive(Debug)]
struct Queue {
    newest: Id,
    oldest: Id,
    weight: u64,
    len: usize,
}

/// The order of eviction.
#[derive(Debug)]
pub(crate) struct Eviction {
    nodes: Vec<Node>,
    small: Queue,
    main: Queue,
    small_share: u64,
    ghosts: Ghosts,
}

/// How an entry came by its place, to be given to the one that replaces it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    place: Place,
    used: u8,
}

impl Eviction {
    /// An order for a store of `bound` bytes.
    pub(crate) fn new(bound: u64) -> Self {
        let queue = || Queue { newest: NONE, oldest: NONE, weight: 0, len: 0 };
        Self {
            nodes: Vec::new(),
            small: queue(),
            main: queue(),
            small_share: bound / 10,
            ghosts: Ghosts::default(),
        }
    }

    /// Enters `id`, which replaces an entry of `standing` where there was one.
    pub(crate) fn insert(&mut self, id: Id, weight: u64, fingerprint: u64, standing: Option<Standing>) {
        let returned = self.ghosts.forget(fingerprint);
        let (place, used) = match standing {
            Some(Standing { place, used }) => (place, used.saturating_add(1).min(MOST_USED)),
            None if returned => (Place::Main, 0),
            None => (Place::Small, 0),
        };
        let node =
            Node { newer: NONE, older: NONE, weight, fingerprint, place: Place::Nowhere, used: used.into() };
        let at = id as usize;
        if at >= self.nodes.len() {
            self.grow_to(at + 1);
        }
        self.nodes[at] = node;
        self.link(id, place);
    }

    /// Places there are, taken and vacant.
    pub(crate) fn places(&self) -> usize {
        self.nodes.len()
    }

    fn grow_to(&mut self, len: usize) {
        let vacant = || Node {
            newer: NONE,
            older: NONE,
            weight: 0,
            fingerprint: 0,
            place: Place::Nowhere,
            used: AtomicU8::new(0),
        };
        if len > self.nodes.capacity() {
            self.nodes.reserve_exact(len / 8 + 16);
        }
        self.nodes.resize_with(len, vacant);
    }

    /// Notes that `id` was read.
    pub(crate) fn touch(&self, id: Id) {
        let used = &self.nodes[id as usize].used;
        let times = used.load(Relaxed);
        if times < MOST_USED {
            used.store(times + 1, Relaxed);
        }
    }

    /// Takes `id` out of the order.
    pub(crate) fn remove(&mut self, id: Id) -> Standing {
        let node = &self.nodes[id as usize];
        let standing = Standing { place: node.place, used: node.used.load(Relaxed) };
        self.unlink(id);
        standing
    }

    /// Takes the entry out whose turn it is to leave.
    pub(crate) fn evict(&mut self) -> Option<Id> {
        loop {
            let from_small = self.small.weight > self.small_share || self.main.len == 0;
            let id = if from_small { self.small.oldest } else { self.main.oldest };
            if id == NONE {
                return None;
            }
            let node = &mut self.nodes[id as usize];
            let used = *node.used.get_mut();
            let fingerprint = node.fingerprint;
            *node.used.get_mut() = if from_small { 0 } else { used.saturating_sub(1) };
            self.unlink(id);
            if used > 0 {
                self.link(id, Place::Main);
                continue;
            }
            if from_small {
                self.ghosts.remember(fingerprint, self.small.len + self.main.len);
            }
            return Some(id);
        }
    }

    fn queue(&mut self, place: Place) -> Option<&mut Queue> {
        match place {
            Place::Nowhere => None,
            Place::Small => Some(&mut self.small),
            Place::Main => Some(&mut self.main),
        }
    }

    fn link(&mut self, id: Id, place: Place) {
        let weight = self.nodes[id as usize].weight;
        let Some(queue) = self.queue(place) else { return };
        let second = std::mem::replace(&mut queue.newest, id);
        queue.weight += weight;
        queue.len += 1;
        if second == NONE {
            queue.oldest = id;
        } else {
            self.nodes[second as usize].newer = id;
        }
        let node = &mut self.nodes[id as usize];
        (node.older, node.newer, node.place) = (second, NONE, place);
    }

    fn unlink(&mut self, id: Id) {
        let Node { newer, older, weight, place, .. } = self.nodes[id as usize];
        let Some(queue) = self.queue(place) else { return };
        queue.weight -= weight;
        queue.len -= 1;
        if newer == NONE {
            queue.newest = older;
        }
        if older == NONE {
            queue.oldest = newer;
        }
        if newer != NONE {
            self.nodes[newer as usize].older = older;
        }
        if older != NONE {
            self.nodes[older as usize].newer = newer;
        }
        self.nodes[id as usize].place = Place::Nowhere;
    }

    /// Number and weight of the entries in the order, counted anew.
    pub(crate) fn recount(&self) -> (usize, u64) {
        let (mut len, mut weight) = (0, 0);
        for oldest in [self.small.oldest, self.main.oldest] {
            let mut id = oldest;
            while id != NONE {
                let node = &self.nodes[id as usize];
                len += 1;
                weight += node.weight;
                id = node.newer;
            }
        }
        (len, weight)
    }
}

/// Fingerprints of entries that left unread, as many as there are entries.
#[derive(Debug, Default)]
struct Ghosts {
    order: VecDeque<u64>,
    known: HashSet<u64>,
}

impl Ghosts {
    fn remember(&mut self, fingerprint: u64, most: usize) {
        if self.known.insert(fingerprint) {
            self.order.push_back(fingerprint);
        }
        while self.order.len() > most {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    /// Whether the fingerprint was known. Its place in the order stays until it comes up, so that this is cheap.
    fn forget(&mut self, fingerprint: u64) -> bool {
        self.known.remove(&fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(weights: &[u64]) -> Eviction {
        let mut order = Eviction::new(100);
        for (id, &weight) in weights.iter().enumerate() {
            order.insert(id as Id, weight, id as u64, None);
        }
        order
    }

    #[test]
    fn the_oldest_unread_entry_leaves_first() {
        let mut order = filled(&[20, 20, 20]);
        order.touch(0);
        assert_eq!(order.evict(), Some(1));
        assert_eq!(order.evict(), Some(2));
        assert_eq!(order.evict(), Some(0));
        assert_eq!(order.evict(), None);
    }

    #[test]
    fn an_entry_that_returns_soon_is_kept_before_new_ones() {
        let mut order = filled(&[20, 20]);
        assert_eq!(order.evict(), Some(0));
        order.insert(0, 20, 0, None);
        order.insert(2, 20, 2, None);
        assert_eq!([order.evict(), order.evict()], [Some(1), Some(2)]);
        assert_eq!(order.evict(), Some(0));
    }

    #[test]
    fn what_replaces_an_entry_keeps_its_standing() {
        let mut order = filled(&[20, 20]);
        let standing = order.remove(0);
        order.insert(0, 30, 0, Some(standing));
        assert_eq!(order.recount(), (2, 50));
        assert_eq!(order.evict(), Some(1));
    }

    #[test]
    fn removal_from_the_middle_leaves_the_order_whole() {
        let mut order = filled(&[1, 2, 3]);
        order.remove(1);
        assert_eq!(order.recount(), (2, 4));
        assert_eq!([order.evict(), order.evict(), order.evict()], [Some(0), Some(2), None]);
    }
}
