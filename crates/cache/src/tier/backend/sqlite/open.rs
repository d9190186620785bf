//! Opens the database. A process that has the file to itself creates it, or quarantines a damaged
//! one.

use std::path::PathBuf;
use std::sync::Arc;

use super::database::{self, Use};
use super::files::{self, Files};
use super::shared_memory::Shared;
use super::{SqliteBackend, SqliteOptions, reads};
use crate::stats::Totals;
use crate::tier::backend::Opened;
use crate::tier::coordinator::Coordinator as _;
use crate::tier::error::TierError;
use crate::tier::unavailable::Unavailable;

impl SqliteOptions {
    /// Opens the database of the instance `identity`, creates it, or quarantines a damaged one and
    /// creates a new one.
    ///
    /// # Errors
    /// [`Unavailable`] if the file cannot be used.
    pub(crate) fn open(&self, identity: &str) -> Result<Opened, Unavailable> {
        let unusable = |error| Unavailable::new(error, self.max_bytes);
        let opening = Opening::begin(self, identity).map_err(unusable)?;
        opening.finish().map_err(|error| unusable(error).watching(opening.give_up()))
    }
}

/// A tier whose shared memory is open and whose database is not.
struct Opening<'a> {
    identity: &'a str,
    max_bytes: u64,
    files: Files,
    shared: Arc<Shared>,
    /// Whether no other process has the file open. Others wait until it is complete.
    is_alone: bool,
}

impl<'a> Opening<'a> {
    fn begin(options: &SqliteOptions, identity: &'a str) -> Result<Self, TierError> {
        let files = Files::of(&files::private_folder(&options.folder)?, identity);
        let (shared, is_alone) = Shared::open(&files.shared)?;
        let (max_bytes, shared) = (options.max_bytes, Arc::new(shared));
        Ok(Self { identity, max_bytes, files, shared, is_alone })
    }

    /// Leaves the processes that have the file open. The shared memory can still be read.
    fn give_up(&self) -> Arc<Shared> {
        self.shared.leave();
        Arc::clone(&self.shared)
    }

    fn finish(&self) -> Result<Opened, TierError> {
        let quarantined = self.complete()?.map(|path| path.display().to_string());
        self.connect(quarantined).map_err(|error| error.at(&self.files.database))
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

    fn connect(&self, quarantined: Option<String>) -> Result<Opened, TierError> {
        let (database, max_bytes) = (self.files.database.clone(), self.max_bytes);
        let connection = database::connect(&database, Use::Write)?;
        database::check(&connection, self.identity, max_bytes)?;
        let sequence = reads::sequence(&connection)?;
        self.shared.announce(sequence, false);
        let totals = Totals::from_names(reads::counters(&connection)?);
        let shared = Arc::clone(&self.shared);
        let backend = Box::new(SqliteBackend { connection, database, shared, max_bytes });
        let coordinator = Arc::clone(&self.shared) as _;
        Ok(Opened { backend, coordinator, sequence, totals, max_bytes, quarantined })
    }
}
