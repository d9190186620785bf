//! Opens the tier. A process that has the file to itself creates the database or quarantines a
//! damaged one; then the reader and writer threads start.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;

use super::common::Common;
use super::database::{self, Use};
use super::files::{self, Files};
use super::load_queue::Loads;
use super::panic_guard::{PanicGuard, spawn};
use super::readers::Readers;
use super::retry::Retry;
use super::shared_memory::Shared;
use super::write_behind::Queue;
use super::writer::Writer;
use super::{SqliteOptions, SqliteTier, Witness};
use crate::memory::Memory;
use crate::stats::Counters;
use crate::tier::error::TierError;
use crate::time::Millis;

/// Bound of the write-behind queue in bytes.
const MAX_WAITING_BYTES: usize = 64 << 20;

/// A tier whose shared memory is open and whose database is not.
pub(super) struct Opening<'a> {
    identity: &'a str,
    max_bytes: u64,
    retry_after: Millis,
    files: Files,
    shared: Arc<Shared>,
    /// Whether no other process has the file open. Others wait until it is complete.
    is_alone: bool,
}

impl<'a> Opening<'a> {
    pub(super) fn begin(options: &SqliteOptions, identity: &'a str) -> Result<Self, TierError> {
        let files = Files::of(&files::private_folder(&options.folder)?, identity);
        let (shared, is_alone) = Shared::open(&files.shared)?;
        Ok(Self {
            identity,
            max_bytes: options.max_bytes,
            retry_after: options.retry_after,
            files,
            shared: Arc::new(shared),
            is_alone,
        })
    }

    /// Leaves the processes that have the file open. The shared memory can still be read.
    pub(super) fn give_up(&self) -> Arc<Shared> {
        self.shared.leave();
        Arc::clone(&self.shared)
    }

    pub(super) fn finish(
        &self,
        memory: Arc<Memory>,
        counters: Arc<Counters>,
    ) -> Result<SqliteTier, TierError> {
        let quarantined = self.complete()?.map(|path| path.display().to_string());
        let connection = self.connect(Use::Write)?;
        database::check(&connection, self.identity, self.max_bytes)
            .map_err(|error| self.at(error))?;
        let shared = Arc::clone(&self.shared);
        let common = Common::new(memory, counters, shared, self.max_bytes, &connection)
            .map_err(|error| self.at(error))?;
        self.serve(Arc::new(common), connection, quarantined)
    }

    /// Creates or checks the database, if no other process has. Returns the new name of a damaged
    /// one.
    fn complete(&self) -> Result<Option<PathBuf>, TierError> {
        if !self.is_alone {
            return Ok(None);
        }
        let begun =
            database::begin(&self.files, self.identity, self.max_bytes, self.shared.is_damaged())?;
        self.shared.begin(begun.sequence);
        self.shared.complete()?;
        Ok(begun.quarantined)
    }

    /// Starts the reader and writer threads.
    fn serve(
        &self,
        common: Arc<Common>,
        connection: Connection,
        quarantined: Option<String>,
    ) -> Result<SqliteTier, TierError> {
        let (queue, loads) = (Arc::new(Queue::new(MAX_WAITING_BYTES)), Arc::<Loads>::default());
        let witness: Arc<Witness> = Arc::new(Mutex::new(Some(self.connect(Use::Read)?)));
        let guard = PanicGuard {
            common: Arc::clone(&common),
            queue: Arc::clone(&queue),
            loads: Arc::clone(&loads),
        };
        let readers = Arc::new(Readers::new(&self.files.database, guard.clone()));
        loads.add_reader();
        readers.start(Some(self.connect(Use::Read)?)).map_err(|error| self.at(error))?;
        let writer = Writer {
            connection,
            common: Arc::clone(&common),
            queue: Arc::clone(&queue),
            loads: Arc::clone(&loads),
            readers: Arc::clone(&readers),
            witness: Arc::clone(&witness),
            retry: Retry::new(self.retry_after),
        };
        spawn("writer", guard, move || writer.run()).map_err(|error| {
            loads.end();
            self.at(error)
        })?;
        Ok(SqliteTier { common, queue, loads, readers, witness, quarantined })
    }

    fn connect(&self, usage: Use) -> Result<Connection, TierError> {
        database::connect(&self.files.database, usage).map_err(|error| self.at(error))
    }

    fn at(&self, error: impl Into<TierError>) -> TierError {
        error.into().at(&self.files.database)
    }
}
