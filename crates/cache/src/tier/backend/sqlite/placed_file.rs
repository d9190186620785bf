//! Tells whether a path still leads to the file that was opened by it.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::tier::error::TierError;

/// A file that was opened, by its path.
#[derive(Debug)]
pub(super) struct PlacedFile {
    path: PathBuf,
    identity: Identity,
}

impl PlacedFile {
    /// The file that a path leads to.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::of(path, &fs::symlink_metadata(path)?))
    }

    /// The file with this metadata, which was opened by `path`.
    pub(super) fn of(path: &Path, metadata: &Metadata) -> Self {
        Self { path: path.to_owned(), identity: identity(metadata) }
    }

    /// The path by which it was opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that the file was neither removed nor replaced: processes that open the path later
    /// would not see what this one writes, nor would this one see theirs.
    ///
    /// # Errors
    /// [`TierError::Removed`]. Costs one system call.
    pub(super) fn check(&self) -> Result<(), TierError> {
        let is_in_place = match fs::symlink_metadata(&self.path) {
            Ok(metadata) => identity(&metadata) == self.identity,
            Err(error) => !is_missing(&error),
        };
        if is_in_place {
            return Ok(());
        }
        Err(TierError::Removed("was removed while it was open".to_owned()).at(&self.path))
    }
}

/// Whether an error of a path means that nothing is there.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Device and inode.
#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

/// Windows does not remove a database that is open.
#[cfg(not(unix))]
type Identity = ();

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Identity {}
