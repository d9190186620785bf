//! What a backend does: it keeps records and an invalidation log with sequence numbers.
//!
//! [`Backend`] and [`BackendReader`] are called by threads of the tier only, and may block.
//! [`Coordinator`] is read by every lookup, and never blocks. Each backend guarantees:
//!
//! - A batch is committed as a whole or not at all, in the order of its work.
//! - A put that another process has invalidated since is not stored, nor is one that another
//!   process has replaced by a later one ([`TierState::passes`],
//!   [`TierState::is_put_elsewhere`]).
//! - Every change appends to the log in the commit that makes it. The coordinator's sequence
//!   reaches that of a commit before the commit is reported.
//! - An invalidation whose caller waits is durable when the commit is reported.

pub(crate) mod sqlite;

use std::fmt::Debug;
use std::sync::Arc;

use super::coordinator::{Coordinator, OpenError};
use super::error::TierError;
use super::log_cursor::LogTail;
use super::record::Record;
use super::state::TierState;
use super::work::Work;
use crate::http::lines::Fields;
use crate::key::Key;
use crate::stats::Totals;
use crate::time::UnixMillis;

/// The writer thread's connection to the records and the log.
pub(crate) trait Backend: Debug + Send {
    /// Applies the log of other processes to the tier, then writes a batch.
    ///
    /// # Errors
    /// [`TierError`]. Nothing is written then.
    fn commit(&mut self, commit: Commit<'_>, state: &TierState) -> Result<Committed, TierError>;

    /// Opens connections for reader threads.
    fn connector(&self) -> Connector;

    /// Closes the connection. No reader is open by then.
    fn close(self: Box<Self>);
}

/// A function that opens a connection to read.
pub(crate) type Connector =
    Arc<dyn Fn() -> Result<Box<dyn BackendReader>, TierError> + Send + Sync>;

/// A connection that reads records and the log.
pub(crate) trait BackendReader: Debug + Send {
    /// What the log has after a sequence.
    fn log_after(&self, sequence: u64) -> Result<LogTail, TierError>;

    /// Reads what a lookup needs, from one state of the records.
    fn load(&self, lookup: &Lookup<'_>) -> Result<Loaded, TierError>;

    /// Number of entries, and bytes in use.
    fn size(&self) -> Result<(u64, u64), TierError>;
}

/// Opens a backend, again and again if it has to.
pub(crate) trait Opener: Debug + Send {
    /// Opens the backend. Waits for other processes only if `may_wait`.
    ///
    /// # Errors
    /// [`OpenError`]. Its code is busy if another process has to be waited for.
    fn open(&mut self, may_wait: bool) -> Result<Opened, OpenError>;
}

/// A backend that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) backend: Box<dyn Backend>,
    pub(crate) coordinator: Arc<dyn Coordinator>,
    /// Last sequence of the log.
    pub(crate) sequence: u64,
    /// Counters of all processes.
    pub(crate) totals: Totals,
    /// New name of damaged records, if there were any.
    pub(crate) quarantined: Option<String>,
}

/// A batch to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Commit<'a> {
    pub(in crate::tier) work: &'a [Work],
    /// Counts to add to those of all processes.
    pub(crate) counts: &'a Totals,
    /// Whether the tier has failed before: the commit must write something and be durable, so that
    /// its success shows that the backend works again.
    pub(crate) is_retry: bool,
}

/// Result of a commit.
#[derive(Debug)]
pub(crate) struct Committed {
    /// Entries that each invalidation of the batch has selected, in order.
    pub(crate) selected: Vec<u64>,
    /// Entries that count as purged, beside the counts of the commit.
    pub(crate) purged: u64,
    /// Entries evicted to make room.
    pub(crate) evicted: u64,
    /// Puts that found no room.
    pub(crate) unwritten: u64,
    /// A time by which more entries may have expired.
    pub(crate) due: Option<UnixMillis>,
    /// Counters of all processes, these counts included.
    pub(crate) totals: Totals,
}

/// A lookup that memory has missed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lookup<'a> {
    pub(crate) key: &'a Key,
    /// Header fields of the request, as far as they are known.
    pub(crate) fields: Fields<'a>,
    pub(crate) now: UnixMillis,
    /// Whether memory has variants of the key.
    pub(crate) is_known: bool,
}

/// What a lookup needs: the variant that the request selects, and the later ones without which
/// memory would answer other requests of the key by an older variant.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// The latest one first.
    pub(crate) records: Vec<Record>,
    /// Number of entries that did not match their checksums.
    pub(crate) damaged: u64,
}
