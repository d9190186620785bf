//! Files that only their owner can read.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

#[cfg(unix)]
use rustix::{fs::OFlags, io::Errno};

use super::copy_on_write;
use crate::key::Digest;
use crate::tier::error::TierError;

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

    /// Removes the database. Called by a process that has it to itself.
    pub(super) fn remove_database(&self) -> io::Result<()> {
        self.of_database().iter().filter(|path| path.exists()).try_for_each(fs::remove_file)
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

/// Creates the folder for its owner alone, or checks that it belongs to this user and that no other
/// can write to it. Returns its path without symbolic links.
pub(super) fn private_folder(folder: &Path) -> Result<PathBuf, TierError> {
    let failed = |error: io::Error| TierError::from(error).at(folder);
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(failed)?;
    let folder = resolved(folder).map_err(failed)?;
    let metadata = fs::metadata(&folder).map_err(failed)?;
    check_owner(&folder, &metadata)?;
    check_access(&folder, &metadata)?;
    copy_on_write::avoid_in(&folder);
    Ok(folder)
}

/// Opens a file to read and write; creates it for its owner alone. Follows no symbolic link, by
/// which another user could have the contents written elsewhere.
pub(super) fn private_file(path: &Path) -> Result<File, TierError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    only_owner(&mut options);
    let file = options.open(path).map_err(|error| not_opened(error).at(path))?;
    let metadata = file.metadata().map_err(|error| TierError::from(error).at(path))?;
    check_owner(path, &metadata)?;
    if metadata.len() == 0 {
        copy_on_write::avoid(&file);
    }
    Ok(file)
}

#[cfg(unix)]
fn resolved(folder: &Path) -> io::Result<PathBuf> {
    folder.canonicalize()
}

#[cfg(unix)]
fn only_owner(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600).custom_flags(OFlags::NOFOLLOW.bits() as i32);
}

#[cfg(unix)]
fn not_opened(error: io::Error) -> TierError {
    if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) {
        return TierError::incompatible("is a symbolic link");
    }
    error.into()
}

#[cfg(unix)]
fn check_owner(path: &Path, metadata: &fs::Metadata) -> Result<(), TierError> {
    use std::os::unix::fs::MetadataExt as _;
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner == user {
        Ok(())
    } else {
        let message = format!("belongs to user {owner}, not to {user}");
        Err(TierError::incompatible(message).at(path))
    }
}

#[cfg(unix)]
fn check_access(path: &Path, metadata: &fs::Metadata) -> Result<(), TierError> {
    use std::os::unix::fs::MetadataExt as _;
    /// Write access of the group and of all others.
    const OTHERS_WRITE: u32 = 0o022;
    let mode = metadata.mode() & 0o777;
    if mode & OTHERS_WRITE == 0 {
        Ok(())
    } else {
        let message = format!("can be written by other users (mode {mode:03o}): chmod go-w");
        Err(TierError::incompatible(message).at(path))
    }
}

/// Windows resolves links when it opens a file; access lists replace owners and modes there.
#[cfg(not(unix))]
fn resolved(folder: &Path) -> io::Result<PathBuf> {
    Ok(folder.to_owned())
}

#[cfg(not(unix))]
fn only_owner(_: &mut OpenOptions) {}

#[cfg(not(unix))]
fn not_opened(error: io::Error) -> TierError {
    error.into()
}

#[cfg(not(unix))]
fn check_owner(_: &Path, _: &fs::Metadata) -> Result<(), TierError> {
    Ok(())
}

#[cfg(not(unix))]
fn check_access(_: &Path, _: &fs::Metadata) -> Result<(), TierError> {
    Ok(())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_quarantined_file_stays_when_another_is_quarantined() {
        let folder = tempfile::TempDir::new().unwrap();
        let files = Files::of(folder.path(), "ns/name");
        let renamed = ["one", "two", "three"].map(|content| {
            files.of_database().iter().for_each(|path| fs::write(path, content).unwrap());
            files.quarantined().unwrap()
        });
        assert_eq!(renamed.map(|path| fs::read_to_string(path).unwrap()), ["one", "two", "three"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 12);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_can_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::TempDir::new().unwrap();
        for mode in [0o770, 0o702, 0o722, 0o777] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            let refused = private_folder(folder.path()).unwrap_err();
            assert_eq!(refused.code(), "incompatible", "{mode:o}");
            assert!(refused.to_string().contains(&format!("(mode {mode:03o})")), "{refused}");
        }
        for mode in [0o700, 0o755, 0o750] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert!(private_folder(folder.path()).is_ok(), "{mode:o}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_in_place_of_a_file_is_refused_and_its_target_untouched() {
        let folder = tempfile::TempDir::new().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        for _ in 0..2 {
            let refused = private_file(&link).unwrap_err();
            assert_eq!(refused.code(), "incompatible");
            assert!(refused.to_string().ends_with("link: is a symbolic link"), "{refused}");
            assert_eq!(fs::read(&target).ok(), None, "it is not created");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_behind_a_symbolic_link_is_used_by_its_own_path() {
        let parent = tempfile::TempDir::new().unwrap();
        let parent = parent.path().canonicalize().unwrap();
        let (folder, link) = (parent.join("folder"), parent.join("link"));
        fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        assert_eq!(private_folder(&link).unwrap(), folder);
    }
}
