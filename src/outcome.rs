//! Numbers that calls return, for both sides of the binding.

use layeron_cache::{BodyError, Completion, InvalidPut, MissingInput, StoreError, Uncacheable};
use napi_derive::napi;

use crate::scratch::Scratch;

/// There is an answer, in the scratch buffer or to be taken.
#[napi]
pub const ANSWER: i32 = 1;
/// A lookup found no entry.
#[napi]
pub const MISS: i32 = -1;
/// A lookup found a stale entry, and the caller holds its refresh lease.
#[napi]
pub const REFRESH: i32 = -5;
/// The declaration is closed.
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
/// A put was dropped by the fence.
#[napi]
pub const FENCED: i32 = -6;
/// A put is uncacheable, for the reason with this number and those below it.
#[napi]
pub const UNCACHEABLE: i32 = -100;
/// A put is invalid, for the reason with this number and those below it.
#[napi]
pub const INVALID_PUT: i32 = -200;
/// A rule makes the request skip the cache.
#[napi]
pub const BYPASSED: i32 = -2;
/// The call needs the URL in serialised form.
#[napi]
pub const NEEDS_URL: i32 = -3;
/// The call needs header fields; their names are in the scratch buffer.
#[napi]
pub const NEEDS_FIELDS: i32 = -4;
/// The call needs entries of the tier; `completed` resolves when they are loaded.
#[napi]
pub const NEEDS_TIER: i32 = -8;

/// The call needs a fingerprint of the request.
#[napi]
pub const NEEDS_FINGERPRINT: i32 = -9;

/// The caller runs the handler; the number of the run is in the scratch buffer.
#[napi]
pub const RUN: i32 = -10;
/// The caller waits for the run of another request; the number of the wait is in the scratch
/// buffer.
#[napi]
pub const WAIT: i32 = -11;
/// The run has failed; the number of the failure is in the scratch buffer, and its message is the
/// text.
#[napi]
pub const FAILED: i32 = -12;
/// No stored response answers an `only-if-cached` request; `Cache-Status` is the text.
#[napi]
pub const UNAVAILABLE: i32 = -13;
/// The response goes to its own client only; its head is the text.
#[napi]
pub const UNSHARED: i32 = -14;
/// [`UNSHARED`], for a background refresh that counts as failed.
#[napi]
pub const UNSHARED_FAILED: i32 = -15;
/// [`UNSHARED`], for a request with an unsafe method that succeeded.
#[napi]
pub const UNSHARED_CHANGED: i32 = -24;
/// The response is stored or streamed to waiters; its head is the text, and the number of its body
/// writer is in the scratch buffer.
#[napi]
pub const STREAM: i32 = -16;
/// The response is stored or streamed to waiters, and its client receives a 304, in the scratch
/// buffer.
#[napi]
pub const ANSWERED: i32 = -25;
/// A stale response, in the scratch buffer, because the handler has just failed.
#[napi]
pub const STALE_IF_ERROR: i32 = -26;
/// Decide again.
#[napi]
pub const AGAIN: i32 = -17;
/// Decide again after the failure of another run; its number is in the scratch buffer.
#[napi]
pub const AGAIN_AFTER_FAILURE: i32 = -27;
/// Decide again without coalescing.
#[napi]
pub const AGAIN_ALONE: i32 = -28;
/// There is no result yet.
#[napi]
pub const PENDING: i32 = -18;
/// An answer whose body is in flight: its head is the text, its status in the scratch buffer, and
/// `readerOf` returns its reader.
#[napi]
pub const SHARED: i32 = -19;
/// The body has ended.
#[napi]
pub const END: i32 = -20;
/// The body has broken off; the message is the text.
#[napi]
pub const BROKEN: i32 = -21;
/// The length of the body differs from `Content-Length`.
#[napi]
pub const WRONG_LENGTH: i32 = -22;
/// The declaration was closed before the body ended.
#[napi]
pub const NOT_STORED: i32 = -23;
/// The writer goes on.
#[napi]
pub const GO: i32 = 0;
/// The writer waits for the readers.
#[napi]
pub const WAIT_FOR_READERS: i32 = 1;
/// The writer stops, because no client reads.
#[napi]
pub const STOP: i32 = 2;

/// Names of the reasons of uncacheable responses, in the order of their numbers.
#[napi]
pub fn uncacheable_reasons() -> Vec<String> {
    Uncacheable::names().map(str::to_owned).collect()
}

/// Names of the reasons of invalid puts, in the order of their numbers.
#[napi]
pub fn invalid_put_reasons() -> Vec<String> {
    InvalidPut::names().map(str::to_owned).collect()
}

pub(crate) fn wanted(
    wanted: &MissingInput,
    scratch: &mut Scratch,
    completion: &mut Option<Completion>,
) -> i32 {
    match wanted {
        MissingInput::Url => NEEDS_URL,
        MissingInput::Fields(names) => {
            scratch.write_names(names);
            NEEDS_FIELDS
        }
        MissingInput::Fingerprint => NEEDS_FINGERPRINT,
        MissingInput::TierEntry(load) => {
            *completion = Some(load.clone());
            NEEDS_TIER
        }
    }
}

pub(crate) fn not_stored(why: StoreError) -> i32 {
    match why {
        StoreError::Uncacheable(reason) => refused(reason),
        StoreError::Fenced => FENCED,
    }
}

pub(crate) fn not_put(why: BodyError) -> i32 {
    match why {
        BodyError::Store(why) => not_stored(why),
        BodyError::WrongLength => WRONG_LENGTH,
    }
}

pub(crate) fn refused(reason: Uncacheable) -> i32 {
    UNCACHEABLE - reason as i32
}

pub(crate) fn rejected(reason: InvalidPut) -> i32 {
    INVALID_PUT - reason as i32
}
