//! The core of the Layeron response cache, an HTTP cache without any JavaScript.
//!
//! A [`Cache`] is a declaration of an instance; all declarations of an identity share its entries.
//! The caller reads the time once per operation and passes it in ([`UnixMillis`]). Header
//! fields are passed as lines, `name:value\n` with names in lower case.
//!
//! ```
//! use layeron_cache::{
//!     Bounds, Cache, Drafted, Fields, Invalidation, Lookup, Policy, PutOptions, Request,
//!     ResponseHead, Since, Target, TrackedBy,
//! };
//!
//! let bounds = Bounds { bytes: 1 << 20, entry_bytes: 1 << 16 };
//! let cache = Cache::open("docs", "example", bounds, Policy::default()).unwrap();
//! let request = Request {
//!     method: "GET",
//!     url: "https://shop.example/products/1",
//!     serialised: true,
//!     fields: Fields::new("if-none-match\nrange\n"),
//!     asked: false,
//!     fingerprint: None,
//! };
//! let now = 1_700_000_000_000;
//!
//! // A miss begins a build, and a put ends it.
//! let miss = cache.look_up(request, None, TrackedBy::Caller, now).unwrap();
//! let Lookup::Miss { since, .. } = miss else { panic!("the cache is empty") };
//! let fields = Fields::new("cache-control:max-age=60\ncache-tag:products\n");
//! let head = ResponseHead { status: 200, reason: "OK", fields };
//! let options = PutOptions::default();
//! let drafted = cache.draft(request, head, &options, Since::Sequence(since), now).unwrap();
//! let Drafted::Draft(draft) = drafted else { panic!("the response is cacheable") };
//! cache.put(*draft, Some(b"a product")).unwrap();
//! assert!(matches!(cache.look_up(request, None, TrackedBy::Caller, now), Ok(Lookup::Hit(..))));
//!
//! cache.purge(&Invalidation::remove([Target::Tag("products".into())]), now);
//! let found = cache.look_up(request, None, TrackedBy::Caller, now);
//! assert!(matches!(found, Ok(Lookup::Miss { .. })));
//! ```
//!
//! # Modules
//!
//! Each row imports only from rows above it:
//!
//! * `sync`, `time`: locks and atomics; milliseconds as types;
//! * `bounded`, `backoff`: a bounded map; growing pauses;
//! * `http`: syntax of header fields, URLs and path patterns;
//! * `key`: cache keys and variants;
//! * `policy`: decisions about requests and responses, as pure functions;
//! * `stats`: counters;
//! * `response`: stored responses and answers;
//! * `invalidation`: what is invalidated, and the fence;
//! * `memory`: the memory store and its indexes;
//! * `coalescing`: in-flight requests, body streams, builds;
//! * `tier`: memory and the disk below it as one store;
//! * `cache`: the operations; `cache::proxy` for wrapped handlers.

mod backoff;
mod bounded;
mod cache;
mod coalescing;
mod http;
mod invalidation;
mod key;
mod memory;
mod policy;
mod response;
mod stats;
mod sync;
mod tier;
mod time;

pub use cache::explain::{ExplainedEntry, Explanation};
pub use cache::inspect::{Inspection, Warning};
pub use cache::instance::{StorageConflict, flush_all};
pub use cache::proxy::body::{BodyWriter, Finished, Progress};
pub use cache::proxy::handler_response::HandlerResponse;
pub use cache::proxy::lookup::{HandlerRun, WrapLookup};
pub use cache::proxy::options::WrapOptions;
pub use cache::proxy::outcome::{ResponseOutcome, Unshared};
pub use cache::proxy::reader::BodyReader;
pub use cache::proxy::stale_if_error::FailureOutcome;
pub use cache::proxy::wait::{Attempt, WaitOutcome, Waiting};
pub use cache::put::{BodyError, Draft, Drafted, PutError, PutOptions, Since};
pub use cache::sweep::{Sweeper, Swept};
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
pub use tier::TierUsage;
pub use tier::backend::sqlite::SqliteOptions;
pub use tier::completion::{Completion, Outcome};
pub use tier::error::TierError;
pub use tier::{Durable, Storage};
pub use time::{Millis, UnixMillis};

/// Modules that the fuzz targets use.
#[cfg(fuzzing)]
pub mod fuzzing {
    pub use crate::http::*;
    pub use crate::policy::*;
    pub use crate::response::*;
}
