//! Entries by the moment at which they expire.

use super::sorted::Sorted;

/// What the index reads of the entries.
pub(crate) trait Expiring {
    /// The first moment at which an entry is expired.
    fn deadline(&self, id: u32) -> i64;
}

/// The index. An entry's deadline must not change while it is in it.
#[derive(Debug, Default)]
pub(crate) struct Deadlines(Sorted);

impl Deadlines {
    pub(crate) fn insert(&mut self, id: u32, entries: &impl Expiring) {
        let key = (entries.deadline(id), id);
        self.0.insert(id, |other| (entries.deadline(other), other).cmp(&key));
    }

    pub(crate) fn remove(&mut self, id: u32, entries: &impl Expiring) {
        let key = (entries.deadline(id), id);
        self.0.remove(id, |other| (entries.deadline(other), other).cmp(&key));
    }

    /// An entry whose deadline has come.
    pub(crate) fn due(&self, now: i64, entries: &impl Expiring) -> Option<u32> {
        self.0.first().filter(|&id| entries.deadline(id) <= now)
    }

    /// How many entries have a deadline that has come. Costs what it counts.
    pub(crate) fn count_due(&self, now: i64, entries: &impl Expiring) -> usize {
        self.0.iter().take_while(|&id| entries.deadline(id) <= now).count()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
