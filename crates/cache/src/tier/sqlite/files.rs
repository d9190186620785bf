//! Files that only their owner can read.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::TierError;
use crate::key::Digest;

/// Paths of the files of one instance.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// The database.
    pub(super) database: PathBuf,
    /// The shared memory of its processes.
    pub(super) shared: PathBuf,
}

impl Files {
    /// Names contain the identity, for people, and its digest, for uniqueness.
    pub(super) fn of(folder: &Path, identity: &str) -> Self {
        let readable: String = identity
            .chars()
            .map(|each| if each.is_ascii_alphanumeric() { each } else { '-' })
            .take(64)
            .collect();
        let mut first = [0; 8];
        first.copy_from_slice(&Digest::of(identity).bytes()[..8]);
        let digest = u64::from_be_bytes(first);
        let file = |ending: &str| folder.join(format!("{readable}-{digest:016x}.{ending}"));
        Self { database: file("db"), shared: file("shared") }
    }

    /// All files of the database.
    fn of_database(&self) -> [PathBuf; 4] {
        ["", "-journal", "-wal", "-shm"].map(|ending| with_ending(&self.database, ending))
    }

    /// Renames a damaged database to a new name, and returns that.
    pub(super) fn quarantined(&self) -> io::Result<PathBuf> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let files = self.of_database();
        let is_free =
            |ending: &String| files.iter().all(|path| !with_ending(path, ending).exists());
        let mut endings = (now..).map(|number| format!(".damaged-{number}"));
        let ending = endings.find(is_free).unwrap_or_default();
        // The database first: without its write-ahead log it would contain purged entries.
        for path in files.iter().filter(|path| path.exists()) {
            fs::rename(path, with_ending(path, &ending))?;
        }
        Ok(with_ending(&self.database, &ending))
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Creates the folder for its owner alone, or checks that it belongs to this user.
pub(super) fn private_folder(folder: &Path) -> Result<(), TierError> {
    let failed = |error: io::Error| TierError::from(error).at(folder);
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(failed)?;
    own(folder, &fs::metadata(folder).map_err(failed)?)
}

/// Opens a file to read and write; creates it for its owner alone.
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
pub(super) fn own(path: &Path, metadata: &fs::Metadata) -> Result<(), TierError> {
    use std::os::unix::fs::MetadataExt as _;
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner == user {
        Ok(())
    } else {
        let message = format!("belongs to user {owner}, not to {user}");
        Err(TierError::incompatible(message).at(path))
    }
}

#[cfg(not(unix))]
pub(super) fn own(_: &Path, _: &fs::Metadata) -> Result<(), TierError> {
    Ok(())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_quarantined_file_stays_when_another_is_quarantined() {
        let folder = tempfile::TempDir::new().unwrap();
        let files = Files::of(folder.path(), "ns/name");
        let aside = ["one", "two", "three"].map(|content| {
            files.of_database().iter().for_each(|path| fs::write(path, content).unwrap());
            files.quarantined().unwrap()
        });
        assert_eq!(aside.map(|path| fs::read_to_string(path).unwrap()), ["one", "two", "three"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 12);
    }
}
