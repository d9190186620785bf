//! What the processes that have a file open share in memory: where its sequence of purges stands,
//! which every hit looks at, and who refreshes what.
//!
//! It lies in a file beside the database, which is also the lock by which a process knows whether
//! it is alone.

use std::fs::{File, TryLockError};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Release},
};
use std::thread;
use std::time::Duration;

use memmap2::MmapRaw;

use super::election::Election;
use super::fault::Fault;
use super::files::private_file;
use crate::key::Digest;

/// Bytes of the file.
const BYTES: u64 = 64 * 1_024;

/// Words before those of the elections.
const HEAD_WORDS: usize = 8;

/// Elections that can stand at a time. Two of one place stand in each other's way: the later one is
/// held then in each process.
const ELECTIONS: usize = BYTES as usize / size_of::<u64>() - HEAD_WORDS;

/// The file's first word, of this version of the format.
const FORMAT: u64 = u64::from_le_bytes(*b"LAYERON\x01");

/// How often a file is looked at again that nobody has begun.
const MOST_ATTEMPTS: u32 = 3_000;

/// What lies between.
const PAUSE: Duration = Duration::from_millis(1);

/// The words in it.
#[derive(Clone, Copy)]
enum Word {
    Format,
    Sequence,
    /// Not 0 once somebody has found the database damaged.
    Damaged,
    /// The last of the sequence that was more than a put.
    Purged,
}

/// Locks the file for this process alone, or, where it is not alone, as one of several; `None`
/// where somebody sets the database up.
fn is_alone(file: &File) -> io::Result<Option<bool>> {
    let locked = |lock: Result<(), TryLockError>| match lock {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    };
    if locked(file.try_lock())? {
        return Ok(Some(true));
    }
    Ok(locked(file.try_lock_shared())?.then_some(false))
}

/// The file in memory; `None` where somebody else has to begin it first.
fn mapped(mut file: &File, is_alone: bool) -> io::Result<Option<MmapRaw>> {
    let length = file.metadata()?.len();
    if length < BYTES {
        if !is_alone {
            return Ok(None);
        }
        // Written, and not only made longer: memory that the disk turns out to have no room for
        // ends the process.
        file.seek(SeekFrom::Start(length))?;
        file.write_all(&vec![0; (BYTES - length) as usize])?;
    }
    let memory = MmapRaw::map_raw(file)?;
    let is_begun = is_alone || word(&memory, Word::Format as usize).load(Acquire) != 0;
    Ok(is_begun.then_some(memory))
}

#[allow(unsafe_code, clippy::cast_ptr_alignment)]
fn word(memory: &MmapRaw, index: usize) -> &AtomicU64 {
    assert!(index < HEAD_WORDS + ELECTIONS, "there is no such word");
    // SAFETY: the mapping is longer than that, is aligned to a page, lives as long as the result,
    // and is looked at through atomics alone.
    unsafe { &*memory.as_mut_ptr().cast::<AtomicU64>().add(index) }
}

/// The shared memory of one database.
#[derive(Debug)]
pub(super) struct Shared {
    path: PathBuf,
    /// Holds the lock.
    file: File,
    memory: MmapRaw,
    /// Who this is among those who have the file open: of two of one number, both may be elected.
    holder: u64,
}

impl Shared {
    /// Opens the file and waits for whoever is about to set the database up. Tells whether no other
    /// process has it open; then the others wait until [`settle`](Self::settle).
    pub(super) fn open(path: &Path) -> Result<(Self, bool), Fault> {
        let fault = |error: std::io::Error| Fault::at(path, error);
        let file = private_file(path).map_err(fault)?;
        for _ in 0..MOST_ATTEMPTS {
            let Some(is_alone) = is_alone(&file).map_err(fault)? else {
                thread::sleep(PAUSE);
                continue;
            };
            if let Some(memory) = mapped(&file, is_alone).map_err(fault)? {
                let holder = RandomState::new().hash_one(path);
                let shared = Self { path: path.to_owned(), file, memory, holder };
                if is_alone {
                    shared.word(Word::Format).store(0, Release);
                } else if shared.word(Word::Format).load(Acquire) != FORMAT {
                    return Err(Fault::at(path, "is of an unknown format"));
                }
                return Ok((shared, is_alone));
            }
            // Who was about to begin has not: it may be that nobody will, and this process is
            // alone.
            file.unlock().map_err(fault)?;
            thread::sleep(PAUSE);
        }
        Err(Fault::at(path, "is not begun by whoever has it open"))
    }

    /// Begins anew, whatever was there, with the sequence of the database. For a process that is
    /// alone.
    pub(super) fn begin(&self, sequence: u64) {
        (0..HEAD_WORDS + ELECTIONS).for_each(|at| self.at(at).store(0, Release));
        self.word(Word::Sequence).store(sequence, Release);
        self.word(Word::Purged).store(sequence, Release);
        self.word(Word::Format).store(FORMAT, Release);
    }

    /// Lets others in.
    pub(super) fn settle(&self) -> Result<(), Fault> {
        self.file
            .unlock()
            .and_then(|()| self.file.lock_shared())
            .map_err(|error| Fault::at(&self.path, error))
    }

    /// Counts no longer among those who have the file open.
    pub(super) fn release(&self) {
        // What cannot be given up now is with the process.
        let _ = self.file.unlock();
    }

    /// The last purge that all processes have to know of.
    pub(super) fn sequence(&self) -> u64 {
        self.word(Word::Sequence).load(Acquire)
    }

    /// The same of what has to be known by those, too, who cannot look what it is. Puts are not.
    pub(super) fn purged(&self) -> u64 {
        self.word(Word::Purged).load(Acquire)
    }

    /// Makes purges known, which are on the disk.
    pub(super) fn announce(&self, sequence: u64, is_purge: bool) {
        if is_purge {
            self.word(Word::Purged).fetch_max(sequence, Release);
        }
        self.word(Word::Sequence).fetch_max(sequence, Release);
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.word(Word::Damaged).load(Acquire) != 0
    }

    pub(super) fn note_damage(&self) {
        self.word(Word::Damaged).store(1, Release);
    }

    /// Whether this process is the one to refresh what has this digest, until so many milliseconds
    /// have passed.
    pub(super) fn elects(&self, digest: &Digest, now: i64, patience: i64) -> bool {
        let own = Election::of(digest, self.holder, now.saturating_add(patience));
        let place = self.place_of(digest);
        let standing = Election::read(place.load(Acquire));
        if standing.is_in_force(now) && !standing.is_same(own) {
            // Where it is of another entry there is no room for a second one, and each process has
            // its own.
            return !standing.is_of_same(own);
        }
        place.compare_exchange(standing.word(), own.word(), AcqRel, Acquire).is_ok()
    }

    /// What has this digest is refreshed, or this process will not do it.
    pub(super) fn end_election(&self, digest: &Digest) {
        let place = self.place_of(digest);
        let standing = Election::read(place.load(Acquire));
        if standing.is_same(Election::of(digest, self.holder, 0)) {
            // Where it has changed by now, it is another's.
            let _ = place.compare_exchange(standing.word(), 0, AcqRel, Acquire);
        }
    }

    fn place_of(&self, digest: &Digest) -> &AtomicU64 {
        self.at(HEAD_WORDS + Election::place_of(digest, ELECTIONS))
    }

    /// Who was elected before is not any longer.
    pub(super) fn end_elections(&self) {
        (HEAD_WORDS..HEAD_WORDS + ELECTIONS).for_each(|at| self.at(at).store(0, Release));
    }

    fn word(&self, word: Word) -> &AtomicU64 {
        self.at(word as usize)
    }

    fn at(&self, index: usize) -> &AtomicU64 {
        word(&self.memory, index)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn who_waits_for_one_that_does_not_begin_is_alone() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("shared");
        let (first, is_alone) = Shared::open(&path).unwrap();
        assert!(is_alone);
        let second = thread::scope(|scope| {
            let opening = scope.spawn(|| Shared::open(&path).unwrap());
            drop(first);
            opening.join().unwrap()
        });
        assert!(second.1, "nobody else has it open");
        second.0.begin(7);
        second.0.settle().unwrap();
        let (third, is_alone) = Shared::open(&path).unwrap();
        assert_eq!((third.sequence(), is_alone), (7, false));
    }

    #[test]
    fn who_comes_while_another_only_looks_waits_until_it_is_gone() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("shared");
        let looking = private_file(&path).unwrap();
        looking.lock_shared().unwrap();
        let (_, is_alone) = thread::scope(|scope| {
            let opening = scope.spawn(|| Shared::open(&path).unwrap());
            // Long enough for the other to have seen that nobody has begun.
            thread::sleep(10 * PAUSE);
            drop(looking);
            opening.join().unwrap()
        });
        assert!(is_alone);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_has_its_room_on_the_disk_before_it_is_written_through_memory() {
        use std::os::unix::fs::MetadataExt as _;
        let folder = TempDir::new().unwrap();
        let (shared, _) = Shared::open(&folder.path().join("shared")).unwrap();
        assert!(shared.file.metadata().unwrap().blocks() * 512 >= BYTES);
    }

    #[test]
    fn who_waits_for_one_that_is_killed_while_it_sets_the_database_up_does_it_in_its_place() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("shared");
        for is_first in [true, false] {
            let (victim, is_alone) = Shared::open(&path).unwrap();
            assert!(is_alone);
            let waits = [(); 2].map(|()| {
                let path = path.clone();
                thread::spawn(move || {
                    let (shared, is_alone) = Shared::open(&path).unwrap();
                    if is_alone {
                        shared.begin(7);
                        shared.settle().unwrap();
                    }
                    shared.sequence()
                })
            });
            // They most likely wait by then. Where they do not, all is well in any case.
            thread::sleep(10 * PAUSE);
            drop(victim);
            assert_eq!(
                waits.map(|wait| wait.join().unwrap()),
                [7, 7],
                "of a file that is new: {is_first}"
            );
        }
    }
}
