//! What is swept, and until when.

mod support;

use layeron_cache::{Bounds, Cache, Policy, Since, Sweeper, Swept};
use support::{Content, NOW, fresh_cache, get, put};

const BOUNDS: Bounds = Bounds { bytes: 1 << 20, entry_bytes: 1 << 20 };

fn filled(seconds: u32) -> Cache {
    let cache = fresh_cache(BOUNDS);
    let content = Content { body: b"x", fields: "", tags: &[], ttl: seconds, window: 0 };
    put(&cache, get("https://a.example/", "if-none-match\nrange\n"), &content, Since::ByKey, NOW);
    cache
}

fn watched(watched: usize) -> Swept {
    Swept { watched, ..Swept::default() }
}

fn entries(cache: &Cache) -> u64 {
    // Looking does not remove what has expired where nothing has by this clock.
    cache.inspect(NOW).usage.entries
}

#[test]
fn expired_entries_of_every_watched_instance_are_removed_and_no_others() {
    let (first, second, unwatched) = (filled(1), filled(2), filled(1));
    let mut sweeper = Sweeper::default();
    sweeper.watch(&first);
    sweeper.watch(&second);
    assert_eq!(sweeper.sweep(NOW + 1_000), watched(2));
    assert_eq!((entries(&first), entries(&second), entries(&unwatched)), (0, 1, 1));
}

#[test]
fn an_instance_is_watched_once_however_often_it_is_declared_and_until_its_last_declaration_is_gone()
{
    let (first, name) = (filled(60), "sweeper-twice");
    let declare = || Cache::open("ns", name, BOUNDS, Policy::default()).unwrap();
    let (one, two, mut sweeper) = (declare(), declare(), Sweeper::default());
    sweeper.watch(&first);
    sweeper.watch(&one);
    sweeper.watch(&two);
    assert_eq!(sweeper.sweep(NOW), watched(2));
    drop(one);
    assert_eq!(sweeper.sweep(NOW), watched(2));
    drop(two.close());
    assert_eq!(sweeper.sweep(NOW), watched(1));
    drop(first);
    assert_eq!(sweeper.sweep(NOW), watched(0));
}

#[test]
fn an_instance_ends_with_its_last_declaration_and_not_before() {
    let declare = || Cache::open("ns", "sweeper-ends", BOUNDS, Policy::default()).unwrap();
    let content = Content { body: b"x", fields: "", tags: &[], ttl: 60, window: 0 };
    let first = declare();
    put(&first, get("https://a.example/", "if-none-match\nrange\n"), &content, Since::ByKey, NOW);
    let second = declare();
    drop(first);
    assert_eq!(entries(&second), 1);
    drop(second);
    assert_eq!(entries(&declare()), 0);
}
