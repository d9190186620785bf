//! Counters and measures, as objects.

use layeron_cache::{DiskUsage, Inspection, Stats};
use napi_derive::napi;

/// The documented counters.
#[napi(object)]
pub struct BindingStats {
    pub hits: f64,
    pub misses: f64,
    pub puts: f64,
    pub deletes: f64,
    pub purges: f64,
}

/// What can be seen of an instance.
#[napi(object)]
pub struct BindingInspection {
    pub entries: f64,
    pub bytes: f64,
    pub max_bytes: f64,
    pub in_flight_bytes: f64,
    pub tags: f64,
    pub oldest_ms: Option<f64>,
    pub stale_hits: f64,
    pub elections: f64,
    pub fenced: f64,
    pub error_hits: f64,
    pub collapsed: f64,
    pub revalidations: f64,
    pub failed_refreshes: f64,
    pub invalidations: f64,
    pub evictions: f64,
    pub expirations: f64,
    pub bypasses: f64,
    pub refused: Vec<BindingRefusals>,
    pub disk: Option<BindingDisk>,
}

/// What can be seen of the disk.
#[napi(object)]
pub struct BindingDisk {
    pub entries: f64,
    pub bytes: f64,
    pub max_bytes: f64,
    pub evictions: f64,
    pub dropped: f64,
    pub damaged: f64,
    pub set_aside: Option<String>,
    pub fault: Option<String>,
}

/// How often one reason kept a response out of the store.
#[napi(object)]
pub struct BindingRefusals {
    pub reason: String,
    pub count: f64,
}

impl From<Stats> for BindingStats {
    fn from(stats: Stats) -> Self {
        Self {
            hits: number(stats.hits),
            misses: number(stats.misses),
            puts: number(stats.puts),
            deletes: number(stats.deletes),
            purges: number(stats.purges),
        }
    }
}

impl From<Inspection> for BindingInspection {
    #[allow(clippy::cast_precision_loss)]
    fn from(seen: Inspection) -> Self {
        Self {
            entries: number(seen.usage.entries),
            bytes: number(seen.usage.bytes),
            max_bytes: number(seen.bounds.bytes),
            in_flight_bytes: number(seen.in_flight_bytes),
            tags: number(seen.usage.tags),
            oldest_ms: seen.usage.oldest_ms.map(|age| age as f64),
            stale_hits: number(seen.stale_hits),
            elections: number(seen.elections),
            fenced: number(seen.fenced),
            error_hits: number(seen.error_hits),
            collapsed: number(seen.collapsed),
            revalidations: number(seen.revalidations),
            failed_refreshes: number(seen.failed_refreshes),
            invalidations: number(seen.invalidations),
            evictions: number(seen.usage.evictions),
            expirations: number(seen.usage.expirations),
            bypasses: number(seen.bypasses),
            refused: seen
                .refused
                .into_iter()
                .map(|(reason, count)| BindingRefusals {
                    reason: reason.name().to_owned(),
                    count: number(count),
                })
                .collect(),
            disk: seen.disk.map(Into::into),
        }
    }
}

impl From<DiskUsage> for BindingDisk {
    fn from(
        DiskUsage { entries, bytes, max_bytes, evictions, dropped, damaged, set_aside, fault }: DiskUsage,
    ) -> Self {
        Self {
            entries: number(entries),
            bytes: number(bytes),
            max_bytes: number(max_bytes),
            evictions: number(evictions),
            dropped: number(dropped),
            damaged: number(damaged),
            set_aside,
            fault,
        }
    }
}

/// Exact up to 2^53.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}
