//! How far the memory store of this process knows what has been purged in the database, by
//! whichever process.

use std::ops::RangeInclusive;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};

use parking_lot::{Mutex, MutexGuard};

/// See the module.
#[derive(Debug)]
pub(super) struct Heeding {
    standing: Mutex<Standing>,
    /// What stands under the lock, to look at without it.
    last: AtomicU64,
}

#[derive(Debug)]
struct Standing {
    /// The last purge of the database that the memory store knows of.
    last: u64,
    /// Purges that this process is writing. It knew of them first.
    own: Option<RangeInclusive<u64>>,
    /// Where the sequence of the memory store stood when purges began that are not in the database
    /// yet.
    begun: Vec<u64>,
}

/// What is done while nothing is heeded.
pub(super) struct Told<'a>(MutexGuard<'a, Standing>, &'a AtomicU64);

impl Heeding {
    pub(super) fn new(last: u64) -> Self {
        let standing = Standing { last, own: None, begun: Vec::new() };
        Self { standing: Mutex::new(standing), last: AtomicU64::new(last) }
    }

    /// The last purge that the memory store knows of. Costs one read of memory.
    pub(super) fn last(&self) -> u64 {
        self.last.load(Acquire)
    }

    /// Keeps others from heeding anything.
    pub(super) fn lock(&self) -> Told<'_> {
        Told(self.standing.lock(), &self.last)
    }
}

impl Told<'_> {
    pub(super) fn last(&self) -> u64 {
        self.0.last
    }

    /// Whether this process has told its memory store of a purge before it wrote it.
    pub(super) fn knew(&self, sequence: u64) -> bool {
        self.0.own.as_ref().is_some_and(|own| own.contains(&sequence))
    }

    /// The memory store knows all purges up to here, and those that it knew already.
    pub(super) fn advance(&mut self, last: u64) {
        self.0.last = self.0.last.max(last);
        self.1.store(self.0.last, Release);
    }

    /// This process is about to write these purges.
    pub(super) fn write(&mut self, own: RangeInclusive<u64>) {
        self.0.own = Some(own);
    }

    /// What it was about to write is written, or is not.
    pub(super) fn wrote(&mut self, is_written: bool) {
        if let Some(own) = self.0.own.take()
            && is_written
            && *own.start() == self.0.last + 1
        {
            self.advance(*own.end());
        }
    }

    /// A purge begins, the memory store being at this point of its sequence.
    pub(super) fn begin(&mut self, since: u64) {
        self.0.begun.push(since);
    }

    /// It is in the database, or will not be.
    pub(super) fn end(&mut self, since: u64) {
        if let Some(at) = self.0.begun.iter().position(|&begun| begun == since) {
            self.0.begun.swap_remove(at);
        }
    }

    /// From before which point on nothing that is in the database may be taken for purged there,
    /// the memory store being at `sequence`.
    pub(super) fn oldest(&self, sequence: u64) -> u64 {
        self.0.begun.iter().copied().min().unwrap_or(sequence).min(sequence)
    }
}
