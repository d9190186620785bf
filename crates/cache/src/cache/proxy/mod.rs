//! Wrapped handlers: an HTTP shared cache in front of a handler (RFC 9111).
//!
//! `lookup` decides what answers a request, and whether it runs the handler or waits for the run of
//! another request. `response` decides what becomes of the handler's response, `body` of its body,
//! `revalidation` of a 304 and `stale_if_error` of a failure.

pub(crate) mod body;
mod cookies;
pub(crate) mod lookup;
pub(crate) mod outcome;
pub(crate) mod reader;
pub(crate) mod reply;
pub(crate) mod response;
mod revalidation;
pub(crate) mod stale_if_error;
pub(crate) mod wait;
pub(crate) mod wrapping;
