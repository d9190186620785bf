//! What a thread has asked the disk for, by number.

use std::sync::Arc;

use layeron_cache::{DiskTicket, Outcome, Waiter};
use slab::Slab;

use crate::wake::Bell;

pub(crate) struct Tickets {
    /// None where there is no disk.
    bell: Option<Arc<Bell>>,
    open: Slab<DiskTicket>,
}

impl Tickets {
    pub(crate) fn new(bell: Option<Arc<Bell>>) -> Self {
        Self { bell, open: Slab::new() }
    }

    pub(crate) fn insert(&mut self, ticket: DiskTicket) -> u32 {
        self.open.insert(ticket) as u32
    }

    /// What has come of a ticket, which is gone then. Where nothing has yet, the bell tells when something has.
    pub(crate) fn outcome(&mut self, number: u32) -> Option<Outcome> {
        let (bell, ticket) = (self.bell.as_ref()?, self.open.get(number as usize)?);
        let wake: Arc<dyn layeron_cache::Wake> = Arc::<Bell>::clone(bell);
        let outcome = ticket.outcome(Waiter { wake, number })?;
        self.open.remove(number as usize);
        Some(outcome)
    }
}
