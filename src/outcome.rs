//! The numbers that calls return, for both sides of the crossing.

use layeron_cache::{NotStored, Refused, Rejected, Wanted};
use napi_derive::napi;

use crate::scratch::Scratch;
use crate::tickets::Tickets;

/// There is an answer: in the scratch buffer, or waiting to be taken.
#[napi]
pub const ANSWER: i32 = 1;
/// A lookup found no entry.
#[napi]
pub const MISS: i32 = -1;
/// A lookup found a stale entry, and the caller is elected to refresh it.
#[napi]
pub const ELECTED: i32 = -5;
/// The declaration has been given up.
#[napi]
pub const CLOSED: i32 = -7;
/// A delete found no entry.
#[napi]
pub const ABSENT: i32 = 0;
/// A delete removed an entry.
#[napi]
pub const REMOVED: i32 = 1;
/// A put is stored.
#[napi]
pub const STORED: i32 = 1;
/// There is no ticket to wait for.
#[napi]
pub const NO_TICKET: u32 = u32::MAX;
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
/// The disk is to be waited for, and the same asked again then; the number of the ticket is in the
/// scratch buffer.
#[napi]
pub const WANTS_DISK: i32 = -8;

/// A fingerprint of the request is wanted.
#[napi]
pub const WANTS_FINGERPRINT: i32 = -9;

/// A request is answered by running the handler; the number of the run is in the scratch buffer.
#[napi]
pub const RUN: i32 = -10;
/// A request waits for the run of another; the number of its ticket is in the scratch buffer.
#[napi]
pub const WAIT: i32 = -11;
/// The run that a request depends on has failed; the number of the failure is in the scratch
/// buffer, and there is a text.
#[napi]
pub const FAILED: i32 = -12;
/// A request takes nothing but what is stored, and nothing is; there is a text for `Cache-Status`.
#[napi]
pub const UNAVAILABLE: i32 = -13;
/// A response goes to its client and nowhere else; its head is the text.
#[napi]
pub const PASS: i32 = -14;
/// The same, of a run that counts as failed.
#[napi]
pub const PASS_FAILED: i32 = -15;
/// The same, of a request that has changed something.
#[napi]
pub const PASS_CHANGED: i32 = -24;
/// A response is stored or read along; its head is the text, and the number of its fill is in the
/// scratch buffer.
#[napi]
pub const FILL: i32 = -16;
/// A response is stored or read along, and its client is answered with what is in the scratch
/// buffer, a 304.
#[napi]
pub const KNOWN: i32 = -25;
/// A request is answered with what is stale, in the scratch buffer, because the handler has just
/// failed.
#[napi]
pub const INSTEAD: i32 = -26;
/// The same is to be done again.
#[napi]
pub const AGAIN: i32 = -17;
/// The same, after the failure of another's run; the number of the failure is in the scratch
/// buffer.
#[napi]
pub const AGAIN_AFTER_FAILURE: i32 = -27;
/// The same, without others.
#[napi]
pub const AGAIN_ALONE: i32 = -28;
/// There is nothing yet.
#[napi]
pub const PENDING: i32 = -18;
/// An answer whose body is under way: its head is the text, its status in the scratch buffer, and
/// `readerOf` tells who reads it.
#[napi]
pub const READ_ALONG: i32 = -19;
/// A body has no more.
#[napi]
pub const END: i32 = -20;
/// A body has broken off; why is the text.
#[napi]
pub const BROKEN: i32 = -21;
/// A body is not as long as its response says.
#[napi]
pub const WRONG_LENGTH: i32 = -22;
/// The declaration has been given up before the body came to its end.
#[napi]
pub const PAST: i32 = -23;
/// A writer goes on.
#[napi]
pub const GO: i32 = 0;
/// A writer waits for the readers.
#[napi]
pub const HOLD: i32 = 1;
/// A writer stops, because nobody reads.
#[napi]
pub const STOP: i32 = 2;

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

pub(crate) fn wanted(wanted: &Wanted, scratch: &mut Scratch, tickets: &mut Tickets) -> i32 {
    match wanted {
        Wanted::Url => WANTS_URL,
        Wanted::Fields(names) => {
            scratch.write_names(names);
            WANTS_FIELDS
        }
        Wanted::Fingerprint => WANTS_FINGERPRINT,
        Wanted::Disk(ticket) => {
            scratch.write_number(tickets.insert(ticket.clone()).into());
            WANTS_DISK
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
