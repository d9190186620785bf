//! Size and state of the lower tier.

use super::error::TierError;

/// Size and state of the lower tier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TierUsage {
    /// Entries in the backend.
    pub entries: u64,
    /// Bytes in use.
    pub bytes: u64,
    /// Bound in bytes.
    pub max_bytes: u64,
    /// Entries that this process has evicted.
    pub evictions: u64,
    /// Puts that were not written because the queue was full.
    pub dropped: u64,
    /// Reads of entries that did not match their checksum.
    pub damaged: u64,
    /// New name of damaged records, if this process found any.
    pub quarantined: Option<String>,
    /// The error because of which the tier neither reads nor writes at present.
    pub error: Option<TierError>,
}
