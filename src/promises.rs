//! Promises of JavaScript that any thread settles.
//!
//! napi's own deferred creates a threadsafe function per promise, and that keeps the event loop
//! alive until it is settled. Here, the promises of one object of the binding share a threadsafe
//! function that does not: a process ends although its requests wait for other threads, unless
//! JavaScript keeps it alive.

#![allow(unsafe_code)]

use std::cell::RefCell;
use std::fmt;
use std::ptr::null_mut;
use std::rc::Rc;
use std::sync::Arc;

use layeron_cache::{Completion, Notifier, Notify, Outcome};
use napi::bindgen_prelude::{FunctionCallContext, PromiseRaw, ToNapiValue};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode::NonBlocking};
use napi::{Env, Status, check_status, sys};
use slab::Slab;

use crate::error::Thrown;
use crate::inspection::number;

/// A function of JavaScript that any thread may call. It keeps no event loop alive.
type Call = ThreadsafeFunction<u32, (), u32, Status, false, true>;

/// The promises of one object of the binding, by number. Used on the object's thread only.
pub(crate) struct Promises {
    env: Env,
    slots: Rc<RefCell<Slab<Slot>>>,
    notify: Arc<dyn Notify>,
}

/// What a notification settles.
enum Slot {
    /// Nothing: no promise has been asked for.
    Idle,
    /// The promise of a change.
    Change(Deferred),
    /// The promise of the result of an operation on the tier.
    Result(Deferred, Completion),
}

impl Promises {
    pub(crate) fn new(env: Env) -> napi::Result<Self> {
        let slots = Rc::new(RefCell::new(Slab::new()));
        let notified = Rc::clone(&slots);
        let settle =
            env.create_function_from_closure("settle", move |context: FunctionCallContext<'_>| {
                settle(env, &notified, context.get(0)?);
                Ok(())
            })?;
        let call = settle.build_threadsafe_function::<u32>().weak::<true>().build()?;
        Ok(Self { env, slots, notify: Arc::new(JsNotifier(call)) })
    }

    /// Reserves a number for notifications. Without a promise they do nothing.
    pub(crate) fn reserve(&self) -> u32 {
        self.slots.borrow_mut().insert(Slot::Idle) as u32
    }

    /// Frees a number, and settles its promise.
    pub(crate) fn release(&self, number: u32) {
        let slot = self.slots.borrow_mut().try_remove(number as usize);
        if let Some(Slot::Change(deferred)) = slot {
            deferred.resolve(self.env, ());
        }
    }

    /// The waiter that notifications of a reserved number are for. After
    /// [`release`](Self::release), one for an earlier owner of the number may still arrive: a
    /// waiter has to look again what has changed.
    pub(crate) fn notifier(&self, number: u32) -> Notifier {
        Notifier { wake: Arc::clone(&self.notify), number }
    }

    /// A promise that the next notification of a reserved number resolves.
    pub(crate) fn change(&self, number: u32) -> napi::Result<PromiseRaw<'static, ()>> {
        let (deferred, promise) = Deferred::new(self.env)?;
        // A promise that the number had before has no waiter.
        self.wake(number);
        match self.slots.borrow_mut().get_mut(number as usize) {
            Some(slot) => *slot = Slot::Change(deferred),
            None => deferred.resolve(self.env, ()),
        }
        Ok(promise)
    }

    /// Resolves the promise of a reserved number.
    pub(crate) fn wake(&self, number: u32) {
        settle(self.env, &self.slots, number);
    }

    /// A promise of the number of entries that an operation affects. It is rejected with the code
    /// of a [`TierError`](layeron_cache::TierError) if the operation fails.
    pub(crate) fn result(&self, completion: Completion) -> napi::Result<PromiseRaw<'static, f64>> {
        let (deferred, promise) = Deferred::new(self.env)?;
        let number = self.reserve();
        let waiter = self.notifier(number);
        if let Some(outcome) = completion.outcome(waiter) {
            self.release(number);
            deferred.settle(self.env, outcome);
        } else {
            self.slots.borrow_mut()[number as usize] = Slot::Result(deferred, completion);
        }
        Ok(promise)
    }
}

/// Settles the promise of a number that was notified.
fn settle(env: Env, slots: &RefCell<Slab<Slot>>, number: u32) {
    let mut slots = slots.borrow_mut();
    let Some(slot) = slots.get_mut(number as usize) else { return };
    match std::mem::replace(slot, Slot::Idle) {
        Slot::Idle => {}
        Slot::Change(deferred) => deferred.resolve(env, ()),
        Slot::Result(deferred, completion) => {
            if let Some(result) = completion.result() {
                slots.remove(number as usize);
                deferred.settle(env, result);
            } else {
                *slot = Slot::Result(deferred, completion);
            }
        }
    }
}

/// The settling side of a promise.
struct Deferred(sys::napi_deferred);

impl Deferred {
    /// A pending promise, for the caller to return to JavaScript.
    fn new<T>(env: Env) -> napi::Result<(Self, PromiseRaw<'static, T>)> {
        let (mut deferred, mut promise) = (null_mut(), null_mut());
        // SAFETY: called by JavaScript on the thread of `env`.
        check_status!(unsafe {
            sys::napi_create_promise(env.raw(), &raw mut deferred, &raw mut promise)
        })?;
        Ok((Self(deferred), PromiseRaw::new(env.raw(), promise)))
    }

    fn settle(self, env: Env, result: Outcome) {
        match result {
            Ok(entries) => self.resolve(env, number(entries)),
            Err(error) => self.reject(env, Thrown::new(error.code(), error.to_string())),
        }
    }

    fn resolve(self, env: Env, value: impl ToNapiValue) {
        // SAFETY: on the thread of `env`, and `self` is consumed. The value is a primitive, so no
        // JavaScript runs before this thread returns to it.
        unsafe {
            if let Ok(value) = ToNapiValue::to_napi_value(env.raw(), value) {
                sys::napi_resolve_deferred(env.raw(), self.0, value);
            }
        }
    }

    fn reject(self, env: Env, error: Thrown) {
        // SAFETY: on the thread of `env`, and `self` is consumed.
        unsafe {
            if let Ok(error) = ToNapiValue::to_napi_value(env.raw(), error) {
                sys::napi_reject_deferred(env.raw(), self.0, error);
            }
        }
    }
}

struct JsNotifier(Call);

impl Notify for JsNotifier {
    fn wake(&self, number: u32) {
        // A thread that has ended has no waiters.
        let _ = self.0.call(number, NonBlocking);
    }
}

impl fmt::Debug for JsNotifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsNotifier")
    }
}
