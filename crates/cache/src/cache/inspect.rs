//! Counters, sizes and warnings of an instance.

use std::sync::atomic::Ordering::SeqCst;

use crate::cache::Cache;
use crate::cache::instance::Instance;
use crate::memory::{Bounds, Usage};
use crate::policy::Uncacheable;
use crate::stats::Totals;
use crate::tier::TierUsage;
use crate::time::UnixMillis;

/// Snapshot of an instance's counters and sizes.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Entries and bytes in memory, evictions and expirations.
    pub usage: Usage,
    /// Size and state of the disk tier, if one is configured.
    pub disk: Option<TierUsage>,
    /// Configured bounds of the memory store.
    pub bounds: Bounds,
    /// Bytes of bodies that are received or streamed to waiters.
    pub in_flight_bytes: u64,
    /// Counters of the instance, in all processes if it has a disk.
    pub totals: Totals,
    /// Uncacheable responses by reason.
    pub uncacheable: Vec<(Uncacheable, u64)>,
}

/// A warning about the disk of an instance.
#[derive(Debug, PartialEq, Eq)]
pub struct Warning {
    /// `namespace/name`.
    pub identity: String,
    /// What follows the identity in a sentence.
    pub message: String,
    /// Whether the disk works again.
    pub has_recovered: bool,
}

impl Instance {
    /// The next warning about the disk, given to the first caller only.
    pub(crate) fn take_warning(&self) -> Option<Warning> {
        let Self { store, warned, .. } = self;
        let warning = |message, has_recovered| {
            Some(Warning { identity: self.identity.clone(), message, has_recovered })
        };
        if let Some(path) = store.quarantined()
            && !warned.quarantined.swap(true, SeqCst)
        {
            let message =
                format!("has a new file on disk: the old one was damaged and renamed to {path}");
            return warning(message, false);
        }
        if store.is_damaged() && !warned.damaged.swap(true, SeqCst) {
            let message = "has damaged entries on disk, which are misses".to_owned();
            return warning(message, false);
        }
        // One that is transient ends by itself.
        let error = store.error().filter(|error| !error.is_transient());
        if warned.error.swap(error.is_some(), SeqCst) == error.is_some() {
            return None;
        }
        match error {
            Some(error) => warning(format!("does not use its disk: {error}"), false),
            None => warning("uses its disk again".to_owned(), true),
        }
    }
}

impl Cache {
    /// The next warning about the disk, given to the first caller only.
    pub fn take_warning(&self) -> Option<Warning> {
        self.instance().take_warning()
    }

    /// Counters of the instance, in all processes if it has a disk.
    pub fn totals(&self) -> Totals {
        let Instance { store, counters, .. } = self.instance();
        store.totals().unwrap_or_else(|| counters.totals())
    }

    /// Snapshot at `now`. Visits every entry.
    pub fn inspect(&self, now: UnixMillis) -> Inspection {
        let Instance { store, counters, in_flight, .. } = self.instance();
        Inspection {
            disk: store.disk_usage(),
            usage: store.usage(now),
            bounds: store.bounds(),
            in_flight_bytes: in_flight.used(),
            totals: self.totals(),
            uncacheable: counters.uncacheable(),
        }
    }
}
