//! The reader threads: load entries from the backend into memory.

use std::sync::Arc;

use super::backend::{Loaded, Lookup};
use super::connect::{Connect, Connected};
use super::error::TierError;
use super::load_queue::{Load, Loads};
use super::panic_guard::PanicGuard;
use super::state::TierState;
use super::work::Work;
use super::write_behind::Queue;
use crate::http::lines::Fields;
use crate::key::Key;
use crate::memory::Restored;
use crate::policy::State;

/// State of a reader thread.
pub(super) struct Reader {
    connect: Arc<Connect>,
    state: Arc<TierState>,
    queue: Arc<Queue>,
    loads: Arc<Loads>,
}

/// Sequences before a read. A later one means that what was read may be outdated.
#[derive(Clone, Copy)]
struct Before {
    /// Fence sequence for what is restored.
    fence: u64,
    /// Sequence of the writes of this process.
    written: u64,
    /// Sequence of the puts of other processes.
    put_elsewhere: u64,
}

impl Reader {
    pub(super) fn new(connect: Arc<Connect>, shared: &PanicGuard) -> Self {
        let PanicGuard { state, queue, loads } = shared;
        let (state, queue) = (Arc::clone(state), Arc::clone(queue));
        Self { connect, state, queue, loads: Arc::clone(loads) }
    }

    /// Runs until the queue is closed.
    pub(super) fn run(self) {
        let mut connection = None;
        while let Some(load) = self.loads.next() {
            match self.try_load(&mut connection, &load) {
                Ok(Some(restored)) => load.promise.complete(Ok(restored)),
                Ok(None) => self.queue.push(Work::Load(load)),
                Err(error) => {
                    self.state.fail(error);
                    load.promise.complete(Ok(0));
                }
            }
        }
    }

    /// [`load`](Self::load), with a connection that it opens if there is none to this backend.
    fn try_load(
        &self,
        connection: &mut Option<Connected>,
        load: &Load,
    ) -> Result<Option<u64>, TierError> {
        if self.state.error().is_some() {
            // A tier that fails has no entries.
            return Ok(Some(0));
        }
        connection.take_if(|connection| !self.connect.is_current(connection));
        if connection.is_none() {
            *connection = self.connect.connected()?;
        }
        connection.as_ref().map_or(Ok(Some(0)), |connection| self.load(connection, load))
    }

    /// Loads what a lookup needs. `None` if the latest puts of the key are not written yet.
    fn load(&self, connection: &Connected, load: &Load) -> Result<Option<u64>, TierError> {
        let backend = &*connection.reader;
        let Load { key, fields, now, .. } = load;
        let key = Key::known(key.clone());
        loop {
            let before = self.state();
            if self.queue.is_about(key.text()) {
                return Ok(None);
            }
            self.state.apply_log(|from| backend.log_after(from))?;
            let lookup = Lookup {
                key: &key,
                fields: Fields::new(fields),
                now: *now,
                is_known: self.state.memory.has_variants(&key),
            };
            let loaded = backend.load(&lookup)?;
            // No put happens until the entries are in memory.
            let in_order = self.state.order.lock();
            if !self.connect.is_current(connection) {
                // The files were removed: other processes do not see them.
                return Ok(Some(0));
            }
            if self.has_changed(key.text(), before) {
                continue;
            }
            self.state.count_damaged(loaded.damaged);
            let (restored, is_fenced) = self.restore(loaded, before, load);
            drop(in_order);
            if !is_fenced || self.state().fence == before.fence {
                return Ok(Some(restored));
            }
            // Purged during the read, which the next read shows.
        }
    }

    /// Restores entries until one finds no place: an older one must not answer instead. Returns how
    /// many were restored, and whether one was purged during the read.
    fn restore(&self, loaded: Loaded, before: Before, load: &Load) -> (u64, bool) {
        let mut restored = 0;
        let live =
            loaded.records.into_iter().filter(|one| one.times.state(load.now) != State::Expired);
        for record in live {
            let (entry, stored) = record.into_entry();
            match self.state.memory.restore(entry, stored, before.fence, load.now) {
                Restored::Inserted => restored += 1,
                Restored::Present => {}
                Restored::NoRoom => return (restored, false),
                Restored::Fenced => return (restored, true),
            }
        }
        (restored, false)
    }

    fn has_changed(&self, key: &str, before: Before) -> bool {
        self.queue.has_changed(key, before.written)
            || self.state.is_put_elsewhere(key, before.put_elsewhere)
    }

    fn state(&self) -> Before {
        let fence = {
            let log = self.state.log.lock();
            log.oldest(self.state.memory.sequence())
        };
        let (written, put_elsewhere) = (self.queue.sequence(), self.state.seen().puts);
        Before { fence, written, put_elsewhere }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::thread;
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;
    use crate::key::Selecting;
    use crate::memory::{Bounds, Found, Memory};
    use crate::policy::Freshness;
    use crate::response::{Label, Stored};
    use crate::tier::backend::sqlite::{SqliteOpener, SqliteOptions};
    use crate::tier::lower::LowerTier;
    use crate::tier::record::Record;
    use crate::tier::work::QueuedPut;

    const NOW: i64 = 1_800_000_000_000;

    #[test]
    fn what_was_put_and_evicted_during_a_read_is_read_again() {
        let folder = TempDir::new().unwrap();
        let folder = folder.path().to_owned();
        let options = SqliteOptions { folder, max_bytes: 1 << 30, retry_after: 10 };
        let memory = Arc::new(Memory::new(Bounds { bytes: 1 << 20, entry_bytes: 1 << 20 }));
        let tier = LowerTier::open(
            Box::new(SqliteOpener::new(options, "ns/a")),
            10,
            1 << 30,
            Arc::clone(&memory),
            Arc::default(),
        );
        let key = Key::known("https://a.example/#ns;GET".to_owned());
        // Puts that memory does not have, as if it had evicted them.
        let write = |body: &[u8]| {
            let label = Label { key: key.text(), tags: "" };
            let record = Record {
                variant: key.digest(),
                vary: Selecting::default(),
                times: Freshness { stored_at: NOW, lifetime: 60_000, ..Freshness::default() },
                stored: Stored::labelled(label, 200, "OK\n", Some(&[body])),
            };
            let seen = tier.state.seen();
            tier.queue.push(Work::Put(Box::new(QueuedPut { record, seen })));
            tier.flush().wait().unwrap();
        };
        write(b"old");
        let in_order = tier.state.order.lock();
        let load = tier.load(key.text(), "", NOW);
        // Long enough for the reader to wait for the lock; the test is right in either case.
        thread::sleep(Duration::from_millis(20));
        write(b"new");
        drop(in_order);
        assert_eq!(load.wait(), Ok(1));
        let Ok(Found::Entry(stored, ..)) = memory.get(&key, Fields::new(""), NOW) else {
            panic!("it is loaded")
        };
        assert_eq!(stored.body(), Some(&b"new"[..]));
    }
}
