//! Opening a disk: the database is begun, or set aside where it is damaged, by a process that is
//! alone with it; then the threads begin that serve it.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;
use rusqlite::Connection;

use super::common::Common;
use super::database::{self, Use};
use super::files::{self, Files};
use super::loads::Loads;
use super::queue::Queue;
use super::reader::Reader;
use super::shared::Shared;
use super::writer::Writer;
use super::{Disk, DiskOptions, Fault, Witness};
use crate::memory::Memory;
use crate::stats::Counters;

/// Puts that wait to be written, in bytes.
const MOST_WAITING_BYTES: usize = 64 << 20;

/// A disk whose shared memory is open, and whose database is not yet.
pub(super) struct Opening<'a> {
    identity: &'a str,
    max_bytes: u64,
    files: Files,
    shared: Arc<Shared>,
    /// Whether no other process has it open. Those that are about to wait until it is settled.
    is_alone: bool,
}

impl<'a> Opening<'a> {
    pub(super) fn begin(options: &DiskOptions, identity: &'a str) -> Result<Self, Fault> {
        let files = Files::of(&options.folder, identity);
        files::private_folder(&options.folder)?;
        let (shared, is_alone) = Shared::open(&files.shared)?;
        Ok(Self {
            identity,
            max_bytes: options.max_bytes,
            files,
            shared: Arc::new(shared),
            is_alone,
        })
    }

    /// Counts no longer among those who have it open. What they share can still be seen.
    pub(super) fn give_up(&self) -> Arc<Shared> {
        self.shared.release();
        Arc::clone(&self.shared)
    }

    pub(super) fn finish(
        &self,
        memory: Arc<Memory>,
        counters: Arc<Counters>,
    ) -> Result<Disk, Fault> {
        let set_aside = self.settle()?.map(|path| path.display().to_string());
        let connection = self.connect(Use::Write)?;
        database::check(&connection, self.identity, self.max_bytes)
            .map_err(|fault| self.fault(fault))?;
        let shared = Arc::clone(&self.shared);
        let common = Common::new(memory, counters, shared, self.max_bytes, &connection)
            .map_err(|error| self.fault(error))?;
        self.serve(Arc::new(common), connection, set_aside)
    }

    /// Sees to it that there is a database, where nobody else has. Returns where a damaged one is
    /// now.
    fn settle(&self) -> Result<Option<PathBuf>, Fault> {
        if !self.is_alone {
            return Ok(None);
        }
        let begun =
            database::begin(&self.files, self.identity, self.max_bytes, self.shared.is_damaged())?;
        self.shared.begin(begun.sequence);
        self.shared.settle()?;
        Ok(begun.set_aside)
    }

    /// Has threads read and write.
    fn serve(
        &self,
        common: Arc<Common>,
        connection: Connection,
        set_aside: Option<String>,
    ) -> Result<Disk, Fault> {
        let (queue, loads) = (Arc::new(Queue::new(MOST_WAITING_BYTES)), Arc::<Loads>::default());
        let witness: Arc<Witness> = Arc::new(Mutex::new(Some(self.connect(Use::Read)?)));
        let reader = Reader {
            connection: self.connect(Use::Read)?,
            common: Arc::clone(&common),
            queue: Arc::clone(&queue),
            loads: Arc::clone(&loads),
        };
        let reader =
            named("reader").spawn(move || reader.run()).map_err(|error| self.fault(error))?;
        let writer = Writer {
            connection,
            common: Arc::clone(&common),
            queue: Arc::clone(&queue),
            loads: Arc::clone(&loads),
            reader,
            witness: Arc::clone(&witness),
        };
        named("writer").spawn(move || writer.run()).map_err(|error| {
            loads.end();
            self.fault(error)
        })?;
        Ok(Disk { common, queue, loads, witness, set_aside })
    }

    fn connect(&self, usage: Use) -> Result<Connection, Fault> {
        database::connect(&self.files.database, usage).map_err(|error| self.fault(error))
    }

    fn fault(&self, what: impl std::fmt::Display) -> Fault {
        Fault::at(&self.files.database, what)
    }
}

fn named(what: &str) -> thread::Builder {
    thread::Builder::new().name(format!("layeron-{what}"))
}
