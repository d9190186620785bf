//! Identity to shared instance: one registry per process, so that all threads see one cache.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use crate::disk::Ticket;
use crate::flight::{Budget, Flights, Notes};
use crate::stats::Counters;
use crate::sync::Mutex;
use crate::tiers::{Storage, Tiers};

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

/// Writes what waits to be written to the disks of all instances, for no longer than `patience` in all. For a process that ends.
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

/// One declaration's hold on its instance. Dropping it leaves the instance to the next declaration of its
/// identity, so that a thread that ends takes nothing with it.
#[derive(Debug)]
pub(crate) struct Lease(Arc<Instance>);

impl Lease {
    /// Takes a lease on the instance of `identity`, creating it where there is none.
    pub(crate) fn take(identity: &str, storage: &Storage) -> Result<Self, StorageConflict> {
        let mut registry = REGISTRY.lock();
        let instance = registry.entry(identity.to_owned()).or_insert_with(|| {
            let counters = Arc::default();
            Arc::new(Instance {
                identity: identity.to_owned(),
                store: Tiers::open(storage, identity, &counters),
                counters,
                storage: storage.clone(),
                notes: Mutex::default(),
                flights: Arc::default(),
                in_flight: Arc::new(Budget::new(storage.in_flight_bytes)),
                warned: Warned::default(),
                leases: AtomicUsize::new(0),
            })
        });
        if instance.storage != *storage {
            return Err(StorageConflict { open_with: instance.storage.clone() });
        }
        instance.leases.fetch_add(1, SeqCst);
        Ok(Self(Arc::clone(instance)))
    }

    /// Gives the lease back and, if it was the only one, the instance with it. What waits for the disk is written by and by.
    pub(crate) fn release(self) -> Option<Ticket> {
        let mut registry = REGISTRY.lock();
        let instance = Arc::clone(&self.0);
        drop(self);
        if instance.leases.load(SeqCst) > 0 {
            return instance.store.flush();
        }
        registry.remove(&instance.identity);
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
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.leases.fetch_sub(1, SeqCst);
    }
}
