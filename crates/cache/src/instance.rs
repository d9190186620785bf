//! Identity to shared instance: one registry per process, so that all threads see one cache.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, LazyLock};

use crate::flight::{Flights, Notes};
use crate::stats::Counters;
use crate::store::{Bounds, Memory};
use crate::sync::Mutex;

/// What all declarations of one identity share.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) identity: String,
    pub(crate) store: Memory,
    pub(crate) counters: Counters,
    pub(crate) notes: Mutex<Notes>,
    pub(crate) flights: Arc<Flights>,
    /// Leases held. Taken only under the registry's lock.
    leases: AtomicUsize,
}

/// The identity is open with another storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageConflict {
    /// The bounds it is open with.
    pub open_with: Bounds,
}

static REGISTRY: LazyLock<parking_lot::Mutex<BTreeMap<String, Arc<Instance>>>> =
    LazyLock::new(parking_lot::Mutex::default);

/// One declaration's hold on its instance. Dropping it leaves the instance to the next declaration of its
/// identity, so that a thread that ends takes nothing with it.
#[derive(Debug)]
pub(crate) struct Lease(Arc<Instance>);

impl Lease {
    /// Takes a lease on the instance of `identity`, creating it where there is none.
    pub(crate) fn take(identity: &str, bounds: Bounds) -> Result<Self, StorageConflict> {
        let mut registry = REGISTRY.lock();
        let instance = registry.entry(identity.to_owned()).or_insert_with(|| {
            Arc::new(Instance {
                identity: identity.to_owned(),
                store: Memory::new(bounds),
                counters: Counters::default(),
                notes: Mutex::default(),
                flights: Arc::default(),
                leases: AtomicUsize::new(0),
            })
        });
        let open_with = instance.store.bounds();
        if open_with != bounds {
            return Err(StorageConflict { open_with });
        }
        instance.leases.fetch_add(1, SeqCst);
        Ok(Self(Arc::clone(instance)))
    }

    /// Gives the lease back and, if it was the only one, the instance with it.
    pub(crate) fn release(self) {
        let mut registry = REGISTRY.lock();
        let instance = Arc::clone(&self.0);
        drop(self);
        if instance.leases.load(SeqCst) == 0 {
            registry.remove(&instance.identity);
        }
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
