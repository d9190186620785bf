//! Completions of operations on the tier.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::error::TierError;
use crate::coalescing::{Notifier, Notify};
use crate::sync::Mutex;

/// Result of an operation: the number of entries affected.
pub type Outcome = Result<u64, TierError>;

/// The pending result of an operation on the tier.
#[derive(Clone, Debug, Default)]
pub struct Completion(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    outcome: Option<Outcome>,
    waiting: Vec<Notifier>,
}

impl Completion {
    /// The result, if there is one. Otherwise `waiter` is notified when there is.
    pub fn outcome(&self, waiter: Notifier) -> Option<Outcome> {
        let mut inner = self.0.lock();
        if inner.outcome.is_none() {
            inner.waiting.push(waiter);
        }
        inner.outcome.clone()
    }

    /// The result, if there is one.
    pub fn result(&self) -> Option<Outcome> {
        self.0.lock().outcome.clone()
    }

    /// Whether there is a result.
    pub(crate) fn is_complete(&self) -> bool {
        self.0.lock().outcome.is_some()
    }

    /// Waits for the result.
    ///
    /// # Errors
    /// The error of the operation.
    pub fn wait(&self) -> Outcome {
        self.wait_until(|news| news.recv().is_ok()).unwrap_or(Ok(0))
    }

    /// Waits for the result, at most for `timeout`. `None` if there is none by then.
    pub fn wait_for(&self, timeout: Duration) -> Option<Outcome> {
        self.wait_until(|news| news.recv_timeout(timeout).is_ok())
    }

    fn wait_until(&self, wait: impl FnOnce(&Receiver<()>) -> bool) -> Option<Outcome> {
        let (sender, news) = channel();
        let waiter = Notifier { wake: Arc::new(Signal(sender)), number: 0 };
        self.outcome(waiter.clone()).or_else(|| wait(&news).then(|| self.outcome(waiter)).flatten())
    }

    /// A completion that has its result.
    pub(crate) fn completed(outcome: Outcome) -> Self {
        let completion = Self::default();
        completion.complete(outcome);
        completion
    }

    fn complete(&self, outcome: Outcome) {
        let waiting = {
            let mut inner = self.0.lock();
            inner.outcome = Some(outcome);
            std::mem::take(&mut inner.waiting)
        };
        waiting.iter().for_each(Notifier::wake);
    }
}

/// The side of a completion that completes it. If it is dropped first, because its thread has
/// panicked, it completes with an outcome of its own: no caller waits for ever.
#[derive(Debug)]
pub(crate) struct Promise {
    completion: Completion,
    if_dropped: Outcome,
}

impl Promise {
    /// A promise of an operation that must not be taken for done.
    pub(crate) fn new() -> Self {
        Self { completion: Completion::default(), if_dropped: Err(TierError::Panicked) }
    }

    /// A promise of a load, which finds nothing if it is dropped.
    pub(crate) fn of_load() -> Self {
        Self { completion: Completion::default(), if_dropped: Ok(0) }
    }

    /// The completion that callers wait for.
    pub(crate) fn completion(&self) -> Completion {
        self.completion.clone()
    }

    pub(crate) fn complete(self, outcome: Outcome) {
        self.completion.complete(outcome);
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if !self.completion.is_complete() {
            self.completion.complete(self.if_dropped.clone());
        }
    }
}

#[derive(Debug)]
struct Signal(Sender<()>);

impl Notify for Signal {
    fn wake(&self, _: u32) {
        // A waiter that has timed out is gone.
        let _ = self.0.send(());
    }
}

impl PartialEq for Completion {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Completion {}
