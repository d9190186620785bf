//! Notifications between threads.

use std::fmt::Debug;
use std::sync::Arc;

/// Notifies a waiter on another thread.
pub trait Notify: Debug + Send + Sync {
    /// Notifies the waiter `number`. Called from any thread.
    fn wake(&self, number: u32);
}

/// A waiter for a result or for more of a body, as the notifying thread sees it.
#[derive(Clone, Debug)]
pub struct Notifier {
    /// Receives the notification.
    pub wake: Arc<dyn Notify>,
    /// Number of the waiter.
    pub number: u32,
}

impl Notifier {
    pub(crate) fn wake(&self) {
        self.wake.wake(self.number);
    }
}
