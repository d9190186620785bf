//! The thread that reads: brings what is asked for from the disk into the memory store.

use std::sync::Arc;

use rusqlite::Connection;

use super::common::Common;
use super::loads::{Load, Loads};
use super::queue::{Queue, Work};
use super::reads;
use super::ticket::Ticket;

/// What the thread has.
pub(super) struct Reader {
    pub(super) connection: Connection,
    pub(super) common: Arc<Common>,
    pub(super) queue: Arc<Queue>,
    pub(super) loads: Arc<Loads>,
}

impl Reader {
    /// Works until nobody is left to ask.
    pub(super) fn run(self) {
        while let Some(Load { key, now, ticket }) = self.loads.next() {
            let found = if self.common.fault().is_none() { self.load(&key, now) } else { Ok(0) };
            // A disk that fails is a disk that has nothing.
            ticket.settle(Ok(found.inspect_err(|error| drop(self.common.fail(error))).unwrap_or(0)));
        }
    }

    fn load(&self, key: &str, now: i64) -> rusqlite::Result<u64> {
        loop {
            if self.queue.is_about(key) && !self.is_written() {
                // What is on the disk is not what was put last.
                return Ok(0);
            }
            self.common.heed(&self.connection)?;
            let (known, since) = self.standing();
            let found = reads::entries_of(&self.connection, key)?;
            // Nothing is put from here on until it is there.
            let _in_order = self.common.order.lock();
            let told = self.common.heeding.lock();
            if told.last() != known || self.queue.is_about(key) {
                // Something was purged, or put, while this was read.
                continue;
            }
            let memory = &self.common.memory;
            let live = found.into_iter().filter(|kept| kept.deadline() > now);
            return Ok(live
                .map(|kept| {
                    let (entry, stored) = kept.into_entry();
                    u64::from(memory.restore(entry, stored, since, now))
                })
                .sum());
        }
    }

    /// Has all that waits written, and tells whether it is.
    fn is_written(&self) -> bool {
        let written = Ticket::default();
        self.queue.push(Work::Flush(written.clone()));
        written.wait().is_ok()
    }

    /// The last purge that the memory store knows of, and the point of its own sequence after which nothing is brought back that is purged.
    fn standing(&self) -> (u64, u64) {
        let told = self.common.heeding.lock();
        (told.last(), told.oldest(self.common.memory.sequence()))
    }
}
