//! What the processes that have a file open share in memory: where its sequence of purges stands, which every hit looks at, and who
//! refreshes what.
//!
//! It lies in a file beside the database, which is also the lock by which a process knows whether it is alone.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Release},
};

use memmap2::MmapRaw;

use super::fault::Fault;
use super::files::private_file;
use crate::key::Digest;

/// Bytes of the file.
const BYTES: u64 = 64 * 1_024;

/// Words before those of the elections.
const HEAD_WORDS: usize = 8;

/// Elections that can stand at a time. Two of one place stand in each other's way: the later one is held then in each process.
const ELECTIONS: usize = BYTES as usize / size_of::<u64>() - HEAD_WORDS;

/// Bits of an election's word that tell until when it stands, in seconds; the others tell of what.
const UNTIL_BITS: u32 = 34;

/// No election stands longer. One that seems to is what a clock that was set back has left.
const MOST_PATIENCE_SECONDS: u64 = 24 * 3_600;

/// The file's first word, of this version of the format.
const FORMAT: u64 = u64::from_le_bytes(*b"LAYERON\x01");

/// The words in it.
#[derive(Clone, Copy)]
enum Word {
    Format,
    Sequence,
    /// Not 0 once somebody has found the database damaged.
    Damaged,
}

/// The shared memory of one database.
#[derive(Debug)]
pub(super) struct Shared {
    path: PathBuf,
    /// Holds the lock.
    file: File,
    memory: MmapRaw,
}

impl Shared {
    /// Opens the file and waits for whoever is about to set the database up. Tells whether no other process has it open; then the others wait
    /// until [`settle`](Self::settle).
    pub(super) fn open(path: &Path) -> Result<(Self, bool), Fault> {
        let fault = |error: std::io::Error| Fault::at(path, error);
        let file = private_file(path).map_err(fault)?;
        let is_alone = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => {
                file.lock_shared().map_err(fault)?;
                false
            }
            Err(TryLockError::Error(error)) => return Err(fault(error)),
        };
        if file.metadata().map_err(fault)?.len() < BYTES {
            file.set_len(BYTES).map_err(fault)?;
        }
        let memory = MmapRaw::map_raw(&file).map_err(fault)?;
        let shared = Self { path: path.to_owned(), file, memory };
        if !is_alone && shared.word(Word::Format).load(Acquire) != FORMAT {
            return Err(Fault::at(path, "is of an unknown format"));
        }
        Ok((shared, is_alone))
    }

    /// Begins anew, whatever was there, with the sequence of the database. For a process that is alone.
    pub(super) fn begin(&self, sequence: u64) {
        (0..HEAD_WORDS + ELECTIONS).for_each(|at| self.at(at).store(0, Release));
        self.word(Word::Sequence).store(sequence, Release);
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

    /// Makes a purge known, which is on the disk.
    pub(super) fn announce(&self, sequence: u64) {
        self.word(Word::Sequence).fetch_max(sequence, Release);
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.word(Word::Damaged).load(Acquire) != 0
    }

    pub(super) fn note_damage(&self) {
        self.word(Word::Damaged).store(1, Release);
    }

    /// Whether the caller is the one among all processes to refresh what has this digest, until so many milliseconds have passed.
    pub(super) fn elects(&self, digest: &Digest, now: i64, patience: i64) -> bool {
        let (place, name) = election_of(digest);
        let seconds = |at: i64| (at.max(0) as u64).div_ceil(1_000) & ((1 << UNTIL_BITS) - 1);
        let standing = self.at(place).load(Acquire);
        let (known, until) = (standing >> UNTIL_BITS, standing & ((1 << UNTIL_BITS) - 1));
        let in_force = until > seconds(now) && until <= seconds(now) + MOST_PATIENCE_SECONDS;
        if in_force && known != name {
            return true;
        }
        let word = name << UNTIL_BITS | seconds(now + patience);
        !in_force && self.at(place).compare_exchange(standing, word, AcqRel, Acquire).is_ok()
    }

    /// What has this digest is refreshed, or will not be.
    pub(super) fn end_election(&self, digest: &Digest) {
        let (place, name) = election_of(digest);
        let standing = self.at(place).load(Acquire);
        if standing >> UNTIL_BITS == name {
            // Where it has changed by now, it is another's.
            let _ = self.at(place).compare_exchange(standing, 0, AcqRel, Acquire);
        }
    }

    fn word(&self, word: Word) -> &AtomicU64 {
        self.at(word as usize)
    }

    #[allow(unsafe_code, clippy::cast_ptr_alignment)]
    fn at(&self, index: usize) -> &AtomicU64 {
        assert!(index < HEAD_WORDS + ELECTIONS, "there is no such word");
        // SAFETY: the mapping is longer than that, is aligned to a page, lives as long as `self`, and is looked at through atomics alone.
        unsafe { &*self.memory.as_mut_ptr().cast::<AtomicU64>().add(index) }
    }
}

/// The place of an election, and its name there.
fn election_of(digest: &Digest) -> (usize, u64) {
    let bytes = digest.bytes();
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]));
    (HEAD_WORDS + number(0) as usize % ELECTIONS, number(8) >> UNTIL_BITS)
}
