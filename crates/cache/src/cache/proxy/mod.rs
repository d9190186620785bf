//! Wrapped handlers: an HTTP shared cache in front of a handler (RFC 9111).
//!
//! `lookup` decides whether a stored response answers a request, and whether the request runs the
//! handler or waits for another run. `respond` handles the handler's response, `body` its body,
//! `revalidation` a 304, and `stale_if_error` a failure.

pub(crate) mod body;
mod cookies;
pub(crate) mod handler_response;
pub(crate) mod lookup;
pub(crate) mod options;
pub(crate) mod outcome;
pub(crate) mod reader;
pub(crate) mod respond;
mod revalidation;
pub(crate) mod stale_if_error;
pub(crate) mod wait;
