//! The exchange that a response comes from.

use crate::time::UnixMillis;

/// What the request and the times of the exchange say about storing the response.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exchange {
    /// The request has `no-store`.
    pub no_store: bool,
    /// The request has `Authorization`, which is not in the key.
    pub authorized: bool,
    /// The handler has received cookies that are not in the key, under a configured lifetime.
    pub cookies: bool,
    /// When the handler was called.
    pub requested_at: UnixMillis,
    /// When its response arrived.
    pub responded_at: UnixMillis,
}
