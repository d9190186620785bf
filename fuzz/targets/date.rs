//! HTTP-dates, and numbers that are written as one.
#![no_main]

use layeron_cache::fuzzing::{date_seconds, http_date};
use layeron_fuzz::number;
use libfuzzer_sys::fuzz_target;

/// Fri, 31 Dec 9999 23:59:59 GMT.
const LAST_SECOND: i64 = 253_402_300_799;

fuzz_target!(|text: &str| {
    if let Some(seconds) = date_seconds(text) {
        assert!((0..=LAST_SECOND).contains(&seconds));
        assert_eq!(
            date_seconds(&http_date(seconds * 1000)),
            Some(seconds),
            "a date is written as it is read"
        );
    }
    assert_eq!(
        date_seconds(&text.to_ascii_lowercase()),
        date_seconds(text),
        "names in a date have no case"
    );
    assert_eq!(
        date_seconds(&text.to_ascii_uppercase()),
        date_seconds(text),
        "names in a date have no case"
    );
    let ms = number(&mut text.split_whitespace());
    assert_eq!(date_seconds(&http_date(ms)), Some(ms.div_euclid(1000).clamp(0, LAST_SECOND)));
});
