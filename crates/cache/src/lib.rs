//! The core of the Layeron response cache: keys, policy, store and indexes, without any JavaScript.
//!
//! Time is passed in, in milliseconds since 1970, and read once per operation by the caller. Modules import only
//! from those named before them: `sync` and `field`, then `key`, `pattern`, `rule` and `policy`, then `index`, `flight` and
//! `stats`, then `store`, `disk` and `tiers`, then `instance`, `cache`, `inspect`, `put` and `explain`, then `reader`, `wait`, `serve`, `cookies`, `fill`, `failing`, `respond` and `freshen`.

mod bounded;
mod cache;
mod cookies;
#[cfg(test)]
mod differential;
mod disk;
mod explain;
mod failing;
mod field;
mod fill;
mod flight;
mod freshen;
mod index;
mod inspect;
mod instance;
mod key;
mod pattern;
mod policy;
mod put;
mod reader;
mod respond;
mod rule;
mod serve;
mod stats;
mod store;
mod sweep;
mod sync;
mod tiers;
mod wait;

pub use cache::{Cache, Deletion, Lookup, NotedBy, Request, Wanted};
pub use disk::{DiskOptions, DiskUsage, Fault, Outcome, Ticket as DiskTicket};
pub use explain::{ExplainedEntry, Explanation};
pub use failing::Failed;
pub use field::Names;
pub use field::lines::Fields;
pub use fill::{Ended, Fill, Progress};
pub use flight::{Failure, Fingerprint, Part, Read, Waiter, Wake};
pub use inspect::Inspection;
pub use instance::{StorageConflict, flush_all};
pub use pattern::{BadPattern, check_pattern};
pub use policy::{Answer, Freshness, Overrides, Refused, Rejected, RequestOptions, ResponseHead, State};
pub use put::{Draft, Drafted, PutError, PutOptions, Since};
pub use reader::Reader;
pub use respond::{Passed, Reply, Responded};
pub use rule::{Bypass, BypassCause, Policy, Rule, Terms};
pub use serve::{Attempt, Run, Served, Wrapping};
pub use stats::Stats;
pub use store::{Bounds, NotStored, Selector, Usage};
pub use sweep::{Sweeper, Swept, Warning};
pub use tiers::{Lasting, Storage};
pub use wait::{Arrival, Ticket};

/// What the fuzz targets reach.
#[cfg(fuzzing)]
pub mod fuzzing {
    pub use crate::field::*;
    pub use crate::policy::*;
}
