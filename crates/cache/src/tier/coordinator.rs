//! What the processes that use one backend tell each other at once.

use std::fmt::Debug;
use std::sync::Arc;

use super::error::TierError;
use crate::coalescing::ProcessLeases;

/// What lookups read of the other processes. Never blocks.
pub(crate) trait Coordinator: ProcessLeases + Debug + Send + Sync {
    /// Last sequence of the log.
    fn sequence(&self) -> u64;

    /// Last sequence of the log that was more than a put, for processes that cannot read the log.
    fn purged(&self) -> u64;

    /// Releases the refresh leases of all entries: their holders' responses will be fenced.
    fn release_all_leases(&self);

    /// Records that the records are damaged, for the process that opens them next.
    fn note_damage(&self);

    /// Leaves the processes that use the records.
    fn leave(&self);
}

/// Why a backend cannot be opened.
#[derive(Debug)]
pub(crate) struct OpenError {
    pub(crate) error: TierError,
    /// Shows when other processes purge, but not what.
    pub(crate) coordinator: Option<Arc<dyn Coordinator>>,
}
