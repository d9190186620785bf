//! Index of entries by deadline.

use super::sorted::Sorted;
use crate::time::UnixMillis;

/// The data that the index reads from the entries.
pub(crate) trait Expiring {
    /// First time at which an entry has expired, in milliseconds since 1970.
    fn deadline(&self, id: u32) -> UnixMillis;
}

/// The index. The deadline of an entry must not change while it is in it.
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

    /// An entry that has expired.
    pub(crate) fn due(&self, now: UnixMillis, entries: &impl Expiring) -> Option<u32> {
        self.0.first().filter(|&id| entries.deadline(id) <= now)
    }

    /// Number of entries that have expired. Costs as much as that number.
    pub(crate) fn count_due(&self, now: UnixMillis, entries: &impl Expiring) -> usize {
        self.0.iter().take_while(|&id| entries.deadline(id) <= now).count()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
