//! `Range`, over bodies of several lengths.
#![no_main]

use layeron_cache::fuzzing::{ByteRange, Requested, requested_range};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &str| {
    for length in [0, 1, 2, 10, 999, usize::MAX] {
        let requested = requested_range(value, length);
        if let Requested::Part(ByteRange { first, last }) = requested {
            assert!(first <= last && last < length, "a part is one of the body");
            assert_eq!(requested_range(&format!("bytes={first}-{last}"), length), requested);
        }
        if let Some(expected) = plain(value, length) {
            assert_eq!(requested, expected, "{value} of {length} bytes");
        }
    }
});

/// The meaning of a range `bytes=a-b` of short numbers (RFC 9110, section 14.1.2).
fn plain(value: &str, length: usize) -> Option<Requested> {
    let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| {
        let is_short =
            (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        is_short.then(|| text.parse::<usize>().ok()).flatten()
    };
    let (first, last) = (number(first)?, number(last)?);
    Some(if first > last {
        Requested::Whole
    } else if first >= length {
        Requested::Unsatisfiable
    } else {
        Requested::Part(ByteRange { first, last: last.min(length - 1) })
    })
}
