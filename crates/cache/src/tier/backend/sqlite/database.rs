//! The database file: opening, checks and settings. `docs/format.md` describes it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::FromSql;
use rusqlite::{Connection, OpenFlags};

use super::files::{Files, private_file};
use super::reads;
use crate::tier::error::TierError;

/// `application_id` of the database: "LYCA".
const APPLICATION: i32 = 0x4c59_4341;

/// Version of the format that this code reads and writes.
const FORMAT: i32 = 2;

/// Page cache of the writer, in KiB. A transaction that changes more pages writes some of them
/// twice.
const WRITER_CACHE: i32 = 16 * 1_024;

/// How long a process waits for another one that writes.
pub(super) const BUSY: Duration = Duration::from_secs(10);

const SCHEMA: &str = "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL, variant BLOB NOT NULL, vary TEXT NOT NULL, tags TEXT NOT NULL,
        status INTEGER NOT NULL, checksum BLOB NOT NULL, head TEXT NOT NULL, body BLOB
    );
    CREATE UNIQUE INDEX entries_by_variant ON entries (variant);
    CREATE INDEX entries_by_key ON entries (key, vary);
    CREATE TABLE times (
        entry INTEGER PRIMARY KEY,
        stored_at INTEGER NOT NULL, initial_age INTEGER NOT NULL, lifetime INTEGER NOT NULL,
        stale_window INTEGER NOT NULL, error_window INTEGER NOT NULL, kept INTEGER NOT NULL, strict INTEGER NOT NULL,
        deadline INTEGER NOT NULL, checksum INTEGER NOT NULL
    );
    CREATE INDEX times_by_deadline ON times (deadline);
    CREATE TABLE tags (tag TEXT NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (tag, entry)) WITHOUT ROWID;
    CREATE TABLE purges (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT, total INTEGER NOT NULL,
        kind TEXT NOT NULL, name TEXT NOT NULL, digests BLOB NOT NULL, soft INTEGER NOT NULL, at INTEGER NOT NULL
    );
    CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
";

/// How a connection is used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Read,
    Write,
}

/// A database that was created or opened.
pub(super) struct Begun {
    /// Last sequence of its invalidation log.
    pub(super) sequence: u64,
    /// New name of a damaged database, if there was one.
    pub(super) quarantined: Option<PathBuf>,
}

/// Opens or creates the database and quarantines a damaged one. Called by a process that has the
/// file to itself.
pub(super) fn begin(
    files: &Files,
    identity: &str,
    max_bytes: u64,
    is_damaged: bool,
    busy: Duration,
) -> Result<Begun, TierError> {
    let at = |error: TierError| error.at(&files.database);
    let failed = |error: std::io::Error| at(error.into());
    let mut quarantined = is_damaged.then(|| files.quarantined()).transpose().map_err(failed)?;
    private_file(&files.database)?;
    let mut outcome = set_up(files, identity, max_bytes, busy);
    if outcome.as_ref().is_err_and(TierError::is_damage) {
        quarantined = Some(files.quarantined().map_err(failed)?);
        private_file(&files.database)?;
        outcome = set_up(files, identity, max_bytes, busy);
    }
    let sequence = outcome.map_err(at)?;
    Ok(Begun { sequence, quarantined })
}

/// Opens the database, or creates it. One of an older format is replaced: a cache can be filled
/// again.
fn set_up(files: &Files, identity: &str, max_bytes: u64, busy: Duration) -> Result<u64, TierError> {
    let mut connection = connect(&files.database, Use::Write, busy)?;
    if is_of_older_format(&connection)? {
        drop(connection);
        files.remove_database()?;
        private_file(&files.database)?;
        connection = connect(&files.database, Use::Write, busy)?;
    }
    demand_whole(&connection, files)?;
    let is_new: bool =
        connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?;
    let transaction = connection.transaction()?;
    if is_new {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
        let meta = "INSERT INTO meta (name, value) VALUES ('identity', ?1), ('max_bytes', 0), ('entries', 0)";
        transaction.execute(meta, [identity])?;
    }
    if is_known(&transaction)? {
        if term::<String>(&transaction, "identity")? != identity {
            // The file name contains the identity, so another program has changed the contents.
            return Err(damaged("it is of another cache than its name says").into());
        }
        transaction
            .execute("UPDATE meta SET value = ?1 WHERE name = 'max_bytes'", [max_bytes as i64])?;
    }
    transaction.commit()?;
    if !is_known(&connection)? {
        return Ok(0);
    }
    // Damage of what every process reads first is found while the file can be renamed.
    reads::counters(&connection)?;
    Ok(reads::sequence(&connection)?)
}

/// Checks that the file has all of its pages: reading beyond the end of a truncated file ends the
/// process.
fn demand_whole(connection: &Connection, files: &Files) -> rusqlite::Result<()> {
    checkpoint(connection)?;
    let bytes = reads::pages(connection)?.bytes();
    let length = std::fs::metadata(&files.database).map_or(0, |file| file.len());
    if length < bytes {
        return Err(damaged("the file is cut off"));
    }
    Ok(())
}

fn damaged(how: &str) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    rusqlite::Error::SqliteFailure(code, Some(how.to_owned()))
}

/// Copies the write-ahead log into the file, as far as no reader needs it.
pub(super) fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()))
}

/// Checks that the database has this format, identity and bound.
pub(super) fn check(
    connection: &Connection,
    identity: &str,
    max_bytes: u64,
) -> Result<(), TierError> {
    if !is_known(connection)? {
        return Err(TierError::incompatible("is of an unknown format, and is left alone"));
    }
    let known: String = term(connection, "identity")?;
    let bound: i64 = term(connection, "max_bytes")?;
    if known != identity {
        return Err(TierError::incompatible(format!("belongs to the cache {known}")));
    }
    if bound as u64 != max_bytes {
        return Err(TierError::incompatible(format!(
            "is open in another process with maxDiskBytes {bound}"
        )));
    }
    Ok(())
}

fn term<T: FromSql>(connection: &Connection, name: &str) -> rusqlite::Result<T> {
    connection.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
}

fn is_known(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(format_of(connection)? == (APPLICATION, FORMAT))
}

fn is_of_older_format(connection: &Connection) -> rusqlite::Result<bool> {
    let (application, format) = format_of(connection)?;
    Ok(application == APPLICATION && (1..FORMAT).contains(&format))
}

/// Application and version of the format.
fn format_of(connection: &Connection) -> rusqlite::Result<(i32, i32)> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    Ok((pragma("application_id")?, pragma("user_version")?))
}

/// Opens a connection, which waits for other processes at most for `busy`.
pub(super) fn connect(path: &Path, usage: Use, busy: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy)?;
    if reads::pages(&connection)?.all == 0 {
        // Must be set before the first table is created. On a later connection it would write, and
        // wait for other processes.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.execute_batch(
        "PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; \
         PRAGMA journal_size_limit = 8388608;",
    )?;
    match usage {
        Use::Read => connection.pragma_update(None, "query_only", true)?,
        Use::Write => connection.pragma_update(None, "cache_size", -WRITER_CACHE)?,
    }
    // Without it SQLite may recompile a statement for each value, which takes longer than a read.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
