//! `CDN-Cache-Control`.
#![no_main]

use layeron_cache::fuzzing::CacheControl;
use layeron_fuzz::written;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &str| {
    let Some(read) = CacheControl::parse_targeted(value) else {
        return;
    };
    assert!(!value.trim().is_empty(), "an empty field does not count");
    let beside = CacheControl::parse_targeted(&format!("{value}, x-unknown;a=1"));
    assert_eq!(beside.as_ref(), Some(&read), "an unknown member changes nothing");
    if let Some(written) = written(&read).filter(|written| !written.is_empty()) {
        assert_eq!(CacheControl::parse_targeted(&written).as_ref(), Some(&read));
        assert_eq!(CacheControl::parse(&written), read, "the same means the same in Cache-Control");
    }
});
