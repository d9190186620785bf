//! What a thread has asked the disk for, by number. Who asks for what has been asked for already
//! has the same number; no two have the same one after the other, since the face goes by the number
//! for a moment longer.

use std::collections::HashMap;
use std::sync::Arc;

use layeron_cache::{DiskTicket, Outcome, Waiter};

use crate::outcome::NO_TICKET;
use crate::wake::Bell;

pub(crate) struct Tickets {
    /// None where there is no disk.
    bell: Option<Arc<Bell>>,
    open: HashMap<u32, DiskTicket>,
    numbers: HashMap<usize, u32>,
    next: u32,
}

impl Tickets {
    pub(crate) fn new(bell: Option<Arc<Bell>>) -> Self {
        Self { bell, open: HashMap::new(), numbers: HashMap::new(), next: 0 }
    }

    pub(crate) fn insert(&mut self, ticket: DiskTicket) -> u32 {
        if let Some(&known) = self.numbers.get(&ticket.address()) {
            return known;
        }
        let number = self.next;
        self.next = (number + 1) % NO_TICKET;
        self.numbers.insert(ticket.address(), number);
        self.open.insert(number, ticket);
        number
    }

    /// Waits no longer for what comes of a ticket.
    pub(crate) fn forget(&mut self, number: u32) {
        if let Some(ticket) = self.open.remove(&number) {
            self.numbers.remove(&ticket.address());
        }
    }

    /// What has come of a ticket, which is gone then. Where nothing has yet, the bell tells when
    /// something has.
    pub(crate) fn outcome(&mut self, number: u32) -> Option<Outcome> {
        let (bell, ticket) = (self.bell.as_ref()?, self.open.get(&number)?);
        let wake: Arc<dyn layeron_cache::Wake> = Arc::<Bell>::clone(bell);
        let outcome = ticket.outcome(Waiter { wake, number })?;
        self.forget(number);
        Some(outcome)
    }
}
