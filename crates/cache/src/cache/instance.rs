//! Identity to shared instance: one registry per process, so that all threads see one cache.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, LazyLock, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::coalescing::{Budget, Flights, Notes};
use crate::stats::Counters;
use crate::sync::Mutex;
use crate::tier::sqlite::Ticket;
use crate::tier::{Storage, Tiers};

/// What all declarations of one identity share.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) identity: String,
    pub(crate) store: Tiers,
    pub(crate) counters: Arc<Counters>,
    storage: Storage,
    pub(crate) notes: Mutex<Notes>,
    pub(crate) flights: Arc<Flights>,
    /// What bodies may take while they are received or streamed to waiters.
    pub(crate) in_flight: Arc<Budget>,
    pub(crate) warned: Warned,
    /// Leases held. Taken only under the registry's lock.
    leases: AtomicUsize,
}

/// What somebody has been warned of.
#[derive(Debug, Default)]
pub(crate) struct Warned {
    pub(crate) set_aside: AtomicBool,
    pub(crate) damaged: AtomicBool,
    pub(crate) fault: AtomicBool,
}

/// The identity is open with another storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageConflict {
    /// What it is open with.
    pub open_with: Storage,
}

/// What instances that are closed have still to write.
static ENDING: parking_lot::Mutex<Vec<Ticket>> = parking_lot::Mutex::new(Vec::new());

static REGISTRY: LazyLock<parking_lot::Mutex<BTreeMap<String, Arc<Instance>>>> =
    LazyLock::new(parking_lot::Mutex::default);

/// Writes what waits to be written to the disks of all instances, for no longer than `patience` in
/// all. For a process that ends.
pub fn flush_all(patience: Duration) {
    let until = Instant::now() + patience;
    let mut flushes: Vec<_> =
        REGISTRY.lock().values().filter_map(|instance| instance.store.flush()).collect();
    flushes.append(&mut ENDING.lock());
    for flush in flushes {
        // Nobody is left to be told what has become of it.
        let _ = flush.wait_for(until.saturating_duration_since(Instant::now()));
    }
}

/// One declaration's hold on its instance. The instance ends with the last lease, whether that is
/// closed, collected or lost with its thread.
#[derive(Debug)]
pub(crate) struct Lease {
    instance: Arc<Instance>,
    is_held: bool,
}

/// An instance with more entries than this is freed by a thread of its own, so that no event loop
/// waits for that.
const MANY_ENTRIES: u64 = 10_000;

impl Lease {
    /// Takes a lease on the instance of `identity`, creating it where there is none.
    pub(crate) fn take(identity: &str, storage: &Storage) -> Result<Self, StorageConflict> {
        let mut registry = REGISTRY.lock();
        let instance = registry
            .entry(identity.to_owned())
            .or_insert_with(|| Arc::new(Instance::open(identity, storage)));
        if instance.storage != *storage {
            return Err(StorageConflict { open_with: instance.storage.clone() });
        }
        instance.leases.fetch_add(1, SeqCst);
        Ok(Self { instance: Arc::clone(instance), is_held: true })
    }

    /// Gives the lease back and, if it was the only one, the instance with it. What waits for the
    /// disk is written in the background.
    pub(crate) fn release(mut self) -> Option<Ticket> {
        self.give_back()
    }

    /// A reference that does not keep the instance.
    pub(crate) fn downgrade(&self) -> Weak<Instance> {
        Arc::downgrade(&self.instance)
    }

    fn give_back(&mut self) -> Option<Ticket> {
        if !std::mem::replace(&mut self.is_held, false) {
            return None;
        }
        let removed = {
            let mut registry = REGISTRY.lock();
            let is_last = self.instance.leases.fetch_sub(1, SeqCst) == 1;
            if is_last { registry.remove(&self.instance.identity) } else { None }
        };
        let Some(instance) = removed else { return self.instance.store.flush() };
        let ending = instance.store.end();
        let mut known = ENDING.lock();
        known.retain(|ending| !ending.is_settled());
        known.extend(ending.clone());
        ending
    }
}

impl Deref for Lease {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        &self.instance
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Instance {
    fn open(identity: &str, storage: &Storage) -> Self {
        let counters = Arc::default();
        Self {
            identity: identity.to_owned(),
            store: Tiers::open(storage, identity, &counters),
            counters,
            storage: storage.clone(),
            notes: Mutex::default(),
            flights: Arc::default(),
            in_flight: Arc::new(Budget::new(storage.in_flight_bytes)),
            warned: Warned::default(),
            leases: AtomicUsize::new(0),
        }
    }

    /// Whether its last lease is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.leases.load(SeqCst) == 0
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if self.store.entries() > MANY_ENTRIES {
            let emptied = self.store.take_entries();
            // Where no thread can be started, the closure and the entries are dropped here.
            let _ = thread::Builder::new().spawn(move || drop(emptied));
        }
    }
}
