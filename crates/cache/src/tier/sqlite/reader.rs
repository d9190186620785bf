//! The reader thread: loads entries from disk into memory.

use std::sync::Arc;

use rusqlite::Connection;

use super::common::Common;
use super::load_queue::Loads;
use super::reads;
use super::work::Work;
use super::write_behind::Queue;
use crate::policy::State;
use crate::time::UnixMillis;

/// State of the reader thread.
pub(super) struct Reader {
    pub(super) connection: Connection,
    pub(super) common: Arc<Common>,
    pub(super) queue: Arc<Queue>,
    pub(super) loads: Arc<Loads>,
}

impl Reader {
    /// Runs until the queue is closed.
    pub(super) fn run(self) {
        while let Some(load) = self.loads.next() {
            if self.common.error().is_some() {
                // A tier that fails has no entries.
                load.promise.complete(Ok(0));
                continue;
            }
            match self.load(&load.key, load.now) {
                Ok(Some(restored)) => load.promise.complete(Ok(restored)),
                Ok(None) => self.queue.push(Work::Load(load)),
                Err(error) => {
                    self.common.fail(&error);
                    load.promise.complete(Ok(0));
                }
            }
        }
    }

    /// Loads the entries of a key. `None` if the disk does not have the latest puts of the key yet.
    fn load(&self, key: &str, now: UnixMillis) -> rusqlite::Result<Option<u64>> {
        loop {
            if self.queue.is_about(key) {
                return Ok(None);
            }
            self.common.apply_log(&self.connection)?;
            let (known, since) = self.state();
            let (found, damaged) = reads::entries_of(&self.connection, key)?;
            // No put happens until the entries are in memory.
            let _in_order = self.common.order.lock();
            let log = self.common.log.lock();
            if log.last() != known || self.queue.is_about(key) {
                // Something was purged or put during the read.
                continue;
            }
            self.common.count_damaged(damaged);
            let memory = &self.common.memory;
            let live = found.into_iter().filter(|record| record.times.state(now) != State::Expired);
            let restored = live.map(|record| {
                let (entry, stored) = record.into_entry();
                u64::from(memory.restore(entry, stored, since, now))
            });
            return Ok(Some(restored.sum()));
        }
    }

    /// Last applied sequence of the log, and the fence sequence for restored rows.
    fn state(&self) -> (u64, u64) {
        let log = self.common.log.lock();
        (log.last(), log.oldest(self.common.memory.sequence()))
    }
}
