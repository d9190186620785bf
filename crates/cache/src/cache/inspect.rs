//! Counters, sizes and warnings of an instance.

use std::sync::atomic::Ordering::SeqCst;

use crate::cache::Cache;
use crate::cache::instance::Instance;
use crate::memory::{Bounds, Usage};
use crate::policy::Uncacheable;
use crate::stats::Totals;
use crate::tier::sqlite::SqliteUsage;
use crate::time::UnixMillis;

/// Snapshot of an instance's counters and sizes.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Entries and bytes in memory, evictions and expirations.
    pub usage: Usage,
    /// Size and state of the disk tier, if one is configured.
    pub disk: Option<SqliteUsage>,
    /// Configured bounds of the memory store.
    pub bounds: Bounds,
    /// Bytes of bodies that are received or streamed to waiters.
    pub in_flight_bytes: u64,
    /// Counters of the instance, in all processes if it has a disk.
    pub totals: Totals,
    /// Uncacheable responses by reason.
    pub uncacheable: Vec<(Uncacheable, u64)>,
}

impl Instance {
    /// The next warning about the disk, given to the first caller only.
    pub(crate) fn take_warning(&self) -> Option<String> {
        let Self { store, warned, .. } = self;
        if let Some(path) = store.quarantined()
            && !warned.quarantined.swap(true, SeqCst)
        {
            return Some(format!(
                "begins anew on disk: what was there is damaged, and set aside as {path}"
            ));
        }
        if store.is_damaged() && !warned.damaged.swap(true, SeqCst) {
            return Some("has damaged entries on disk, which are as good as none".to_owned());
        }
        let error = store.error()?;
        (!warned.error.swap(true, SeqCst)).then(|| format!("keeps nothing on disk: {error}"))
    }
}

impl Cache {
    /// The next warning about the disk, given to the first caller only.
    pub fn take_warning(&self) -> Option<String> {
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
