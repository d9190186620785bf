//! Registry of instances: one per identity and process, shared by all threads.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, LazyLock, Weak};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::coalescing::{Budget, BuildTracker, InFlightRequests};
use crate::stats::Counters;
use crate::sync::Mutex;
use crate::tier::completion::Completion;
use crate::tier::{Storage, Store};

/// State that all declarations of one identity share.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) identity: String,
    pub(crate) store: Store,
    pub(crate) counters: Arc<Counters>,
    storage: Storage,
    pub(crate) build_tracker: Mutex<BuildTracker>,
    pub(crate) in_flight_requests: Arc<InFlightRequests>,
    /// Budget for bodies that are received or streamed to waiters.
    pub(crate) in_flight: Arc<Budget>,
    pub(crate) warned: Warned,
    /// Open handles. Accessed only under the lock of the registry.
    leases: AtomicUsize,
}

/// Warnings that have been given.
#[derive(Debug, Default)]
pub(crate) struct Warned {
    pub(crate) quarantined: AtomicBool,
    pub(crate) damaged: AtomicBool,
    pub(crate) error: AtomicBool,
}

/// Error of a declaration whose identity is open with another storage.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the instance is open with another storage")]
pub struct StorageConflict {
    /// The storage that the identity is open with.
    pub open_with: Storage,
}

/// Pending writes of instances that are closed.
static CLOSING: parking_lot::Mutex<Vec<Completion>> = parking_lot::Mutex::new(Vec::new());

static REGISTRY: LazyLock<parking_lot::Mutex<BTreeMap<String, Arc<Instance>>>> =
    LazyLock::new(parking_lot::Mutex::default);

/// Flushes the disks of all instances, for at most `timeout` in all. Called when the process exits.
pub fn flush_all(timeout: Duration) {
    let until = Instant::now() + timeout;
    let mut flushes: Vec<_> =
        REGISTRY.lock().values().filter_map(|instance| instance.store.flush()).collect();
    flushes.append(&mut CLOSING.lock());
    for flush in flushes {
        // The process ends: no caller is left to receive an error.
        let _ = flush.wait_for(until.saturating_duration_since(Instant::now()));
    }
}

/// A declaration's handle on its instance. The instance ends with its last handle, whether that is
/// closed, garbage-collected or lost with its thread.
#[derive(Debug)]
pub(crate) struct InstanceHandle {
    instance: Arc<Instance>,
    is_held: bool,
}

impl InstanceHandle {
    /// Opens a handle on the instance of `identity`, and creates the instance if there is none.
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

    /// Closes the handle and, if it was the last, the instance. Pending writes continue in the
    /// background.
    pub(crate) fn release(mut self) -> Option<Completion> {
        self.give_back()
    }

    /// A reference that does not keep the instance open.
    pub(crate) fn downgrade(&self) -> Weak<Instance> {
        Arc::downgrade(&self.instance)
    }

    fn give_back(&mut self) -> Option<Completion> {
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
        let mut known = CLOSING.lock();
        known.retain(|ending| !ending.is_complete());
        known.extend(ending.clone());
        ending
    }
}

impl Deref for InstanceHandle {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        &self.instance
    }
}

impl Drop for InstanceHandle {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Instance {
    fn open(identity: &str, storage: &Storage) -> Self {
        let counters = Arc::default();
        Self {
            identity: identity.to_owned(),
            store: Store::open(storage, identity, &counters),
            counters,
            storage: storage.clone(),
            build_tracker: Mutex::default(),
            in_flight_requests: Arc::default(),
            in_flight: Arc::new(Budget::new(storage.in_flight_bytes)),
            warned: Warned::default(),
            leases: AtomicUsize::new(0),
        }
    }

    /// Whether the last handle is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.leases.load(SeqCst) == 0
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.store.empty();
    }
}
