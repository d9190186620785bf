//! Entries by the moment at which they expire.

use std::collections::BTreeSet;

/// The index.
#[derive(Debug, Default)]
pub(crate) struct Deadlines(BTreeSet<(i64, u32)>);

impl Deadlines {
    pub(crate) fn insert(&mut self, deadline: i64, id: u32) {
        self.0.insert((deadline, id));
    }

    pub(crate) fn remove(&mut self, deadline: i64, id: u32) {
        self.0.remove(&(deadline, id));
    }

    /// An entry whose deadline has come.
    pub(crate) fn due(&self, now: i64) -> Option<u32> {
        self.0.first().filter(|(deadline, _)| *deadline <= now).map(|(_, id)| *id)
    }

    /// How many entries have a deadline that has come. Costs what it counts.
    pub(crate) fn count_due(&self, now: i64) -> usize {
        self.0.iter().take_while(|(deadline, _)| *deadline <= now).count()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
