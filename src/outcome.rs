//! The numbers that calls return, for both sides of the crossing.

use layeron_cache::{NotStored, Refused, Rejected, Wanted};
use napi_derive::napi;

use crate::scratch::Scratch;

/// The answer of a lookup is too big for the scratch buffer and waits to be fetched.
#[napi]
pub const ANSWER_WAITS: i32 = 0;
/// The answer of a lookup is in the scratch buffer.
#[napi]
pub const ANSWER: i32 = 1;
/// A lookup found no entry.
#[napi]
pub const MISS: i32 = -1;
/// A lookup found a stale entry, and the caller is elected to refresh it.
#[napi]
pub const ELECTED: i32 = -5;
/// A delete found no entry.
#[napi]
pub const ABSENT: i32 = 0;
/// A delete removed an entry.
#[napi]
pub const REMOVED: i32 = 1;
/// A put is stored.
#[napi]
pub const STORED: i32 = 1;
/// A put is held back, because something of it was purged after its content was computed.
#[napi]
pub const FENCED: i32 = -6;
/// A put is refused, for the reason of this number and those below it.
#[napi]
pub const REFUSED: i32 = -100;
/// A put is an error of its caller, for the reason of this number and those below it.
#[napi]
pub const REJECTED: i32 = -200;
/// A rule makes the request skip the cache.
#[napi]
pub const BYPASSED: i32 = -2;
/// The URL is wanted in serialised form.
#[napi]
pub const WANTS_URL: i32 = -3;
/// Header fields are wanted; their names are in the scratch buffer.
#[napi]
pub const WANTS_FIELDS: i32 = -4;

/// The names of the reasons for refusing a response, in the order of their numbers.
#[napi]
pub fn refusal_reasons() -> Vec<String> {
    Refused::ALL.iter().map(|reason| reason.name().to_owned()).collect()
}

/// The names of the reasons for rejecting a put, in the order of their numbers.
#[napi]
pub fn rejection_reasons() -> Vec<String> {
    Rejected::ALL.iter().map(|reason| reason.name().to_owned()).collect()
}

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
