//! The core of the Layeron response cache: keys, policy, store and indexes, without any JavaScript.
//!
//! Time is passed in, in milliseconds since 1970, and read once per operation by the caller. Modules import only
//! from those named before them: `field`, then `key`, `rule` and `policy`, then `store`, `index`, `flight` and
//! `stats`, then `cache` and `instance`.

mod cache;
pub mod field;
mod flight;
mod index;
mod instance;
mod key;
pub mod policy;
mod rule;
mod stats;
mod store;

pub use cache::{Cache, Draft, Drafted, Inspection, Lookup, PutError, PutOptions, Request, Wanted};
pub use instance::StorageConflict;
pub use rule::{BadPattern, Bypass, Policy, Rule, Terms};
pub use stats::Stats;
pub use store::{Bounds, Selector, Usage};
