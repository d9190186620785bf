//! Who refreshes a stale entry, and which writes come too late.
//!
//! * An **election** gives one caller a miss while everybody else is served the stale response.
//! * The **fence** remembers what was purged and when, on a sequence of its own and not by the clock, and holds back
//!   a write whose content was computed before a purge of it.
//! * A **flight** is a run of a handler that all who want the same wait for, and read along with.
//! * **Notes** tell for a key how far back the builds go that are under way for it.

mod body;
mod budget;
mod election;
mod fence;
#[allow(clippy::module_inception)]
mod flight;
mod flights;
mod notes;
mod pauses;

/// How long a caller that got a miss is waited for, in milliseconds, before it may be taken for gone.
pub(crate) const PATIENCE_MS: i64 = 30_000;

pub(crate) use body::{Body, Room, Writing};
pub use body::{Part, Read};
pub(crate) use budget::{Budget, Reservation};
pub(crate) use election::Election;
pub(crate) use fence::{Fence, Purged};
pub(crate) use flight::{Expected, Flight, Landing, Stage, Wait};
pub use flight::{Failure, Fingerprint, Waiter, Wake};
pub(crate) use flights::{Boarder, Boarding, Flights, Lead};
pub(crate) use notes::Notes;
use pauses::Pauses;
