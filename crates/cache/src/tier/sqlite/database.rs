//! The database file: opening it, and what stands in it. `docs/format.md` describes it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::FromSql;
use rusqlite::{Connection, OpenFlags};

use super::fault::{Fault, is_damage};
use super::files::{Files, own, private_file};
use super::reads;

/// "LYCA": the database is one of these.
const APPLICATION: i32 = 0x4c59_4341;

/// The version of the format that this code reads and writes.
const FORMAT: i32 = 1;

/// Kilobytes of pages that the writer keeps at hand: a transaction that changes more pages than
/// these writes some of them twice.
const WRITER_CACHE: i32 = 16 * 1_024;

/// How long a process waits for another that is writing.
const BUSY: Duration = Duration::from_secs(10);

const SCHEMA: &str = "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL, variant BLOB NOT NULL, vary TEXT NOT NULL, tags TEXT NOT NULL,
        status INTEGER NOT NULL, head TEXT NOT NULL, body BLOB,
        stored_at INTEGER NOT NULL, initial_age INTEGER NOT NULL, lifetime INTEGER NOT NULL,
        stale_window INTEGER NOT NULL, error_window INTEGER NOT NULL, kept INTEGER NOT NULL, strict INTEGER NOT NULL,
        checksum BLOB NOT NULL,
        deadline INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX entries_by_variant ON entries (variant);
    CREATE INDEX entries_by_key ON entries (key);
    CREATE INDEX entries_by_deadline ON entries (deadline);
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

/// A database that has been begun or was there.
pub(super) struct Begun {
    /// Of its purges.
    pub(super) sequence: u64,
    /// Where one is now that was damaged.
    pub(super) set_aside: Option<PathBuf>,
}

/// Makes sure that there is a database of these terms. One that is damaged is set aside. For a
/// process that is alone with it.
pub(super) fn begin(
    files: &Files,
    identity: &str,
    max_bytes: u64,
    is_damaged: bool,
) -> Result<Begun, Fault> {
    let fault = |error: std::io::Error| Fault::at(&files.database, error);
    let mut set_aside = is_damaged.then(|| files.set_aside()).transpose().map_err(fault)?;
    own(
        &files.database,
        &private_file(&files.database).and_then(|file| file.metadata()).map_err(fault)?,
    )?;
    let mut outcome = set_up(files, identity, max_bytes);
    if outcome.as_ref().is_err_and(is_damage) {
        set_aside = Some(files.set_aside().map_err(fault)?);
        private_file(&files.database).map_err(fault)?;
        outcome = set_up(files, identity, max_bytes);
    }
    let sequence = outcome.map_err(|error| Fault::at(&files.database, error))?;
    Ok(Begun { sequence, set_aside })
}

/// Opens the database, or begins it where there is none.
fn set_up(files: &Files, identity: &str, max_bytes: u64) -> Result<u64, rusqlite::Error> {
    let mut connection = connect(&files.database, Use::Write)?;
    demand_whole(&connection, files)?;
    let is_new: bool =
        connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?;
    let transaction = connection.transaction()?;
    if is_new {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
        let meta = "INSERT INTO meta (name, value) VALUES ('identity', ?1), ('max_bytes', 0)";
        transaction.execute(meta, [identity])?;
    }
    if is_known(&transaction)? {
        if term::<String>(&transaction, "identity")? != identity {
            // The name of the file tells it: somebody has changed what is in it.
            return Err(damaged("it is of another cache than its name says"));
        }
        transaction
            .execute("UPDATE meta SET value = ?1 WHERE name = 'max_bytes'", [max_bytes as i64])?;
    }
    transaction.commit()?;
    if !is_known(&connection)? {
        return Ok(0);
    }
    // What every process reads first is found damaged while the file can be set aside.
    reads::counters(&connection)?;
    reads::sequence(&connection)
}

/// That the file has all of its pages: one that was cut off is found out before something reads
/// behind its end.
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

/// Brings what is in the log into the file, as far as nobody reads there.
pub(super) fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()))
}

/// That the database is of this format and for these terms.
pub(super) fn check(connection: &Connection, identity: &str, max_bytes: u64) -> Result<(), Fault> {
    if !is_known(connection)? {
        return Err(Fault::new("is of an unknown format, and is left alone"));
    }
    let known: String = term(connection, "identity")?;
    let bound: i64 = term(connection, "max_bytes")?;
    if known != identity {
        return Err(Fault::new(format!("belongs to the cache {known}")));
    }
    if bound as u64 != max_bytes {
        return Err(Fault::new(format!("is open in another process with maxDiskBytes {bound}")));
    }
    Ok(())
}

fn term<T: FromSql>(connection: &Connection, name: &str) -> rusqlite::Result<T> {
    connection.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
}

fn is_known(connection: &Connection) -> rusqlite::Result<bool> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    Ok((pragma("application_id")?, pragma("user_version")?) == (APPLICATION, FORMAT))
}

pub(super) fn connect(path: &Path, usage: Use) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    if reads::pages(&connection)?.all == 0 {
        // What is new is begun with this; the next would begin it. Anywhere else it would write,
        // which has to wait for others.
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
    // Else a statement may be compiled anew for every value, which takes longer than reading an
    // entry.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
