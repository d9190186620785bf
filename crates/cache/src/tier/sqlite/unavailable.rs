//! The state of an instance whose disk cannot be used.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::SqliteUsage;
use super::shared_memory::Shared;
use crate::memory::Memory;
use crate::tier::completion::Completion;
use crate::tier::error::TierError;

/// A disk tier that could not be opened.
#[derive(Debug)]
pub(crate) struct Unavailable {
    pub(crate) error: TierError,
    max_bytes: u64,
    /// Shared memory that shows when other processes purge, but not what.
    watched: Option<(Arc<Shared>, AtomicU64)>,
}

impl Unavailable {
    pub(super) fn new(error: TierError, max_bytes: u64) -> Self {
        Self { error, max_bytes, watched: None }
    }

    /// Watches the purges of other processes from now on.
    pub(super) fn watching(self, shared: Arc<Shared>) -> Self {
        let seen = AtomicU64::new(shared.purged());
        Self { watched: Some((shared, seen)), ..self }
    }

    /// Size and state of the tier.
    pub(crate) fn usage(&self) -> SqliteUsage {
        let error = Some(self.error.clone());
        SqliteUsage { error, max_bytes: self.max_bytes, ..SqliteUsage::default() }
    }

    /// The failed completion of a purge, which must be durable.
    pub(crate) fn refusal(&self) -> Completion {
        Completion::completed(Err(self.error.clone()))
    }

    /// Clears memory if another process has purged something since the last call.
    pub(crate) fn catch_up(&self, memory: &Memory) {
        let Some((shared, seen)) = &self.watched else { return };
        let sequence = shared.purged();
        if sequence != seen.load(Relaxed) {
            memory.clear();
            seen.store(sequence, Relaxed);
        }
    }
}
