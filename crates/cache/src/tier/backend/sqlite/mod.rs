//! The `SQLite` backend: a database that survives the process and that all processes of a machine
//! may open.

mod apply;
mod batch;
mod commit;
mod copy_on_write;
mod database;
mod edit;
mod error;
mod files;
mod lease_word;
mod log;
mod open;
mod placed_file;
mod reads;
mod row;
mod select;
mod shared_memory;
mod times;
#[cfg(all(test, unix, not(loom)))]
pub(crate) mod vfs;
mod writes;

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;

use super::{Backend, BackendReader, Commit, Committed, Connector, Loaded, Lookup};
use crate::tier::error::TierError;
use crate::tier::log_cursor::LogTail;
use crate::tier::state::TierState;
use crate::time::Millis;
use database::{BUSY, Use};
pub(crate) use open::SqliteOpener;
use placed_file::PlacedFile;
use shared_memory::Shared;

/// Options of a tier on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// Folder of the database.
    pub folder: PathBuf,
    /// Bound of the file in bytes.
    pub max_bytes: u64,
    /// How long the tier waits after an error of the disk before it tries again. Doubles with each
    /// further error, up to a minute.
    pub retry_after: Millis,
}

/// The connection of the writer thread.
#[derive(Debug)]
struct SqliteBackend {
    connection: Connection,
    database: PlacedFile,
    shared: Arc<Shared>,
    /// Bytes that the database may take.
    max_bytes: u64,
}

impl Backend for SqliteBackend {
    fn commit(&mut self, commit: Commit<'_>, state: &TierState) -> Result<Committed, TierError> {
        self.database.check()?;
        self.shared.check()?;
        Ok(self.commit_synced(commit, state)?)
    }

    fn connector(&self) -> Connector {
        let database = self.database.path().to_owned();
        Arc::new(move || {
            let connection = database::connect(&database, Use::Read, BUSY)
                .map_err(|error| TierError::from(error).at(&database))?;
            Ok(Box::new(SqliteReader(connection)))
        })
    }

    fn close(self: Box<Self>) {
        // If it fails, the next process that opens the file does it.
        let _ = database::checkpoint(&self.connection);
    }
}

/// A connection of a reader thread.
#[derive(Debug)]
struct SqliteReader(Connection);

impl BackendReader for SqliteReader {
    fn log_after(&self, sequence: u64) -> Result<LogTail, TierError> {
        Ok(reads::log_after(&self.0, sequence)?)
    }

    fn load(&self, lookup: &Lookup<'_>) -> Result<Loaded, TierError> {
        Ok(select::load(&self.0, lookup)?)
    }

    fn size(&self) -> Result<(u64, u64), TierError> {
        let pages = reads::pages(&self.0)?;
        Ok((reads::entries(&self.0)?, pages.used() * pages.size))
    }
}
