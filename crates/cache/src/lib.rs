//! The core of the Layeron response cache: keys, policy, store and indexes, without any JavaScript.
//!
//! Time is passed in, in milliseconds since 1970, and read once per operation by the caller. Each
//! row of modules imports only from rows above it:
//!
//! * `sync`, `bounded`, `backoff`, `lease`: locks, a bounded map, pauses, who refreshes an entry;
//! * `http`: syntax of header fields, URLs and path patterns;
//! * `key`: cache keys and their variants;
//! * `policy`: pure decisions on a request and a response;
//! * `stats`: counters;
//! * `response`: stored responses and answers made of them;
//! * `invalidation`: what was purged since when;
//! * `memory`: the memory store and its indexes;
//! * `coalescing`: requests that share one run of a handler, builds under way;
//! * `tier`: the memory store and what lies under it;
//! * `cache`: the operations, and `cache::proxy` for wrapped handlers.

mod backoff;
mod bounded;
mod cache;
mod coalescing;
mod http;
mod invalidation;
mod key;
mod lease;
mod memory;
mod policy;
mod response;
mod stats;
mod sync;
mod tier;

pub use cache::explain::{ExplainedEntry, Explanation};
pub use cache::inspect::Inspection;
pub use cache::instance::{StorageConflict, flush_all};
pub use cache::proxy::body::{Ended, Fill, Progress};
pub use cache::proxy::lookup::{Run, Served};
pub use cache::proxy::outcome::{Passed, Responded};
pub use cache::proxy::reader::Reader;
pub use cache::proxy::reply::Reply;
pub use cache::proxy::stale_if_error::Failed;
pub use cache::proxy::wait::{Arrival, Attempt, Ticket};
pub use cache::proxy::wrapping::Wrapping;
pub use cache::put::{Draft, Drafted, PutError, PutOptions, Since};
pub use cache::sweep::{Sweeper, Swept, Warning};
pub use cache::{Cache, Deletion, Lookup, NotedBy, Request, Wanted};
pub use coalescing::{Failure, Fingerprint, Part, Read, Waiter, Wake};
pub use http::Names;
pub use http::lines::Fields;
pub use http::pattern::{BadPattern, check_pattern};
pub use invalidation::Selector;
pub use memory::{Bounds, NotStored, Usage};
pub use policy::rules::{Bypass, BypassCause, Policy, Rule, Terms};
pub use policy::{Freshness, Overrides, Refused, Rejected, RequestOptions, ResponseHead, State};
pub use response::Answer;
pub use stats::Stats;
pub use tier::sqlite::{DiskOptions, DiskUsage, Fault, Outcome, Ticket as DiskTicket};
pub use tier::{Lasting, Storage};

/// What the fuzz targets reach.
#[cfg(fuzzing)]
pub mod fuzzing {
    pub use crate::http::*;
    pub use crate::policy::*;
    pub use crate::response::*;
}
