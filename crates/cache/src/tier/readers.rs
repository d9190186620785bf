//! The reader threads of a tier, started when all of them are busy.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use super::backend::BackendReader;
use super::connect::Connect;
use super::panic_guard::{PanicGuard, spawn};
use super::reader::Reader;

/// Connection on which lookups read the invalidation log, while the backend is open.
pub(super) type Witness = Mutex<Option<Box<dyn BackendReader>>>;

/// Reader threads, and what each of them needs.
#[derive(Debug)]
pub(super) struct Readers {
    pub(super) connect: Arc<Connect>,
    guard: PanicGuard,
    /// `None` once the threads are joined.
    running: Mutex<Option<Vec<JoinHandle<()>>>>,
}

impl Readers {
    pub(super) fn new(guard: PanicGuard) -> Self {
        let running = Mutex::new(Some(Vec::new()));
        Self { connect: Arc::default(), guard, running }
    }

    /// Starts a reader thread, which the loads have counted.
    pub(super) fn start(&self) -> io::Result<()> {
        let mut running = self.running.lock();
        let Some(running) = running.as_mut() else { return Ok(()) };
        let reader = Reader::new(Arc::clone(&self.connect), &self.guard);
        match spawn("reader", self.guard.clone(), move || reader.run()) {
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
