//! The core of the Layeron response cache: keys, policy, store and indexes, without any JavaScript.
//!
//! Time is passed in, in milliseconds since 1970, and read once per operation by the caller. Modules import only
//! from those named before them: `field`, then `key`, `pattern`, `rule` and `policy`, then `store`, `index`, `flight` and
//! `stats`, then `instance`, `cache`, `put` and `explain`.

mod cache;
mod explain;
pub mod field;
mod flight;
mod index;
mod instance;
mod key;
mod pattern;
pub mod policy;
mod put;
mod rule;
mod stats;
mod store;
mod sync;

pub use cache::{Cache, Deletion, Inspection, Lookup, NotedBy, Request, Wanted};
pub use explain::{ExplainedEntry, Explanation};
pub use instance::StorageConflict;
pub use pattern::BadPattern;
pub use put::{Draft, Drafted, PutError, PutOptions, Since};
pub use rule::{Bypass, BypassCause, Policy, Rule, Terms};
pub use stats::Stats;
pub use store::{Bounds, NotStored, Selector, Usage};
