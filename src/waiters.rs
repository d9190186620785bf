//! Objects of the core that JavaScript waits for, by number.

use std::rc::Rc;

use layeron_cache::Notifier;
use napi::bindgen_prelude::PromiseRaw;
use slab::Slab;

use crate::promises::Promises;

/// Objects of one kind, each with the number under which it is notified.
pub(crate) struct Waiters<T> {
    promises: Rc<Promises>,
    items: Slab<(T, u32)>,
}

impl<T> Waiters<T> {
    pub(crate) fn new(promises: &Rc<Promises>) -> Self {
        Self { promises: Rc::clone(promises), items: Slab::new() }
    }

    /// Adds an object. Returns its number, which is reused after [`remove`](Self::remove).
    pub(crate) fn insert(&mut self, item: T) -> u32 {
        self.items.insert((item, self.promises.reserve())) as u32
    }

    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.items.get(number as usize).map(|(item, _)| item)
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.items.get_mut(number as usize).map(|(item, _)| item)
    }

    /// An object, with the waiter to be notified of its changes.
    pub(crate) fn with_notifier(&mut self, number: u32) -> Option<(&mut T, Notifier)> {
        let (item, slot) = self.items.get_mut(number as usize)?;
        Some((item, self.promises.notifier(*slot)))
    }

    /// A promise of the next change of an object, or of its removal. There is one per object: an
    /// earlier one is resolved. Resolved at once for an unknown number.
    pub(crate) fn change(&self, number: u32) -> napi::Result<PromiseRaw<'static, ()>> {
        let slot = self.items.get(number as usize).map_or(u32::MAX, |(_, slot)| *slot);
        self.promises.change(slot)
    }

    /// Resolves the promise of a change now.
    pub(crate) fn wake(&self, number: u32) {
        if let Some((_, slot)) = self.items.get(number as usize) {
            self.promises.wake(*slot);
        }
    }

    /// Removes an object, and resolves its promise.
    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        let (item, slot) = self.items.try_remove(number as usize)?;
        self.promises.release(slot);
        Some(item)
    }
}
