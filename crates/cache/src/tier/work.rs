//! Work of the writer thread.

use super::completion::{Completion, Promise};
use super::error::TierError;
use super::load_queue::Load;
use super::record::Record;
use crate::invalidation::Invalidation;
use crate::key::Digest;
use crate::time::UnixMillis;

/// Bytes that queued work takes beside its record.
const OVERHEAD: usize = 160;

/// A change to write, or a request to the writer thread.
#[derive(Debug)]
pub(super) enum Work {
    /// A put.
    Put(Box<QueuedPut>),
    /// Removes an outdated version of a variant.
    Outdate(Outdated),
    /// An invalidation that has taken effect in memory.
    Invalidate(QueuedInvalidation),
    /// Removes the entries that have expired by this time.
    Expire(UnixMillis),
    /// A load to hand back to the reader once all earlier work is written.
    Load(Load),
    /// Completes once all earlier work is written.
    Flush(Promise),
    /// Closes the queue.
    End(Promise),
}

/// How much of what other processes have done this process has applied, as sequences of fences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Sequence of their invalidations.
    pub(super) purges: u64,
    /// Sequence of their puts.
    pub(super) puts: u64,
}

/// A put that has taken effect in memory.
#[derive(Debug)]
pub(super) struct QueuedPut {
    pub(super) record: Record,
    pub(super) seen: Seen,
}

/// An outdated version of a variant, for the disk and the other processes.
#[derive(Debug)]
pub(super) struct Outdated {
    pub(super) key: String,
    pub(super) variant: Digest,
    /// When it was put, or the put that it replaces: what other processes have put later stays.
    pub(super) put_at: UnixMillis,
    pub(super) seen: Seen,
}

impl QueuedPut {
    /// The version that a put replaces, if the put itself is not written.
    pub(super) fn replaced(&self) -> Outdated {
        let Self { record, seen } = self;
        let (key, put_at) = (record.key().to_owned(), record.times.stored_at);
        Outdated { key, variant: record.variant, put_at, seen: *seen }
    }
}

/// An invalidation for the disk and the other processes.
#[derive(Debug)]
pub(super) struct QueuedInvalidation {
    pub(super) invalidation: Invalidation,
    /// When it was made.
    pub(super) at: UnixMillis,
    /// Completes with the live entries that it has removed from memory, if they count as purged.
    pub(super) in_memory: Option<Completion>,
    /// Fence sequences of the memory store before the invalidations that this one stands for.
    pub(super) since: Vec<u64>,
    /// Done once the invalidation is synced to disk; `None` if no caller waits for it.
    pub(super) promise: Option<Promise>,
}

impl Work {
    /// Removes everything, in place of work that included invalidations from these sequences.
    pub(super) fn clear(since: Vec<u64>) -> Self {
        let invalidation = Invalidation::everything();
        Self::Invalidate(QueuedInvalidation {
            invalidation,
            at: 0,
            in_memory: None,
            since,
            promise: None,
        })
    }

    /// Whether it removes all entries and no caller waits: anything on disk may be outdated.
    pub(super) fn is_clear(&self) -> bool {
        matches!(self, Self::Invalidate(queued)
            if queued.promise.is_none() && queued.invalidation.selects_everything())
    }

    /// Whether it is an invalidation that no caller waits for.
    pub(super) fn is_unawaited(&self) -> bool {
        matches!(self, Self::Invalidate(QueuedInvalidation { promise: None, .. }))
    }

    /// Fence sequences of an invalidation.
    pub(super) fn into_since(self) -> Vec<u64> {
        match self {
            Self::Invalidate(QueuedInvalidation { since, .. }) => since,
            _ => Vec::new(),
        }
    }

    /// Completes work that will not be done.
    pub(super) fn refuse(self) {
        match self {
            Self::Invalidate(QueuedInvalidation { promise: Some(promise), .. })
            | Self::Flush(promise)
            | Self::End(promise) => promise.complete(Err(TierError::Closed)),
            Self::Load(Load { promise, .. }) => promise.complete(Ok(0)),
            Self::Put(..) | Self::Outdate(_) | Self::Invalidate(_) | Self::Expire(_) => {}
        }
    }

    /// Whether a caller waits until it is synced to disk.
    pub(super) fn is_durable(&self) -> bool {
        matches!(self, Self::Invalidate(QueuedInvalidation { promise: Some(_), invalidation, .. })
            if !invalidation.targets.is_empty())
    }

    /// Whether it is written at once, with what is queued before it.
    pub(super) fn is_urgent(&self) -> bool {
        self.entry().is_none()
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Put(put) => put.record.stored.len() + OVERHEAD,
            Self::Outdate(outdated) => outdated.key.len() + OVERHEAD,
            Self::Invalidate(queued) => queued.invalidation.bytes() + OVERHEAD,
            Self::Expire(_) | Self::Load(_) | Self::Flush(_) | Self::End(_) => OVERHEAD,
        }
    }

    /// The key and the variant, if the work is about one.
    pub(super) fn entry(&self) -> Option<(&str, &Digest)> {
        match self {
            Self::Put(put) => Some((put.record.key(), &put.record.variant)),
            Self::Outdate(Outdated { key, variant, .. }) => Some((key, variant)),
            _ => None,
        }
    }
}
