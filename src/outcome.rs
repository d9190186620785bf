//! The numbers that calls return. The face knows them by the same names.

use layeron_cache::policy::{Refused, Rejected};
use layeron_cache::{NotStored, Wanted};

use crate::scratch::Scratch;

/// No entry, or nothing to report.
pub(crate) const NONE: i32 = -1;
/// A rule makes the request skip the cache.
pub(crate) const BYPASSED: i32 = -2;
/// The URL is wanted in serialised form.
pub(crate) const WANTS_URL: i32 = -3;
/// Header fields are wanted; their names are in the scratch buffer.
pub(crate) const WANTS_FIELDS: i32 = -4;
/// No fresh entry, and the caller is elected to refresh the stale one.
pub(crate) const ELECTED: i32 = -5;
/// The put is held back, because something of it was purged after its content was computed.
pub(crate) const FENCED: i32 = -6;
/// The put is refused, for the reason of this number and the following ones.
pub(crate) const REFUSED: i32 = -100;
/// The put is an error of its caller, for the reason of this number and the following ones.
pub(crate) const REJECTED: i32 = -200;

pub(crate) fn wanted(wanted: &Wanted, scratch: &mut Scratch) -> i32 {
    match wanted {
        Wanted::Url => WANTS_URL,
        Wanted::Fields(names) => {
            scratch.write_names(names);
            WANTS_FIELDS
        }
    }
}

pub(crate) fn not_stored(why: NotStored) -> i32 {
    match why {
        NotStored::Refused(reason) => refused(reason),
        NotStored::Fenced => FENCED,
    }
}

pub(crate) fn refused(reason: Refused) -> i32 {
    REFUSED - reason as i32
}

pub(crate) fn rejected(reason: Rejected) -> i32 {
    REJECTED - reason as i32
}
