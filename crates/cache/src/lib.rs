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
pub use cache::proxy::body::{BodyWriter, Finished, Progress};
pub use cache::proxy::handler_response::HandlerResponse;
pub use cache::proxy::lookup::{HandlerRun, WrapLookup};
pub use cache::proxy::options::WrapOptions;
pub use cache::proxy::outcome::{ResponseOutcome, Unshared};
pub use cache::proxy::reader::BodyReader;
pub use cache::proxy::stale_if_error::FailureOutcome;
pub use cache::proxy::wait::{Attempt, WaitOutcome, Waiting};
pub use cache::put::{Draft, Drafted, PutError, PutOptions, Since};
pub use cache::sweep::{Sweeper, Swept, Warning};
pub use cache::{Cache, Deletion, Lookup, MissingInput, Request, TrackedBy};
pub use coalescing::{Chunk, Failure, Fingerprint, Notifier, Notify, Read};
pub use http::Names;
pub use http::lines::Fields;
pub use http::pattern::{BadPattern, check_pattern};
pub use invalidation::{Effect, Invalidation, Target};
pub use memory::{Bounds, StoreError, Usage};
pub use policy::rules::{Bypass, BypassCause, Policy, Rule, Terms};
pub use policy::{
    Freshness, InvalidPut, Overrides, RequestOptions, ResponseHead, State, Uncacheable,
};
pub use response::Answer;
pub use stats::{Counter, Totals};
pub use tier::sqlite::{Completion, Outcome, SqliteOptions, SqliteUsage, TierError};
pub use tier::{Durable, Storage};

/// Modules that the fuzz targets use.
#[cfg(fuzzing)]
pub mod fuzzing {
    pub use crate::http::*;
    pub use crate::policy::*;
    pub use crate::response::*;
}
