//! Growing pauses after failures.

use crate::time::Millis;

/// Pauses that double with each failure in a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pauses {
    /// Pause after the first failure, in milliseconds.
    pub(crate) first_ms: Millis,
    /// Longest pause, in milliseconds.
    pub(crate) longest_ms: Millis,
}

impl Pauses {
    /// The pause after this many failures, in milliseconds.
    pub(crate) fn after(self, failures: u32) -> Millis {
        let doublings = failures.saturating_sub(1).min(32);
        self.first_ms.saturating_mul(1 << doublings).min(self.longest_ms)
    }
}
