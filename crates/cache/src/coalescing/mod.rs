//! Request coalescing (RFC 9211: collapsed requests): who computes a response, since when, and who
//! else receives it.
//!
//! * A **build** is the computation of a response, from a miss to its put. It is identified by the
//!   fence sequence of the miss: the put is dropped if an invalidation since then selects it. The
//!   sequence is carried by whatever identifies the build: a run of a wrapped handler, the
//!   `Request` object of a caller (in JavaScript), or else the **build tracker**, by key and
//!   thread.
//! * A **refresh lease** gives the build of one caller the right to replace a stale entry, for a
//!   limited time, while the entry is served to the others. It belongs to the entry
//!   ([`EntryLease`]); what processes share has a second one ([`ProcessLeases`]), which is the only
//!   part that depends on the tier.
//! * An **in-flight request** is the run of a wrapped handler that other requests for the same
//!   response join.
//! * A **body stream** is written once and read by several clients at their own pace.

mod body_stream;
mod budget;
mod build_tracker;
mod in_flight;
mod lease;
mod notifier;
mod requests;

pub(crate) use body_stream::{Body, BodyGuard, Room};
pub use body_stream::{Chunk, Read};
pub(crate) use budget::{Budget, Reservation};
pub(crate) use build_tracker::BuildTracker;
pub(crate) use in_flight::{Expected, InFlight, Phase, SharedResponse, WaitHandle};
pub use in_flight::{Failure, Fingerprint};
pub(crate) use lease::{EntryLease, ProcessLeases, REFRESH_LEASE_MS};
pub use notifier::{Notifier, Notify};
pub(crate) use requests::{InFlightRequests, JoinRequest, Joined, Leader};
