//! Request coalescing (RFC 9211: collapsed requests): in-flight requests, body streams and builds.
//!
//! * An **in-flight request** is a handler run that other requests for the same response join.
//! * A **body stream** is written once and read by several clients at their own pace.
//! * The **build tracker** knows since when the response of a put has been computed.

mod body_stream;
mod budget;
mod build_tracker;
mod in_flight;
mod notifier;
mod requests;

pub(crate) use body_stream::{Body, BodyGuard, Room};
pub use body_stream::{Chunk, Read};
pub(crate) use budget::{Budget, Reservation};
pub(crate) use build_tracker::BuildTracker;
pub(crate) use in_flight::{Expected, InFlight, Phase, SharedResponse, WaitHandle};
pub use in_flight::{Failure, Fingerprint};
pub use notifier::{Notifier, Notify};
pub(crate) use requests::{InFlightRequests, JoinRequest, Joined, Leader};
