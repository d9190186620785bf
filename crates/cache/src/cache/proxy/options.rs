//! Options of a wrapped handler.

use crate::http::Names;
use crate::policy::RequestOptions;
use crate::time::Millis;

/// Options of a wrapped handler.
#[derive(Clone, Debug, Default)]
pub struct WrapOptions {
    /// Selecting header fields, in place of the configured ones.
    pub vary: Option<Names>,
    /// Time after which a run counts as hung, in milliseconds (`refreshTimeoutMs`).
    pub timeout: Millis,
    /// Lifetime, cookies and request directives.
    pub request: RequestOptions,
}
