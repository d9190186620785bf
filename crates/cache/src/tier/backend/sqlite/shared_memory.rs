//! Memory that all processes with the file open share: the sequence of the invalidation log, which
//! every hit reads, and the refresh leases.
//!
//! The file is also the lock that tells a process whether it is the only one.

use std::fs::{File, TryLockError};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Release},
};
use std::thread;
use std::time::Duration;

use memmap2::MmapRaw;

use super::files::private_file;
use super::lease_word::LeaseWord;
use super::placed_file::PlacedFile;
use crate::coalescing::ProcessLeases;
use crate::key::Digest;
use crate::tier::coordinator::Coordinator;
use crate::tier::error::TierError;
use crate::time::{Millis, UnixMillis};

/// Size of the file.
const BYTES: u64 = 64 * 1_024;

/// Words before those of the refresh leases.
const HEAD_WORDS: usize = 8;

/// Number of refresh leases. If two entries have the same index, the second lease is held per
/// process.
const LEASES: usize = BYTES as usize / size_of::<u64>() - HEAD_WORDS;

/// First word of the file, with the version of its format.
const FORMAT: u64 = u64::from_le_bytes(*b"LAYERON\x01");

/// Attempts to find a file initialised by another process.
const MAX_ATTEMPTS: u32 = 3_000;

/// Attempts of a caller that cannot wait.
const FEW_ATTEMPTS: u32 = 10;

/// Pause between attempts.
const PAUSE: Duration = Duration::from_millis(1);

/// The words at the start.
#[derive(Clone, Copy)]
enum Word {
    Format,
    Sequence,
    /// Not 0 once a process has found the database damaged.
    Damaged,
    /// Last sequence of the log that was more than a put.
    Purged,
}

/// Locks the file exclusively, or as one of several processes; `None` while another process creates
/// the database.
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

/// Locks the file until `begin` finds it initialised. Returns what that returns, and whether this
/// process is the only one.
fn joined<T>(
    file: &File,
    may_wait: bool,
    begin: impl Fn(&File, bool) -> io::Result<Option<T>>,
) -> Result<(T, bool), TierError> {
    let attempts = if may_wait { MAX_ATTEMPTS } else { FEW_ATTEMPTS };
    for _ in 0..attempts {
        let Some(is_alone) = is_alone(file)? else {
            thread::sleep(PAUSE);
            continue;
        };
        if let Some(begun) = begin(file, is_alone)? {
            return Ok((begun, is_alone));
        }
        // The other process has failed to create it; this one may be the only one now.
        file.unlock()?;
        thread::sleep(PAUSE);
    }
    let message = "is not initialised by the process that has it open".to_owned();
    Err(TierError::Busy(message))
}

/// Maps the file; `None` if another process has to initialise it first.
fn mapped(mut file: &File, is_alone: bool) -> io::Result<Option<MmapRaw>> {
    let length = file.metadata()?.len();
    if length < BYTES {
        if !is_alone {
            return Ok(None);
        }
        // Written and not only extended: a missing disk block would end the process on access.
        file.seek(SeekFrom::Start(length))?;
        file.write_all(&vec![0; (BYTES - length) as usize])?;
    }
    let memory = MmapRaw::map_raw(file)?;
    let is_begun = is_alone || word(&memory, Word::Format as usize).load(Acquire) != 0;
    Ok(is_begun.then_some(memory))
}

#[allow(unsafe_code, clippy::cast_ptr_alignment)]
fn word(memory: &MmapRaw, index: usize) -> &AtomicU64 {
    assert!(index < HEAD_WORDS + LEASES, "there is no such word");
    // SAFETY: the mapping is longer than `index`, aligned to a page, lives as long as the result,
    // and is accessed through atomics only.
    unsafe { &*memory.as_mut_ptr().cast::<AtomicU64>().add(index) }
}

/// The shared memory of one database.
#[derive(Debug)]
pub(super) struct Shared {
    placed: PlacedFile,
    /// Holds the lock.
    file: File,
    memory: MmapRaw,
    /// Number of this process in refresh leases. Two processes with the same number may both hold
    /// one.
    holder: u64,
}

impl Shared {
    /// Opens the file, and waits for a process that creates the database if it `may_wait`. Returns
    /// whether no other process has it open; if so, others wait until
    /// [`complete`](Self::complete).
    pub(super) fn open(path: &Path, may_wait: bool) -> Result<(Self, bool), TierError> {
        let file = private_file(path)?;
        let (memory, is_alone) = joined(&file, may_wait, mapped).map_err(|error| error.at(path))?;
        let holder = RandomState::new().hash_one(path);
        let metadata = file.metadata().map_err(|error| TierError::from(error).at(path))?;
        let placed = PlacedFile::of(path, &metadata);
        let shared = Self { placed, file, memory, holder };
        shared.enter(is_alone).map(|()| (shared, is_alone))
    }

    /// Joins the processes that have the file open, after it [left](Coordinator::leave) them.
    /// Returns as [`open`](Self::open) does.
    pub(super) fn rejoin(&self, may_wait: bool) -> Result<bool, TierError> {
        let is_begun = |_: &File, is_alone: bool| {
            Ok((is_alone || self.word(Word::Format).load(Acquire) != 0).then_some(()))
        };
        let joined = joined(&self.file, may_wait, is_begun);
        let ((), is_alone) = joined.map_err(|error| error.at(self.placed.path()))?;
        self.enter(is_alone).map(|()| is_alone)
    }

    fn enter(&self, is_alone: bool) -> Result<(), TierError> {
        if is_alone {
            self.word(Word::Format).store(0, Release);
        } else if self.word(Word::Format).load(Acquire) != FORMAT {
            return Err(TierError::incompatible("is of an unknown format").at(self.placed.path()));
        }
        Ok(())
    }

    /// Initialises the words with the sequence of the database. Called by a process that is the
    /// only one.
    pub(super) fn begin(&self, sequence: u64) {
        (0..HEAD_WORDS + LEASES).for_each(|at| self.at(at).store(0, Release));
        self.word(Word::Sequence).store(sequence, Release);
        self.word(Word::Purged).store(sequence, Release);
        self.word(Word::Format).store(FORMAT, Release);
    }

    /// Lets other processes open the file.
    pub(super) fn complete(&self) -> Result<(), TierError> {
        self.file
            .unlock()
            .and_then(|()| self.file.lock_shared())
            .map_err(|error| TierError::from(error).at(self.placed.path()))
    }

    /// Publishes the sequence of committed log rows.
    pub(super) fn announce(&self, sequence: u64, is_purge: bool) {
        if is_purge {
            self.word(Word::Purged).fetch_max(sequence, Release);
        }
        self.word(Word::Sequence).fetch_max(sequence, Release);
    }

    /// Checks that processes that start later open the same file.
    pub(super) fn check(&self) -> Result<(), TierError> {
        self.placed.check()
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.word(Word::Damaged).load(Acquire) != 0
    }

    fn place_of(&self, digest: &Digest) -> &AtomicU64 {
        self.at(HEAD_WORDS + LeaseWord::place_of(digest, LEASES))
    }

    fn word(&self, word: Word) -> &AtomicU64 {
        self.at(word as usize)
    }

    fn at(&self, index: usize) -> &AtomicU64 {
        word(&self.memory, index)
    }
}

impl Coordinator for Shared {
    fn sequence(&self) -> u64 {
        self.word(Word::Sequence).load(Acquire)
    }

    fn purged(&self) -> u64 {
        self.word(Word::Purged).load(Acquire)
    }

    fn release_all_leases(&self) {
        (HEAD_WORDS..HEAD_WORDS + LEASES).for_each(|at| self.at(at).store(0, Release));
    }

    fn note_damage(&self) {
        self.word(Word::Damaged).store(1, Release);
    }

    fn leave(&self) {
        // If it fails, the lock ends with the process.
        let _ = self.file.unlock();
    }
}

impl ProcessLeases for Shared {
    fn try_acquire(&self, variant: &Digest, now: UnixMillis, timeout: Millis) -> bool {
        let own = LeaseWord::of(variant, self.holder, now.saturating_add(timeout));
        let place = self.place_of(variant);
        let state = LeaseWord::read(place.load(Acquire));
        if state.is_in_force(now) && !state.is_same(own) {
            // A word of another entry leaves no room for this one: each process has its own lease.
            return !state.is_of_same(own);
        }
        place.compare_exchange(state.word(), own.word(), AcqRel, Acquire).is_ok()
    }

    fn release(&self, variant: &Digest) {
        let place = self.place_of(variant);
        let state = LeaseWord::read(place.load(Acquire));
        if state.is_same(LeaseWord::of(variant, self.holder, 0)) {
            // A word that has changed belongs to another lease.
            let _ = place.compare_exchange(state.word(), 0, AcqRel, Acquire);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_process_that_waits_for_one_that_gives_up_is_the_only_one() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("shared");
        let (first, is_alone) = Shared::open(&path, true).unwrap();
        assert!(is_alone);
        let second = thread::scope(|scope| {
            let opening = scope.spawn(|| Shared::open(&path, true).unwrap());
            drop(first);
            opening.join().unwrap()
        });
        assert!(second.1, "nobody else has it open");
        second.0.begin(7);
        second.0.complete().unwrap();
        let (third, is_alone) = Shared::open(&path, true).unwrap();
        assert_eq!((third.sequence(), is_alone), (7, false));
    }

    #[test]
    fn a_process_waits_until_another_has_initialised_the_file_or_left() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("shared");
        let looking = private_file(&path).unwrap();
        looking.lock_shared().unwrap();
        let (_, is_alone) = thread::scope(|scope| {
            let opening = scope.spawn(|| Shared::open(&path, true).unwrap());
            // Long enough for the other process to see that the file is not initialised.
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
        let (shared, _) = Shared::open(&folder.path().join("shared"), true).unwrap();
        assert!(shared.file.metadata().unwrap().blocks() * 512 >= BYTES);
    }

    #[test]
    fn a_process_that_waits_for_one_that_is_killed_creates_the_database() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("shared");
        for is_first in [true, false] {
            let (victim, is_alone) = Shared::open(&path, true).unwrap();
            assert!(is_alone);
            let waits = [(); 2].map(|()| {
                let path = path.clone();
                thread::spawn(move || {
                    let (shared, is_alone) = Shared::open(&path, true).unwrap();
                    if is_alone {
                        shared.begin(7);
                        shared.complete().unwrap();
                    }
                    shared.sequence()
                })
            });
            // Most likely they wait by then; the test is right in either case.
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
