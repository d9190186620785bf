//! The state of an instance whose backend cannot be used.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::completion::Completion;
use super::coordinator::Coordinator;
use super::error::TierError;
use super::usage::TierUsage;
use crate::memory::Memory;

/// A lower tier that could not be opened.
#[derive(Debug)]
pub(crate) struct Unavailable {
    pub(crate) error: TierError,
    max_bytes: u64,
    /// Shows when other processes purge, but not what.
    watched: Option<(Arc<dyn Coordinator>, AtomicU64)>,
}

impl Unavailable {
    pub(super) fn new(error: TierError, max_bytes: u64) -> Self {
        Self { error, max_bytes, watched: None }
    }

    /// Watches the purges of other processes from now on.
    pub(super) fn watching(self, coordinator: Arc<dyn Coordinator>) -> Self {
        let seen = AtomicU64::new(coordinator.purged());
        Self { watched: Some((coordinator, seen)), ..self }
    }

    /// Size and state of the tier.
    pub(crate) fn usage(&self) -> TierUsage {
        let error = Some(self.error.clone());
        TierUsage { error, max_bytes: self.max_bytes, ..TierUsage::default() }
    }

    /// The failed completion of a purge, which must be durable.
    pub(crate) fn refusal(&self) -> Completion {
        Completion::completed(Err(self.error.clone()))
    }

    /// Clears memory if another process has purged something since the last call.
    pub(crate) fn catch_up(&self, memory: &Memory) {
        let Some((coordinator, seen)) = &self.watched else { return };
        let sequence = coordinator.purged();
        if sequence != seen.load(Relaxed) {
            memory.clear();
            seen.store(sequence, Relaxed);
        }
    }
}
