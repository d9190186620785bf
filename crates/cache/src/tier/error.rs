//! Errors of the tier.

use std::fmt::Display;
use std::io;
use std::path::Path;

use strum::IntoStaticStr;
use thiserror::Error;

/// Why the tier does not work, or why an operation on it failed. The code of an error is its
/// variant in kebab case. An error that is not transient stops the tier until an attempt to write
/// succeeds, and is the error of all operations until then.
#[derive(Clone, Debug, PartialEq, Eq, Error, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum TierError {
    /// Another process held a lock for too long. The operation may succeed later.
    #[error("{0}")]
    Busy(String),
    /// The disk is full.
    #[error("{0}")]
    Full(String),
    /// The database is damaged. It is quarantined when it is opened next.
    #[error("{0}")]
    Damaged(String),
    /// The database has another format, cache or bound, or another owner.
    #[error("{0}")]
    Incompatible(String),
    /// The files were removed while this process had them open. The tier opens new ones.
    #[error("{0}")]
    Removed(String),
    /// The cache is closed.
    #[error("the cache is closed")]
    Closed,
    /// A thread of the tier has panicked, which is a fault of this library.
    #[error("a thread of the disk has panicked")]
    Panicked,
    /// Another operation on the files failed.
    #[error("{0}")]
    Io(String),
}

impl TierError {
    /// The code of the error.
    pub fn code(&self) -> &'static str {
        self.into()
    }

    /// The error with the path of the file before its message.
    pub(crate) fn at(self, path: &Path) -> Self {
        let at = |message: String| format!("{}: {message}", path.display());
        match self {
            Self::Busy(message) => Self::Busy(at(message)),
            Self::Full(message) => Self::Full(at(message)),
            Self::Damaged(message) => Self::Damaged(at(message)),
            Self::Incompatible(message) => Self::Incompatible(at(message)),
            Self::Removed(message) => Self::Removed(at(message)),
            Self::Closed | Self::Panicked => self,
            Self::Io(message) => Self::Io(at(message)),
        }
    }

    /// An error about something of another cache or owner.
    pub(crate) fn incompatible(message: impl Display) -> Self {
        Self::Incompatible(message.to_string())
    }

    /// Whether the operation may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Busy(_))
    }

    /// Whether no later attempt of this process can succeed.
    pub(crate) fn is_permanent(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::Closed | Self::Panicked)
    }

    /// Whether the files were removed.
    pub(crate) fn is_removal(&self) -> bool {
        matches!(self, Self::Removed(_))
    }

    /// Whether the file is damaged.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_))
    }
}

impl From<io::Error> for TierError {
    fn from(error: io::Error) -> Self {
        let message = error.to_string();
        if error.kind() == io::ErrorKind::StorageFull {
            Self::Full(message)
        } else {
            Self::Io(message)
        }
    }
}
