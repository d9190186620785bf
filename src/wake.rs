//! How a thread is told that there is news of what it waits for.

use std::fmt;
use std::sync::Arc;

use layeron_cache::{Waiter, Wake};
use napi::Status;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode::NonBlocking};

/// A function of JavaScript that any thread may call; it keeps no event loop alive.
type Call = ThreadsafeFunction<u32, (), u32, Status, false, true>;

pub(crate) struct Bell(Call);

impl Bell {
    pub(crate) fn new(ring: &Function<'_, u32, ()>) -> napi::Result<Arc<Self>> {
        let call = ring.build_threadsafe_function::<u32>().weak::<true>().build()?;
        Ok(Arc::new(Self(call)))
    }

    /// One that waits and calls itself `number` among its `kind`.
    pub(crate) fn waiter(self: &Arc<Self>, kind: Kind, number: u32) -> Waiter {
        let wake: Arc<dyn Wake> = Arc::<Self>::clone(self);
        Waiter { wake, number: number * Kind::COUNT + kind as u32 }
    }
}

/// What somebody waits with; each has numbers of its own.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Ticket,
    Reader,
    Fill,
    Run,
}

impl Kind {
    const COUNT: u32 = 4;
}

impl Wake for Bell {
    fn wake(&self, number: u32) {
        // Where the thread has gone, nobody waits there any longer.
        let _ = self.0.call(number, NonBlocking);
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bell")
    }
}
