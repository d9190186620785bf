//! State shared by the threads of the tier, its backend and its callers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;

use super::coordinator::{Coordinator, OpenError};
use super::error::TierError;
use super::log_cursor::{InvalidationLog, LogTail};
use super::record::Record;
use super::removal;
use super::work::Seen;
use crate::invalidation::{Effect, Fence, Invalidation};
use crate::memory::Memory;
use crate::stats::{Counter, Counters, Totals};
use crate::sync::Mutex;
use crate::time::UnixMillis;

/// Shared state of the tier.
#[derive(Debug)]
pub(crate) struct TierState {
    pub(super) memory: Arc<Memory>,
    pub(super) counters: Arc<Counters>,
    /// Present once the backend is opened, or as much of it as shows the purges of other processes.
    coordinator: ArcSwapOption<Arc<dyn Coordinator>>,
    /// Held while memory changes and the change is queued, so that both happen in the same order.
    /// Locked before [`log`](Self::log).
    pub(super) order: Mutex<()>,
    pub(super) log: InvalidationLog,
    elsewhere: Mutex<Elsewhere>,
    /// Counters as they are in the backend.
    counted: Mutex<Counted>,
    evicted: AtomicU64,
    dropped: AtomicU64,
    damaged: AtomicU64,
    /// The first error that was not transient: nothing is read or written until the writer has
    /// succeeded again.
    error: Mutex<Option<TierError>>,
    /// Whether rows of the log were skipped because they could not be read.
    has_skipped: AtomicBool,
    quarantined: OnceLock<String>,
    /// Whether the backend has been opened.
    is_open: AtomicBool,
}

/// What other processes have done. What this process does is in the queue, in order with its puts.
#[derive(Debug)]
struct Elsewhere {
    /// Their invalidations.
    purged: Fence,
    /// Their puts.
    put: Fence,
}

#[derive(Debug, Default)]
struct Counted {
    /// Counts of this process that are in the backend.
    own: Totals,
    /// Counts of all processes in the backend.
    all: Totals,
}

impl TierState {
    pub(super) fn new(memory: Arc<Memory>, counters: Arc<Counters>) -> Self {
        Self {
            memory,
            counters,
            coordinator: ArcSwapOption::empty(),
            order: Mutex::default(),
            log: InvalidationLog::new(),
            elsewhere: Mutex::new(Elsewhere { purged: Fence::new(), put: Fence::new() }),
            counted: Mutex::default(),
            evicted: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
            error: Mutex::default(),
            has_skipped: AtomicBool::new(false),
            quarantined: OnceLock::new(),
            is_open: AtomicBool::new(false),
        }
    }

    /// Shows from now on when other processes purge.
    pub(super) fn watch(&self, coordinator: Arc<dyn Coordinator>) {
        let mut cursor = self.log.lock();
        let known = self.coordinator();
        if known.is_none_or(|known| !Arc::ptr_eq(&known, &coordinator)) {
            // Another one has another log.
            cursor.restart(coordinator.sequence());
            self.coordinator.store(Some(Arc::new(coordinator)));
        }
    }

    /// Begins with the log and the counters of an opened backend.
    pub(super) fn begin(&self, sequence: u64, totals: Totals, quarantined: Option<String>) {
        self.is_open.store(true, Relaxed);
        // A database in place of one that was removed has a log of its own.
        self.log.lock().restart(sequence);
        self.counted.lock().all = totals;
        if let Some(quarantined) = quarantined {
            // The first one stays, as one name is enough to look for.
            let _ = self.quarantined.set(quarantined);
        }
    }

    /// Whether the backend has been opened.
    pub(super) fn is_open(&self) -> bool {
        self.is_open.load(Relaxed)
    }

    /// New name of damaged records, if there were any.
    pub(super) fn quarantined(&self) -> Option<&str> {
        self.quarantined.get().map(String::as_str)
    }

    /// What other processes tell, once it is known.
    pub(super) fn coordinator(&self) -> Option<Arc<dyn Coordinator>> {
        self.coordinator.load().as_deref().cloned()
    }

    /// Whether another process has invalidated something that has not been applied to memory.
    pub(super) fn is_behind(&self) -> bool {
        let coordinator = self.coordinator.load();
        coordinator.as_ref().is_some_and(|coordinator| coordinator.sequence() > self.log.last())
    }

    /// Applies the new rows of the invalidation log to memory. `read` returns the log after a
    /// sequence, and is called without a lock.
    pub(super) fn apply_log<E>(&self, read: impl Fn(u64) -> Result<LogTail, E>) -> Result<(), E> {
        loop {
            let from = self.log.last();
            let LogTail { last, rows } = read(from)?;
            if last <= from {
                return Ok(());
            }
            // Memory and queue must fence a put by the same invalidations.
            let _in_order = self.order.lock();
            let mut cursor = self.log.lock();
            if cursor.last() != from {
                // Another thread has applied rows meanwhile.
                continue;
            }
            match rows {
                None => self.apply_to_memory(&Invalidation::everything(), 0),
                Some(rows) => {
                    for row in rows.iter().filter(|row| !cursor.knew(row.sequence)) {
                        self.apply_to_memory(&row.invalidation, row.at);
                    }
                }
            }
            cursor.advance(last);
            return Ok(());
        }
    }

    /// Catches up if the log cannot be read: clears memory, unless other processes have only put.
    pub(super) fn apply_without_log(&self) {
        let Some(coordinator) = self.coordinator() else { return };
        let _in_order = self.order.lock();
        let mut cursor = self.log.lock();
        let last = coordinator.sequence();
        if coordinator.purged() > cursor.last() {
            self.apply_to_memory(&Invalidation::everything(), 0);
        }
        self.has_skipped.store(true, Relaxed);
        cursor.advance(last);
    }

    /// Applies an invalidation of another process to memory. Puts that read the fences afterwards
    /// come later.
    fn apply_to_memory(&self, invalidation: &Invalidation, at: UnixMillis) {
        let progress = self.memory.begin(invalidation, at);
        removal::complete(&self.memory, progress, None);
        let Elsewhere { purged, put } = &mut *self.elsewhere.lock();
        let fence = if invalidation.effect == Effect::Outdate { put } else { purged };
        fence.raise(&invalidation.targets);
    }

    /// How much of what other processes have done is applied.
    pub(super) fn seen(&self) -> Seen {
        let elsewhere = self.elsewhere.lock();
        Seen { purges: elsewhere.purged.sequence(), puts: elsewhere.put.sequence() }
    }

    /// Whether no other process has invalidated an entry since.
    pub(super) fn passes(&self, record: &Record, since: Seen) -> bool {
        let label = record.stored.label();
        let tags = label.tags.split_terminator('\n');
        self.elsewhere.lock().purged.passes(since.purges, label.key, tags)
    }

    /// Whether another process may have put a variant of a key since this sequence of puts.
    pub(super) fn is_put_elsewhere(&self, key: &str, since: u64) -> bool {
        !self.elsewhere.lock().put.passes(since, key, [])
    }

    /// Counts of this process that are not in the backend yet.
    pub(super) fn uncounted(&self) -> Totals {
        self.counters.totals().since(&self.counted.lock().own)
    }

    /// Records that counts of this process are in the backend now, with `purged` more purges, and
    /// the counts of all processes. Only the writer thread gets here.
    pub(super) fn record_counts(&self, counts: &Totals, purged: u64, all: Totals) {
        let more = Totals::of(Counter::Purges, purged);
        let mut counted = self.counted.lock();
        self.counters.add(Counter::Purges, purged);
        *counted = Counted { own: counted.own.plus(counts).plus(&more), all };
    }

    /// Counters of all processes, as far as they are known.
    pub(super) fn totals(&self) -> Totals {
        let counted = self.counted.lock();
        counted.all.plus(&self.counters.totals().since(&counted.own))
    }

    pub(super) fn count_evicted(&self, entries: u64) {
        self.evicted.fetch_add(entries, Relaxed);
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted.load(Relaxed)
    }

    /// Counts entries that do not match their checksum.
    pub(super) fn count_damaged(&self, entries: u64) {
        self.damaged.fetch_add(entries, Relaxed);
    }

    pub(super) fn damaged(&self) -> u64 {
        self.damaged.load(Relaxed)
    }

    /// Counts puts that are not written.
    pub(super) fn count_dropped(&self, entries: u64) {
        self.dropped.fetch_add(entries, Relaxed);
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Records an error. Unless it is transient, the tier stops reading and writing until it
    /// [recovers](Self::recover).
    pub(super) fn fail(&self, error: TierError) -> TierError {
        if error.is_transient() {
            return error;
        }
        if error.is_damage() {
            self.note_damage();
        }
        if error.is_removal() {
            // Other processes may use new files already.
            self.has_skipped.store(true, Relaxed);
        }
        self.error.lock().get_or_insert(error).clone()
    }

    /// Records that the records are damaged, for the process that opens them next.
    pub(super) fn note_damage(&self) {
        if let Some(coordinator) = self.coordinator() {
            coordinator.note_damage();
        }
    }

    /// Records why the backend is not open. Nothing is read or written until it is, and memory is
    /// cleared then: other processes may have put newer versions.
    pub(super) fn fail_to_open(&self, OpenError { error, coordinator }: OpenError) -> TierError {
        if let Some(coordinator) = coordinator {
            self.watch(coordinator);
        }
        self.has_skipped.store(true, Relaxed);
        *self.error.lock() = Some(error.clone());
        error
    }

    /// Stops the tier for good.
    pub(super) fn stop(&self, error: TierError) {
        *self.error.lock() = Some(error);
    }

    /// Records that a write has succeeded: the tier works again.
    pub(super) fn recover(&self) {
        let _in_order = self.order.lock();
        if self.has_skipped.swap(false, Relaxed) {
            // Other processes may have put newer versions.
            self.memory.clear();
        }
        *self.error.lock() = None;
    }

    /// The error because of which nothing is read or written at present.
    pub(super) fn error(&self) -> Option<TierError> {
        self.error.lock().clone()
    }

    /// The error with which operations fail at present. They wait for an error that is transient.
    pub(super) fn refusal(&self) -> Option<TierError> {
        self.error().filter(|error| !error.is_transient())
    }

    /// Whether the tier has failed for good.
    pub(super) fn has_stopped(&self) -> bool {
        self.error.lock().as_ref().is_some_and(TierError::is_permanent)
    }
}
