//! What there is where there was to be a disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::shared::Shared;
use super::{DiskUsage, Fault, Ticket};
use crate::memory::Memory;

/// Why there is no disk where there was to be one.
#[derive(Debug)]
pub(crate) struct Unusable {
    pub(crate) fault: Fault,
    max_bytes: u64,
    /// Where it can be seen that the others purge, if not what.
    watched: Option<(Arc<Shared>, AtomicU64)>,
}

impl Unusable {
    pub(super) fn new(fault: Fault, max_bytes: u64) -> Self {
        Self { fault, max_bytes, watched: None }
    }

    /// Takes note of what the others purge from now on.
    pub(super) fn watching(self, shared: Arc<Shared>) -> Self {
        let seen = AtomicU64::new(shared.purged());
        Self { watched: Some((shared, seen)), ..self }
    }

    /// What can be seen.
    pub(crate) fn usage(&self) -> DiskUsage {
        let fault = Some(self.fault.to_string());
        DiskUsage { fault, max_bytes: self.max_bytes, ..DiskUsage::default() }
    }

    /// What a purge comes to, which has to last.
    pub(crate) fn refusal(&self) -> Ticket {
        Ticket::settled(Err(self.fault.clone()))
    }

    /// Empties the memory store where another process has purged something since.
    pub(crate) fn catch_up(&self, memory: &Memory) {
        let Some((shared, seen)) = &self.watched else { return };
        let sequence = shared.purged();
        if sequence != seen.load(Relaxed) {
            memory.clear();
            seen.store(sequence, Relaxed);
        }
    }
}
