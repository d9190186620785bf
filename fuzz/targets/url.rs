//! URLs in canonical form.
#![no_main]

use layeron_cache::fuzzing::{canonical, origin, path, query_names};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|url: &str| {
    for serialised in [false, true] {
        let Ok(once) = canonical(url, serialised) else {
            continue;
        };
        assert_eq!(canonical(&once, true).as_deref(), Ok(&*once), "what is canonical stays so");
        if !serialised {
            assert_eq!(canonical(&once, false).as_deref(), Ok(&*once), "and is seen to be");
            assert_eq!(canonical(url, true).as_deref(), Ok(&*once), "a parser would change nothing");
        }
        assert!(!once.contains('#'), "a fragment is no part of it");
        let before_query = once.split_once('?').map_or(&*once, |(before, _)| before);
        assert_eq!(origin(before_query).len() + path(&once).len(), before_query.len());

        let names: Vec<_> = query_names(&once).collect();
        assert!(names.is_sorted_by(|a, b| a.encode_utf16().le(b.encode_utf16())), "parameters are in order");
        let mut given: Vec<_> = query_names(url.split_once('#').map_or(url, |(before, _)| before)).collect();
        given.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
        assert_eq!(names, given, "and none is lost");
    }
});
