//! The bound is a bound, and whatever fits is readable.

mod support;

use fastrand::Rng;
use layeron_cache::Uncacheable;
use layeron_cache::{Bounds, Since, StoreError};
use support::{Content, NOW, PLAIN, Seen, fresh_cache, get, look_up, put, warm_up};

const BYTES: u64 = 200_000;

#[test]
fn every_put_that_fits_is_readable_and_no_byte_is_held_beyond_the_bound() {
    let cache = fresh_cache(Bounds { bytes: BYTES, entry_bytes: BYTES });
    let mut rng = Rng::with_seed(1);
    for step in 0..20_000_u64 {
        let url = format!("https://a.example/{}", rng.u32(0..2_000));
        let largest = if rng.u8(0..50) == 0 { 190_000 } else { 4_000 };
        let body = vec![step as u8; rng.usize(0..largest)];
        warm_up(
            &cache,
            get(&url, PLAIN),
            &Content { body: &body, tags: &["t"], ttl: 60, ..Content::default() },
            NOW,
        );
        assert_eq!(look_up(&cache, get(&url, PLAIN), NOW), Seen::Hit(body));
        look_up(&cache, get(&format!("https://a.example/{}", rng.u32(0..2_000)), PLAIN), NOW);
        assert!(cache.inspect(NOW).usage.bytes <= BYTES);
    }
    cache.validate();
    assert!(cache.inspect(NOW).usage.evictions > 1_000);
}

#[test]
fn an_entry_over_its_bound_is_not_stored_and_evicts_nothing() {
    let cache = fresh_cache(Bounds { bytes: BYTES, entry_bytes: 1_000 });
    let request = get("https://a.example/", PLAIN);
    warm_up(&cache, request, &Content { body: b"old", ttl: 60, ..Content::default() }, NOW);
    let before = cache.inspect(NOW).usage;
    let big = Content { body: &[0; 1_000], ttl: 60, ..Content::default() };
    let refused = Some(Err(StoreError::Uncacheable(Uncacheable::TooLarge)));
    assert_eq!(put(&cache, request, &big, Since::ByKey, NOW), refused);
    assert_eq!(cache.inspect(NOW).usage, before);
    assert_eq!(look_up(&cache, request, NOW), Seen::Hit(b"old".to_vec()));
}

#[test]
fn expired_entries_leave_before_others_are_evicted() {
    let cache = fresh_cache(Bounds { bytes: 50_000, entry_bytes: 50_000 });
    let content = |ttl| Content { body: &[0; 10_000], ttl, ..Content::default() };
    warm_up(&cache, get("https://a.example/lasting", PLAIN), &content(60), NOW);
    for number in 0..3 {
        warm_up(&cache, get(&format!("https://a.example/{number}"), PLAIN), &content(1), NOW);
    }
    for number in 3..6 {
        warm_up(
            &cache,
            get(&format!("https://a.example/{number}"), PLAIN),
            &content(60),
            NOW + 1_000,
        );
    }
    let usage = cache.inspect(NOW + 1_000).usage;
    assert_eq!((usage.entries, usage.evictions, usage.expirations), (4, 0, 3));
}
