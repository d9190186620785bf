//! What somebody waits for who has asked the disk for something.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::fault::Fault;
use crate::coalescing::{Waiter, Wake};
use crate::sync::Mutex;

/// What has come of it, once something has.
pub type Outcome = Result<u64, Fault>;

/// Something asked of the disk.
#[derive(Clone, Debug, Default)]
pub struct Ticket(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    outcome: Option<Outcome>,
    waiting: Vec<Waiter>,
}

impl Ticket {
    /// What has come of it. Where nothing has yet, `waiter` is told when it has.
    pub fn outcome(&self, waiter: Waiter) -> Option<Outcome> {
        let mut inner = self.0.lock();
        if inner.outcome.is_none() {
            inner.waiting.push(waiter);
        }
        inner.outcome.clone()
    }

    /// The same for all who have the same ticket, and for no other while there is one of them.
    pub fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Whether something has come of it.
    pub(crate) fn is_settled(&self) -> bool {
        self.0.lock().outcome.is_some()
    }

    /// Waits until something has come of it.
    ///
    /// # Errors
    /// What has come of it is one.
    pub fn wait(&self) -> Outcome {
        self.wait_until(|news| news.recv().is_ok()).unwrap_or(Ok(0))
    }

    /// Waits for no longer than this. `None` where nothing has come of it by then.
    pub fn wait_for(&self, patience: Duration) -> Option<Outcome> {
        self.wait_until(|news| news.recv_timeout(patience).is_ok())
    }

    fn wait_until(&self, wait: impl FnOnce(&Receiver<()>) -> bool) -> Option<Outcome> {
        let (bell, news) = channel();
        let waiter = Waiter { wake: Arc::new(Bell(bell)), number: 0 };
        self.outcome(waiter.clone()).or_else(|| wait(&news).then(|| self.outcome(waiter)).flatten())
    }

    /// One that is done.
    pub(crate) fn settled(outcome: Outcome) -> Self {
        let ticket = Self::default();
        ticket.settle(outcome);
        ticket
    }

    pub(super) fn settle(&self, outcome: Outcome) {
        let waiting = {
            let mut inner = self.0.lock();
            inner.outcome = Some(outcome);
            std::mem::take(&mut inner.waiting)
        };
        waiting.iter().for_each(Waiter::wake);
    }
}

#[derive(Debug)]
struct Bell(Sender<()>);

impl Wake for Bell {
    fn wake(&self, _: u32) {
        // Who has waited long enough is gone.
        let _ = self.0.send(());
    }
}

impl PartialEq for Ticket {
    fn eq(&self, other: &Self) -> bool {
        self.address() == other.address()
    }
}

impl Eq for Ticket {}
