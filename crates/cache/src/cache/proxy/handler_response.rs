//! Responses of wrapped handlers, as the cache receives them.

use super::options::WrapOptions;
use crate::cache::Request;
use crate::policy::{Forwarded, Overrides, ResponseHead};
use crate::response::Handling;
use crate::time::UnixMillis;

/// A handler's response and the request that it answers.
#[derive(Clone, Debug)]
pub struct HandlerResponse<'a> {
    /// The client's request.
    pub request: Request<'a>,
    /// Options of the wrapper.
    pub wrapping: &'a WrapOptions,
    /// Status and header fields.
    pub head: ResponseHead<'a>,
    /// Length of the body, if it is known.
    pub length: Option<u64>,
    /// Lifetime and stale windows that take precedence over the configured ones.
    pub overrides: Overrides,
    /// Tags in addition to the configured ones.
    pub tags: Vec<String>,
    /// Whether `shouldStore` lets it be stored.
    pub may_store: bool,
    /// When the head arrived, in milliseconds since 1970.
    pub at: UnixMillis,
}

pub(crate) fn forwarded(why: Forwarded, status: u16, stored: bool) -> Handling {
    Handling::Forwarded { why: why.word(), status: Some(status), stored, collapsed: false }
}
