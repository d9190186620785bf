//! Invalidations of many entries. They take effect at once, because lookups compare entries with
//! them, and the entries are removed in slices, so that no lock is held for long.

use hashbrown::HashSet;

use super::entries::Entry;
use super::eviction::Id;
use super::index::{TagWalk, Walked};
use crate::http::origin;
use crate::invalidation::{Invalidation, Target};
use crate::sync::Mutex;
use crate::time::UnixMillis;

/// An invalidation that has not reached all of its entries.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) number: u64,
    pub(super) invalidation: Invalidation,
    pub(super) at: UnixMillis,
    /// Entries with a higher [order](Entry::order) were put later.
    pub(super) last_order: u64,
    /// Live entries that it has reached, and those that left the store before it did.
    pub(super) live: u64,
    /// Entries that a soft invalidation has reached.
    pub(super) reached: HashSet<Id>,
    /// Entries that it has not reached and whose refresh lease was acquired since it began.
    pub(super) leased: Mutex<HashSet<Id>>,
    /// The target whose entries are visited, and how far.
    pub(super) target: usize,
    pub(super) walk: Walk,
}

/// How far the entries of a target have been visited.
#[derive(Debug, Default)]
pub(super) enum Walk {
    /// No entry has been visited.
    #[default]
    Start,
    /// By the list of a tag.
    Tag(TagWalk),
    /// In order, up to this entry.
    Ordered(Walked),
    /// By slot of the slab, up to this one.
    Slot(usize),
}

impl Pending {
    pub(super) fn new(
        number: u64,
        invalidation: Invalidation,
        at: UnixMillis,
        last_order: u64,
    ) -> Self {
        Self {
            number,
            invalidation,
            at,
            last_order,
            live: 0,
            reached: HashSet::new(),
            leased: Mutex::new(HashSet::new()),
            target: 0,
            walk: Walk::Start,
        }
    }

    /// Whether the invalidation selects the entry.
    pub(super) fn selects(&self, entry: &Entry) -> bool {
        entry.order <= self.last_order
            && self.invalidation.targets.iter().any(|target| is_selected(target, entry))
    }
}

fn is_selected(target: &Target, entry: &Entry) -> bool {
    let key = entry.key();
    match target {
        Target::Key(wanted) => key == wanted,
        Target::Url(url) => key.strip_prefix(&**url).is_some_and(|rest| rest.starts_with('#')),
        Target::Tag(tag) => entry.tag_list().iter().any(|known| known == tag),
        Target::Prefix(prefix) if prefix.starts_with('/') => {
            key[origin(key).len()..].starts_with(&**prefix)
        }
        Target::Prefix(prefix) => key.starts_with(&**prefix),
        Target::Everything => true,
        Target::Variant(wanted, variant) => key == wanted && entry.variant() == *variant,
        Target::Selected { .. } => false,
    }
}
