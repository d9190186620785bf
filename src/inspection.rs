//! Counters and sizes as objects.

use layeron_cache::{Counter, Inspection, TierUsage, Totals, Warning};
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

/// Counters and sizes of an instance.
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

/// Size and state of the disk.
#[napi(object)]
pub struct BindingDisk {
    pub entries: f64,
    pub bytes: f64,
    pub max_bytes: f64,
    pub evictions: f64,
    pub dropped: f64,
    pub damaged: f64,
    pub quarantined: Option<String>,
    pub error: Option<String>,
    pub error_code: Option<String>,
}

/// Number of responses that were uncacheable for one reason.
#[napi(object)]
pub struct BindingRefusals {
    pub reason: String,
    pub count: f64,
}

impl From<Totals> for BindingStats {
    fn from(totals: Totals) -> Self {
        let count = |counter| number(totals.get(counter));
        Self {
            hits: count(Counter::Hits),
            misses: count(Counter::Misses),
            puts: count(Counter::Puts),
            deletes: count(Counter::Deletes),
            purges: count(Counter::Purges),
        }
    }
}

impl From<Inspection> for BindingInspection {
    #[allow(clippy::cast_precision_loss)]
    fn from(seen: Inspection) -> Self {
        let count = |counter| number(seen.totals.get(counter));
        Self {
            entries: number(seen.usage.entries),
            bytes: number(seen.usage.bytes),
            max_bytes: number(seen.bounds.bytes),
            in_flight_bytes: number(seen.in_flight_bytes),
            tags: number(seen.usage.tags),
            oldest_ms: seen.usage.oldest_ms.map(|age| age as f64),
            stale_hits: count(Counter::StaleHits),
            elections: count(Counter::Elections),
            fenced: count(Counter::Fenced),
            error_hits: count(Counter::ErrorHits),
            collapsed: count(Counter::Collapsed),
            revalidations: count(Counter::Revalidations),
            failed_refreshes: count(Counter::FailedRefreshes),
            invalidations: count(Counter::Invalidations),
            evictions: number(seen.usage.evictions),
            expirations: number(seen.usage.expirations),
            bypasses: count(Counter::Bypasses),
            refused: seen
                .uncacheable
                .into_iter()
                .map(|(reason, count)| BindingRefusals {
                    reason: <&str>::from(reason).to_owned(),
                    count: number(count),
                })
                .collect(),
            disk: seen.disk.map(Into::into),
        }
    }
}

impl From<TierUsage> for BindingDisk {
    fn from(
        TierUsage { entries, bytes, max_bytes, evictions, dropped, damaged, quarantined, error }: TierUsage,
    ) -> Self {
        Self {
            entries: number(entries),
            bytes: number(bytes),
            max_bytes: number(max_bytes),
            evictions: number(evictions),
            dropped: number(dropped),
            damaged: number(damaged),
            quarantined,
            error_code: error.as_ref().map(|error| error.code().to_owned()),
            error: error.map(|error| error.to_string()),
        }
    }
}

/// Exact up to 2^53.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

/// A warning about the disk of an instance.
#[napi(object)]
pub struct BindingWarning {
    pub identity: String,
    /// What follows the identity in a sentence.
    pub message: String,
    /// Whether the disk works again.
    pub has_recovered: bool,
}

impl From<Warning> for BindingWarning {
    fn from(Warning { identity, message, has_recovered }: Warning) -> Self {
        Self { identity, message, has_recovered }
    }
}
