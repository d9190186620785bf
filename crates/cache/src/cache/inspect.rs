//! What can be seen of an instance from outside: counters, measures, and what there is to warn of.

use std::sync::atomic::Ordering::SeqCst;

use crate::cache::Cache;
use crate::cache::instance::Instance;
use crate::memory::{Bounds, Usage};
use crate::policy::Refused;
use crate::stats::Stats;
use crate::tier::sqlite::DiskUsage;

/// What can be seen of an instance.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// What the store holds and what left it.
    pub usage: Usage,
    /// What the disk holds, where there is to be one.
    pub disk: Option<DiskUsage>,
    /// The store's bounds.
    pub bounds: Bounds,
    /// Bytes of bodies that are received or streamed to waiters.
    pub in_flight_bytes: u64,
    /// Hits served past their freshness lifetime.
    pub stale_hits: u64,
    /// Callers elected to refresh a stale entry.
    pub elections: u64,
    /// Puts held back because something of them was purged after their content was computed.
    pub fenced: u64,
    /// Stale responses served because the handler failed.
    pub error_hits: u64,
    /// Requests to a wrapped handler that waited for the run of another.
    pub collapsed: u64,
    /// Stored responses that the handler has said to be still right.
    pub revalidations: u64,
    /// Refreshes in the background that have failed.
    pub failed_refreshes: u64,
    /// Entries removed because a request changed something at their URL.
    pub invalidations: u64,
    /// Calls that a rule made skip the cache.
    pub bypasses: u64,
    /// Responses not stored, by reason.
    pub refused: Vec<(Refused, u64)>,
}

impl Instance {
    /// What there is to warn of about the disk, each to the first who asks.
    pub(crate) fn take_warning(&self) -> Option<String> {
        let Self { store, warned, .. } = self;
        if let Some(path) = store.set_aside()
            && !warned.set_aside.swap(true, SeqCst)
        {
            return Some(format!(
                "begins anew on disk: what was there is damaged, and set aside as {path}"
            ));
        }
        if store.is_damaged() && !warned.damaged.swap(true, SeqCst) {
            return Some("has damaged entries on disk, which are as good as none".to_owned());
        }
        let fault = store.fault()?;
        (!warned.fault.swap(true, SeqCst)).then(|| format!("keeps nothing on disk: {fault}"))
    }
}

impl Cache {
    /// What there is to warn of about the disk, each to the first who asks.
    pub fn take_warning(&self) -> Option<String> {
        self.instance().take_warning()
    }

    /// The documented counters.
    pub fn stats(&self) -> Stats {
        let Instance { store, counters, .. } = self.instance();
        store.totals().unwrap_or_else(|| counters.totals()).stats()
    }

    /// What can be seen of the instance at `now`. Looks at every entry.
    pub fn inspect(&self, now: i64) -> Inspection {
        let Instance { store, counters, in_flight, .. } = self.instance();
        let totals = store.totals().unwrap_or_else(|| counters.totals());
        let [_, stale_hits, _, _, _, _, bypasses, rest @ ..] = totals.numbers();
        let [
            elections,
            fenced,
            error_hits,
            collapsed,
            revalidations,
            failed_refreshes,
            invalidations,
        ] = rest;
        Inspection {
            disk: store.disk_usage(),
            usage: store.usage(now),
            bounds: store.bounds(),
            in_flight_bytes: in_flight.used(),
            stale_hits,
            elections,
            fenced,
            error_hits,
            collapsed,
            revalidations,
            failed_refreshes,
            invalidations,
            bypasses,
            refused: counters.refused(),
        }
    }
}
