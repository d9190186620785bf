//! The invalidation log of all processes, and how far this process has applied it to its memory.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::RangeInclusive;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};

use parking_lot::{Mutex, MutexGuard};

use crate::invalidation::Invalidation;
use crate::time::UnixMillis;

/// The end of the log.
#[derive(Debug)]
pub(crate) struct LogTail {
    /// Last sequence of the log.
    pub(crate) last: u64,
    /// The rows after the wanted sequence, in order; `None` if some of them have been removed.
    pub(crate) rows: Option<Vec<Logged>>,
}

/// A row of the log.
#[derive(Debug)]
pub(crate) struct Logged {
    pub(crate) sequence: u64,
    pub(crate) invalidation: Invalidation,
    /// When it was made.
    pub(crate) at: UnixMillis,
}

/// The cursor in the invalidation log.
#[derive(Debug)]
pub(super) struct InvalidationLog {
    state: Mutex<LogState>,
    /// Copy of [`LogState::last`] that is read without the lock.
    last: AtomicU64,
}

#[derive(Debug)]
struct LogState {
    /// Last sequence that has been applied.
    last: u64,
    /// Sequences that this process is writing, and has applied already.
    own: Option<RangeInclusive<u64>>,
    /// Fence sequences at which purges of this process began that are not committed, and how many
    /// began at each.
    begun: BTreeMap<u64, u32>,
}

/// The locked cursor: the log is not applied meanwhile.
pub(super) struct LogGuard<'a>(MutexGuard<'a, LogState>, &'a AtomicU64);

impl InvalidationLog {
    /// A cursor before all sequences.
    pub(super) fn new() -> Self {
        let state = LogState { last: 0, own: None, begun: BTreeMap::new() };
        Self { state: Mutex::new(state), last: AtomicU64::new(0) }
    }

    /// Last sequence that has been applied. Costs one atomic read.
    pub(super) fn last(&self) -> u64 {
        self.last.load(Acquire)
    }

    /// Locks the cursor.
    pub(super) fn lock(&self) -> LogGuard<'_> {
        LogGuard(self.state.lock(), &self.last)
    }
}

impl LogGuard<'_> {
    pub(super) fn last(&self) -> u64 {
        self.0.last
    }

    /// Whether this process applied a sequence before it wrote it.
    pub(super) fn knew(&self, sequence: u64) -> bool {
        self.0.own.as_ref().is_some_and(|own| own.contains(&sequence))
    }

    /// Moves the cursor to `last`.
    pub(super) fn advance(&mut self, last: u64) {
        self.0.last = self.0.last.max(last);
        self.1.store(self.0.last, Release);
    }

    /// Moves the cursor to the last sequence of another log.
    pub(super) fn restart(&mut self, last: u64) {
        self.0.last = last;
        self.1.store(last, Release);
    }

    /// Records that this process is about to write these sequences.
    pub(super) fn write(&mut self, own: RangeInclusive<u64>) {
        self.0.own = Some(own);
    }

    /// Records whether they have been committed.
    pub(super) fn wrote(&mut self, is_written: bool) {
        if let Some(own) = self.0.own.take()
            && is_written
            && *own.start() == self.0.last + 1
        {
            self.advance(*own.end());
        }
    }

    /// A purge begins at this fence sequence.
    pub(super) fn begin(&mut self, since: u64) {
        *self.0.begun.entry(since).or_default() += 1;
    }

    /// The purge is committed, or has failed.
    pub(super) fn end(&mut self, since: u64) {
        if let Entry::Occupied(mut begun) = self.0.begun.entry(since) {
            *begun.get_mut() -= 1;
            if *begun.get() == 0 {
                begun.remove();
            }
        }
    }

    /// Fence sequence for restored rows: the start of the oldest purge of this process that is not
    /// committed yet, or `sequence`.
    pub(super) fn oldest(&self, sequence: u64) -> u64 {
        self.0.begun.keys().next().map_or(sequence, |&begun| begun.min(sequence))
    }
}
