//! What a handler is wrapped with.

use crate::http::Names;
use crate::policy::RequestOptions;

/// What the handler is wrapped with.
#[derive(Clone, Debug, Default)]
pub struct Wrapping {
    /// Selecting header fields, in place of the configured ones.
    pub vary: Option<Names>,
    /// How long a run is waited for, in milliseconds, before it may be taken for hung.
    pub patience: i64,
    /// How requests are treated.
    pub request: RequestOptions,
}
