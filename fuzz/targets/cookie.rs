//! Names in `Cookie`.
#![no_main]

use layeron_cache::fuzzing::cookie_names;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &str| {
    let names: Vec<&str> = cookie_names(value).collect();
    assert!(names.iter().all(|name| !name.contains(['=', ';']) && name.trim() == *name));
    let more = format!("a=b; {value}; c=d");
    let around: Vec<&str> = ["a"].into_iter().chain(names).chain(["c"]).collect();
    assert_eq!(cookie_names(&more).collect::<Vec<_>>(), around, "cookies stand for themselves");
});
