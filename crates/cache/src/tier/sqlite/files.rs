//! Files for their owner alone.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::fault::Fault;
use crate::key::Digest;

/// The files of one instance in a folder.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// The database.
    pub(super) database: PathBuf,
    /// The memory that its processes share.
    pub(super) shared: PathBuf,
}

impl Files {
    /// Named for the identity, so that people find them, and for its digest, so that no two are
    /// taken for each other.
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

    /// Everything that belongs to the database.
    fn of_database(&self) -> [PathBuf; 4] {
        ["", "-journal", "-wal", "-shm"].map(|ending| with_ending(&self.database, ending))
    }

    /// Gives a damaged database another name, which nothing has. Returns that.
    pub(super) fn set_aside(&self) -> io::Result<PathBuf> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let files = self.of_database();
        let is_free =
            |ending: &String| files.iter().all(|path| !with_ending(path, ending).exists());
        let mut endings = (now..).map(|number| format!(".damaged-{number}"));
        let ending = endings.find(is_free).unwrap_or_default();
        // The database goes first: without its log it would have what has been purged.
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

/// Makes the folder where there is none, for its owner alone, and refuses one of somebody else.
pub(super) fn private_folder(folder: &Path) -> Result<(), Fault> {
    let fault = |error: io::Error| Fault::at(folder, error);
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(fault)?;
    own(folder, &fs::metadata(folder).map_err(fault)?)
}

/// Opens a file to read and write, and makes it for its owner alone where there is none.
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
pub(super) fn own(path: &Path, metadata: &fs::Metadata) -> Result<(), Fault> {
    use std::os::unix::fs::MetadataExt as _;
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner == user {
        Ok(())
    } else {
        Err(Fault::at(path, format!("belongs to user {owner}, not to {user}")))
    }
}

#[cfg(not(unix))]
pub(super) fn own(_: &Path, _: &fs::Metadata) -> Result<(), Fault> {
    Ok(())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_aside_stays_whatever_is_set_aside_after_it() {
        let folder = tempfile::TempDir::new().unwrap();
        let files = Files::of(folder.path(), "ns/name");
        let aside = ["one", "two", "three"].map(|content| {
            files.of_database().iter().for_each(|path| fs::write(path, content).unwrap());
            files.set_aside().unwrap()
        });
        assert_eq!(aside.map(|path| fs::read_to_string(path).unwrap()), ["one", "two", "three"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 12);
    }
}
