//! The reader threads of a tier. One runs from the start, others are added when all are busy.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use super::backend::{BackendReader, Connector};
use super::panic_guard::{PanicGuard, spawn};
use super::reader::Reader;

/// Connection on which lookups read the invalidation log, until the tier is closed.
pub(super) type Witness = Mutex<Option<Box<dyn BackendReader>>>;

/// Reader threads, and what each of them needs.
pub(super) struct Readers {
    connect: Connector,
    guard: PanicGuard,
    /// `None` once the threads are joined.
    running: Mutex<Option<Vec<JoinHandle<()>>>>,
}

impl Readers {
    pub(super) fn new(connect: Connector, guard: PanicGuard) -> Self {
        Self { connect, guard, running: Mutex::new(Some(Vec::new())) }
    }

    /// Starts a reader thread, which the loads have counted. Without a `connection` it opens one.
    pub(super) fn start(&self, connection: Option<Box<dyn BackendReader>>) -> io::Result<()> {
        let mut running = self.running.lock();
        let Some(running) = running.as_mut() else { return Ok(()) };
        let connect = Arc::clone(&self.connect);
        let shared = self.guard.clone();
        let run = move || {
            let connection = connection.map_or_else(|| connect(), Ok);
            match connection {
                Ok(connection) => Reader::new(connection, &shared).run(),
                Err(error) => {
                    shared.state.fail(error);
                    shared.loads.remove_reader();
                }
            }
        };
        match spawn("reader", self.guard.clone(), run) {
            Ok(reader) => running.push(reader),
            Err(error) => {
                self.guard.loads.remove_reader();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Waits for the threads, whose queue has ended. No thread starts afterwards.
    pub(super) fn join(&self) {
        let running = self.running.lock().take();
        for reader in running.into_iter().flatten() {
            // A reader that panicked reads no longer.
            let _ = reader.join();
        }
    }
}

impl Debug for Readers {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Readers").finish_non_exhaustive()
    }
}
