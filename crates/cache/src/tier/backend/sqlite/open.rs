//! Opens the database. A process that has the file to itself creates it, or quarantines a damaged
//! one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::database::{self, BUSY, Use};
use super::files::{self, Files};
use super::placed_file::PlacedFile;
use super::shared_memory::Shared;
use super::{SqliteBackend, SqliteOptions, reads};
use crate::stats::Totals;
use crate::tier::backend::{Opened, Opener};
use crate::tier::coordinator::{Coordinator, OpenError};
use crate::tier::error::TierError;

/// How long a caller that cannot wait waits for another process that writes.
const HARDLY: Duration = Duration::from_millis(10);

/// Opens the database of one instance: creates it, or quarantines a damaged one and creates a new
/// one.
#[derive(Debug)]
pub(crate) struct SqliteOpener {
    options: SqliteOptions,
    identity: String,
    /// The shared memory, once it has been opened.
    shared: Option<Arc<Shared>>,
}

impl SqliteOpener {
    pub(crate) fn new(options: SqliteOptions, identity: &str) -> Self {
        Self { options, identity: identity.to_owned(), shared: None }
    }

    /// Joins the processes that have the file open. Returns the shared memory, and whether no other
    /// process has it open: others wait until it is complete.
    fn join(&mut self, files: &Files, may_wait: bool) -> Result<(Arc<Shared>, bool), TierError> {
        if let Some(shared) = self.shared.as_ref().filter(|shared| shared.check().is_ok()) {
            let is_alone = shared.rejoin(may_wait)?;
            return Ok((Arc::clone(shared), is_alone));
        }
        let (shared, is_alone) = Shared::open(&files.shared, may_wait)?;
        let shared = Arc::new(shared);
        self.shared = Some(Arc::clone(&shared));
        Ok((shared, is_alone))
    }
}

impl Opener for SqliteOpener {
    fn open(&mut self, may_wait: bool) -> Result<Opened, OpenError> {
        let folder = files::private_folder(&self.options.folder);
        let files = folder.map(|folder| Files::of(&folder, &self.identity));
        let joined = files.and_then(|files| Ok((self.join(&files, may_wait)?, files)));
        let ((shared, is_alone), files) = joined.map_err(|error| {
            let coordinator = self.shared.clone().map(|shared| shared as Arc<dyn Coordinator>);
            OpenError { error, coordinator }
        })?;
        let busy = if may_wait { BUSY } else { HARDLY };
        let opening = Opening { opener: self, files, shared: Arc::clone(&shared), is_alone, busy };
        opening.finish().map_err(|error| {
            // The shared memory can still be read.
            shared.leave();
            OpenError { error, coordinator: Some(shared) }
        })
    }
}

/// A backend whose shared memory is open and whose database is not.
struct Opening<'a> {
    opener: &'a SqliteOpener,
    files: Files,
    shared: Arc<Shared>,
    is_alone: bool,
    busy: Duration,
}

impl Opening<'_> {
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
        let SqliteOpener { options, identity, .. } = self.opener;
        let is_damaged = self.shared.is_damaged();
        let begun =
            database::begin(&self.files, identity, options.max_bytes, is_damaged, self.busy)?;
        self.shared.begin(begun.sequence);
        self.shared.complete()?;
        Ok(begun.quarantined)
    }

    fn connect(&self, quarantined: Option<String>) -> Result<Opened, TierError> {
        let SqliteOpener { options, identity, .. } = self.opener;
        let max_bytes = options.max_bytes;
        let connection = database::connect(&self.files.database, Use::Write, self.busy)?;
        let database = PlacedFile::at(&self.files.database)?;
        database::check(&connection, identity, max_bytes)?;
        let sequence = reads::sequence(&connection)?;
        self.shared.announce(sequence, false);
        let totals = Totals::from_names(reads::counters(&connection)?);
        connection.busy_timeout(BUSY)?;
        let shared = Arc::clone(&self.shared);
        let backend = Box::new(SqliteBackend { connection, database, shared, max_bytes });
        let coordinator = Arc::clone(&self.shared) as _;
        Ok(Opened { backend, coordinator, sequence, totals, quarantined })
    }
}
