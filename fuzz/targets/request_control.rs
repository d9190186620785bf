//! `Cache-Control` and `Pragma` of a request: the first line and the second.
#![no_main]

use layeron_cache::fuzzing::RequestControl;
use layeron_cache::fuzzing::lines::Fields;
use layeron_fuzz::MAX_SECONDS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let text = text.replace('\r', "");
    let (value, pragma) = text.split_once('\n').unwrap_or((&text, ""));
    let read = RequestControl::parse(value);
    let RequestControl { max_age, min_fresh, max_stale, .. } = read;
    assert!([max_age, min_fresh].into_iter().flatten().all(|seconds| seconds <= MAX_SECONDS));
    assert!(max_stale.is_none_or(|seconds| seconds <= MAX_SECONDS || seconds == u32::MAX));
    assert_eq!(RequestControl::parse(&value.to_ascii_uppercase()), read, "directives have no case");
    assert_eq!(RequestControl::parse(&written(read)), read, "serialising and parsing are inverse");

    let pragma = pragma.replace('\n', "");
    let both = format!("cache-control:{value}\npragma:{pragma}\n");
    assert_eq!(
        RequestControl::of(Fields::new(&both)),
        Ok(read),
        "Pragma does not count beside Cache-Control"
    );
    let alone = format!("cache-control\npragma:{pragma}\n");
    let alone = RequestControl::of(Fields::new(&alone)).expect("both are told");
    assert_eq!(alone, RequestControl { no_cache: alone.no_cache, ..RequestControl::default() });
    assert!(!alone.no_cache || pragma.to_ascii_lowercase().contains("no-cache"));
});

fn written(read: RequestControl) -> String {
    let flags = [
        ("no-cache", read.no_cache),
        ("no-store", read.no_store),
        ("only-if-cached", read.only_if_cached),
        ("max-stale", read.max_stale == Some(u32::MAX)),
    ];
    let seconds = [
        ("max-age", read.max_age),
        ("min-fresh", read.min_fresh),
        ("max-stale", read.max_stale.filter(|seconds| *seconds != u32::MAX)),
    ];
    let flags = flags.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| (*name).to_owned());
    let seconds =
        seconds.iter().filter_map(|(name, seconds)| Some(format!("{name}={}", (*seconds)?)));
    flags.chain(seconds).collect::<Vec<_>>().join(",")
}
