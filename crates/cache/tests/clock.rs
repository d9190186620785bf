//! A clock that was ahead and is corrected: what was stored meanwhile is stale, and leaves in its
//! time.

mod support;

use layeron_cache::{Cache, Invalidation, Sweeper, Target};
use support::{Content, NOW, PLAIN, ROOMY, Seen, fresh_cache, get, look_up, purge, warm_up};

const TEN_HOURS: i64 = 36_000_000;
const URL: &str = "https://a.example/";

/// A cache in which `count` entries of a minute, with this stale window, are stored ten hours ahead
/// of [`NOW`].
fn stored_ahead(count: usize, window: u32) -> Cache {
    let cache = fresh_cache(ROOMY);
    for number in 0..count {
        let content = Content { body: b"a", ttl: 60, window, ..Content::default() };
        warm_up(&cache, get(&format!("{URL}{number}"), PLAIN), &content, NOW + TEN_HOURS);
    }
    cache
}

fn seen(cache: &Cache, now: i64) -> Seen {
    look_up(cache, get(&format!("{URL}0"), PLAIN), now)
}

/// Sweeps once. Returns whether there is more to do.
fn sweep(cache: &Cache, now: i64) -> bool {
    let mut sweeper = Sweeper::default();
    sweeper.watch(cache);
    sweeper.sweep(now).more
}

#[test]
fn a_step_of_5_seconds_changes_nothing_and_a_larger_one_makes_entries_stale() {
    let cache = stored_ahead(1, 0);
    assert_eq!(seen(&cache, NOW + TEN_HOURS - 5_000), Seen::Hit(b"a".to_vec()));
    assert!(matches!(seen(&cache, NOW + TEN_HOURS - 5_001), Seen::Miss(_)));
    assert!(matches!(seen(&cache, NOW), Seen::Miss(_)));
    cache.validate();
}

#[test]
fn an_entry_ahead_of_the_clock_is_refreshed_in_its_stale_window() {
    let cache = stored_ahead(1, 30);
    assert!(matches!(seen(&cache, NOW), Seen::Elected(_)));
    assert_eq!(seen(&cache, NOW), Seen::Hit(b"a".to_vec()));
    let content = Content { body: b"b", ttl: 60, ..Content::default() };
    warm_up(&cache, get(&format!("{URL}0"), PLAIN), &content, NOW);
    assert_eq!(seen(&cache, NOW + 59_999), Seen::Hit(b"b".to_vec()));
    assert!(matches!(seen(&cache, NOW + 60_000), Seen::Miss(_)));
    cache.validate();
}

#[test]
fn the_sweeper_removes_entries_ahead_of_the_clock_once_their_stale_window_has_passed() {
    const ENTRIES: usize = 2_500;
    let cache = stored_ahead(ENTRIES, 30);
    let (mut now, mut rounds) = (NOW, 1);
    while sweep(&cache, now) {
        rounds += 1;
    }
    assert_eq!(rounds, 3, "a thousand places at a time are searched");
    cache.validate();
    now += 29_999;
    assert!(!sweep(&cache, now));
    assert!(matches!(seen(&cache, now), Seen::Elected(_)));
    now += 1;
    while sweep(&cache, now) {}
    let usage = cache.inspect(now).usage;
    assert_eq!((usage.entries, usage.bytes, usage.expirations), (0, 0, ENTRIES as u64));
    cache.validate();
}

#[test]
fn an_entry_ahead_of_the_clock_without_a_window_is_neither_counted_nor_kept() {
    let everything = Invalidation::everything();
    assert_eq!(purge(&stored_ahead(3, 0), &everything, NOW), 0);
    assert_eq!(purge(&stored_ahead(3, 30), &everything, NOW), 3);
    let prefix = Invalidation::remove([Target::Prefix(URL.to_owned())]);
    assert_eq!(purge(&stored_ahead(3, 0), &prefix, NOW), 0);
    let cache = stored_ahead(3, 0);
    assert_eq!(cache.inspect(NOW).usage.entries, 0);
    cache.validate();
}

#[test]
fn a_soft_purge_of_entries_ahead_of_the_clock_begins_their_stale_window() {
    let cache = stored_ahead(1, 30);
    let soft = Invalidation::make_stale([Target::Prefix(URL.to_owned())]);
    assert_eq!(purge(&cache, &soft, NOW), 1);
    assert!(matches!(seen(&cache, NOW + 29_999), Seen::Elected(_)));
    assert!(matches!(seen(&cache, NOW + 30_000), Seen::Miss(_)));
    cache.validate();
}

#[test]
fn entries_stored_after_the_correction_are_not_touched_by_the_search() {
    let cache = stored_ahead(1_500, 0);
    let content = Content { body: b"new", ttl: 60, ..Content::default() };
    warm_up(&cache, get("https://b.example/", PLAIN), &content, NOW + 4_000);
    while sweep(&cache, NOW) {}
    assert_eq!(look_up(&cache, get("https://b.example/", PLAIN), NOW), Seen::Hit(b"new".to_vec()));
    // The clock steps back again, behind what was stored since.
    while sweep(&cache, NOW - 2_000) {}
    assert_eq!(cache.inspect(NOW - 2_000).usage.entries, 0);
    cache.validate();
}
