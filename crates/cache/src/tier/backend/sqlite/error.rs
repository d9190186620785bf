//! Errors of `SQLite` as errors of the tier.

use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase};

use crate::tier::error::TierError;

impl From<&rusqlite::Error> for TierError {
    fn from(error: &rusqlite::Error) -> Self {
        use rusqlite::Error::{
            FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error,
        };
        let message = error.to_string();
        match error {
            // A value of a type that this code never writes.
            FromSqlConversionFailure(..)
            | IntegralValueOutOfRange(..)
            | InvalidColumnType(..)
            | Utf8Error(..) => Self::Damaged(message),
            _ => match error.sqlite_error_code() {
                Some(DatabaseBusy | DatabaseLocked) => Self::Busy(message),
                Some(DiskFull) => Self::Full(message),
                Some(DatabaseCorrupt | NotADatabase) => Self::Damaged(message),
                _ => Self::Io(message),
            },
        }
    }
}

impl From<rusqlite::Error> for TierError {
    fn from(error: rusqlite::Error) -> Self {
        Self::from(&error)
    }
}
