//! Responses of wrapped handlers.

use super::wrapping::Wrapping;
use crate::cache::Request;
use crate::policy::{Forwarded, Overrides, ResponseHead};
use crate::response::Handled;

/// A response of the handler, and what it answers.
#[derive(Clone, Debug)]
pub struct Reply<'a> {
    /// The client's request.
    pub request: Request<'a>,
    /// What the handler is wrapped with.
    pub wrapping: &'a Wrapping,
    /// Its head.
    pub head: ResponseHead<'a>,
    /// The length of its body, where that is known.
    pub length: Option<u64>,
    /// Lifetime and windows that come before the configured ones.
    pub overrides: Overrides,
    /// Tags beside the configured ones.
    pub tags: Vec<String>,
    /// Whether the caller's own predicate lets it be stored.
    pub may_store: bool,
    /// When it came.
    pub at: i64,
}

pub(crate) fn forwarded(why: Forwarded, status: u16, stored: bool) -> Handled {
    Handled::Forwarded { why: why.word(), status: Some(status), stored, collapsed: false }
}
