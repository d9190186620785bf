//! The buffer in which answers cross into JavaScript. JavaScript owns it; the addon writes to it,
//! and JavaScript reads it before the next call.
//!
//! The last 48 bytes are numbers for a call, 64-bit floats written by JavaScript: status, lifetime,
//! stale window, fence sequence of a miss, length of the body, and the time; for a lookup the time
//! alone. NaN means none. Layout of an answer: four 32-bit little-endian words - status, length of
//! the head, length of the body or [`NO_BODY`], flags - then the head, then the body. Missing field
//! names are laid out as a head; a number is one 64-bit float.

use layeron_cache::{Answer, Names};
use napi::bindgen_prelude::Uint8Array;

use crate::inspection;

const WORDS_BYTES: usize = 16;
const NUMBERS: usize = 6;
const NO_BODY: u32 = u32::MAX;

/// Largest answer that crosses as one string. JavaScript receives a handle to a larger one.
const MAX_WHOLE_BYTES: usize = 32 * 1024;

/// Flag: the answer is stale.
const STALE: u32 = 1;
/// Flag: the answer is too large for the buffer and has to be taken.
const WAITS: u32 = 8;
/// Flag: the caller holds the refresh lease.
const REFRESH: u32 = 4;
/// Flag: the body is ASCII.
const ASCII: u32 = 2;

/// Numbers for a put.
pub(crate) struct Numbers {
    pub(crate) status: u16,
    pub(crate) ttl_seconds: Option<u32>,
    pub(crate) stale_seconds: Option<u32>,
    pub(crate) since: Option<u64>,
    pub(crate) content_length: Option<u64>,
    pub(crate) now: f64,
}

pub(crate) struct Scratch {
    buffer: Uint8Array,
    head: String,
    /// An answer as one string of bytes.
    whole: Vec<u8>,
}

impl Scratch {
    pub(crate) fn new(buffer: Uint8Array) -> Self {
        Self { buffer, head: String::with_capacity(1024), whole: Vec::with_capacity(4096) }
    }

    /// Writes the answer, with the `Cache-Status` of `cache`. Returns whether head and body fit;
    /// the words have their lengths either way.
    pub(crate) fn write_answer(&mut self, answer: &Answer, stale: bool, cache: &str) -> bool {
        self.head.clear();
        answer.write_head(cache, &mut self.head);
        let body = answer.body();
        let body_length = body.map_or(NO_BODY, |body| body.len() as u32);
        let flags = u32::from(stale) * STALE + u32::from(answer.is_ascii()) * ASCII;
        let (head, bytes) = (std::mem::take(&mut self.head), self.bytes());
        let written = copy_pair(head.as_bytes(), body.unwrap_or_default(), room(bytes));
        self.head = head;
        let flags = flags | (u32::from(!written) * WAITS);
        self.write_words([u32::from(answer.status()), self.head.len() as u32, body_length, flags]);
        written
    }

    /// Writes the words of the answer, and joins head and body as one string of bytes. Returns
    /// whether they fit.
    pub(crate) fn compose(&mut self, answer: &Answer, stale: bool, cache: &str) -> bool {
        self.head.clear();
        answer.write_head(cache, &mut self.head);
        let body = answer.body();
        let length = self.head.len() + body.map_or(0, <[u8]>::len);
        let fits = length <= MAX_WHOLE_BYTES;
        let flags = u32::from(stale) * STALE
            + u32::from(answer.is_ascii()) * ASCII
            + u32::from(!fits) * WAITS;
        let body_length = body.map_or(NO_BODY, |body| body.len() as u32);
        self.write_words([u32::from(answer.status()), self.head.len() as u32, body_length, flags]);
        if fits {
            self.whole.clear();
            self.whole.extend_from_slice(self.head.as_bytes());
            self.whole.extend_from_slice(body.unwrap_or_default());
        }
        fits
    }

    /// The answer composed last.
    pub(crate) fn whole(&self) -> &[u8] {
        &self.whole
    }

    /// Adds to the answer written last that the caller holds the refresh lease.
    pub(crate) fn flag_refresh(&mut self) {
        if let Some(flags) = self.bytes().get_mut(WORDS_BYTES - 4) {
            *flags |= REFRESH as u8;
        }
    }

    /// The head of the answer written or composed last.
    pub(crate) fn head(&self) -> &str {
        &self.head
    }

    /// Writes field names, each ended by a line feed.
    pub(crate) fn write_names(&mut self, names: &Names) {
        let list: String = names.iter().flat_map(|name| [name, "\n"]).collect();
        let written = copy_pair(list.as_bytes(), &[], room(self.bytes()));
        debug_assert!(written, "a question is bounded by who asks it");
        self.write_words([0, list.len() as u32, NO_BODY, 0]);
    }

    /// Writes a number.
    pub(crate) fn write_number(&mut self, number: u64) {
        if let Some(first) = self.bytes().first_chunk_mut() {
            *first = inspection::number(number).to_le_bytes();
        }
    }

    /// Reads the numbers for a call.
    pub(crate) fn read_numbers(&mut self) -> Numbers {
        let mut read = [f64::NAN; NUMBERS];
        for (number, bytes) in read.iter_mut().rev().zip(self.bytes().rchunks_exact(8)) {
            *number = bytes.try_into().map_or(f64::NAN, f64::from_le_bytes);
        }
        let [status, ttl, stale, since, length, now] = read;
        let given = |number: f64| (!number.is_nan()).then_some(number);
        Numbers {
            status: status as u16,
            ttl_seconds: given(ttl).map(|seconds| seconds as u32),
            stale_seconds: given(stale).map(|seconds| seconds as u32),
            since: given(since).map(|sequence| sequence as u64),
            content_length: given(length).map(|length| length as u64),
            now,
        }
    }

    /// Reads the time of the call, a 64-bit float at the end of the buffer.
    pub(crate) fn read_time(&mut self) -> f64 {
        self.bytes().last_chunk().map_or(0.0, |last| f64::from_le_bytes(*last))
    }

    fn write_words(&mut self, words: [u32; 4]) {
        for (chunk, word) in self.bytes().chunks_exact_mut(4).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
    }

    #[allow(unsafe_code)]
    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: JavaScript keeps the buffer private and reads it only between calls into this
        // addon, on the thread that makes them; no other access happens during this borrow.
        unsafe { self.buffer.as_mut() }
    }
}

/// The bytes between the words and the numbers.
fn room(bytes: &mut [u8]) -> &mut [u8] {
    let end = bytes.len().saturating_sub(NUMBERS * 8);
    bytes.get_mut(WORDS_BYTES..end).unwrap_or_default()
}

fn copy_pair(first: &[u8], second: &[u8], target: &mut [u8]) -> bool {
    let room = first.len() + second.len() <= target.len();
    if room {
        target[..first.len()].copy_from_slice(first);
        target[first.len()..first.len() + second.len()].copy_from_slice(second);
    }
    room
}
