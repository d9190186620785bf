//! Locks and atomics, and their replacements under the model checker.

#[cfg(not(loom))]
pub(crate) use parking_lot::{Mutex, RwLock};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicI64, Ordering};

/// Releases a lock to a thread that waits for it, if there is one.
#[cfg(not(loom))]
pub(crate) fn unlock_fair<T>(guard: parking_lot::RwLockWriteGuard<'_, T>) {
    parking_lot::RwLockWriteGuard::unlock_fair(guard);
}

#[cfg(loom)]
pub(crate) use std::mem::drop as unlock_fair;

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicI64, Ordering};
#[cfg(loom)]
pub(crate) use model::{Mutex, RwLock};

#[cfg(loom)]
mod model {
    use loom::sync::{LockResult, MutexGuard, RwLockReadGuard, RwLockWriteGuard};

    /// A lock of the model checker with the interface of `parking_lot`, without poisoning.
    #[derive(Debug)]
    pub(crate) struct RwLock<T>(loom::sync::RwLock<T>);

    impl<T> RwLock<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::RwLock::new(value))
        }

        pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
            sound(self.0.read())
        }

        pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
            sound(self.0.write())
        }
    }

    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T: Default> Default for Mutex<T> {
        fn default() -> Self {
            Self(loom::sync::Mutex::new(T::default()))
        }
    }

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            sound(self.0.lock())
        }
    }

    fn sound<T>(guard: LockResult<T>) -> T {
        guard.unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
