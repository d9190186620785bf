//! What the tests of the core share: short ways to make calls, and a naive model of the cache.

#![allow(dead_code, reason = "each test file is a crate of its own and uses a part")]

pub mod model;
pub mod seeds;

use std::sync::atomic::{AtomicUsize, Ordering};

use layeron_cache::Fields;
use layeron_cache::{
    BodyError, Bounds, Cache, Drafted, Lookup, Policy, PutOptions, Request, Since, StoreError,
    TrackedBy,
};
use layeron_cache::{Durable, Invalidation, Overrides, ResponseHead};

pub const NOW: i64 = 1_800_000_000_000;
pub const ROOMY: Bounds = Bounds { bytes: 1 << 30, entry_bytes: 1 << 30 };

/// The fields of a request without any.
pub const PLAIN: &str = "if-none-match\nrange\n";

/// A new instance that nobody else has.
pub fn fresh_cache(bounds: Bounds) -> Cache {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("test-{}", COUNT.fetch_add(1, Ordering::SeqCst));
    Cache::open("tests", &name, bounds, Policy::default()).expect("nobody else has the name")
}

/// A GET request; `fields` are its field lines.
pub fn get<'a>(url: &'a str, fields: &'a str) -> Request<'a> {
    Request {
        method: "GET",
        url,
        serialised: false,
        fields: Fields::new(fields),
        asked: false,
        fingerprint: None,
    }
}

/// What a put carries.
#[derive(Clone, Debug, Default)]
pub struct Content<'a> {
    pub body: &'a [u8],
    pub fields: &'a str,
    pub tags: &'a [&'a str],
    pub ttl: u32,
    pub window: u32,
}

/// Puts a response. `None` where it is refused before its body is read.
pub fn put(
    cache: &Cache,
    request: Request<'_>,
    content: &Content<'_>,
    since: Since,
    now: i64,
) -> Option<Result<(), StoreError>> {
    let head = ResponseHead { status: 200, reason: "OK", fields: Fields::new(content.fields) };
    let options = PutOptions {
        overrides: Overrides {
            ttl: Some(content.ttl),
            stale_while_revalidate: Some(content.window),
            ..Overrides::default()
        },
        vary: None,
        tags: content.tags.iter().map(|&tag| tag.to_owned()).collect(),
        content_length: None,
    };
    match cache.draft(request, head, &options, since, now).expect("a well-formed put") {
        Drafted::Draft(draft) => Some(match cache.put(*draft, Some(content.body)) {
            Ok(()) => Ok(()),
            Err(BodyError::Store(why)) => Err(why),
            Err(BodyError::WrongLength) => panic!("the put has no Content-Length"),
        }),
        Drafted::Uncacheable(_) | Drafted::Bypassed => None,
    }
}

/// Puts a response that no miss has led to.
pub fn warm_up(cache: &Cache, request: Request<'_>, content: &Content<'_>, now: i64) {
    assert_eq!(put(cache, request, content, Since::ByKey, now), Some(Ok(())));
}

/// Purges an instance that is in memory alone, and waits until all is removed.
pub fn purge(cache: &Cache, selector: &Invalidation, now: i64) -> u64 {
    match cache.purge(selector, now) {
        Durable::Done(purged) => purged,
        Durable::Pending(removal) => removal.wait().expect("memory alone does not fail"),
    }
}

/// The outcome of a lookup, with what a test can compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Hit(Vec<u8>),
    Elected(u64),
    Miss(u64),
}

pub fn look_up(cache: &Cache, request: Request<'_>, now: i64) -> Seen {
    match cache.look_up(request, None, TrackedBy::Caller, now).expect("the request tells enough") {
        Lookup::Hit(answer, _) => Seen::Hit(answer.body().unwrap_or_default().to_vec()),
        Lookup::Miss { since, holds_lease: true } => Seen::Elected(since),
        Lookup::Miss { since, holds_lease: false } => Seen::Miss(since),
        Lookup::Bypassed => panic!("there are no rules"),
    }
}
