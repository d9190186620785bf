//! The reader threads of a tier. One runs from the start, others are added when all are busy.

use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use rusqlite::Connection;

use super::database::{self, Use};
use super::panic_guard::{PanicGuard, spawn};
use super::reader::Reader;

/// Reader threads, and what each of them needs.
#[derive(Debug)]
pub(super) struct Readers {
    database: PathBuf,
    guard: PanicGuard,
    /// `None` once the threads are joined.
    running: Mutex<Option<Vec<JoinHandle<()>>>>,
}

impl Readers {
    pub(super) fn new(database: &Path, guard: PanicGuard) -> Self {
        Self { database: database.to_owned(), guard, running: Mutex::new(Some(Vec::new())) }
    }

    /// Starts a reader thread, which the loads have counted. Without a `connection` it opens one.
    pub(super) fn start(&self, connection: Option<Connection>) -> io::Result<()> {
        let mut running = self.running.lock();
        let Some(running) = running.as_mut() else { return Ok(()) };
        let database = self.database.clone();
        let shared = self.guard.clone();
        let run = move || {
            let connection = connection.map_or_else(|| database::connect(&database, Use::Read), Ok);
            match connection {
                Ok(connection) => Reader::new(connection, &shared).run(),
                Err(error) => {
                    shared.common.fail(&error);
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
