//! Frees expired entries of the instances that a thread has declared.

use std::sync::Weak;

use hashbrown::HashMap;

use crate::cache::Cache;
use crate::cache::instance::Instance;

/// Entries that are removed of one instance at a time: few enough for a pause that nobody notices.
const MAX_ENTRIES: usize = 1_000;

/// The instances to sweep. It keeps none of them.
#[derive(Debug, Default)]
pub struct Sweeper {
    /// By the address of the instance: several declarations of one identity are one instance.
    watched: HashMap<usize, Weak<Instance>>,
}

/// What a sweep has come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Whether there are more expired entries.
    pub more: bool,
    /// Instances that are still there.
    pub watched: usize,
    /// What there is to warn of.
    pub warnings: Vec<Warning>,
}

/// What there is to warn of about the storage of an instance.
#[derive(Debug, PartialEq, Eq)]
pub struct Warning {
    /// `namespace/name`.
    pub identity: String,
    /// What has happened.
    pub message: String,
}

impl Sweeper {
    /// Sweeps the instance of `cache` from now on, until it ends.
    pub fn watch(&mut self, cache: &Cache) {
        let instance = cache.downgrade();
        self.watched.insert(instance.as_ptr().addr(), instance);
    }

    /// Removes some expired entries of each instance. Costs a look at every instance, and more
    /// only for those where something has expired.
    pub fn sweep(&mut self, now: i64) -> Swept {
        let mut swept = Swept::default();
        self.watched.retain(|_, instance| {
            let instance = instance.upgrade();
            instance.is_some_and(|instance| swept.sweep(&instance, now))
        });
        swept
    }
}

impl Swept {
    /// Returns whether the instance has not been closed.
    fn sweep(&mut self, instance: &Instance, now: i64) -> bool {
        if instance.is_closed() {
            return false;
        }
        self.watched += 1;
        if instance.store.is_due(now) {
            self.more |= instance.store.sweep(now, MAX_ENTRIES);
            let warning = |message| Warning { identity: instance.identity.clone(), message };
            self.warnings.extend(instance.take_warning().map(warning));
        }
        true
    }
}
