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
            assert_eq!(
                canonical(url, true).as_deref(),
                Ok(&*once),
                "a parser would change nothing"
            );
        }
        assert!(!once.contains('#'), "a fragment is no part of it");
        let before_query = once.split_once('?').map_or(&*once, |(before, _)| before);
        assert_eq!(origin(before_query).len() + path(&once).len(), before_query.len());

        let before = url.split_once('#').map_or(url, |(before, _)| before);
        assert_eq!(
            parameters(&once),
            parameters(before),
            "no parameter is lost or becomes another one"
        );
        let mut names: Vec<_> = query_names(&once).collect();
        let mut given: Vec<_> = query_names(before).collect();
        if parameters(&once).iter().flatten().all(|part| str::from_utf8(part).is_ok()) {
            assert!(
                names.is_sorted_by(|a, b| a.encode_utf16().le(b.encode_utf16())),
                "parameters are in order"
            );
        }
        names.sort();
        given.sort();
        assert_eq!(names, given, "a handler reads the same names");
    }
});

/// Names and values of a URL's query parameters in bytes, in order.
fn parameters(url: &str) -> Vec<[Vec<u8>; 2]> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut parameters: Vec<_> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| [name, value].map(bytes))
        .collect();
    parameters.sort();
    parameters
}

/// Decodes form-encoded text.
fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let escaped = behind
            .first_chunk::<2>()
            .filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let byte =
            escaped.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    bytes
}
