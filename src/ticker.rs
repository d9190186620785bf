//! Calls JavaScript once a second.
//!
//! A thread of the addon makes the calls, and not a timer of JavaScript, because tests replace
//! timers: one that was set under a replacement would never fire again. JavaScript decides what to
//! do, and what time it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use napi::Status;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode::NonBlocking};
use napi_derive::napi;

const INTERVAL: Duration = Duration::from_secs(1);

/// A function of JavaScript that any thread may call. It keeps no event loop alive. A call that
/// comes before the last one was made is dropped.
type Call = ThreadsafeFunction<(), (), (), Status, false, true, 1>;

/// The functions to call, of all threads of JavaScript.
static CALLS: Mutex<Calls> = Mutex::new(Calls { list: Vec::new(), is_running: false });

struct Calls {
    list: Vec<Weak<Call>>,
    /// Whether the calling thread runs. It ends with the last function.
    is_running: bool,
}

fn calls() -> MutexGuard<'static, Calls> {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls a function once a second until it is stopped or collected. Keeps no event loop alive.
#[napi]
pub struct BindingTicker(Option<Arc<Call>>);

#[napi]
impl BindingTicker {
    #[napi(constructor)]
    pub fn new(tick: Function<'_, (), ()>) -> napi::Result<Self> {
        let call =
            tick.build_threadsafe_function::<()>().weak::<true>().max_queue_size::<1>().build()?;
        let call = Arc::new(call);
        let mut calls = calls();
        calls.list.push(Arc::downgrade(&call));
        if !calls.is_running {
            thread::Builder::new().name("layeron-ticker".to_owned()).spawn(run)?;
            calls.is_running = true;
        }
        Ok(Self(Some(call)))
    }

    /// Makes one more call soon.
    #[napi]
    pub fn soon(&self) {
        if let Some(call) = &self.0 {
            let _ = call.call((), NonBlocking);
        }
    }

    /// Makes no more calls.
    #[napi]
    pub fn stop(&mut self) {
        self.0 = None;
    }
}

fn run() {
    loop {
        thread::sleep(INTERVAL);
        let mut calls = calls();
        calls
            .list
            .retain(|call| call.upgrade().is_some_and(|call| is_alive(call.call((), NonBlocking))));
        if calls.list.is_empty() {
            calls.is_running = false;
            return;
        }
    }
}

/// Whether the thread of JavaScript still runs.
fn is_alive(status: Status) -> bool {
    matches!(status, Status::Ok | Status::QueueFull)
}
