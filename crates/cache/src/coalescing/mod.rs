//! Requests that share one run of a handler, and builds under way.
//!
//! * A **flight** is a run of a handler that all who want the same wait for, and read along with.
//! * **Notes** tell for a key how far back the builds go that are under way for it.

mod body_stream;
mod budget;
mod build_tracker;
mod in_flight;
mod table;
mod waiter;

pub(crate) use body_stream::{Body, Room, Writing};
pub use body_stream::{Part, Read};
pub(crate) use budget::{Budget, Reservation};
pub(crate) use build_tracker::Notes;
pub(crate) use in_flight::{Expected, Flight, Landing, Stage, Wait};
pub use in_flight::{Failure, Fingerprint};
pub(crate) use table::{Boarder, Boarding, Flights, Lead};
pub use waiter::{Waiter, Wake};
