//! Refresh leases of several processes: which entry, which holder, and until when, in one word of
//! shared memory.

use crate::key::Digest;
use crate::time::UnixMillis;

/// Bits of the expiry, in seconds.
const UNTIL_BITS: u32 = 34;

/// Bits of the holder. Two processes with the same number may both hold a lease.
const HOLDER_BITS: u32 = 12;

/// Longest lease, in seconds. A longer one was left by a clock that has been set back.
const MAX_SECONDS: u64 = 24 * 3_600;

/// A refresh lease as a word of shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeaseWord(u64);

impl LeaseWord {
    /// A lease of `holder` on the entry with this digest, until a time in milliseconds.
    pub(super) fn of(digest: &Digest, holder: u64, until: UnixMillis) -> Self {
        let name = number(digest, 8) >> (UNTIL_BITS + HOLDER_BITS);
        let holder = holder & ((1 << HOLDER_BITS) - 1);
        Self((name << HOLDER_BITS | holder) << UNTIL_BITS | seconds(until))
    }

    /// Index of the word of an entry, among `places`.
    pub(super) fn place_of(digest: &Digest, places: usize) -> usize {
        number(digest, 0) as usize % places
    }

    pub(super) fn read(word: u64) -> Self {
        Self(word)
    }

    pub(super) fn word(self) -> u64 {
        self.0
    }

    /// Whether both leases are of one entry.
    pub(super) fn is_of_same(self, other: Self) -> bool {
        self.0 >> (UNTIL_BITS + HOLDER_BITS) == other.0 >> (UNTIL_BITS + HOLDER_BITS)
    }

    /// Whether both leases are of one entry and one holder.
    pub(super) fn is_same(self, other: Self) -> bool {
        self.0 >> UNTIL_BITS == other.0 >> UNTIL_BITS
    }

    pub(super) fn is_in_force(self, now: UnixMillis) -> bool {
        let until = self.0 & ((1 << UNTIL_BITS) - 1);
        let now = seconds(now);
        until > now && until <= now + MAX_SECONDS
    }
}

fn number(digest: &Digest, at: usize) -> u64 {
    let bytes = digest.bytes();
    u64::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]))
}

fn seconds(at: UnixMillis) -> u64 {
    (at.max(0) as u64).div_ceil(1_000) & ((1 << UNTIL_BITS) - 1)
}
