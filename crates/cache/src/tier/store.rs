//! The store of an instance: memory, and the lower tier, if one is configured.

use std::sync::Arc;

use super::backend::sqlite::{SqliteOpener, SqliteOptions};
use super::completion::Completion;
use super::error::TierError;
use super::lower::LowerTier;
use super::record::Record;
use super::removal;
use super::usage::TierUsage;
use crate::coalescing::REFRESH_LEASE_MS;
use crate::http::lines::{Fields, MissingFields};
use crate::invalidation::{Invalidation, Target};
use crate::key::Key;
use crate::memory::{
    Bounds, EntryInfo, EntryRef, Found, Memory, NewEntry, Progress, Selection, StoreError, Usage,
};
use crate::policy::{Freshness, Reuse};
use crate::response::{Parts, Stored};
use crate::stats::{Counter, Counters, Totals};
use crate::time::{Millis, UnixMillis};

/// Result of an operation that must be durable.
#[derive(Clone, Debug)]
pub enum Durable {
    /// Done: this many entries were affected.
    Done(u64),
    /// In progress: the completion returns the number of entries.
    Pending(Completion),
}

/// Storage of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// Bounds of the memory store.
    pub bounds: Bounds,
    /// Bytes that bodies in flight may take together: received, or streamed to waiters.
    pub in_flight_bytes: u64,
    /// The disk tier, if there is one.
    pub disk: Option<SqliteOptions>,
}

impl From<Bounds> for Storage {
    /// Memory alone, with a quarter of its bytes for bodies in flight, or the size of one entry.
    fn from(bounds: Bounds) -> Self {
        Self { bounds, in_flight_bytes: (bounds.bytes / 4).max(bounds.entry_bytes), disk: None }
    }
}

/// Memory and the tier below it.
#[derive(Debug)]
pub(crate) struct Store {
    pub(super) memory: Arc<Memory>,
    counters: Arc<Counters>,
    disk: Option<LowerTier>,
}

impl Store {
    /// Opens the store of the instance `identity`. While the disk cannot be opened, the instance
    /// uses memory alone, and reports the error.
    pub(crate) fn open(
        Storage { bounds, disk, .. }: &Storage,
        identity: &str,
        counters: &Arc<Counters>,
    ) -> Self {
        let memory = Arc::new(Memory::new(*bounds));
        let open = |options: &SqliteOptions| {
            let opener = Box::new(SqliteOpener::new(options.clone(), identity));
            let SqliteOptions { retry_after, max_bytes, .. } = *options;
            let (memory, counters) = (Arc::clone(&memory), Arc::clone(counters));
            LowerTier::open(opener, retry_after, max_bytes, memory, counters)
        };
        let disk = disk.as_ref().map(open);
        Self { memory, counters: Arc::clone(counters), disk }
    }

    pub(super) fn disk(&self) -> Option<&LowerTier> {
        self.disk.as_ref()
    }

    /// Applies invalidations of other processes to memory. Costs one atomic read if there are none.
    pub(crate) fn catch_up(&self) {
        if let Some(disk) = &self.disk {
            disk.catch_up();
        }
    }

    /// Asks the disk for what a request with `fields` selects. `None` without a usable disk.
    pub(crate) fn load(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: UnixMillis,
    ) -> Option<Completion> {
        let disk = self.disk().filter(|disk| disk.error().is_none())?;
        Some(disk.load(key.text(), fields.text(), now))
    }

    /// [`Memory::get`], with one refresh lease per entry among all processes.
    pub(crate) fn get(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: UnixMillis,
    ) -> Result<Found, MissingFields> {
        match self.memory.get(key, fields, now)? {
            Found::Refresh { held, .. } if !self.try_acquire(&held, REFRESH_LEASE_MS, now) => {
                self.memory.get(key, fields, now)
            }
            found => Ok(found),
        }
    }

    /// [`Memory::select`], with one refresh lease per entry among all processes.
    pub(crate) fn select(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: UnixMillis,
        timeout: Millis,
        judge: impl Fn(&Freshness) -> Result<Reuse, MissingFields>,
    ) -> Result<Selection, MissingFields> {
        let mut selection = self.memory.select(key, fields, now, timeout, judge)?;
        if let Some(selected) = selection.selected.as_mut().filter(|selected| selected.holds_lease)
        {
            selected.holds_lease = self.try_acquire(&selected.held, timeout, now);
        }
        Ok(selection)
    }

    /// Acquires the lease of an entry among all processes. The caller holds that of this process,
    /// which is left to the other process for a moment if that holds the lease.
    fn try_acquire(&self, held: &EntryRef, timeout: Millis, now: UnixMillis) -> bool {
        let Some((disk, variant)) = self.disk().zip(self.memory.variant(held)) else { return true };
        let Some(leases) = disk.leases() else { return true };
        let is_acquired = leases.try_acquire(&variant, now, timeout);
        if !is_acquired {
            self.memory.defer(held, now);
        }
        is_acquired
    }

    /// [`Memory::back_off`], for all processes.
    pub(crate) fn back_off(&self, held: &EntryRef, now: UnixMillis) {
        self.memory.back_off(held, now);
        self.release_among_processes(held);
    }

    /// [`Memory::release_lease`], for all processes.
    pub(crate) fn release_lease(&self, held: &EntryRef) {
        self.memory.release_lease(held);
        self.release_among_processes(held);
    }

    fn release_among_processes(&self, held: &EntryRef) {
        let leases = self.disk().and_then(LowerTier::leases);
        if let Some((leases, variant)) = leases.zip(self.memory.variant(held)) {
            leases.release(&variant);
        }
    }

    /// [`Memory::put`], and a write to disk.
    pub(crate) fn put(
        &self,
        entry: NewEntry,
        body: Option<Parts<'_>>,
        since: u64,
        now: UnixMillis,
    ) -> Result<Stored, StoreError> {
        self.keep(entry, |entry| self.memory.put(entry, body, since, now))
    }

    /// [`Memory::put_unless_superseded`], and a write to disk.
    pub(crate) fn put_unless_superseded(
        &self,
        entry: NewEntry,
        body: Option<Parts<'_>>,
        since: u64,
        now: UnixMillis,
    ) -> Result<Stored, StoreError> {
        self.keep(entry, |entry| self.memory.put_unless_superseded(entry, body, since, now))
    }

    /// [`Memory::replace`], and a write to disk. If the entry becomes another variant, its old
    /// record is removed.
    pub(crate) fn replace(
        &self,
        held: &EntryRef,
        entry: NewEntry,
        since: u64,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let old = self.disk().and_then(|disk| Some((disk, self.memory.version(held)?)));
        let renamed = old.filter(|(_, (variant, _))| *variant != entry.variant);
        self.keep(entry, |entry| self.memory.replace(held, entry, since, now))?;
        if let Some((disk, old)) = renamed {
            disk.outdate(held.stored.label().key, || Some(old));
        }
        Ok(())
    }

    /// Puts an entry into memory by `store`, and queues it for the disk.
    pub(super) fn keep(
        &self,
        entry: NewEntry,
        store: impl FnOnce(NewEntry) -> Result<Stored, StoreError>,
    ) -> Result<Stored, StoreError> {
        let Some(disk) = self.disk() else { return store(entry) };
        let (variant, vary, times) = (entry.variant, entry.vary.clone(), entry.times);
        disk.put(|| Ok(Record { variant, vary, times, stored: store(entry)? }))
    }

    /// Removes an outdated entry. Writes that are still to come are not affected.
    pub(crate) fn outdate(&self, held: &EntryRef) {
        let remove = || self.memory.outdate(held);
        match self.disk() {
            Some(disk) => disk.outdate(held.stored.label().key, remove),
            None => drop(remove()),
        }
    }

    /// [`Memory::delete`]. The completion returns how many entries the disk had, once they are
    /// removed for good.
    pub(crate) fn delete(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: UnixMillis,
    ) -> Result<(bool, Option<Completion>), MissingFields> {
        let is_removed = |deleted: &Invalidation| {
            deleted.targets.iter().any(|target| matches!(target, Target::Variant(..)))
        };
        let delete = |memory: &Memory| {
            let deleted = memory.delete(key, fields, now)?;
            let is_removed = is_removed(&deleted);
            Ok((deleted, None, is_removed))
        };
        match &self.disk {
            None => Ok((delete(&self.memory)?.2, None)),
            Some(disk) => {
                let (is_removed, completion) = disk.invalidate(now, delete)?;
                Ok((is_removed, Some(completion)))
            }
        }
    }

    /// Applies an invalidation in all processes: from the call on, nothing that it selects is
    /// served. Live entries that it removes count as purged.
    pub(crate) fn purge(&self, invalidation: &Invalidation, now: UnixMillis) -> Durable {
        let in_memory = |memory: &Memory| memory.begin(invalidation, now);
        match &self.disk {
            None => match in_memory(&self.memory) {
                Progress::Done(live) => {
                    self.counters.add(Counter::Purges, live);
                    Durable::Done(live)
                }
                progress @ Progress::Continues(_) => {
                    Durable::Pending(self.complete(progress, Some(Counter::Purges)))
                }
            },
            Some(disk) => {
                let purge = |memory: &Memory| {
                    let purged = self.complete(in_memory(memory), None);
                    Ok((invalidation.clone(), Some(purged), ()))
                };
                let purged = disk.invalidate(now, purge);
                purged.map_or(Durable::Done(0), |((), completion)| Durable::Pending(completion))
            }
        }
    }

    /// Applies an invalidation that no caller waits for: on disk and in other processes it takes
    /// effect with the next write. Live entries that it removes from memory count as invalidated.
    pub(crate) fn invalidate(&self, invalidation: &Invalidation, now: UnixMillis) {
        let progress = match self.disk() {
            None => self.memory.begin(invalidation, now),
            Some(disk) => disk.invalidate_unawaited(now, |memory| {
                (invalidation.clone(), memory.begin(invalidation, now))
            }),
        };
        self.complete(progress, Some(Counter::Invalidations));
    }

    fn complete(&self, progress: Progress, counter: Option<Counter>) -> Completion {
        let counted_by = counter.map(|counter| (Arc::clone(&self.counters), counter));
        removal::complete(&self.memory, progress, counted_by)
    }

    /// Whether a sweep at `now` may find something. Always true with a disk, whose deadlines are
    /// unknown.
    pub(crate) fn is_due(&self, now: UnixMillis) -> bool {
        self.disk.is_some() || self.memory.is_due(now)
    }

    /// Removes at most `most` expired entries from memory. Returns whether there are more.
    pub(crate) fn sweep(&self, now: UnixMillis, most: usize) -> bool {
        if let Some(disk) = self.disk() {
            disk.expire(now);
        }
        self.memory.sweep(now, most)
    }

    /// Counters of all processes, if there is a disk.
    pub(crate) fn totals(&self) -> Option<Totals> {
        self.disk().map(LowerTier::totals)
    }

    /// Writes all that is queued.
    pub(crate) fn flush(&self) -> Option<Completion> {
        self.disk().map(LowerTier::flush)
    }

    /// Writes all that is queued, and closes the tier.
    pub(crate) fn end(&self) -> Option<Completion> {
        self.disk().map(LowerTier::end)
    }

    /// Whether an entry on disk did not match its checksum.
    pub(crate) fn is_damaged(&self) -> bool {
        self.disk().is_some_and(LowerTier::is_damaged)
    }

    /// The new name of a damaged database, if there was one.
    pub(crate) fn quarantined(&self) -> Option<&str> {
        self.disk().and_then(LowerTier::quarantined)
    }

    /// The error because of which the disk is not used at present.
    pub(crate) fn error(&self) -> Option<TierError> {
        self.disk()?.error()
    }

    /// Size and state of the disk tier, if one is configured.
    pub(crate) fn disk_usage(&self) -> Option<TierUsage> {
        self.disk().map(LowerTier::usage)
    }
}

/// Operations that concern memory alone.
impl Store {
    /// [`Memory::bounds`].
    pub(crate) fn bounds(&self) -> Bounds {
        self.memory.bounds()
    }

    /// [`Memory::sequence`].
    pub(crate) fn sequence(&self) -> u64 {
        self.memory.sequence()
    }

    /// [`Memory::peek`].
    pub(crate) fn peek(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: UnixMillis,
    ) -> Result<Option<EntryInfo>, MissingFields> {
        self.memory.peek(key, fields, now)
    }

    /// [`Memory::room`].
    pub(crate) fn room(&self, entry: &NewEntry) -> u64 {
        self.memory.room(entry)
    }

    /// [`Memory::selectable`].
    pub(crate) fn selectable(
        &self,
        key: &Key,
        fields: Fields<'_>,
    ) -> Result<Vec<(EntryRef, NewEntry)>, MissingFields> {
        self.memory.selectable(key, fields)
    }

    /// [`Memory::passes`].
    pub(crate) fn passes<'a>(
        &self,
        since: u64,
        key: &str,
        tags: impl IntoIterator<Item = &'a str>,
    ) -> bool {
        self.memory.passes(since, key, tags)
    }

    /// [`Memory::usage`].
    pub(crate) fn usage(&self, now: UnixMillis) -> Usage {
        self.memory.usage(now)
    }

    /// [`Memory::empty`].
    pub(crate) fn empty(&self) {
        self.memory.empty();
    }

    /// [`Memory::validate`].
    pub(crate) fn validate(&self) {
        self.memory.validate();
    }
}
