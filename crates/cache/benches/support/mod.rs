//! What the benchmarks of the core share: an instance, filled, and short ways to make calls.

#![allow(dead_code, reason = "each benchmark is a crate of its own and uses a part")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use criterion::Criterion;
use layeron_cache::{Bounds, Cache, Drafted, Fields, Lookup, Overrides, Policy, TrackedBy};
use layeron_cache::{PutOptions, Request, ResponseHead, Since};

pub const NOW: i64 = 1_800_000_000_000;
pub const KIB: usize = 1_024;

/// What a request without any condition tells.
pub const PLAIN: &str = "if-none-match\nif-modified-since\nrange\nif-range\n";

const FIELDS: &str = "content-type:application/json\ncache-control:public, max-age=3600\netag:\"v1\"\n\
                      last-modified:Tue, 15 Sep 2026 08:00:00 GMT\n";

/// Few seconds for each figure; the spread is printed beside it.
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1_500))
        .without_plots()
}

/// A new instance of `bytes` that nobody else has.
pub fn open(bytes: u64) -> Cache {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("bench-{}", COUNT.fetch_add(1, Ordering::SeqCst));
    let bounds = Bounds { bytes, entry_bytes: bytes };
    Cache::open("benches", &name, bounds, Policy::default()).expect("nobody else has the name")
}

/// A new instance with room for all of `count` entries, and these in it.
pub fn filled(count: u32, body: &[u8]) -> Cache {
    let cache = open(1 << 34);
    for number in 0..count {
        put(&cache, &url(number), body, &[]);
    }
    cache
}

pub fn url(number: u32) -> String {
    format!("https://api.example.com/api/products/{number:07}")
}

/// A GET request for a URL as a URL parser prints it.
pub fn get<'a>(url: &'a str, fields: &'a str) -> Request<'a> {
    Request {
        method: "GET",
        url,
        serialised: true,
        fields: Fields::new(fields),
        asked: false,
        fingerprint: None,
    }
}

pub fn look_up(cache: &Cache, url: &str, fields: &str) -> Lookup {
    cache.look_up(get(url, fields), None, TrackedBy::Caller, NOW).expect("the request tells enough")
}

/// Puts a response that has to be stored.
pub fn put(cache: &Cache, url: &str, body: &[u8], tags: &[&str]) {
    let head = ResponseHead { status: 200, reason: "OK", fields: Fields::new(FIELDS) };
    let options = PutOptions {
        overrides: Overrides { ttl: Some(3_600), ..Overrides::default() },
        vary: None,
        tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        content_length: None,
    };
    let drafted = cache.draft(get(url, PLAIN), head, &options, Since::ByKey, NOW);
    let Ok(Drafted::Draft(draft)) = drafted else { panic!("the response may be stored") };
    cache.put(*draft, Some(body)).expect("there is room");
}
