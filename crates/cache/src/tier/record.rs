//! An entry as the lower tier keeps it.

use crate::key::{Digest, Selecting};
use crate::memory::NewEntry;
use crate::policy::Freshness;
use crate::response::Stored;

/// An entry with its body.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) variant: Digest,
    pub(crate) vary: Selecting,
    pub(crate) times: Freshness,
    /// The response, labelled with key and tags.
    pub(crate) stored: Stored,
}

impl Record {
    pub(super) fn key(&self) -> &str {
        self.stored.label().key
    }

    /// Tags, each ended by a line feed.
    pub(super) fn tags(&self) -> &str {
        self.stored.label().tags
    }

    /// The entry for the memory store.
    pub(crate) fn into_entry(self) -> (NewEntry, Stored) {
        let Self { variant, vary, times, stored } = self;
        let label = stored.label();
        let entry = NewEntry {
            key: label.key.to_owned(),
            digest: Digest::of(label.key),
            variant,
            vary,
            tags: label.tags.split_terminator('\n').map(str::to_owned).collect(),
            times,
            head: Stored::new(stored.status(), stored.head()),
        };
        (entry, stored)
    }
}
