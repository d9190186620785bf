//! Notifications of a thread of JavaScript by other threads.

use std::fmt;
use std::sync::Arc;

use layeron_cache::{Notifier, Notify};
use napi::Status;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode::NonBlocking};

/// A function of JavaScript that any thread may call. It keeps no event loop alive.
type Call = ThreadsafeFunction<u32, (), u32, Status, false, true>;

pub(crate) struct JsNotifier(Call);

impl JsNotifier {
    pub(crate) fn new(notify: &Function<'_, u32, ()>) -> napi::Result<Arc<Self>> {
        let call = notify.build_threadsafe_function::<u32>().weak::<true>().build()?;
        Ok(Arc::new(Self(call)))
    }

    /// The waiter `number` of a kind.
    pub(crate) fn waiter(self: &Arc<Self>, kind: Kind, number: u32) -> Notifier {
        let wake: Arc<dyn Notify> = Arc::<Self>::clone(self);
        Notifier { wake, number: number * Kind::COUNT + kind as u32 }
    }
}

/// What a waiter waits for. Each kind has numbers of its own.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Waiting,
    Reader,
    Body,
    Run,
}

impl Kind {
    const COUNT: u32 = 4;
}

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
