//! Removes expired entries from the instances that a thread has declared.

use std::sync::Weak;

use hashbrown::HashMap;

use crate::cache::Cache;
use crate::cache::inspect::Warning;
use crate::cache::instance::Instance;
use crate::time::UnixMillis;

/// Entries removed per instance and sweep: few enough not to delay an event loop noticeably.
const MAX_ENTRIES: usize = 1_000;

/// The instances that one thread sweeps, without keeping them open.
#[derive(Debug, Default)]
pub struct Sweeper {
    /// By address of the instance: several declarations of one identity share an instance.
    watched: HashMap<usize, Weak<Instance>>,
}

/// Outcome of a sweep.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Whether more expired entries are left.
    pub more: bool,
    /// Number of instances that are still open.
    pub watched: usize,
    /// New warnings.
    pub warnings: Vec<Warning>,
}

impl Sweeper {
    /// Sweeps the instance of `cache` from now on, until it is closed.
    pub fn watch(&mut self, cache: &Cache) {
        let instance = cache.downgrade();
        self.watched.insert(instance.as_ptr().addr(), instance);
    }

    /// Removes expired entries, at most [`MAX_ENTRIES`] per instance.
    pub fn sweep(&mut self, now: UnixMillis) -> Swept {
        let mut swept = Swept::default();
        self.watched.retain(|_, instance| {
            let instance = instance.upgrade();
            instance.is_some_and(|instance| swept.sweep(&instance, now))
        });
        swept
    }
}

impl Swept {
    /// Returns whether the instance is still open.
    fn sweep(&mut self, instance: &Instance, now: UnixMillis) -> bool {
        if instance.is_closed() {
            return false;
        }
        self.watched += 1;
        if instance.store.is_due(now) {
            self.more |= instance.store.sweep(now, MAX_ENTRIES);
            self.warnings.extend(instance.take_warning());
        }
        true
    }
}
