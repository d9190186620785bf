//! Waiters for the results of in-flight requests.

use std::fmt::Debug;
use std::sync::Arc;

/// Notifies a thread that the result of an in-flight request is ready.
pub trait Wake: Debug + Send + Sync {
    /// Notifies the waiter with this number, from any thread.
    fn wake(&self, number: u32);
}

/// Waits for the result of an in-flight request, or for more of its body.
#[derive(Clone, Debug)]
pub struct Waiter {
    /// Notified when there is something new.
    pub wake: Arc<dyn Wake>,
    /// Identifies the waiter to `wake`.
    pub number: u32,
}

impl Waiter {
    pub(crate) fn wake(&self) {
        self.wake.wake(self.number);
    }
}
