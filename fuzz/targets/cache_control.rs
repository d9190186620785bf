//! `Cache-Control` of a response.
#![no_main]

use layeron_cache::fuzzing::CacheControl;
use layeron_fuzz::{MAX_SECONDS, written};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &str| {
    let read = CacheControl::parse(value);
    let seconds = [read.max_age, read.s_maxage, read.stale_while_revalidate, read.stale_if_error];
    assert!(seconds.into_iter().flatten().all(|seconds| seconds <= MAX_SECONDS));
    assert_eq!(
        CacheControl::parse(&value.to_ascii_uppercase()),
        read,
        "directives and field names have no case"
    );
    if let Some(written) = written(&read) {
        assert_eq!(CacheControl::parse(&written), read, "serialising and parsing are inverse");
    }
    let behind = CacheControl::parse(&format!("no-store, {value}"));
    assert_eq!(
        behind,
        CacheControl { no_store: true, ..read },
        "one directive changes nothing about the others"
    );
});
