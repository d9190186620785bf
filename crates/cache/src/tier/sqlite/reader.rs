//! The thread that reads: brings what is asked for from the disk into the memory store.

use std::sync::Arc;

use rusqlite::Connection;

use super::common::Common;
use super::loads::Loads;
use super::queue::{Queue, Work};
use super::reads;
use crate::policy::State;

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
        while let Some(load) = self.loads.next() {
            if self.common.fault().is_some() {
                // A disk that fails is a disk that has nothing.
                load.ticket.settle(Ok(0));
                continue;
            }
            match self.load(&load.key, load.now) {
                Ok(Some(restored)) => load.ticket.settle(Ok(restored)),
                Ok(None) => self.queue.push(Work::Load(load)),
                Err(error) => {
                    self.common.fail(&error);
                    load.ticket.settle(Ok(0));
                }
            }
        }
    }

    /// Brings what the disk has of a key into memory. `None` where that is not yet what was put
    /// last.
    fn load(&self, key: &str, now: i64) -> rusqlite::Result<Option<u64>> {
        loop {
            if self.queue.is_about(key) {
                return Ok(None);
            }
            self.common.heed(&self.connection)?;
            let (known, since) = self.standing();
            let (found, damaged) = reads::entries_of(&self.connection, key)?;
            // Nothing is put from here on until it is there.
            let _in_order = self.common.order.lock();
            let told = self.common.heeding.lock();
            if told.last() != known || self.queue.is_about(key) {
                // Something was purged, or put, while this was read.
                continue;
            }
            self.common.count_damaged(damaged);
            let memory = &self.common.memory;
            let live = found.into_iter().filter(|kept| kept.times.state(now) != State::Expired);
            let restored = live.map(|kept| {
                let (entry, stored) = kept.into_entry();
                u64::from(memory.restore(entry, stored, since, now))
            });
            return Ok(Some(restored.sum()));
        }
    }

    /// The last purge that the memory store knows of, and the point of its own sequence after which
    /// nothing is brought back that is purged.
    fn standing(&self) -> (u64, u64) {
        let told = self.common.heeding.lock();
        (told.last(), told.oldest(self.common.memory.sequence()))
    }
}
