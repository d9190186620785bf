//! Who of several processes refreshes an entry, in one word: of which entry, who, and until when.

use crate::key::Digest;

/// Bits that tell until when, in seconds.
const UNTIL_BITS: u32 = 34;

/// Bits that tell who: of two of one number, both may be elected.
const HOLDER_BITS: u32 = 12;

/// No election stands longer. One that seems to is what a clock that was set back has left.
const MOST_SECONDS: u64 = 24 * 3_600;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Election(u64);

impl Election {
    /// That `holder` refreshes what has this digest, until a moment in milliseconds.
    pub(super) fn of(digest: &Digest, holder: u64, until: i64) -> Self {
        let name = number(digest, 8) >> (UNTIL_BITS + HOLDER_BITS);
        let holder = holder & ((1 << HOLDER_BITS) - 1);
        Self((name << HOLDER_BITS | holder) << UNTIL_BITS | seconds(until))
    }

    /// In which of so many places an election is held.
    pub(super) fn place_of(digest: &Digest, places: usize) -> usize {
        number(digest, 0) as usize % places
    }

    pub(super) fn read(word: u64) -> Self {
        Self(word)
    }

    pub(super) fn word(self) -> u64 {
        self.0
    }

    /// Whether both are of one entry.
    pub(super) fn is_of_same(self, other: Self) -> bool {
        self.0 >> (UNTIL_BITS + HOLDER_BITS) == other.0 >> (UNTIL_BITS + HOLDER_BITS)
    }

    /// Whether both are of one entry, and one process holds both.
    pub(super) fn is_same(self, other: Self) -> bool {
        self.0 >> UNTIL_BITS == other.0 >> UNTIL_BITS
    }

    pub(super) fn is_in_force(self, now: i64) -> bool {
        let until = self.0 & ((1 << UNTIL_BITS) - 1);
        let now = seconds(now);
        until > now && until <= now + MOST_SECONDS
    }
}

fn number(digest: &Digest, at: usize) -> u64 {
    let bytes = digest.bytes();
    u64::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]))
}

fn seconds(at: i64) -> u64 {
    (at.max(0) as u64).div_ceil(1_000) & ((1 << UNTIL_BITS) - 1)
}
