//! The memory store and, where an instance has one, the disk under it.

#[cfg(all(test, unix, not(loom)))]
mod faults;
#[cfg(all(test, unix, not(loom)))]
mod histories;
pub(crate) mod sqlite;
#[cfg(all(test, not(loom)))]
mod tests;

use std::ops::Deref;
use std::sync::Arc;

use crate::http::lines::{Fields, Untold};
use crate::invalidation::Selector;
use crate::key::Key;
use crate::lease::PATIENCE_MS;
use crate::memory::{Bounds, Entry, Found, Held, Memory, NotStored, Selection};
use crate::policy::{Freshness, Reuse};
use crate::response::{Parts, Stored};
use crate::stats::{Counters, Totals};
use crate::tier::sqlite::{
    Disk, DiskOptions, DiskUsage, Fault, Kept, Mark, Purge, Ticket, Unusable,
};

/// What a store is asked for that is to last: done at once where there is no disk.
#[derive(Clone, Debug)]
pub enum Lasting {
    /// This many entries were concerned.
    Now(u64),
    /// As many as the ticket tells, once it is done.
    Soon(Ticket),
}

/// Where an instance keeps its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// How much of memory.
    pub bounds: Bounds,
    /// Bytes that bodies may take, together, while they are received or streamed to waiters.
    pub in_flight_bytes: u64,
    /// The disk under it, if there is to be one.
    pub disk: Option<DiskOptions>,
}

impl From<Bounds> for Storage {
    /// Memory alone, with a quarter as much for bodies in flight, or one entry.
    fn from(bounds: Bounds) -> Self {
        Self { bounds, in_flight_bytes: (bounds.bytes / 4).max(bounds.entry_bytes), disk: None }
    }
}

/// The tiers. What only the memory store is concerned with is asked of that.
#[derive(Debug)]
pub(crate) struct Tiers {
    memory: Arc<Memory>,
    disk: Option<Result<Disk, Unusable>>,
}

impl Tiers {
    /// The tiers of the instance `identity`. A disk that cannot be opened leaves the instance in
    /// memory alone, and says so.
    pub(crate) fn open(
        Storage { bounds, disk, .. }: &Storage,
        identity: &str,
        counters: &Arc<Counters>,
    ) -> Self {
        let memory = Arc::new(Memory::new(*bounds));
        let open =
            |options| Disk::open(options, identity, Arc::clone(&memory), Arc::clone(counters));
        let disk = disk.as_ref().map(open);
        Self { memory, disk }
    }

    fn disk(&self) -> Option<&Disk> {
        self.disk.as_ref()?.as_ref().ok()
    }

    /// Sees to it that nothing is served that another process has purged. Costs one read of memory
    /// where there is nothing.
    pub(crate) fn catch_up(&self) {
        match &self.disk {
            None => {}
            Some(Ok(disk)) => disk.catch_up(),
            Some(Err(unusable)) => unusable.catch_up(&self.memory),
        }
    }

    /// Asks the disk for the entries of a key, where it may have any.
    pub(crate) fn load(&self, key: &Key, now: i64) -> Option<Ticket> {
        self.disk().filter(|disk| disk.fault().is_none()).map(|disk| disk.load(key.text(), now))
    }

    /// See [`Memory::get`]. Of several processes, one has somebody elected.
    pub(crate) fn get(&self, key: &Key, fields: Fields<'_>, now: i64) -> Result<Found, Untold> {
        match self.memory.get(key, fields, now)? {
            Found::Elected { held, .. } if !self.elects(&held, PATIENCE_MS, now) => {
                self.memory.get(key, fields, now)
            }
            found => Ok(found),
        }
    }

    /// See [`Memory::select`]. Of several processes, one has somebody elected.
    pub(crate) fn select(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: i64,
        patience: i64,
        judge: impl Fn(&Freshness) -> Result<Reuse, Untold>,
    ) -> Result<Selection, Untold> {
        let mut selection = self.memory.select(key, fields, now, patience, judge)?;
        if let Some(selected) = selection.selected.as_mut().filter(|selected| selected.elected) {
            selected.elected = self.elects(&selected.held, patience, now);
        }
        Ok(selection)
    }

    fn elects(&self, held: &Held, patience: i64, now: i64) -> bool {
        let Some((disk, variant)) = self.disk().zip(self.memory.variant(held)) else { return true };
        let elects = disk.elects(&variant, now, patience);
        if !elects {
            self.memory.defer(held, now);
        }
        elects
    }

    /// See [`Memory::put_off`].
    pub(crate) fn put_off(&self, held: &Held, now: i64) {
        self.memory.put_off(held, now);
        self.give_up(held);
    }

    /// See [`Memory::call_off`].
    pub(crate) fn call_off(&self, held: &Held) {
        self.memory.call_off(held);
        self.give_up(held);
    }

    fn give_up(&self, held: &Held) {
        if let Some((disk, variant)) = self.disk().zip(self.memory.variant(held)) {
            disk.call_off(&variant);
        }
    }

    /// See [`Memory::put`].
    pub(crate) fn put(
        &self,
        entry: Entry,
        body: Option<Parts<'_>>,
        since: u64,
        now: i64,
    ) -> Result<Stored, NotStored> {
        self.keep(entry, |entry| self.memory.put(entry, body, since, now))
    }

    /// See [`Memory::put_unless_superseded`].
    pub(crate) fn put_unless_superseded(
        &self,
        entry: Entry,
        body: Option<Parts<'_>>,
        since: u64,
        now: i64,
    ) -> Result<Stored, NotStored> {
        self.keep(entry, |entry| self.memory.put_unless_superseded(entry, body, since, now))
    }

    /// See [`Memory::replace`]. One that becomes another variant leaves nothing on the disk under
    /// its old name.
    pub(crate) fn replace(
        &self,
        held: &Held,
        entry: Entry,
        since: u64,
        now: i64,
    ) -> Result<(), NotStored> {
        let old = self.disk().and_then(|disk| Some((disk, self.memory.variant(held)?)));
        let renamed = old.filter(|(_, variant)| *variant != entry.variant);
        self.keep(entry, |entry| self.memory.replace(held, entry, since, now))?;
        if let Some((disk, variant)) = renamed {
            disk.retire(held.stored.label().name, || Some(variant));
        }
        Ok(())
    }

    /// Writes what `store` stores to the disk as well, by and by.
    fn keep(
        &self,
        entry: Entry,
        store: impl FnOnce(Entry) -> Result<Stored, NotStored>,
    ) -> Result<Stored, NotStored> {
        let Some(disk) = self.disk() else { return store(entry) };
        let (variant, vary, times) = (entry.variant, entry.vary.clone(), entry.times);
        disk.put(|| Ok(Kept { variant, vary, times, stored: store(entry)? }))
    }

    /// Removes an entry that is out of date.
    pub(crate) fn retire(&self, held: &Held) {
        let retire = || self.memory.retire(held);
        match self.disk() {
            Some(disk) => disk.retire(held.stored.label().name, retire),
            None => drop(retire()),
        }
    }

    /// See [`Memory::delete`]. What is deleted does not come back once the ticket is done, which
    /// tells how many entries it was on the disk.
    pub(crate) fn delete(
        &self,
        key: &Key,
        fields: Fields<'_>,
        now: i64,
    ) -> Result<(bool, Option<Ticket>), Untold> {
        let Some(disk) = &self.disk else {
            return Ok((!self.memory.delete(key, fields, now)?.is_empty(), None));
        };
        let delete = |memory: &Memory| {
            let deleted = memory.delete(key, fields, now)?;
            let is_removed = !deleted.is_empty();
            let name = || key.text().to_owned();
            let selected = (!is_removed).then(|| Mark::Selected(name(), fields.text().to_owned()));
            let variants = deleted.into_iter().map(|variant| Mark::Variant(name(), variant));
            Ok((
                variants.chain(selected).map(|mark| Purge::of(mark, now)).collect(),
                None,
                is_removed,
            ))
        };
        let (is_removed, ticket) = match disk {
            Ok(disk) => disk.purge(delete)?,
            Err(unusable) => (delete(&self.memory)?.2, unusable.refusal()),
        };
        Ok((is_removed, Some(ticket)))
    }

    /// See [`Memory::purge`].
    pub(crate) fn purge(&self, selector: &Selector, now: i64) -> Lasting {
        let Some(disk) = &self.disk else { return Lasting::Now(self.memory.purge(selector, now)) };
        let purge = |memory: &Memory| {
            let purged = memory.purge(selector, now);
            let purge = |mark| Purge { soft: selector.soft, ..Purge::of(mark, now) };
            Ok((Mark::all(selector).into_iter().map(purge).collect(), Some(purged), ()))
        };
        let ticket = match disk {
            Ok(disk) => disk.purge(purge).map(|((), ticket)| ticket),
            Err(unusable) => purge(&self.memory).map(|_| unusable.refusal()),
        };
        ticket.map_or(Lasting::Now(0), Lasting::Soon)
    }

    /// See [`Memory::invalidate`]. On the disk, and in other processes, by and by.
    pub(crate) fn invalidate(&self, url: &str, now: i64) -> u64 {
        let Some(disk) = self.disk() else { return self.memory.invalidate(url) };
        let invalidate = |memory: &Memory| {
            let purges = vec![Purge::of(Mark::Url(url.to_owned()), now)];
            Ok((purges, None, memory.invalidate(url)))
        };
        disk.purge(invalidate).map_or(0, |(invalidated, _)| invalidated)
    }

    /// Whether there is anything to sweep at `now`; where there is a disk, only that knows.
    pub(crate) fn is_due(&self, now: i64) -> bool {
        self.disk.is_some() || self.memory.is_due(now)
    }

    /// Removes some expired entries. Tells whether there are more in memory.
    pub(crate) fn sweep(&self, now: i64, most: usize) -> bool {
        if let Some(disk) = self.disk() {
            disk.expire(now);
        }
        self.memory.sweep(now, most)
    }

    /// What all processes have counted, where that is known.
    pub(crate) fn totals(&self) -> Option<Totals> {
        self.disk().map(Disk::totals)
    }

    /// Writes what waits to be written.
    pub(crate) fn flush(&self) -> Option<Ticket> {
        self.disk().map(Disk::flush)
    }

    /// Writes what waits to be written, and nothing more.
    pub(crate) fn end(&self) -> Option<Ticket> {
        self.disk().map(Disk::end)
    }

    /// Whether an entry on the disk was found not to be as it was written.
    pub(crate) fn is_damaged(&self) -> bool {
        self.disk().is_some_and(Disk::is_damaged)
    }

    /// Where what the disk had before is now, if it was damaged when it was opened.
    pub(crate) fn set_aside(&self) -> Option<&str> {
        self.disk().and_then(Disk::set_aside)
    }

    /// What is wrong with the disk.
    pub(crate) fn fault(&self) -> Option<Fault> {
        match self.disk.as_ref()? {
            Ok(disk) => disk.fault(),
            Err(unusable) => Some(unusable.fault.clone()),
        }
    }

    /// What can be seen of the disk, where there is to be one.
    pub(crate) fn disk_usage(&self) -> Option<DiskUsage> {
        self.disk.as_ref().map(|disk| match disk {
            Ok(disk) => disk.usage(),
            Err(unusable) => unusable.usage(),
        })
    }
}

impl Deref for Tiers {
    type Target = Memory;

    fn deref(&self) -> &Memory {
        &self.memory
    }
}
